"""Entries written on days of a test's choice, past the ledger's own functions."""

from datetime import UTC, date, datetime, time, timedelta

from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import new_id
from tollhouse.ledger.seals import Seal, seal_next


async def write_entry(connection: Connection, at: datetime, **changes: object) -> str:
    """An entry of 100 nano-dollars in no budget, unless told otherwise; returns its id."""
    entry_id = new_id()
    row = {
        "entry_day": at.date(),
        "entry_id": entry_id,
        "call_id": entry_id,
        "kind": "exact",
        "reserved_nanos": 120,
        "cost_nanos": 100,
        "budgets": [],
        "periods": [],
        "customer_id": "c",
        "key_id": "k",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "worker_id": "w",
        "epoch": 1,
        "seq": 7,
        "created_at": at,
    } | changes
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO ledger_entries ({', '.join(row)}) VALUES ({places})", *row.values())
    return entry_id


def days_ago(days: int, hour: int = 12) -> datetime:
    day: date = datetime.now(UTC).date() - timedelta(days=days)
    return datetime.combine(day, time(hour), UTC)


async def seal_all(database: Database) -> list[Seal]:
    """Seal every day that is due."""
    sealed = []
    while (seal := await seal_next(database)) is not None:
        sealed.append(seal)
    return sealed


async def forge(connection: Connection, statement: str, *arguments: object) -> None:
    """What only somebody with all rights on the database can do: change what is append-only."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement, *arguments)
