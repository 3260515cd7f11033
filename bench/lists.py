"""How long the control plane's lists take: 100 customers, 10,000 keys and 1,000 people, each list asked many times.

One customer has half of everything, the others share the rest. Every list is asked by an admin of the large customer,
one request after the other over one connection, from warm PostgreSQL on the same machine.
"""

import argparse
import asyncio
import http.client
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from bench.asking import Timed, get, query, timed
from bench.processes import BenchError, Cores, end_in_order_when_told, free_port, on_core, pick_cores, running

from tollhouse.control.callers import Actor
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.db import pool, server
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CustomerId, UserId
from tollhouse.foundation.logs import configure

BAR_MS: Final = 50.0
_CUSTOMERS: Final = 100
_KEYS: Final = 10_000
_PEOPLE: Final = 1_000
_CALLS: Final = 200_000
_LARGE: Final = CustomerId("00000000-0000-4000-8000-000000000001")
_READY_S: Final = 60
_SEED: Final = Path(__file__).with_name("lists.sql")


@dataclass(frozen=True, slots=True)
class Things:
    """Of the large customer, for the addresses that name one."""

    token: str
    user_id: str
    team_id: str
    key_hash: str


def main() -> int:
    """Print the table; 1 if a list is slower than the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="how often each list is asked")
    told = parser.parse_args()
    configure("console", "error")
    end_in_order_when_told()
    try:
        lists = _measure(told.times)
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(_table(lists))
    return int(any(each.p95_ms > BAR_MS for each in lists))


def _measure(times: int) -> list[Timed]:
    cores = pick_cores()
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        with server.running(None, folder) as url:
            things = asyncio.run(_seed(url))
            return _ask_all(url, folder, cores, things, times)


async def _seed(url: str) -> Things:
    with psycopg.connect(url, autocommit=True) as connection:
        numbers = {"customers": _CUSTOMERS, "keys": _KEYS, "people": _PEOPLE, "calls": _CALLS, "large": _LARGE}
        for statement in _SEED.read_text().split(";\n\n"):
            connection.execute(statement.encode(), numbers)
        found = connection.execute(
            "SELECT u.id, t.id, k.key_hash FROM users u, teams t, ai_gateway_keys k WHERE u.customer_id = %(large)s"
            " AND u.role = 'admin' AND t.customer_id = %(large)s AND k.customer_id = %(large)s"
            " AND k.user_id = u.id LIMIT 1",
            {"large": _LARGE},
        ).fetchone()
    if found is None:
        raise BenchError("nothing was made to list")
    user_id, team_id, key_hash = found
    return Things(await _token(url, UserId(user_id)), user_id, team_id, key_hash)


async def _token(url: str, admin: UserId) -> str:
    database = await pool.connect(url, size=1)
    try:
        async with database.transaction() as connection:
            made = await tokens.create_token(connection, Actor(_LARGE, "bench"), admin, TokenTerms("bench"))
            return made.raw.reveal()
    finally:
        await database.close()


def _ask_all(url: str, folder: Path, cores: Cores, things: Things, times: int) -> list[Timed]:
    port = free_port()
    command = [sys.executable, "-m", "tollhouse", "serve"]
    told = {"DATABASE_URL": url, "TOLLHOUSE_DATA_DIR": str(folder / "data"), "TOLLHOUSE_PORT": str(port)}
    with running(command, port, folder / "serve.log", core=cores.gateway, more=told, ready_s=_READY_S):
        server_here = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        return [timed(server_here, name, path, things.token, times) for name, path in _lists(server_here, things)]


def _lists(server_here: http.client.HTTPConnection, things: Things) -> list[tuple[str, str]]:
    """Every list of the control plane by its address, and those with parameters more than once."""
    keys, people = "/v1/ai/keys/customer", "/v1/users"
    cursor = msgspec.json.decode(get(server_here, f"{keys}?limit=1000", things.token))["next_cursor"]
    return [
        ("keys", keys),
        ("keys, 100", query(keys, limit=100)),
        ("keys, second page of 100", query(keys, limit=100, cursor=cursor)),
        ("keys by spend, 100", query(keys, limit=100, sort="spend")),
        ("keys by name, 100", query(keys, limit=100, sort="name")),
        ("keys that are exhausted, 100", query(keys, limit=100, state="exhausted")),
        ("keys, a word searched, 100", query(keys, limit=100, search="key 4321")),
        ("keys, a word nobody has", query(keys, limit=100, search="nobody")),
        ("keys of a tag, 100", query(keys, limit=100, tag="tag-7")),
        ("keys of a person", f"/v1/ai/keys/user/{things.user_id}"),
        ("own keys", "/v1/ai/keys/user"),
        ("a key's details", f"/v1/ai/keys/{things.key_hash}/details"),
        ("people, 100", query(people, limit=100)),
        ("people, 500", query(people, limit=500)),
        ("people, a word searched", query(people, search="person 77")),
        ("teams", "/v1/teams"),
        ("a team", f"/v1/teams/{things.team_id}"),
        ("limits", "/v1/ai/limits"),
        ("models", "/v1/ai/models"),
        ("invitations", "/v1/invitations"),
        ("tokens", "/v1/tokens"),
        ("sessions", "/v1/sessions"),
        ("audit log", "/v1/audit"),
        ("traces", "/v1/traces"),
        ("calls in doubt", "/v1/ledger/in-doubt"),
        ("adjustments", "/v1/ledger/adjustments"),
    ]


def _table(lists: Sequence[Timed]) -> str:
    lines = ["| list | p50 ms | p95 ms | worst ms | kB |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {each.name} | {each.p50_ms:.1f} | {each.p95_ms:.1f} | {each.worst_ms:.1f} | {each.kilobytes:,.1f} |"
        for each in lists
    ]
    late = [each.name for each in lists if each.p95_ms > BAR_MS]
    verdict = f"NOT within {BAR_MS:.0f} ms: {', '.join(late)}" if late else f"All within {BAR_MS:.0f} ms at p95."
    return "\n".join([*lines, "", verdict])


if __name__ == "__main__":
    sys.exit(main())
