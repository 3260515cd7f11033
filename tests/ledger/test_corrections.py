"""Corrections: what a call really cost, and money of machines that are lost. The audit is empty after each."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from making import Book, book
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CallId, CustomerId, new_call_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book as ledger_book
from tollhouse.ledger import budgets, corrections
from tollhouse.ledger.corrections import Corrected, Correction
from tollhouse.ledger.protocol import Fenced, FlushBatch, Scope
from tollhouse.ledger.records import Reserved, Resolved


async def account(made: Book, period: int | None = None) -> tuple[int, int, int, int]:
    """(spent, leased, doubt, overrun) of the key's budget."""
    row = await made.connection.fetchrow(
        "SELECT a.* FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id) "
        "WHERE b.scope_id = $1 AND a.period_seq = coalesce($2, b.period_seq)",
        made.key_id,
        period,
    )
    assert row is not None
    return row["spent_nanos"], row["leased_nanos"], row["doubt_nanos"], row["overrun_nanos"]


async def budget_of(made: Book) -> int:
    found: int = await made.connection.fetchval("SELECT budget_id FROM ledger_budgets WHERE scope_id = $1", made.key_id)
    return found


def asked(call: Reserved | CallId, cost: int, *, again: bool = False, key: str | None = None) -> Correction:
    call_id = call.call.call_id if isinstance(call, Reserved) else call
    return Correction(call_id, Nanos(cost), "as the provider says", "someone", again=again, request_key=key)


async def adjust(made: Book, call: Reserved, cost: int, *, again: bool = False, key: str | None = None) -> Corrected:
    done = await corrections.adjust(made.connection, made.customer_id, asked(call, cost, again=again, key=key))
    assert await budgets.audit(made.connection) == []
    return done


# What a call cost ------------------------------------------------------------------------------------------


async def test_a_call_in_doubt_is_set_to_what_it_cost(connection: Connection) -> None:
    """The entry stays; beside it stands one with the difference, in the same budget and period."""
    made = await book(connection, 1000)
    call = await made.reserve(100)
    await made.settle(call, "in_doubt")
    done = await adjust(made, call, 30)
    assert (done.outcome, done.before) == ("booked", 100)
    assert done.adjustment is not None
    assert (done.adjustment.difference, done.adjustment.reason, done.adjustment.actor) == (
        -70,
        "as the provider says",
        "someone",
    )
    assert await account(made) == (30, 0, 0, 0)
    rows = await connection.fetch("SELECT kind, cost_nanos, budgets, periods, entry_day FROM ledger_entries ORDER BY 1")
    assert [(row["kind"], row["cost_nanos"]) for row in rows] == [("adjust", -70), ("in_doubt", 100)]
    assert len({(*row["budgets"], *row["periods"], row["entry_day"]) for row in rows}) == 1


async def test_a_call_counts_in_all_its_budgets_and_so_does_its_correction(connection: Connection) -> None:
    made = await book(connection, 1000)
    scopes = (Scope("key", made.key_id), await made.limit("team", "t", 500), await made.limit("customer", "c", None))
    call = await made.spend(100, *scopes)
    await adjust(made, call, 40)
    rows = await connection.fetch("SELECT spent_nanos FROM ledger_accounts")
    assert [row["spent_nanos"] for row in rows] == [40, 40, 40]


async def test_the_keys_row_shows_the_correction_and_no_use(connection: Connection) -> None:
    made = await book(connection, 10**10)
    await connection.execute(
        "INSERT INTO customers (id, name, email) VALUES ($1, 'c', 'c@example.com')", made.customer_id
    )
    await connection.execute(
        "INSERT INTO ai_gateway_keys (id, customer_id, key_hash, display, name)"
        " VALUES ($1, $2, repeat('0', 64), '', '')",
        made.key_id,
        made.customer_id,
    )
    call = await made.spend(5 * 10**9)
    await connection.execute("UPDATE ai_gateway_keys SET last_used_at = NULL")
    await adjust(made, call, 3 * 10**9)
    row = await connection.fetchrow("SELECT spend_usd, last_used_at FROM ai_gateway_keys")
    assert row is not None
    assert (str(row["spend_usd"]), row["last_used_at"]) == ("3.0000", None)


async def test_a_correction_upwards_may_pass_the_limit_and_is_noted_as_overrun(connection: Connection) -> None:
    """What was left of the limit is in the hands of others; the truth is booked all the same."""
    made = await book(connection, 100)
    call = await made.reserve(60)
    await made.settle(call, cost=10)
    await made.spend(40)
    await adjust(made, call, 60)
    assert await account(made) == (100, 50, 0, 50)
    await adjust(made, call, 80, again=True)
    assert await account(made) == (120, 50, 0, 70)


async def test_an_overrun_that_was_none_is_taken_back(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.reserve(30)
    await made.settle(call, cost=50)
    assert await account(made) == (50, 0, 0, 20)
    await adjust(made, call, 35)
    assert await account(made) == (35, 0, 0, 5)
    await adjust(made, call, 0, again=True)
    assert await account(made) == (0, 0, 0, 0)


async def test_a_correction_goes_into_the_period_of_its_call(connection: Connection) -> None:
    made = await book(connection, 1000, "daily")
    call = await made.spend(100)
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 hour'")
    await adjust(made, call, 70)
    assert await account(made, 1) == (70, 0, 0, 0)
    assert await account(made) == (0, 0, 0, 0)


async def test_a_correction_upwards_may_cross_a_threshold(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.spend(100)
    await adjust(made, call, 900)
    crossed = await connection.fetch("SELECT percent FROM ledger_events ORDER BY 1")
    assert [row["percent"] for row in crossed] == [50, 80]


async def test_saying_that_a_cost_was_right_is_a_correction_too(connection: Connection) -> None:
    """It takes the call out of doubt."""
    made = await book(connection, 1000)
    call = await made.reserve(100)
    await made.settle(call, "in_doubt")
    done = await adjust(made, call, 100)
    assert done.adjustment is not None
    assert done.adjustment.difference == 0


async def test_a_second_correction_must_be_meant(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.spend(100)
    await adjust(made, call, 30)
    refused = await adjust(made, call, 20)
    assert (refused.outcome, refused.adjustment) == ("again", None)
    done = await adjust(made, call, 20, again=True)
    assert (done.outcome, done.before) == ("booked", 30)
    assert await account(made) == (20, 0, 0, 0)


async def test_calls_of_others_and_calls_that_are_not_booked_are_unknown(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.spend(100)
    for customer, call_id in ((CustomerId("other"), call.call.call_id), (made.customer_id, new_call_id())):
        done = await corrections.adjust(connection, customer, asked(call_id, 1))
        assert (done.outcome, done.adjustment) == ("unknown", None)


async def test_no_call_costs_less_than_nothing(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.spend(100)
    with pytest.raises(asyncpg.RaiseError, match="less than nothing"):
        await adjust(made, call, -1)


async def test_a_request_sent_again_changes_nothing_and_says_what_it_did(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await made.spend(100)
    first = await adjust(made, call, 30, key="k1")
    again = await adjust(made, call, 30, key="k1")
    assert (first.outcome, again.outcome) == ("booked", "repeated")
    assert first.adjustment == again.adjustment
    assert (await adjust(made, call, 31, key="k1")).outcome == "reused"
    assert await account(made) == (30, 0, 0, 0)


async def test_many_at_once_correct_a_call_once(database: Database) -> None:
    async with database.connection() as connection:
        made = await book(connection, 1000)
        call = await made.spend(100)

        async def once(key: str | None) -> str:
            async with database.transaction() as other:
                return (await corrections.adjust(other, made.customer_id, asked(call, 30, key=key))).outcome

        assert sorted(await asyncio.gather(*(once("k") for _ in range(6)))) == ["booked", *["repeated"] * 5]
        assert sorted(await asyncio.gather(*(once(None) for _ in range(4)))) == ["again"] * 4
        assert await account(made) == (30, 0, 0, 0)


async def test_corrections_and_calls_do_not_wait_for_each_other_in_a_circle(database: Database) -> None:
    """Same locks, same order: nobody is chosen as a deadlock's victim."""
    async with database.connection() as connection, database.connection() as other:
        made = await book(connection, 10**9)
        scopes = (Scope("key", made.key_id), await made.limit("team", "t", 10**9), await made.limit("user", "u", 10**9))
        calls = [await made.spend(100, *scopes) for _ in range(20)]

        async def correct() -> None:
            for call in calls:
                async with other.transaction():
                    await corrections.adjust(other, made.customer_id, asked(call, 50))

        async def spend() -> None:
            for _ in range(20):
                await made.spend(100, *scopes)

        await asyncio.gather(correct(), spend())
        assert await account(made) == (20 * 50 + 20 * 100, 0, 0, 0)
        assert await budgets.audit(connection) == []


# Looking back ----------------------------------------------------------------------------------------------


async def test_adjustments_are_listed_newest_first_page_by_page(connection: Connection) -> None:
    made = await book(connection, 10**6)
    done = [await adjust(made, await made.spend(100), cost) for cost in range(5)]
    await (stranger := await book(connection, 100)).spend(1)
    listed = await corrections.adjustments(connection, made.customer_id, most=3)
    last = listed[-1]
    listed += await corrections.adjustments(connection, made.customer_id, most=9, before=(last.at, last.entry_id))
    assert listed == [each.adjustment for each in reversed(done)]
    assert await corrections.adjustments(connection, stranger.customer_id, most=9) == []


async def test_the_sum_of_a_calls_corrections_is_told(connection: Connection) -> None:
    made = await book(connection, 10**6)
    twice, never = await made.spend(100), await made.spend(100)
    await adjust(made, twice, 30)
    await adjust(made, twice, 45, again=True)
    today = datetime.now(UTC).date()
    days = {twice.call.call_id: today, never.call.call_id: today}
    assert await corrections.adjusted(connection, made.customer_id, days) == {twice.call.call_id: -55}
    assert await corrections.adjusted(connection, CustomerId("other"), days) == {}
    assert await corrections.adjusted(connection, made.customer_id, {twice.call.call_id: date(2020, 1, 1)}) == {}
    assert await corrections.adjusted(connection, made.customer_id, {}) == {}


# Money of lost machines ------------------------------------------------------------------------------------


async def lost(made: Book, nanos: int) -> Reserved:
    """The worker held money for a call; its machine went down, and its journal with it."""
    reserved = await made.reserve(nanos)
    await ledger_book.close_epoch(made.connection, made.owner, made.owner.epoch, exact=False)
    return reserved


async def silent(made: Book, nanos: int, since: timedelta) -> Reserved:
    reserved = await made.reserve(nanos)
    await made.connection.execute("UPDATE ledger_marks SET seen_at = now() - $1::interval", since)
    await ledger_book.doubt_silent(made.connection, timedelta(seconds=1))
    return reserved


async def test_what_a_lost_machine_held_is_released_in_parts_or_as_a_whole(connection: Connection) -> None:
    made = await book(connection, 1000)
    await lost(made, 300)
    assert await account(made) == (0, 0, 300, 0)
    budget_id = await budget_of(made)
    part = await corrections.release_doubt(connection, made.customer_id, budget_id, Nanos(100))
    assert part is not None
    assert (part.released, part.leases, await account(made)) == (100, 1, (0, 0, 200, 0))
    assert await budgets.audit(connection) == []
    rest = await corrections.release_doubt(connection, made.customer_id, budget_id, None)
    assert rest is not None
    assert (rest.released, rest.leases, await account(made)) == (200, 1, (0, 0, 0, 0))
    nothing = await corrections.release_doubt(connection, made.customer_id, budget_id, None)
    assert nothing == corrections.Released(Nanos(0), Nanos(0), Nanos(0), 0)
    assert await budgets.audit(connection) == []


async def test_more_than_is_in_doubt_is_not_released_at_all(connection: Connection) -> None:
    made = await book(connection, 1000)
    await lost(made, 300)
    done = await corrections.release_doubt(connection, made.customer_id, await budget_of(made), Nanos(301))
    assert done == corrections.Released(Nanos(0), Nanos(300), Nanos(0), 0)
    assert await account(made) == (0, 0, 300, 0)


async def test_an_amount_may_take_several_leases(connection: Connection) -> None:
    made = await book(connection, 1000)
    await lost(made, 100)
    for _ in range(2):
        made.owner = (await ledger_book.register(connection, made.owner.worker_id)).owner
        await lost(made, 100)
    done = await corrections.release_doubt(connection, made.customer_id, await budget_of(made), Nanos(200))
    assert done is not None
    assert (done.released, done.leases, await account(made)) == (200, 2, (0, 0, 100, 0))
    assert await budgets.audit(connection) == []


async def test_the_money_of_a_silent_worker_waits_for_a_day(connection: Connection) -> None:
    """It may be cut off and alive, with calls under way."""
    made = await book(connection, 1000)
    await silent(made, 300, timedelta(hours=23))
    done = await corrections.release_doubt(connection, made.customer_id, await budget_of(made), None)
    assert done == corrections.Released(Nanos(0), Nanos(0), Nanos(300), 0)
    assert await account(made) == (0, 0, 300, 0)


async def test_a_worker_whose_money_was_released_must_begin_a_new_life(connection: Connection) -> None:
    made = await book(connection, 1000)
    call = await silent(made, 300, timedelta(hours=25))
    await corrections.release_doubt(connection, made.customer_id, await budget_of(made), None)
    with pytest.raises(Fenced):
        await made.settle(call)
    assert await account(made) == (0, 0, 0, 0)


async def test_what_a_lost_machine_spent_after_all_is_booked_when_its_journal_is_found(connection: Connection) -> None:
    """The money was given to others meanwhile: the truth is recorded, beyond the limit if need be."""
    made = await book(connection, 300)
    call = await silent(made, 300, timedelta(hours=25))
    dead = made.owner.epoch
    await corrections.release_doubt(connection, made.customer_id, await budget_of(made), None)
    other = Book(connection, made.customer_id, (await ledger_book.register(connection, made.owner.worker_id)).owner)
    other.key_id = made.key_id
    await other.spend(300)
    successor = (await ledger_book.register(connection, made.owner.worker_id)).owner
    batch = FlushBatch(0, 1, (Resolved(call, "in_doubt", call.amount),), ())
    await ledger_book.flush(connection, successor, dead, batch)
    await ledger_book.close_epoch(connection, successor, dead, exact=True)
    assert await account(made) == (600, 0, 0, 300)
    assert await budgets.audit(connection) == []


async def test_nobody_releases_what_belongs_to_others(connection: Connection) -> None:
    made = await book(connection, 1000)
    await lost(made, 300)
    assert await corrections.release_doubt(connection, CustomerId("other"), await budget_of(made), None) is None
    assert await corrections.release_doubt(connection, made.customer_id, 10**15, None) is None
    assert await account(made) == (0, 0, 300, 0)
