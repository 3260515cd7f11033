"""Keys from OpenRouter: read from wherever they are, made once, and what cannot be carried over is said."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from making import customer, team, user
from tollhouse.access.keys import KeySearch, search
from tollhouse.control.callers import Actor
from tollhouse.control.imports import openrouter, service
from tollhouse.control.imports.service import carry_out, lines_of, plan
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import BadGateway, BadRequest
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret, looks_like_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MANAGEMENT_KEY = "sk-or-management"


def row(hash_: str, **fields: Any) -> dict[str, Any]:
    """As the management API gives it."""
    return {
        "hash": hash_, "label": "sk-or-v1-abc...def", "name": f"key {hash_}", "disabled": False, "limit": 25.5,
        "limit_remaining": 20, "limit_reset": "monthly", "include_byok_in_limit": False, "usage": 0, "created_at": "x",
        "updated_at": None, "last_used_at": None, "expires_at": None, "creator_user_id": None, "external_user": None,
        "workspace_id": None,
    } | fields  # fmt: skip


class OpenRouter(BaseHTTPRequestHandler):
    """Its management API, two keys a page."""

    rows: tuple[dict[str, Any], ...] = ()

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        allowed = self.headers["Authorization"] == f"Bearer {MANAGEMENT_KEY}"
        offset = int(parse_qs(asked.query).get("offset", ["0"])[0])
        told = {"data": self.rows[offset : offset + 2]} if allowed else {"error": {"message": "no", "code": 401}}
        body = json.dumps(told).encode()
        self.send_response(200 if allowed and asked.path == "/api/v1/keys" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def api_base() -> Iterator[str]:
    class Filled(OpenRouter):
        rows = tuple(row(str(number), disabled=number == 4) for number in range(5))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Filled)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def acme(embedded_database: Database) -> CustomerId:
    async with embedded_database.connection() as connection:
        return await customer(connection)


async def test_all_pages_of_the_api_are_read(api_base: str) -> None:
    found = await openrouter.from_api(Secret(MANAGEMENT_KEY), api_base)
    assert [(each.hash, each.limit, each.reset) for each in found] == [
        (str(number), Decimal("25.5"), "monthly") for number in range(5)
    ]
    assert [each.disabled for each in found] == [False] * 4 + [True]


async def test_an_api_that_says_no_or_is_not_there_is_one_clear_error(api_base: str) -> None:
    for key, base in (("wrong", api_base), (MANAGEMENT_KEY, "http://127.0.0.1:1")):
        with pytest.raises(BadGateway, match="OpenRouter did not give its keys") as refused:
            await openrouter.from_api(Secret(key), base)
        assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"keys": []}, "no list"), ("x", "no list"), ([1], "row 1 is no key"), ([{"name": "x"}], "row 1 has no hash"),
        ([{"hash": "a"}, {"hash": "b", "limit": "much"}], "row 2: the limit"),
        ([{"hash": "b", "limit": -1}], "row 1: the limit"), ([{"hash": "b", "expires_at": "soon"}], "row 1: 'soon'"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_named(rows: object, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        openrouter.read_all(rows)


async def _import(connection: Connection, acme: CustomerId, rows: object) -> tuple[list[str], list[str]]:
    """The report, and the raw keys."""
    steps = await plan(connection, acme, openrouter.read_all(rows), NOW)
    async with connection.transaction():
        made = await carry_out(connection, Actor(acme, "test"), steps)
    return list(lines_of(steps)), [each.raw_key.reveal() for each in made]


async def test_names_owners_limits_and_resets_come_over_and_the_rest_is_said(
    embedded_database: Database, acme: CustomerId
) -> None:
    async with embedded_database.connection() as connection:
        owner = await user(connection, acme)
        ours = await team(connection, acme)
        rows = [
            row("mail", external_user=f"{owner}@EXAMPLE.com", limit=0.00001),
            row("id", creator_user_id=owner, limit=None, limit_reset="daily"),
            row("team", team_id=ours, limit_reset=None),
            row("nobody", external_user="eve", include_byok_in_limit=True, workspace_id="w", usage=3.25),
            row("hourly", limit_reset="hourly", disabled=True, name=" "),
            row("rich", limit=1_000_000),
            row("old", expires_at="2026-01-01T00:00:00Z"),
        ]
        report, raw = await _import(connection, acme, rows)
        found = {each.key.terms.tags[0]: each.key for each in await search(connection, acme, KeySearch(), NOW)}
    assert all(looks_like_key(each) for each in raw)
    assert len(raw) == len(found) == 5
    terms = {tag.removeprefix("openrouter:"): key.terms for tag, key in found.items()}
    assert (terms["mail"].budget_usd, terms["mail"].budget_reset) == (Decimal("0.0001"), "monthly")
    assert (terms["id"].budget_usd, terms["id"].budget_reset) == (None, None)
    assert (terms["team"].budget_usd, terms["team"].budget_reset) == (Decimal("25.5000"), None)
    assert (terms["hourly"].name, terms["hourly"].disabled) == ("imported", True)
    assert found["openrouter:mail"].user_id == found["openrouter:id"].user_id == owner
    assert found["openrouter:team"].team_id == ours
    told = "\n".join(report)
    for words in (
        "its owner 'eve' is not known here; calls with own provider keys counted in its limit",
        "it belonged to a workspace; 3.25 US dollars were spent with it",
        "its limit was reset hourly",
        "skipped   key rich  (no limit, resets never); its limit of 1000000 US dollars is more than a key can have",
        "skipped   key old",
        "5 of 7 keys; each has a new secret",
    ):
        assert words in told


async def test_a_second_import_makes_nothing_twice(embedded_database: Database, acme: CustomerId) -> None:
    async with embedded_database.connection() as connection:
        _, first = await _import(connection, acme, [row("a"), row("b"), row("a")])
        report, second = await _import(connection, acme, {"data": [row("a"), row("b"), row("c/ü" + "x" * 90)]})
        _, third = await _import(connection, acme, [row("c/ü" + "x" * 90)])
    assert (len(first), len(second), len(third)) == (2, 1, 0)
    assert sum("was imported before" in line for line in report) == 2


@pytest.mark.parametrize("table", ["OpenRouterKey", "openrouter_keys"])
async def test_the_old_table_is_read_and_dropped_when_asked(
    embedded_database: Database, acme: CustomerId, table: str
) -> None:
    async with embedded_database.connection() as connection:
        with pytest.raises(BadRequest, match="there is no table"):
            await openrouter.from_table(connection)
        assert not await openrouter.drop_table(connection)
        await connection.execute("CREATE TYPE openrouter_key_limit_reset AS ENUM ('daily', 'weekly', 'monthly')")
        await connection.execute(
            f'CREATE TABLE "{table}" (id text, "keyHash" text, name text, "limitUsd" numeric(10, 4), '
            '"limitReset" openrouter_key_limit_reset, "userId" text, "createdAt" timestamptz)'
        )
        await connection.execute(f"""INSERT INTO "{table}" VALUES ('1', 'h', 'old', 12.5, 'weekly', 'u', now())""")
        (source,) = await openrouter.from_table(connection)
        assert (source.hash, source.name, source.limit, source.reset, source.owner) == (
            "h", "old", Decimal("12.5000"), "weekly", "u",
        )  # fmt: skip
        assert await openrouter.drop_table(connection)
        with pytest.raises(BadRequest, match="there is no table"):
            await openrouter.from_table(connection)


async def test_planning_changes_nothing(embedded_database: Database, acme: CustomerId) -> None:
    async with embedded_database.connection() as connection:
        steps = await plan(connection, acme, openrouter.read_all([row("a")]), NOW)
        assert steps[0].terms is not None
        assert await search(connection, acme, KeySearch(), NOW) == []
    assert service.tag_of(steps[0].source) == "openrouter:a"
