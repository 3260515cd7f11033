"""Seals: every day once, in a chain, over exactly the bytes that are written down in the module."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.written import days_ago, seal_all, write_entry
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import seals
from tollhouse.ledger.seals import BEFORE_THE_FIRST, Line, Seal, all_seals, keep_sealed, read_lines, seal_next

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = [
    *("entry_day", "entry_id", "call_id", "kind", "reserved_nanos", "cost_nanos", "overrun_nanos", "budgets"),
    *("periods", "customer_id", "key_id", "user_id", "team_id", "provider", "model", "worker_id", "epoch", "seq"),
    *("reason", "actor", "created_at"),
]
NASTY = ["", '"', "\\", "\n\r\t\b\f", "\x01\x1f\x7f", "naïve 日本 🦊", "' OR 1=1 --", "\u2028</script>", "a,b:c;-~"]


async def lines_of(connection: Connection) -> list[Line]:
    found: list[Line] = []
    async with connection.transaction():
        await read_lines(connection, EPOCH, datetime.now(UTC) + timedelta(days=1), found.append)
    return found


def by_the_book(row: asyncpg.Record) -> bytes:
    """A line as the module's words say, made without the database."""
    items: list[object] = []
    for name in COLUMNS:
        value = row[name]
        if name in ("budgets", "periods"):
            items.append(" ".join(map(str, value)))
        elif name == "created_at":
            items.append((value - EPOCH) // timedelta(microseconds=1))
        else:
            items.append(value if isinstance(value, int | None) else str(value))
    return (json.dumps(items, ensure_ascii=False) + "\n").encode()


# What is hashed --------------------------------------------------------------------------------------------


async def test_a_line_is_what_the_words_say_whatever_is_in_it(connection: Connection) -> None:
    for text in NASTY:
        await write_entry(
            connection, days_ago(2), customer_id=text, user_id=text, model=text, kind="adjust", reason=text, actor=text
        )
    await write_entry(connection, days_ago(2), cost_nanos=2**62, budgets=[1, 2**40], periods=[1, 7], seq=None)
    await write_entry(connection, days_ago(2), kind="adjust", cost_nanos=-5)
    rows = await connection.fetch("SELECT * FROM ledger_entries ORDER BY created_at, entry_id")
    found = await lines_of(connection)
    assert [line.raw for line in found] == [by_the_book(row) for row in rows]
    assert [line.cost for line in found] == [row["cost_nanos"] for row in rows]
    assert ((1, 1), (2**40, 7)) in [line.accounts for line in found]


async def test_a_seal_is_what_the_words_say(database: Database, connection: Connection) -> None:
    for hour in (9, 8, 10):
        await write_entry(connection, days_ago(2, hour), cost_nanos=hour)
    rows = await connection.fetch("SELECT * FROM ledger_entries ORDER BY created_at, entry_id")
    body = hashlib.sha256(b"".join(by_the_book(row) for row in rows)).hexdigest()
    day = days_ago(2).date()
    head = json.dumps(["tollhouse seal 1", str(day), 3, 27, body]) + "\n"
    whole = hashlib.sha256(bytes(32) + head.encode()).digest()
    assert (await seal_all(database))[0] == Seal(day, 3, Nanos(27), bytes(32), whole)


async def test_the_order_is_that_of_writing_and_then_of_ids(connection: Connection) -> None:
    """Also across partitions: a correction lies in the partition of its call's day."""
    same = days_ago(2)
    ids = [await write_entry(connection, same) for _ in range(20)]
    late = await write_entry(connection, same + timedelta(microseconds=1), entry_day=days_ago(9).date())
    early = await write_entry(connection, same - timedelta(microseconds=1), entry_day=days_ago(0).date())
    order = [json.loads(line.raw)[1] for line in await lines_of(connection)]
    assert order == [early, *sorted(ids), late]


async def test_a_busy_day_is_read_in_pieces(database: Database, connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, budgets, periods,"
        " customer_id, key_id, provider, model, worker_id, epoch, created_at) SELECT $1::timestamptz::date,"
        " gen_random_uuid(), gen_random_uuid(), 'exact', 1, n, '{}', '{}', '', '', '', '', '', 1,"
        " $1 + n * interval '1 millisecond' FROM generate_series(1, 1201) n",
        days_ago(2),
    )
    sealed = await seal_all(database)
    assert (sealed[0].entries, sealed[0].total) == (1201, 1201 * 1202 // 2)


# The chain -------------------------------------------------------------------------------------------------


async def test_every_day_since_the_first_entry_is_sealed_also_without_entries(
    database: Database, connection: Connection
) -> None:
    assert await seal_next(database) is None
    await write_entry(connection, days_ago(5))
    await write_entry(connection, days_ago(3), cost_nanos=7)
    await write_entry(connection, datetime.now(UTC))
    sealed = await seal_all(database)
    before_today = [days_ago(days).date() for days in (5, 4, 3, 2)]
    assert [seal.day for seal in sealed][:4] == before_today
    assert datetime.now(UTC).date() not in {seal.day for seal in sealed}
    assert [(seal.entries, seal.total) for seal in sealed][:4] == [(1, 100), (0, 0), (1, 7), (0, 0)]
    assert [seal.previous for seal in sealed] == [BEFORE_THE_FIRST, *(seal.hash for seal in sealed[:-1])]
    assert len({seal.hash for seal in sealed}) == len(sealed)
    assert await all_seals(connection) == sealed


async def test_processes_that_seal_at_the_same_time_seal_every_day_once(
    database: Database, connection: Connection
) -> None:
    await write_entry(connection, days_ago(9))
    found = await asyncio.gather(*(seal_all(database) for _ in range(5)))
    days = sorted(seal.day for each in found for seal in each)
    assert days == [seal.day for seal in await all_seals(connection)]
    assert len(days) >= 8


async def test_a_day_is_due_five_minutes_after_its_end(connection: Connection) -> None:
    at = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    await write_entry(connection, at)
    due = "SELECT ledger_day_to_seal($1)"
    assert await connection.fetchval(due, datetime(2026, 3, 2, 0, 4, 59, tzinfo=UTC)) is None
    assert await connection.fetchval(due, datetime(2026, 3, 2, 0, 5, tzinfo=UTC)) == at.date()


async def test_a_day_is_not_due_while_somebody_may_still_add_to_it(database: Database, connection: Connection) -> None:
    """An entry has the time at which its transaction began."""
    await write_entry(connection, datetime.now(UTC))
    much_later = datetime.now(UTC) + timedelta(days=2)
    async with database.transaction() as writer:
        await write_entry(writer, datetime.now(UTC))
        assert await connection.fetchval("SELECT ledger_day_to_seal($1)", much_later) is None
    assert await connection.fetchval("SELECT ledger_day_to_seal($1)", much_later) is not None


async def test_a_seal_that_does_not_follow_is_not_taken(connection: Connection) -> None:
    add = "SELECT ledger_seal($1, 0, 0, $2, $3)"
    first = days_ago(5).date()
    await connection.execute(add, first, bytes(32), b"1" * 32)
    for day, previous in ((first + timedelta(days=2), b"1" * 32), (first + timedelta(days=1), b"2" * 32)):
        with pytest.raises(asyncpg.RaiseError, match="does not follow"):
            await connection.execute(add, day, previous, b"3" * 32)
    await connection.execute(add, first + timedelta(days=1), b"1" * 32, b"2" * 32)
    for change in ("UPDATE ledger_seals SET entries = 1", "DELETE FROM ledger_seals"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await connection.execute(change)


# The loop --------------------------------------------------------------------------------------------------


async def test_the_loop_seals_what_is_due_and_lives_through_failures(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_entry(connection, days_ago(3))
    failures = [Unavailable("away"), asyncpg.InterfaceError("lost")]
    done = asyncio.Event()
    real = seals.seal_next

    async def sometimes(database: Database) -> Seal | None:
        if failures:
            raise failures.pop()
        sealed = await real(database)
        if sealed is None:
            done.set()
        return sealed

    monkeypatch.setattr(seals, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(seals, "seal_next", sometimes)
    loop = asyncio.create_task(keep_sealed(database))
    await asyncio.wait_for(done.wait(), 60)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert [seal.day for seal in await all_seals(connection)][:2] == [days_ago(3).date(), days_ago(2).date()]
