"""What tests make: databases, customers, keys, clocks. Real Postgres only; time is the one thing we replace."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tollhouse.access import keys
from tollhouse.access.keys import KeyTerms, NewKey
from tollhouse.db import pool
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId, WorkerId, new_call_id, new_id
from tollhouse.foundation.money import Nanos, usd_to_nanos
from tollhouse.ledger import budgets, holds
from tollhouse.ledger.budgets import Reset, Scope, ScopeKind
from tollhouse.ledger.holds import HoldRequest, Owner


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
    """A customer with budgets and a worker, for tests that speak to the ledger directly."""

    connection: Connection
    customer_id: CustomerId
    owner: Owner
    key_id: KeyId = field(default_factory=lambda: KeyId(new_id()))

    async def limit(self, kind: ScopeKind, scope_id: str, nanos: int | None, reset: Reset | None = None) -> Scope:
        scope = Scope(kind, scope_id)
        limit = None if nanos is None else Nanos(nanos)
        await budgets.set_budget(self.connection, self.customer_id, scope, limit, reset)
        return scope

    def request(
        self, amount: int | None, *scopes: Scope, floor: int | None = None, call_id: CallId | None = None
    ) -> HoldRequest:
        least = amount if floor is None else floor
        return HoldRequest(
            call_id=call_id or new_call_id(),
            scopes=scopes or (Scope("key", self.key_id),),
            amount=None if amount is None else Nanos(amount),
            floor=Nanos(least or 0),
            max_age=timedelta(minutes=30),
            customer_id=self.customer_id,
            key_id=self.key_id,
            user_id=None,
            team_id=None,
            provider="openai",
            model="gpt-4o-mini",
            price_version="test",
        )


async def book(connection: Connection, key_limit: int | None = None, reset: Reset | None = None) -> Book:
    customer_id = CustomerId(new_id())
    owner = await holds.register(connection, WorkerId(new_id()))
    made = Book(connection, customer_id, owner)
    await made.limit("key", made.key_id, key_limit, reset)
    return made
