"""Who made a span: its vendor and its tool, by one name each, whatever the sender calls itself. Pure.

`vendor` is who the telemetry comes from: the maker of a tool, or the instrumentation that an application uses;
`tool` is the program: the maker's product, or the application itself by its `service.name`. What is known stands in
`vendors.toml`; a vendor that is not keeps its own name in a normal form. "tollhouse" is the name of our own spans;
whoever else claims it gets another.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, TypeVar

_Found = TypeVar("_Found")

OURS: Final = "tollhouse"
NOT_OURS: Final = "other-tollhouse"
UNKNOWN: Final = "unknown"
_LONGEST: Final = 60
_UNUSUAL: Final = re.compile(r"[^a-z0-9._]+")
_UNNAMED_SERVICE: Final = "unknown_service"
_PRODUCT: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~@ -]{1,60}?(?=/|\s|$)")


@dataclass(frozen=True, slots=True)
class Known:
    """A vendor; `tool` None: the tool is the application that uses it."""

    vendor: str
    tool: str | None


@dataclass(frozen=True, slots=True)
class _Tables:
    """Services by their whole name, scopes and user agents by how they begin (the longest wins)."""

    services: dict[str, Known]
    scopes: dict[str, Known]
    agents: dict[str, str]


def _load() -> _Tables:
    told: dict[str, Any] = tomllib.loads(files(__package__).joinpath("vendors.toml").read_text("utf-8"))
    services: dict[str, Known] = {}
    scopes: dict[str, Known] = {}
    agents: dict[str, str] = {}
    for row in told["known"]:
        known = Known(row["vendor"], row.get("tool"))
        services |= dict.fromkeys(row.get("services", ()), known)
        scopes |= dict.fromkeys(row.get("scopes", ()), known)
        agents |= dict.fromkeys(row.get("agents", ()), known.tool or known.vendor)
    return _Tables(services, scopes, agents | told["agents"])


_TABLES: Final = _load()


@lru_cache(maxsize=4_096)
def maker(service: str, scope: str, sdk_language: str) -> tuple[str, str | None]:
    """Vendor and tool from `service.name`, the scope and `telemetry.sdk.language`, each of which may be empty."""
    known = _TABLES.services.get(service.lower()) or _by_beginning(_TABLES.scopes, scope.lower())
    application = None if service.startswith(_UNNAMED_SERVICE) else normal(service)
    if known is not None:
        return known.vendor, known.tool or application or known.vendor
    if sdk_language:
        return f"opentelemetry-{normal(sdk_language) or UNKNOWN}", application
    return application or normal(scope) or UNKNOWN, application


def by_attributes(given: Mapping[str, object]) -> tuple[str, str] | None:
    """A sender that says who it is by nothing but a name of its own for something (Cloudflare's exporter)."""
    return _CLOUDFLARE if "gen_ai.model.provider" in given else None


_CLOUDFLARE: Final = ("cloudflare", "ai-gateway")


def normal(name: str) -> str | None:
    """Lower case, with dashes, not long; never our own name. None: nothing is left of it."""
    plain = _UNUSUAL.sub("-", name.lower()[: 4 * _LONGEST]).strip("-._")[:_LONGEST]
    if re.split(r"[-._]", plain, maxsplit=1)[0] == OURS:
        return NOT_OURS
    return plain or None


@lru_cache(maxsize=4_096)
def tool_of(user_agent: bytes | None) -> str | None:
    """The program that calls, by its `User-Agent`; one that we do not know by its first word."""
    if not user_agent:
        return None
    agent = user_agent[: _LONGEST * 4].decode("latin-1").strip()
    known = _by_beginning(_TABLES.agents, agent.lower())
    if known is not None:
        return known
    product = _PRODUCT.match(agent)
    return normal(product[0]) if product else None


def _by_beginning(table: dict[str, _Found], name: str) -> _Found | None:
    """What the longest beginning of the name stands for, where a word ends; a very short name only as a whole."""
    end = len(name)
    while end > 0:
        found = table.get(name[:end])
        if found is not None and (end == len(name) or end >= _TELLING or name[end] == "/"):
            return found
        end = max(name.rfind(mark, 0, end) for mark in _ENDS)
    return None


_ENDS: Final = "./-_ @"
_TELLING: Final = 4
