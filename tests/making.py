"""What tests make: databases, customers, keys, clocks. Real Postgres only; time is the one thing we replace."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psycopg

from tollhouse.access import keys
from tollhouse.access.keys import KeyTerms, NewKey
from tollhouse.access.provider_keys import PURPOSE
from tollhouse.db import pool
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId, WorkerId, new_call_id, new_id
from tollhouse.foundation.money import Nanos, usd_to_nanos
from tollhouse.foundation.secrets import Secret
from tollhouse.ledger import book as ledger_book
from tollhouse.ledger import budgets
from tollhouse.ledger.protocol import Ask, FlushBatch, GrantOrder, Need, Owner, Reset, Scope, ScopeKind
from tollhouse.ledger.records import Call, Part, Reserved, Resolved, SettlementKind
from tollhouse.master_keys import MasterKeys
from tollhouse.traces.spans import new_span_id, new_trace_id
from tollhouse.usage.receipts import Receipt

# Workers of a parallel run share the outside server: each has a template of its own there.
TEMPLATE = f"tollhouse_template_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@dataclass
class ManualClock:
    """A clock that stands still until a test moves it."""

    at: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    ticks: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def now_ns(self) -> int:
        return int(self.at.timestamp() * 1_000_000_000)

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds


def master_keys(*former: str, current: str = "current master key") -> MasterKeys:
    """Such as the environment would give."""
    secrets = [Secret(word.ljust(32, ".")) for word in (current, *former)]
    return MasterKeys(PURPOSE, Path("nowhere"), secret=secrets[0], former=secrets[1:])


def with_database(server_url: str, name: str) -> str:
    """The same server, another database."""
    parts = urlsplit(server_url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def create_database(server_url: str, template: str) -> str:
    """A database of its own, copied from a migrated one; returns its URL."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return with_database(server_url, name)


@asynccontextmanager
async def connected(url: str, size: int = 10) -> AsyncIterator[Database]:
    database = await pool.connect(url, size=size)
    try:
        yield database
    finally:
        await database.close()


async def customer(connection: Connection, name: str = "Acme", **columns: object) -> CustomerId:
    """A customer with a ready gateway."""
    customer_id = CustomerId(new_id())
    row = {
        "id": customer_id,
        "name": name,
        "email": f"{customer_id}@example.com",
        "gateway_state": "ready",
        "cf_gateway_id": f"tollhouse-{customer_id}",
        "cf_account_id": "acct",
    } | columns
    names = ", ".join(row)
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO customers ({names}) VALUES ({places})", *row.values())
    return customer_id


async def user(connection: Connection, customer_id: CustomerId, role: str = "member") -> UserId:
    user_id = UserId(new_id())
    await connection.execute(
        "INSERT INTO users (id, customer_id, email, name, role) VALUES ($1, $2, $3, $4, $5)",
        user_id,
        customer_id,
        f"{user_id}@example.com",
        role.title(),
        role,
    )
    return user_id


async def team(connection: Connection, customer_id: CustomerId, *members: UserId) -> TeamId:
    team_id = TeamId(new_id())
    await connection.execute(
        "INSERT INTO teams (id, customer_id, name) VALUES ($1, $2, $3)", team_id, customer_id, team_id
    )
    for member in members:
        await connection.execute("INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)", team_id, member)
    return team_id


async def key(
    connection: Connection,
    customer_id: CustomerId,
    usd: str | None = None,
    *,
    user_id: UserId | None = None,
    team_id: TeamId | None = None,
    terms: KeyTerms | None = None,
) -> NewKey:
    """A key with its budget opened, as the control plane makes them."""
    wanted = terms or KeyTerms("test key", budget_usd=None if usd is None else Decimal(usd))
    made = await keys.create(connection, customer_id, wanted, user_id=user_id, team_id=team_id)
    limit = None if wanted.budget_usd is None else usd_to_nanos(wanted.budget_usd)
    await budgets.set_budget(connection, customer_id, Scope("key", made.key_id), limit, wanted.budget_reset)
    return made


@dataclass
class Book:
    """A customer with budgets and a worker that speaks to the book directly, call by call, as a till would."""

    connection: Connection
    customer_id: CustomerId
    owner: Owner
    key_id: KeyId = field(default_factory=lambda: KeyId(new_id()))
    orders: Iterator[int] = field(default_factory=lambda: count(1))
    told: int = 0

    async def limit(self, kind: ScopeKind, scope_id: str, nanos: int | None, reset: Reset | None = None) -> Scope:
        scope = Scope(kind, scope_id)
        limit = None if nanos is None else Nanos(nanos)
        await budgets.set_budget(self.connection, self.customer_id, scope, limit, reset)
        return scope

    async def reserve(self, nanos: int, *scopes: Scope) -> Reserved:
        """A call whose money was leased just for it, on all the scopes; the key's alone if none is named."""
        named = scopes or (Scope("key", self.key_id),)
        rows = await self.connection.fetch(
            "SELECT budget_id FROM ledger_budgets WHERE (scope_kind, scope_id) IN "
            "(SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY 1",
            [scope.kind for scope in named],
            [scope.id for scope in named],
        )
        ids = [row["budget_id"] for row in rows]
        ask = Ask(tuple(Need(budget_id, Nanos(nanos), Nanos(nanos)) for budget_id in ids))
        order = GrantOrder(next(self.orders), (ask,), tuple((budget_id, Nanos(0)) for budget_id in ids))
        reply = await ledger_book.grant(self.connection, self.owner, order)
        assert [answer.verdict for answer in reply.answers] == ["whole"]
        parts = tuple(Part(each.budget_id, each.period_seq, each.limit is not None) for each in reply.standings)
        return Reserved(self.call(), int(reply.now * 1_000_000), parts, Nanos(nanos))

    async def settle(self, reserved: Reserved, kind: SettlementKind = "exact", cost: int | None = None) -> None:
        """Tell the book how the call ended; `cost` None: all that was set aside."""
        resolved = Resolved(reserved, kind, reserved.amount if cost is None else Nanos(cost))
        batch = FlushBatch(self.told, self.told + 1, (resolved,), ())
        await ledger_book.flush(self.connection, self.owner, self.owner.epoch, batch)
        self.told += 1

    async def spend(self, nanos: int, *scopes: Scope) -> Reserved:
        """A whole call."""
        reserved = await self.reserve(nanos, *scopes)
        await self.settle(reserved)
        return reserved

    def call(self) -> Call:
        return Call(new_call_id(), self.customer_id, self.key_id, None, None, "openai", "gpt-4o-mini", "test")


async def book(connection: Connection, key_limit: int | None = None, reset: Reset | None = None) -> Book:
    """A fresh customer with a key's budget."""
    made = await book_of(connection, CustomerId(new_id()), KeyId(new_id()))
    await made.limit("key", made.key_id, key_limit, reset)
    return made


async def book_of(connection: Connection, customer_id: CustomerId, key_id: KeyId) -> Book:
    """A worker for a key that has its budgets."""
    registered = await ledger_book.register(connection, WorkerId(new_id()))
    return Book(connection, customer_id, registered.owner, key_id)


def a_receipt(customer_id: CustomerId, key_id: KeyId, at: datetime, /, **changes: Any) -> Receipt:
    """Of a call that was answered then, and cost ten nano-dollars."""
    made = Receipt(
        call_id=new_call_id(),
        customer_id=customer_id,
        key_id=key_id,
        user_id=None,
        team_id=None,
        provider="openai",
        model="gpt-4o-mini",
        outcome="completed",
        usage_source="provider",
        price_version="test",
        entry_kind="exact",
        entry_day=at.date(),
        hold_nanos=10,
        cost_nanos=10,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        started_at=at,
        duration_ms=1,
    )
    return msgspec.structs.replace(made, **changes)
