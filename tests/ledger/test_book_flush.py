"""What workers tell the book is booked exactly once, and a lease never gives more than it has."""

from datetime import date
from typing import cast

import pytest
from msgspec.structs import replace

from ledger.teller import Teller, ask, budget, figures, given_back, outcome, reserved, teller
from making import customer, key
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets
from tollhouse.ledger.book import Mark
from tollhouse.ledger.flushing import REFUSED_DATA
from tollhouse.ledger.protocol import Answer, Gap, Scope
from tollhouse.ledger.records import Part, Reserved, Resolved, SettlementKind, encode


@pytest.fixture
def connection(empty_book: Connection) -> Connection:
    return empty_book


# Booking ---------------------------------------------------------------------------------------------------


async def test_outcomes_move_money_from_the_leases_to_spent(connection: Connection) -> None:
    first, second = await budget(connection, 1_000), await budget(connection, 500)
    one = await teller(connection)
    await one.lease(300, first, second)
    reply = await one.flush(
        outcome(reserved(100, first, second), 70), outcome(reserved(100, first), 100), given_back(30, second)
    )
    assert reply.acked == 3
    assert await figures(connection, first) == (170, 130, 0, 0)
    assert await figures(connection, second) == (70, 200, 0, 0)


async def test_an_entry_says_whose_call_it_was_and_when(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection, "w")
    await one.lease(100, account)
    last_moment = 1_795_651_199_999_999
    held = reserved(100, account, opened_us=last_moment)
    await one.flush(given_back(1, account), outcome(held, 60, "estimated"))
    row = await connection.fetchrow("SELECT * FROM ledger_entries")
    assert row is not None
    assert row["entry_day"] == date(2026, 11, 25)
    assert str(row["entry_id"]) == str(row["call_id"]) == held.call.call_id
    assert (row["kind"], row["reserved_nanos"], row["cost_nanos"], row["overrun_nanos"]) == ("estimated", 100, 60, 0)
    assert (row["budgets"], row["periods"]) == ([account], [1])
    assert (row["customer_id"], row["key_id"], row["user_id"], row["team_id"]) == ("customer", "key", None, None)
    assert (row["provider"], row["model"], row["worker_id"]) == ("openai", "gpt-4o-mini", "w")
    assert (row["epoch"], row["seq"]) == (1, 2)


async def test_a_batch_is_taken_once_however_often_it_is_sent(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(300, account)
    records = (outcome(reserved(100, account), 70), given_back(30, account))
    for _ in range(3):
        assert (await one.flush_for(1, 0, *records)).acked == 2
    assert await figures(connection, account) == (70, 200, 0, 0)


async def test_a_batch_that_overlaps_or_leaves_a_gap_is_told_where_to_begin(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(300, account)
    first, second = outcome(reserved(100, account), 70), outcome(reserved(100, account), 50)
    await one.flush(first)
    for after, records in [(0, (first, second)), (2, (second,)), (2, ())]:
        with pytest.raises(Gap) as caught:
            await one.flush_for(1, after, *records)
        assert caught.value.acked == 1
    assert (await one.flush_for(1, 1, second)).acked == 2
    assert await figures(connection, account) == (120, 180, 0, 0)


async def test_a_call_is_booked_once_even_from_two_journals(connection: Connection) -> None:
    """Settled and told before a power cut took the journal's tail, charged again by the successor."""
    account = await budget(connection, 1_000)
    one = await teller(connection, "w")
    await one.lease(300, account)
    held = reserved(100, account)
    await one.flush(outcome(held, 70))
    successor = await teller(connection, "w")
    await successor.flush_for(1, 1, outcome(held, 100, "in_doubt"), outcome(held, 100, "in_doubt"))
    await successor.flush(outcome(held, 100, "in_doubt"))
    assert await figures(connection, account) == (70, 230, 0, 0)
    assert await connection.fetchval("SELECT count(*) FROM ledger_entries") == 1


async def test_a_call_that_is_twice_in_one_batch_is_booked_once(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(300, account)
    held = reserved(100, account)
    await one.flush(outcome(held, 70), outcome(held, 100, "in_doubt"))
    assert await figures(connection, account) == (70, 230, 0, 0)


async def test_cost_beyond_what_was_set_aside_is_booked_whole_as_overrun(connection: Connection) -> None:
    account = await budget(connection, 100)
    one = await teller(connection)
    await one.lease(100, account)
    await one.flush(outcome(reserved(100, account), 130))
    assert await figures(connection, account) == (130, 0, 0, 30)
    assert await connection.fetchval("SELECT overrun_nanos FROM ledger_entries") == 30


async def test_an_overrun_leaves_the_lease_of_other_calls_alone(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(200, account)
    await one.flush(outcome(reserved(100, account), 150))
    assert await figures(connection, account) == (150, 100, 0, 50)


async def test_a_lease_gives_no_more_than_it_has_whatever_the_records_say(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(100, account)
    await one.flush(outcome(reserved(80, account), 80), outcome(reserved(80, account), 80), given_back(50, account))
    assert await figures(connection, account) == (160, 0, 0, 60)
    await one.lease(100, account)
    await one.flush(outcome(reserved(80, account), 80), given_back(50, account))
    assert await figures(connection, account) == (240, 0, 0, 60)


async def test_without_any_lease_all_is_overrun(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.flush(outcome(reserved(80, account), 30), given_back(50, account))
    assert await figures(connection, account) == (30, 0, 0, 30)


async def test_where_nothing_was_limited_spend_is_only_counted(connection: Connection) -> None:
    unlimited, limited = await budget(connection, None), await budget(connection, 1_000)
    one = await teller(connection)
    await one.flush(outcome(reserved(0, unlimited, limited, leased=False), 30))
    assert await figures(connection, unlimited) == (30, 0, 0, 0)
    assert await figures(connection, limited) == (30, 0, 0, 30)


async def test_a_call_in_flight_over_the_boundary_settles_into_its_own_period(connection: Connection) -> None:
    account = await budget(connection, 100, "daily")
    one = await teller(connection)
    await one.lease(100, account)
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 second'")
    await one.flush(outcome(reserved(100, account), 60))
    assert await figures(connection, account, 1) == (60, 40, 0, 0)
    assert await figures(connection, account, 2) == (0, 0, 0, 0)
    assert (await one.order(ask({account: 100}))).answers == (Answer("whole"),)


async def test_a_batch_of_many_calls_on_many_budgets(connection: Connection) -> None:
    """Large enough to be planned another way than a small one."""
    accounts = [await budget(connection, 10**6) for _ in range(30)]
    shared = await budget(connection, 10**9)
    one = await teller(connection)
    for account in accounts:
        await one.lease(10_000, account, shared)
    records = [outcome(reserved(100, shared, account), at + 1) for at, account in enumerate(accounts * 4)]
    await one.flush(*records)
    assert await figures(connection, shared) == (sum(range(1, 121)), 300_000 - sum(range(1, 101)) - 20 * 100, 0, 210)
    assert (await figures(connection, accounts[0])).spent == 1 + 31 + 61 + 91


# Being heard -----------------------------------------------------------------------------------------------


async def test_an_empty_batch_says_that_the_worker_lives(connection: Connection) -> None:
    one = await teller(connection, "w")
    await connection.execute("UPDATE ledger_marks SET seen_at = now() - interval '1 hour'")
    reply = await one.flush()
    assert (reply.acked, reply.wanted) == (0, ())
    assert abs(reply.now - await connection.fetchval("SELECT extract(epoch FROM now())::float8")) < 60
    assert await connection.fetchval("SELECT seen_at > now() - interval '1 minute' FROM ledger_marks")


async def test_holders_are_told_what_others_want_and_everybody_what_has_changed(connection: Connection) -> None:
    account = await budget(connection, 100)
    holder, bystander, asking = [await teller(connection) for _ in range(3)]
    await holder.lease(100, account)
    await _age(connection)
    assert (await holder.flush()).wanted == ()
    await asking.order(ask({account: 10}))
    assert (await holder.flush()).wanted == (account,)
    assert (await bystander.flush()).wanted == ()
    await holder.flush(given_back(100, account))
    assert (await holder.flush()).wanted == ()
    unlimited = await budget(connection, None)
    for one in (holder, bystander, asking):
        assert (await one.flush()).wanted == (unlimited,)


async def test_what_changed_during_a_long_silence_is_told_after_it(connection: Connection) -> None:
    account = await budget(connection, 100)
    one = await teller(connection)
    await connection.execute("UPDATE ledger_marks SET seen_at = now() - interval '1 hour'")
    await connection.execute("UPDATE ledger_budgets SET changed_at = now() - interval '59 minutes'")
    assert (await one.flush()).wanted == (account,)
    assert (await one.flush()).wanted == ()


async def _age(connection: Connection) -> None:
    await connection.execute("UPDATE ledger_budgets SET changed_at = now() - interval '1 minute'")


# Records that no flush takes -------------------------------------------------------------------------------


def _poisoned(held: Reserved, cost: int) -> Resolved:
    """Postgres takes no NUL in text."""
    return outcome(replace(held, call=replace(held.call, provider="open\0ai")), cost)


POISON = {
    "text": _poisoned(reserved(100), 70),
    "id": outcome(replace(reserved(100), call=replace(reserved(100).call, call_id=CallId("no uuid"))), 70),
    "amount": outcome(reserved(100), 2**63),
    "kind": Resolved(reserved(100), cast("SettlementKind", "generous"), Nanos(70)),
}


@pytest.mark.parametrize("what", POISON)
async def test_what_cannot_be_written_is_refused_as_data_and_can_be_buried(connection: Connection, what: str) -> None:
    one = await teller(connection, "w")
    with pytest.raises(REFUSED_DATA):
        await one.flush_for(1, 0, outcome(reserved(100), 50), POISON[what])
    assert await connection.fetchval("SELECT count(*) FROM ledger_entries") == 0
    await one.flush(outcome(reserved(100), 50))
    await one.bury(POISON[what])
    assert await book.marks(connection, one.owner.worker_id) == [Mark(1, acked=2)]


async def test_the_cost_of_a_buried_record_is_in_doubt(connection: Connection) -> None:
    limited, unlimited = await budget(connection, 1_000), await budget(connection, None)
    one = await teller(connection)
    await one.lease(300, limited)
    parts = (Part(limited, 1, leased=True), Part(unlimited, 1, leased=False))
    record = _poisoned(replace(reserved(100), parts=parts), 70)
    for _ in range(2):
        one.acked = 0
        await one.bury(record)
    assert await figures(connection, limited) == (0, 230, 70, 0)
    assert await figures(connection, unlimited) == (0, 0, 70, 0)
    row = await connection.fetchrow("SELECT amount_nanos, budgets, periods, error, record FROM ledger_dead_letters")
    assert row is not None
    assert tuple(row) == (70, [limited, unlimited], [1, 1], "poison", encode(record))


async def test_a_buried_overrun_is_in_doubt_beyond_the_lease(connection: Connection) -> None:
    account, unleased = await budget(connection, 100), await budget(connection, 100)
    one = await teller(connection)
    await one.lease(100, account)
    parts = (Part(account, 1, leased=True), Part(unleased, 1, leased=False))
    await one.bury(_poisoned(replace(reserved(100), parts=parts), 130))
    assert await figures(connection, account) == (0, 0, 130, 30)
    assert await figures(connection, unleased) == (0, 0, 130, 130)


async def test_a_buried_return_moves_nothing_and_a_nonsensical_amount_overflows_nothing(
    connection: Connection,
) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(100, account)
    await one.bury(given_back(100, account))
    await one.bury(outcome(reserved(100, account), 100, "void"))
    assert await figures(connection, account) == (0, 100, 0, 0)
    await one.bury(outcome(reserved(2**64 - 1, account), 2**64 - 1))
    assert await figures(connection, account) == (0, 0, book.MOST_BURIED, book.MOST_BURIED - 100)


async def test_burying_has_its_place_in_the_journal(connection: Connection) -> None:
    one = await teller(connection)
    one.acked = 1
    with pytest.raises(Gap):
        await one.bury(given_back(1, 1))
    await one.flush_for(1, 0, given_back(1, 1), given_back(1, 1))
    one.acked = 0
    await one.bury(given_back(1, 1))
    assert await connection.fetchval("SELECT count(*) FROM ledger_dead_letters") == 0


# A database that forgot commits ----------------------------------------------------------------------------


async def test_a_forgotten_worker_is_known_again(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection, "w")
    await connection.execute("DELETE FROM ledger_workers; DELETE FROM ledger_marks")
    await one.flush(outcome(reserved(100, account), 50))
    assert await book.marks(connection, one.owner.worker_id) == [Mark(1, acked=1)]
    assert (await book.register(connection, one.owner.worker_id)).owner.epoch == 2


async def test_forgotten_records_are_asked_for_again(connection: Connection) -> None:
    one = await teller(connection)
    await connection.execute("DELETE FROM ledger_marks")
    with pytest.raises(Gap) as caught:
        await one.flush_for(1, 5, given_back(1, 1))
    assert caught.value.acked == 0


async def test_a_forgotten_grant_is_learned_from_the_worker(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(200, account)
    await one.flush(granted={(account, 1): 500})
    assert await figures(connection, account) == (0, 500, 0, 0)
    await one.flush(granted={(account, 1): 400})
    assert await figures(connection, account) == (0, 500, 0, 0)


async def test_money_that_was_granted_a_second_time_is_noted_as_overrun(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one, other = await teller(connection), await teller(connection)
    await other.lease(900, account)
    await one.flush(granted={(account, 1): 300})
    assert await figures(connection, account) == (0, 1_200, 0, 200)
    assert (await one.order(ask({account: 1}))).answers == (Answer("contended", account),)
    await other.flush(given_back(900, account))
    assert (await one.order(ask({account: 700}))).answers == (Answer("whole"),)
    assert await figures(connection, account) == (0, 1_000, 0, 200)


@pytest.mark.parametrize("exact", [True, False])
async def test_a_closed_epoch_is_not_given_anything_again(connection: Connection, exact: bool) -> None:
    """Nobody would ever close it a second time."""
    account, other = await budget(connection, 1_000), await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(200, account)
    await book.close_epoch(connection, one.owner, 1, exact=exact)
    await one.flush(granted={(account, 1): 500, (other, 1): 500})
    assert await figures(connection, account) == (0, 0, 0 if exact else 200, 0)
    assert await figures(connection, other) == (0, 0, 0, 0)


async def test_a_lease_that_was_released_is_not_learned_again(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(200, account)
    await one.flush(given_back(200, account))
    await connection.execute("UPDATE ledger_leases SET state = 'closed'")
    await one.flush(granted={(account, 1): 500})
    assert await figures(connection, account) == (0, 0, 0, 0)


async def test_what_is_told_of_an_epoch_in_doubt_comes_out_of_the_doubt(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(200, account)
    await book.close_epoch(connection, one.owner, 1, exact=False)
    await one.flush(outcome(reserved(100, account), 60), given_back(40, account))
    assert await figures(connection, account) == (60, 0, 100, 0)


async def test_a_forgotten_period_is_opened_again(connection: Connection) -> None:
    account = await budget(connection, 1_000, "daily")
    one = await teller(connection)
    await one.flush(outcome(reserved(100, account, period=2), 60), granted={(account, 2): 100})
    assert await figures(connection, account, 2) == (60, 40, 0, 0)
    assert (await one.order(wants={account: 0})).standings[0].period_seq == 2


async def test_calls_of_a_forgotten_budget_are_booked_and_hold_up_no_others(connection: Connection) -> None:
    account, forgotten = await budget(connection, 1_000), 12_345
    one = await teller(connection)
    await one.lease(100, account)
    granted = {(forgotten, 1): 100, (account, 1): 100}
    await one.flush(outcome(reserved(100, account, forgotten), 60), given_back(1, forgotten), granted=granted)
    await one.bury(_poisoned(reserved(100, forgotten), 60))
    assert await figures(connection, account) == (60, 40, 0, 0)
    assert await connection.fetchval("SELECT budgets FROM ledger_entries") == [account, forgotten]


# What spending tells ---------------------------------------------------------------------------------------


async def _spend(one: Teller, nanos: int, account: int) -> None:
    await one.lease(nanos, account)
    await one.flush(outcome(reserved(nanos, account), nanos))


async def _crossed(connection: Connection) -> list[tuple[int, int, int]]:
    rows = await connection.fetch("SELECT percent, spent_nanos, limit_nanos FROM ledger_events ORDER BY id")
    return [(row[0], row[1], row[2]) for row in rows]


async def test_each_threshold_is_told_once_a_period(connection: Connection) -> None:
    account = await budget(connection, 1_000, "daily")
    one = await teller(connection)
    for nanos in (499, 1, 200, 1):
        await _spend(one, nanos, account)
    assert await _crossed(connection) == [(50, 500, 1_000)]
    await _spend(one, 299, account)
    assert await _crossed(connection) == [(50, 500, 1_000), (80, 1_000, 1_000), (95, 1_000, 1_000)]
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 second'")
    reply = await one.lease(500, account)
    await one.flush(outcome(reserved(500, account, period=reply.standings[0].period_seq), 500))
    assert len(await _crossed(connection)) == 4


async def test_thresholds_are_judged_by_the_limit_of_the_moment(connection: Connection) -> None:
    scope = Scope("team", "t")
    account = await budget(connection, 1_000, scope=scope)
    await connection.execute("UPDATE ledger_budgets SET thresholds = '{100,10,10}'")
    one = await teller(connection)
    await _spend(one, 100, account)
    await one.lease(100, account)
    await budget(connection, 100, scope=scope)
    await one.flush(given_back(50, account), outcome(reserved(0, await budget(connection, None), leased=False), 1))
    assert await _crossed(connection) == [(10, 100, 1_000)], "nothing was spent here"
    await one.flush(outcome(reserved(50, account), 50))
    assert await _crossed(connection) == [(10, 100, 1_000), (100, 150, 100)]


async def test_without_spending_or_limit_nothing_is_crossed(connection: Connection) -> None:
    zero, unlimited = await budget(connection, 0), await budget(connection, None)
    one = await teller(connection)
    await one.flush(outcome(reserved(0, zero, unlimited, leased=False), 0))
    await one.flush(outcome(reserved(0, unlimited, leased=False), 10))
    assert await _crossed(connection) == []
    await one.flush(outcome(reserved(0, zero), 1))
    assert [percent for percent, _, _ in await _crossed(connection)] == [50, 80, 95]


async def test_a_keys_row_shows_its_main_account_rounded_and_clamped(connection: Connection) -> None:
    made = await key(connection, await customer(connection), "999999.9999")
    scope = Scope("key", made.key_id)
    main = await budget(connection, None, scope=scope)
    side = await budget(connection, None, scope=scope, slot="side")
    one = await teller(connection)
    for costs, shown in [((50_000, 7 * 10**9), "0.0001"), ((2_000_000 * 10**9, 0), "999999.9999")]:
        parts = [reserved(0, account, leased=False) for account in (main, side)]
        await one.flush(*(outcome(part, cost) for part, cost in zip(parts, costs, strict=True)))
        assert str(await connection.fetchval("SELECT spend_usd FROM ai_gateway_keys")) == shown
    assert await connection.fetchval("SELECT last_used_at FROM ai_gateway_keys") is not None


# The audit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tampering", "what", "amount"),
    [
        ("UPDATE ledger_accounts SET leased_nanos = leased_nanos + 1", "leased differs from leases", 1),
        ("UPDATE ledger_leases SET state = 'doubt'", "leased differs from leases", 40),
        ("UPDATE ledger_accounts SET doubt_nanos = 2", "doubt differs from what is doubted", 2),
        ("UPDATE ledger_accounts SET spent_nanos = spent_nanos - 3", "spent differs from entries", -3),
        ("UPDATE ledger_accounts SET limit_nanos = 99", "over the limit", 1),
        ("UPDATE ledger_leases SET state = 'closed'", "a closed lease has a rest", 40),
    ],
)
async def test_the_audit_sees(connection: Connection, tampering: str, what: str, amount: int) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    await one.lease(100, account)
    await one.flush(outcome(reserved(60, account), 60))
    assert await budgets.audit(connection) == []
    await connection.execute(tampering)
    found = {(breach.what, breach.amount) for breach in await budgets.audit(connection)}
    assert (what, amount) in found


async def test_the_audit_sees_a_second_entry_for_a_call(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    held = reserved(60, account)
    await one.flush(outcome(held, 60))
    await one.flush(outcome(replace(held, opened_us=held.opened_us + 86_400 * 10**6), 0))
    assert [(breach.what, breach.amount) for breach in await budgets.audit(connection)] == [
        (f"entries for one call: {held.call.call_id}", 2)
    ]
