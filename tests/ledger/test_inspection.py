"""Looking at the book: nothing is missed, nothing of others is shown."""

from datetime import UTC, date, datetime, timedelta

import pytest

from making import Book, book
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book as ledger_book
from tollhouse.ledger import budgets, corrections, inspection
from tollhouse.ledger.corrections import Correction
from tollhouse.ledger.inspection import InDoubt
from tollhouse.ledger.protocol import Scope
from tollhouse.ledger.records import Resolved

# The audit of one customer ---------------------------------------------------------------------------------

WRONGS = {
    "spent differs from entries": "UPDATE ledger_accounts SET spent_nanos = spent_nanos - 1",
    "leased differs from leases": "UPDATE ledger_accounts SET leased_nanos = leased_nanos + 3",
    "doubt differs from what is doubted": "UPDATE ledger_accounts SET doubt_nanos = doubt_nanos + 4",
    "over the limit": "UPDATE ledger_accounts SET limit_nanos = 1",
    "a closed lease has a rest": "UPDATE ledger_leases SET state = 'closed'",
    "entries for one call": """
        INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, budgets, periods,
            customer_id, key_id, provider, model, worker_id, epoch)
        SELECT entry_day, gen_random_uuid(), call_id, kind, 0, 0, budgets, periods, customer_id, key_id, provider,
            model, worker_id, epoch FROM ledger_entries""",
}


@pytest.mark.parametrize("what", WRONGS)
async def test_the_audit_of_a_customer_finds_what_the_whole_audit_finds(connection: Connection, what: str) -> None:
    """And the books of others, just as wrong, are not told of."""
    ours, others = await book(connection, 1000), await book(connection, 1000)
    for made in (ours, others):
        await made.spend(100)
        await made.reserve(50)
    assert await inspection.audit_of(connection, ours.customer_id) == []
    await connection.execute(WRONGS[what])
    found = [await inspection.audit_of(connection, made.customer_id) for made in (ours, others)]
    assert any(breach.what.startswith(what) for breach in found[0])
    assert sorted(map(str, found[0] + found[1])) == sorted(map(str, await budgets.audit(connection)))
    assert all(breach not in found[1] for breach in found[0])


async def test_what_was_buried_is_doubted(connection: Connection) -> None:
    made = await book(connection, 1000)
    await bury(made, 70)
    assert await inspection.audit_of(connection, made.customer_id) == []
    await connection.execute("UPDATE ledger_dead_letters SET resolved_at = now()")
    assert [breach.amount for breach in await inspection.audit_of(connection, made.customer_id)] == [70]


# How it stands ---------------------------------------------------------------------------------------------


async def bury(made: Book, nanos: int) -> None:
    reserved = await made.reserve(nanos)
    record = Resolved(reserved, "exact", reserved.amount)
    await ledger_book.bury(made.connection, made.owner, made.owner.epoch, made.told, made.told + 1, record, "why")
    made.told += 1


async def test_a_customer_without_money_anywhere_stands_at_zero(connection: Connection) -> None:
    standing = await inspection.standing(connection, CustomerId("nobody"))
    assert standing == inspection.BookStanding(0, Nanos(0), 0, Nanos(0), 0, None, None)


async def test_the_standing_counts_leases_doubt_and_letters_of_this_customer(connection: Connection) -> None:
    made, dead = await book(connection, 1000), await book(connection, 1000)
    dead.customer_id = made.customer_id
    await connection.execute("UPDATE ledger_budgets SET customer_id = $1", made.customer_id)
    await (await book(connection, 1000)).reserve(999)
    await made.reserve(50)
    await bury(made, 7)
    await dead.reserve(300)
    await connection.execute(
        "UPDATE ledger_marks SET seen_at = '2026-01-02T03:04:05Z' WHERE worker_id = $1", dead.owner.worker_id
    )
    await ledger_book.doubt_silent(connection, timedelta(days=1))
    await connection.execute("SELECT ledger_seal('2026-01-01', 0, 0, $1, $1)", bytes(32))
    standing = await inspection.standing(connection, made.customer_id)
    assert (standing.leases, standing.leased, standing.doubtful_leases, standing.doubt) == (1, 50, 1, 300)
    assert (standing.letters, standing.sealed_through) == (1, date(2026, 1, 1))
    assert standing.complete_to == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


# In doubt --------------------------------------------------------------------------------------------------


async def doubtful(made: Book) -> list[InDoubt]:
    return await inspection.in_doubt(made.connection, made.customer_id, most=100)


async def test_calls_in_doubt_are_listed_until_somebody_looked_at_them(connection: Connection) -> None:
    made = await book(connection, 1000)
    known, unknown = await made.spend(1), await made.reserve(100)
    await made.settle(unknown, "in_doubt")
    found = await doubtful(made)
    assert [(item.kind, item.call_id, item.amount, item.model) for item in found] == [
        ("call", unknown.call.call_id, 100, "gpt-4o-mini")
    ]
    assert found[0].key_id == made.key_id
    assert known.call.call_id not in {item.call_id for item in found}
    correction = Correction(unknown.call.call_id, Nanos(100), "it was so", "me")
    await corrections.adjust(connection, made.customer_id, correction)
    assert await doubtful(made) == []


async def test_leases_of_the_gone_and_the_silent_are_listed_with_what_is_known(connection: Connection) -> None:
    made = await book(connection, 1000)
    await made.reserve(300)
    await connection.execute("UPDATE ledger_marks SET seen_at = now() - interval '1 hour'")
    await ledger_book.doubt_silent(connection, timedelta(minutes=1))
    found = await doubtful(made)
    assert [(item.kind, item.amount, item.worker_id, item.worker_state) for item in found] == [
        ("lease", 300, made.owner.worker_id, "silent")
    ]
    assert (found[0].key_id, found[0].call_id, found[0].period_seq) == (made.key_id, None, 1)
    await ledger_book.close_epoch(connection, made.owner, made.owner.epoch, exact=False)
    assert [item.worker_state for item in await doubtful(made)] == ["closed"]


async def test_what_was_buried_is_listed(connection: Connection) -> None:
    made = await book(connection, 1000)
    await bury(made, 70)
    assert [(item.kind, item.amount) for item in await doubtful(made)] == [("letter", 70)]


@pytest.mark.parametrize("most", [1, 2, 3, 50])
async def test_pages_hold_everything_once_newest_first(connection: Connection, most: int) -> None:
    """Also what has the same time, and the three kinds among each other."""
    made = await book(connection, 10**6)
    for _ in range(3):
        await made.settle(await made.reserve(10), "in_doubt")
    async with connection.transaction():
        for _ in range(3):
            await made.settle(await made.reserve(10), "in_doubt")
    await bury(made, 5)
    await made.reserve(20)
    await ledger_book.close_epoch(connection, made.owner, made.owner.epoch, exact=False)
    stranger = await book(connection, 100)
    await stranger.settle(await stranger.reserve(10), "in_doubt")
    seen: list[InDoubt] = []
    before = None
    while page := await inspection.in_doubt(connection, made.customer_id, most=most, before=before):
        seen += page
        before = (page[-1].at, page[-1].name)
    assert len(seen) == len({item.name for item in seen}) == 8
    assert seen == sorted(seen, key=lambda item: (item.at, item.name), reverse=True)


# Accounts and entries --------------------------------------------------------------------------------------


async def test_accounts_are_found_by_customer_key_and_budget(connection: Connection) -> None:
    made = await book(connection, 1000, "daily")
    await made.limit("team", "t1", None)
    await made.spend(100)
    await made.reserve(30)
    await book(connection, 5)
    ours = await inspection.accounts(connection, customer_id=made.customer_id, most=10)
    assert [(account.scope, account.limit) for account in ours] == [
        (Scope("key", made.key_id), 1000),
        (Scope("team", "t1"), None),
    ]
    account = ours[0]
    assert (account.spent, account.leased, account.doubt, account.reset, account.ended) == (100, 30, 0, "daily", False)
    assert await inspection.accounts(connection, key_id=made.key_id, most=10) == [account]
    assert await inspection.accounts(connection, budget_id=account.budget_id, most=10) == [account]
    assert len(await inspection.accounts(connection, most=10)) == 3
    assert len(await inspection.accounts(connection, most=2)) == 2


async def test_a_call_is_shown_with_its_corrections_in_their_order(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.spend(100)
    for cost in (30, 40):
        correction = Correction(call.call.call_id, Nanos(cost), f"{cost} it was", "me", again=True)
        await corrections.adjust(connection, made.customer_id, correction)
    found = await inspection.entries_of_call(connection, call.call.call_id)
    assert [(entry.kind, entry.cost, entry.reserved, entry.reason) for entry in found] == [
        ("exact", 100, 100, None),
        ("adjust", -70, 0, "30 it was"),
        ("adjust", 10, 0, "40 it was"),
    ]
    assert {entry.accounts for entry in found} == {tuple((p.budget_id, p.period_seq) for p in call.parts)}
