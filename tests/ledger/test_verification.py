"""Reading the whole book: every kind of forgery and slip is found and named; an honest book has no flaw."""

from datetime import UTC, datetime

import pytest

from ledger.written import days_ago, forge, seal_all, write_entry
from making import book
from tollhouse.db.pool import Connection, Database
from tollhouse.ledger.verification import verify


async def sealed_book(database: Database, connection: Connection) -> list[str]:
    """Five sealed days with two entries each, but for a day in the middle; returns the entries' ids."""
    ids = [await write_entry(connection, days_ago(days, hour)) for days in (6, 5, 3, 2) for hour in (9, 10)]
    await seal_all(database)
    return ids


async def flaws(database: Database) -> list[str]:
    return (await verify(database)).flaws


async def test_an_empty_book_has_no_flaws(database: Database) -> None:
    found = await verify(database)
    assert (found.entries, found.days, found.newest, found.flaws) == (0, 0, None, [])


async def test_an_honest_book_has_no_flaws(database: Database, connection: Connection) -> None:
    await sealed_book(database, connection)
    made = await book(connection, 1000)
    await made.spend(100)
    await made.reserve(50)
    found = await verify(database)
    assert found.flaws == []
    assert found.entries == 9
    assert found.newest is not None
    assert found.newest.day >= days_ago(2).date()
    assert found.days >= 5


FORGERIES = {
    "sealed were 2 entries of 0.000000200 USD, the book has 2 of 0.000000201 USD": (
        "UPDATE ledger_entries SET cost_nanos = 101 WHERE entry_id = $1::text::uuid"
    ),
    "2 entries of the same sum, but not the same entries": (
        "UPDATE ledger_entries SET model = 'gpt-4o' WHERE entry_id = $1::text::uuid"
    ),
    "the book has 1 of 0.000000100 USD": "DELETE FROM ledger_entries WHERE entry_id = $1::text::uuid",
}


@pytest.mark.parametrize("says", FORGERIES)
async def test_a_changed_entry_is_found_on_its_day(database: Database, connection: Connection, says: str) -> None:
    ids = await sealed_book(database, connection)
    await forge(connection, FORGERIES[says], ids[4])
    found = await flaws(database)
    assert len(found) == 1
    assert found[0].startswith(f"seals: {days_ago(3).date()} differs: ")
    assert says in found[0]


async def test_an_entry_slipped_in_later_is_found_on_its_day(database: Database, connection: Connection) -> None:
    await sealed_book(database, connection)
    await write_entry(connection, days_ago(4))
    assert [flaw.partition(":")[2].split()[0] for flaw in await flaws(database)] == [str(days_ago(4).date())]


async def test_an_entry_from_before_the_first_seal_is_found(database: Database, connection: Connection) -> None:
    await sealed_book(database, connection)
    await write_entry(connection, days_ago(8))
    assert await flaws(database) == [f"seals: {days_ago(8).date()} has 1 entries and no seal"]


async def test_all_days_that_differ_are_named_the_first_one_first(database: Database, connection: Connection) -> None:
    ids = await sealed_book(database, connection)
    await forge(connection, "DELETE FROM ledger_entries WHERE entry_id::text = ANY ($1)", [ids[7], ids[0], ids[1]])
    found = await flaws(database)
    assert [flaw.split()[1] for flaw in found] == [str(days_ago(6).date()), str(days_ago(2).date())]
    assert "the book has 0 of 0.000000000 USD" in found[0]


async def test_a_changed_seal_is_found(database: Database, connection: Connection) -> None:
    await sealed_book(database, connection)
    await forge(connection, "UPDATE ledger_seals SET hash = $2 WHERE day = $1", days_ago(4).date(), bytes(32))
    found = await flaws(database)
    assert f"seals: {days_ago(4).date()} differs" in found[0]
    assert f"seals: {days_ago(3).date()} does not follow on the seal before it" in found[1]


async def test_a_missing_seal_is_found(database: Database, connection: Connection) -> None:
    await sealed_book(database, connection)
    await forge(connection, "DELETE FROM ledger_seals WHERE day = $1", days_ago(4).date())
    found = await flaws(database)
    assert found[0] == f"seals: there is none between {days_ago(5).date()} and {days_ago(3).date()}"


async def test_a_removed_beginning_is_found(database: Database, connection: Connection) -> None:
    """Seals and entries of the first day alike: the chain began with zeros."""
    ids = await sealed_book(database, connection)
    await forge(connection, "DELETE FROM ledger_entries WHERE entry_id::text = ANY ($1)", ids[:2])
    await forge(connection, "DELETE FROM ledger_seals WHERE day = $1", days_ago(6).date())
    assert await flaws(database) == [f"seals: {days_ago(5).date()} does not follow on the seal before it"]


async def test_the_last_days_without_entries_are_checked_too(database: Database, connection: Connection) -> None:
    await write_entry(connection, days_ago(5))
    await seal_all(database)
    await forge(connection, "UPDATE ledger_seals SET entries = 1 WHERE day = $1", days_ago(2).date())
    assert [flaw.split()[1] for flaw in await flaws(database)] == [str(days_ago(2).date())]


async def test_sums_that_differ_are_found_by_two_ways(database: Database, connection: Connection) -> None:
    made = await book(connection, 1000)
    await made.spend(100)
    await connection.execute("UPDATE ledger_accounts SET spent_nanos = 99")
    found = await flaws(database)
    budget_id = await connection.fetchval("SELECT budget_id FROM ledger_budgets")
    assert found == [
        f"sums: budget {budget_id}, period 1: entries 0.000000100 USD, account 0.000000099 USD",
        f"audit: budget {budget_id}, period 1: spent differs from entries (by -1)",
    ]


async def test_entries_of_an_account_that_is_not_there_are_found(database: Database, connection: Connection) -> None:
    await write_entry(connection, datetime.now(UTC), budgets=[77], periods=[2])
    assert await flaws(database) == ["sums: budget 77, period 2 has entries of 100 nano-USD and no account"]


async def test_a_call_that_was_booked_twice_is_found(database: Database, connection: Connection) -> None:
    entry_id = await write_entry(connection, datetime.now(UTC))
    await write_entry(connection, datetime.now(UTC), call_id=entry_id)
    assert await flaws(database) == [f"audit: entries for one call: {entry_id} (by 2)"]
