"""Who changed what, read page by page. Nothing here writes: see `control.audit`."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from tollhouse.control.callers import Person
from tollhouse.control.permissions import require
from tollhouse.db import queries
from tollhouse.db.pool import Database

MOST_AT_ONCE: Final = 1000
MOST_EXPORTED: Final = 100_000

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Line:
    """`actor`: a user's id, or a loop or command by its name. `before` and `after`: only what changed."""

    id: int
    at: datetime
    actor: str
    actor_email: str | None
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """Which lines. `action`: `key.update`, or `key` for all of that kind. `before_id`: older than this line."""

    action: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None
    most: int = 100


async def page(database: Database, person: Person, wanted: Search) -> list[Line]:
    """Newest first."""
    require(person, "audit.list")
    async with database.connection() as connection:
        rows = _sql.audit_page(
            connection,
            customer_id=person.customer_id,
            action=wanted.action,
            actor=wanted.actor,
            subject=wanted.subject,
            since=wanted.since,
            until=wanted.until,
            before_id=wanted.before_id,
            most=wanted.most,
        )
        return [Line(**row) async for row in rows]


async def everything(database: Database, person: Person, wanted: Search) -> AsyncIterator[list[Line]]:
    """The same, all of it, in pages; at most `MOST_EXPORTED` lines."""
    told = 0
    wanted = replace(wanted, most=MOST_AT_ONCE)
    while told < MOST_EXPORTED:
        lines = await page(database, person, wanted)
        if not lines:
            return
        yield lines
        told += len(lines)
        wanted = replace(wanted, before_id=lines[-1].id)
