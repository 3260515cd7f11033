"""Gateways: which settings Cloudflare accepts for one, and the shelf they stand on.

Settings follow the wire contract, section 1.3. PUT replaces: what it leaves out goes back to its default, because
the contract cannot promise that it is kept.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from tollhouse.emulator.bodies import BadBody, decode
from tollhouse.foundation.ids import new_id

_Count = Annotated[int, msgspec.Meta(ge=0)]
_GatewayId = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9_]+(?:-[a-z0-9_]+)*$")]

DEFAULT_GATEWAY: Final = "default"


class SpendFilter(msgspec.Struct):
    mode: Literal["filter"]
    values: list[str]


class SpendPartition(msgspec.Struct):
    mode: Literal["partition", "filter"]
    values: list[str] = []


class SpendRule(msgspec.Struct, rename="camel"):
    """`limit` is US dollars, `window` seconds."""

    limit: Annotated[float, msgspec.Meta(gt=0)]
    limit_type: Literal["cost"]
    window: Annotated[int, msgspec.Meta(gt=0)]
    id: str | None = None
    enabled: bool = True
    technique: Literal["fixed", "sliding"] = "fixed"
    metadata: dict[str, SpendPartition] | None = None
    model: SpendFilter | None = None
    provider: SpendFilter | None = None


class SpendLimits(msgspec.Struct):
    enabled: bool = True
    rules: Annotated[list[SpendRule], msgspec.Meta(max_length=20)] = []


class Exporter(msgspec.Struct):
    url: Annotated[str, msgspec.Meta(max_length=2048)]
    headers: dict[str, str]
    authorization: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    content_type: Literal["json", "protobuf"] = "json"


class Settings(msgspec.Struct, kw_only=True):
    """What PUT takes; POST takes the same and an id."""

    cache_invalidate_on_update: bool
    cache_ttl: _Count | None
    collect_logs: bool
    rate_limiting_interval: _Count | None
    rate_limiting_limit: _Count | None
    rate_limiting_technique: Literal["fixed", "sliding"] | None = None
    authentication: bool = False
    byok_only: bool = False
    log_management: Annotated[int, msgspec.Meta(ge=10_000, le=10_000_000)] | None = None
    log_management_strategy: Literal["STOP_INSERTING", "DELETE_OLDEST"] | None = None
    logpush: bool = False
    logpush_public_key: Annotated[str, msgspec.Meta(min_length=16, max_length=1024)] | None = None
    retry_max_attempts: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    retry_delay: Annotated[int, msgspec.Meta(ge=0, le=60_000)] | None = None
    retry_backoff: Literal["constant", "linear", "exponential"] | None = None
    store_id: str | None = None
    workers_ai_billing_mode: Literal["postpaid", "unified"] = "postpaid"
    zdr: bool = False
    log_classification: bool = False
    dlp: dict[str, object] | None = None
    guardrails: dict[str, object] | None = None
    otel: list[Exporter] | None = None
    spend_limits: SpendLimits | None = None
    stripe: dict[str, object] | None = None


class Creation(msgspec.Struct):
    """The part of a POST that PUT does not have."""

    id: _GatewayId


class StoredKey(msgspec.Struct):
    """A provider key kept at Cloudflare for one gateway; the value itself is nobody's business here."""

    id: str
    provider_slug: str
    alias: str
    default_config: bool
    modified_at: str


class Gateway(msgspec.Struct):
    """One gateway of one account."""

    id: str
    settings: Settings
    created_at: str
    modified_at: str
    is_default: bool = False
    internal_id: str = ""
    keys: list[StoredKey] = []

    def shown(self, account: str) -> dict[str, object]:
        """As the API shows it, with the undocumented fields that live answers carry."""
        about = {
            "id": self.id,
            "created_at": self.created_at,
            "modified_at": self.modified_at,
            "is_default": self.is_default,
            "account_id": account,
            "account_tag": account,
            "internal_id": self.internal_id,
            "wholesale": True,
            "not_in_any_schema": {"since": "always"},
        }
        settings: dict[str, object] = msgspec.to_builtins(self.settings)
        return about | settings | {"cache_ttl": self.settings.cache_ttl or 0}


def read_creation(body: bytes) -> tuple[str, Settings]:
    """The body of a POST. Raises BadBody."""
    return decode(body, Creation).id, read_settings(body)


def read_settings(body: bytes) -> Settings:
    """The body of a PUT. Raises BadBody."""
    settings = decode(body, Settings)
    if settings.log_classification and not settings.collect_logs:
        raise BadBody("log_classification", "log_classification requires collect_logs")
    return settings


def default_settings() -> Settings:
    """What Cloudflare gives the gateway that appears by itself."""
    return Settings(
        cache_invalidate_on_update=False,
        cache_ttl=0,
        collect_logs=True,
        rate_limiting_interval=0,
        rate_limiting_limit=0,
        authentication=True,
    )


class Shelf:
    """All gateways of all accounts. `saved` and `removed` are told of every change."""

    def __init__(self, saved: Callable[[str, Gateway], None], removed: Callable[[str, str], None]) -> None:
        self._gateways: dict[str, dict[str, Gateway]] = {}
        self._saved = saved
        self._removed = removed

    def restore(self, account: str, gateway: Gateway) -> None:
        """Put back what a state file remembers."""
        self._gateways.setdefault(account, {})[gateway.id] = gateway

    def forget(self, account: str, gateway_id: str) -> None:
        self._gateways.get(account, {}).pop(gateway_id, None)

    def clear(self) -> None:
        self._gateways.clear()

    def of(self, account: str) -> list[Gateway]:
        return list(self._gateways.get(account, {}).values())

    def find(self, account: str, gateway_id: str) -> Gateway | None:
        return self._gateways.get(account, {}).get(gateway_id)

    def add(self, account: str, gateway_id: str, settings: Settings, now: datetime) -> Gateway:
        stamp = now.isoformat()
        gateway = Gateway(
            id=gateway_id,
            settings=settings,
            created_at=stamp,
            modified_at=stamp,
            is_default=gateway_id == DEFAULT_GATEWAY,
            internal_id=new_id(),
        )
        self.keep(account, gateway)
        return gateway

    def keep(self, account: str, gateway: Gateway) -> None:
        """Store a gateway as it now is."""
        self.restore(account, gateway)
        self._saved(account, gateway)

    def remove(self, account: str, gateway: Gateway) -> None:
        self.forget(account, gateway.id)
        self._removed(account, gateway.id)
