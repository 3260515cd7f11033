"""Lives of workers, and what they are granted: judged on what the book has, all budgets of a call or none."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from ledger.teller import CUSTOMER, Teller, ask, budget, end, figures, given_back, outcome, reserved, teller
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import WorkerId
from tollhouse.ledger import book, budgets
from tollhouse.ledger.book import Mark, UnknownBudgets
from tollhouse.ledger.protocol import Answer, Ask, Fenced, GrantOrder, Scope

LARGEST = 2**63 - 1
CHANNELS = ("tollhouse_ledger", "tollhouse_permits")


@pytest.fixture
def connection(empty_book: Connection) -> Connection:
    return empty_book


# Lives -----------------------------------------------------------------------------------------------------


async def test_every_registration_is_a_new_life_by_the_books_clock(connection: Connection) -> None:
    first, second = [await book.register(connection, WorkerId("w")) for _ in range(2)]
    assert (first.owner.epoch, second.owner.epoch) == (1, 2)
    assert abs(second.now - datetime.now(UTC).timestamp()) < 60
    assert await book.marks(connection, WorkerId("w")) == [Mark(1), Mark(2)]
    assert await book.marks(connection, WorkerId("nobody")) == []


async def test_an_epoch_that_the_journal_has_seen_is_not_given_out_again(connection: Connection) -> None:
    """A database that forgot commits would: two lives would then share one journal's numbers."""
    await book.register(connection, WorkerId("w"))
    assert (await book.register(connection, WorkerId("w"), above=7)).owner.epoch == 8
    assert (await book.register(connection, WorkerId("w"), above=3)).owner.epoch == 9
    assert (await book.register(connection, WorkerId("new"), above=3)).owner.epoch == 4


VERBS: dict[str, Callable[[Teller], Awaitable[object]]] = {
    "grant": lambda old: old.order(),
    "flush": lambda old: old.flush(),
    "bury": lambda old: old.bury(given_back(1, 1)),
    "close": lambda old: book.close_epoch(old.connection, old.owner, 1, exact=True),
    "abandon": lambda old: book.abandon_epochs(old.connection, old.owner, []),
    "recorded": lambda old: book.mark_recorded(old.connection, old.owner, 1, 1),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_an_older_life_cannot_write_any_more(connection: Connection, verb: str) -> None:
    old = await teller(connection, "w")
    await VERBS[verb](old)
    await teller(connection, "w")
    with pytest.raises(Fenced):
        await VERBS[verb](old)


async def test_a_closed_epoch_is_granted_nothing(connection: Connection) -> None:
    one = await teller(connection)
    await book.close_epoch(connection, one.owner, 1, exact=True)
    with pytest.raises(Fenced):
        await one.order(ask({await budget(connection, 10): 1}))


async def test_what_is_told_of_a_journal_only_grows(connection: Connection) -> None:
    one = await teller(connection, "w")
    for number in (5, 3):
        await book.mark_recorded(connection, one.owner, 1, number)
    assert await book.marks(connection, one.owner.worker_id) == [Mark(1, recorded=5)]


async def test_closing_gives_the_rest_back_only_if_nothing_is_missing(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    proven, unproven = await teller(connection), await teller(connection)
    await proven.lease(300, account)
    await unproven.lease(200, account)
    for _ in range(2):
        await book.close_epoch(connection, proven.owner, 1, exact=True)
        await book.close_epoch(connection, unproven.owner, 1, exact=False)
    assert await figures(connection, account) == (0, 0, 200, 0)
    assert (await book.marks(connection, proven.owner.worker_id))[0].state == "closed"


async def test_a_successor_closes_what_fell_silent_before_it_came(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    await (await teller(connection, "w")).lease(300, account)
    await book.doubt_silent(connection, timedelta(seconds=-1))
    assert (await figures(connection, account)).doubt == 300
    successor = await teller(connection, "w")
    await book.close_epoch(connection, successor.owner, 1, exact=True)
    assert await figures(connection, account) == (0, 0, 0, 0)


async def test_epochs_without_a_journal_stay_in_doubt(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    for nanos in (100, 20, 3):
        await (await teller(connection, "w")).lease(nanos, account)
    await book.abandon_epochs(connection, (await teller(connection, "w")).owner, [2])
    assert await figures(connection, account) == (0, 20, 103, 0)
    states = [mark.state for mark in await book.marks(connection, WorkerId("w"))]
    assert states == ["closed", "live", "closed", "live"]


async def test_whoever_is_silent_is_doubted_not_robbed_and_believed_when_it_speaks(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    silent, idle = await teller(connection, "silent"), await teller(connection, "idle")
    await silent.lease(300, account)
    assert await book.doubt_silent(connection, timedelta(seconds=30)) == []
    assert await book.doubt_silent(connection, timedelta(seconds=-1)) == ["silent"]
    assert await figures(connection, account) == (0, 0, 300, 0)
    assert await book.doubt_silent(connection, timedelta(seconds=-1)) == []

    await silent.flush()
    assert await figures(connection, account) == (0, 300, 0, 0)
    await book.doubt_silent(connection, timedelta(seconds=-1))
    await silent.lease(50, account)
    assert await figures(connection, account) == (0, 350, 0, 0)
    assert (await book.marks(connection, idle.owner.worker_id))[0].state == "silent"


# Grants ----------------------------------------------------------------------------------------------------


async def test_all_budgets_of_a_call_or_none(connection: Connection) -> None:
    rich, poor = await budget(connection, 1_000), await budget(connection, 99)
    one = await teller(connection)
    reply = await one.order(ask({rich: 100, poor: 100}))
    assert reply.answers == (Answer("spent", poor),)
    assert [standing.granted for standing in reply.standings] == [0, 0]
    assert await figures(connection, rich) == (0, 0, 0, 0)
    assert (await one.order(ask({rich: 99, poor: 99}))).answers == (Answer("whole"),)
    assert (await figures(connection, rich)).leased == (await figures(connection, poor)).leased == 99


async def test_asks_are_judged_in_order_against_what_the_earlier_ones_left(connection: Connection) -> None:
    account = await budget(connection, 250)
    one = await teller(connection)
    reply = await one.order(ask({account: 100}), ask({account: 200}, floor=150), ask({account: 1}))
    assert reply.answers == (Answer("whole"), Answer("part", account), Answer("spent", account))
    assert (reply.standings[0].granted, reply.standings[0].leased) == (250, 250)


async def test_a_part_is_named_by_the_tightest_budget(connection: Connection) -> None:
    wide, tight = await budget(connection, 90), await budget(connection, 60)
    reply = await (await teller(connection)).order(ask({wide: 100, tight: 100}, floor=50))
    assert reply.answers == (Answer("part", tight),)
    assert [standing.granted for standing in reply.standings] == [90, 60]


async def test_below_the_floor_nothing_is_granted(connection: Connection) -> None:
    account = await budget(connection, 49)
    reply = await (await teller(connection)).order(ask({account: 100}, floor=50))
    assert reply.answers == (Answer("spent", account),)
    assert (await figures(connection, account)).leased == 0


async def test_money_in_others_hands_is_contended_and_spent_money_is_spent(connection: Connection) -> None:
    account = await budget(connection, 100)
    other, one = await teller(connection), await teller(connection)
    await other.lease(60, account)
    assert (await one.order(ask({account: 50}))).answers == (Answer("contended", account),)
    assert (await one.order(ask({account: 100}))).answers == (Answer("contended", account),)
    assert (await one.order(ask({account: 101}))).answers == (Answer("spent", account),)
    await other.flush(outcome(reserved(60, account), 60))
    assert (await one.order(ask({account: 50}))).answers == (Answer("spent", account),)


async def test_doubt_is_not_counted_on(connection: Connection) -> None:
    """Nobody knows when it is released, so nobody is let wait for it."""
    account = await budget(connection, 100)
    await (await teller(connection)).lease(60, account)
    await book.doubt_silent(connection, timedelta(seconds=-1))
    assert (await (await teller(connection)).order(ask({account: 50}))).answers == (Answer("spent", account),)


async def test_what_the_asking_worker_holds_itself_heals_nothing(connection: Connection) -> None:
    account = await budget(connection, 100)
    one = await teller(connection)
    await one.lease(60, account)
    assert (await one.order(ask({account: 50}))).answers == (Answer("spent", account),)


async def test_the_refusal_names_the_budget_that_lacks_most_among_the_hopeless(connection: Connection) -> None:
    contended, little, nothing = [await budget(connection, limit) for limit in (100, 40, 5)]
    await (await teller(connection)).lease(100, contended)
    one = await teller(connection)
    assert (await one.order(ask({contended: 90, little: 50, nothing: 50}))).answers == (Answer("spent", nothing),)
    assert (await one.order(ask({contended: 90, little: 40}))).answers == (Answer("contended", contended),)


async def test_a_call_without_a_price_passes_only_where_nothing_is_limited(connection: Connection) -> None:
    free, limited = await budget(connection, None), await budget(connection, 10**12)
    one = await teller(connection)
    assert (await one.order(ask({free: 0}, unpriced=True))).answers == (Answer("whole"),)
    assert (await one.order(ask({free: 0, limited: 0}, unpriced=True))).answers == (Answer("spent", limited),)


async def test_without_a_limit_nothing_is_leased_and_nothing_refused(connection: Connection) -> None:
    account = await budget(connection, None, "daily")
    reply = await (await teller(connection)).order(ask({account: LARGEST}), wants={account: LARGEST})
    standing = reply.standings[0]
    assert reply.answers == (Answer("whole"),)
    assert (standing.limit, standing.granted, standing.tight) == (None, 0, False)
    assert reply.now < standing.resets_at <= reply.now + 86_400
    assert (await figures(connection, account)).leased == 0


async def test_a_standing_says_how_the_budget_is(connection: Connection) -> None:
    scope = Scope("user", "u1")
    account = await budget(connection, 1_000, scope=scope)
    other, one = await teller(connection), await teller(connection)
    await other.lease(300, account)
    await other.flush(outcome(reserved(100, account), 40))
    standing = (await one.lease(10, account)).standings[0]
    assert (standing.budget_id, standing.period_seq, standing.scope) == (account, 1, scope)
    assert (standing.limit, standing.spent, standing.leased, standing.doubt) == (1_000, 40, 270, 0)
    assert (standing.granted, standing.resets_at, standing.looks_again_at) == (10, inf, inf)


async def test_an_order_is_granted_once_however_often_it_is_sent(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    first = await one.order(ask({account: 100}))
    again = await one.repeat(ask({account: 100}))
    assert (again.answers, again.number) == ((), first.number)
    assert [standing.granted for standing in again.standings] == [100]
    await one.order(ask({account: 100}))
    late = await book.grant(connection, one.owner, GrantOrder(first.number, (ask({account: 100}),), ()))
    assert (late.answers, late.standings[0].granted) == ((), 200)


async def test_orders_without_asks_or_budgets_are_answered(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    assert (await one.order(wants={account: 10})).answers == ()
    assert (await one.order()).standings == ()
    assert (await one.order(Ask(()))).answers == (Answer("whole"),)


async def test_unknown_budgets_are_named_and_nothing_is_granted(connection: Connection) -> None:
    account = await budget(connection, 1_000)
    one = await teller(connection)
    with pytest.raises(UnknownBudgets, match=r"\[98, 99\]") as caught:
        await one.order(ask({account: 10, 99: 10, 98: 10}))
    assert caught.value.budget_ids == (98, 99)
    assert (await figures(connection, account)).leased == 0


# The size of leases ----------------------------------------------------------------------------------------


async def test_far_from_the_limit_a_lease_is_as_large_as_wanted(connection: Connection) -> None:
    account = await budget(connection, 100_000)
    reply = await (await teller(connection)).order(ask({account: 100}), wants={account: 5_000})
    assert (reply.standings[0].granted, reply.standings[0].tight) == (5_000, False)


async def test_what_calls_need_counts_towards_the_lease(connection: Connection) -> None:
    account = await budget(connection, 100_000)
    reply = await (await teller(connection)).order(ask({account: 800}), ask({account: 700}), wants={account: 1_000})
    assert reply.standings[0].granted == 1_500


async def test_near_the_limit_a_lease_is_what_calls_need(connection: Connection) -> None:
    account = await budget(connection, 8_099)
    one = await teller(connection)
    reply = await one.order(ask({account: 100}), wants={account: 1_000})
    assert (reply.standings[0].granted, reply.standings[0].tight) == (100, True)
    reply = await one.repeat(wants={account: 999})
    assert reply.standings[0].tight is False


async def test_a_lease_is_at_most_a_fair_share_of_what_is_left(connection: Connection) -> None:
    """Half of what is left, divided among those who hold some: leases halve as the money goes."""
    account = await budget(connection, 10_005)
    for _ in range(5):
        await (await teller(connection)).lease(1, account)
    one = await teller(connection)
    share = 10_000 // (2 * 6)
    reply = await one.order(wants={account: 1_000})
    assert (reply.standings[0].granted, reply.standings[0].tight) == (share, False)
    reply = await one.order(wants={account: 1_000})
    assert reply.standings[0].granted == share + (10_000 - share) // (2 * 6), "whoever asks counts once"


async def test_leases_of_others_that_are_used_up_or_doubted_do_not_count_as_holders(connection: Connection) -> None:
    account = await budget(connection, 8_000)
    used, doubted, one = [await teller(connection) for _ in range(3)]
    await used.lease(100, account)
    await doubted.lease(100, account)
    await book.doubt_silent(connection, timedelta(seconds=-1))
    await used.flush(outcome(reserved(100, account), 100))
    for _ in range(3):
        await (await teller(connection)).lease(1, account)
    reply = await one.order(wants={account: 900})
    assert (reply.standings[0].granted, reply.standings[0].tight) == (900, False)


# Limits that change ----------------------------------------------------------------------------------------


async def test_a_raise_counts_while_it_lasts(connection: Connection) -> None:
    account = await budget(connection, 100)
    one = await teller(connection)
    await connection.execute(
        "UPDATE ledger_budgets SET raise_nanos = 50, raise_until = now() + interval '1 hour' WHERE budget_id = $1",
        account,
    )
    reply = await one.order(ask({account: 150}))
    standing = reply.standings[0]
    assert (reply.answers, standing.limit) == ((Answer("whole"),), 150)
    assert reply.now < standing.looks_again_at <= reply.now + 3_600 < standing.resets_at
    await connection.execute("UPDATE ledger_budgets SET raise_until = now() - interval '1 second'")
    reply = await one.order(ask({account: 1}))
    assert (reply.answers[0].verdict, reply.standings[0].limit) == ("spent", 100)
    assert reply.standings[0].looks_again_at == inf
    assert await figures(connection, account) == (0, 150, 0, 0)


async def test_the_largest_limits_and_raises_overflow_nothing(connection: Connection) -> None:
    account = await budget(connection, LARGEST)
    await connection.execute(
        "UPDATE ledger_budgets SET raise_nanos = $1, raise_until = 'infinity' WHERE budget_id = $2", LARGEST, account
    )
    one = await teller(connection)
    reply = await one.order(ask({account: LARGEST}, floor=0), wants={account: LARGEST})
    assert (reply.answers, reply.standings[0].limit) == ((Answer("part", account),), 9 * 10**18)
    await connection.execute("UPDATE ledger_budgets SET limit_nanos = 0, raise_nanos = 0")
    assert (await one.order(ask({account: LARGEST}))).answers == (Answer("spent", account),)


async def test_a_lowered_limit_stops_grants_and_breaks_no_invariant(connection: Connection) -> None:
    scope = Scope("team", "t")
    account = await budget(connection, 1_000, scope=scope)
    one = await teller(connection)
    await one.lease(800, account)
    await budget(connection, 500, scope=scope)
    reply = await one.order(ask({account: 0}), ask({account: 1}))
    assert [answer.verdict for answer in reply.answers] == ["spent", "spent"]
    assert reply.standings[0].limit == 500
    assert await figures(connection, account) == (0, 800, 0, 0)


async def test_an_ended_budget_limits_nothing_and_remembers_its_spend(connection: Connection) -> None:
    scope = Scope("team", "t")
    account = await budget(connection, 100, scope=scope)
    one = await teller(connection)
    await one.lease(100, account)
    await one.flush(outcome(reserved(100, account), 100))
    for _ in range(2):
        await end(connection, account)
    assert (await one.order(ask({account: 5_000}))).standings[0].limit is None
    assert await budgets.balances(connection, CUSTOMER, "team", ["t"]) == {}
    assert await budget(connection, 150, scope=scope) == account
    assert (await one.order(ask({account: 51}))).answers == (Answer("spent", account),)
    assert (await one.order(ask({account: 50}))).answers == (Answer("whole"),)


async def test_a_scope_may_have_several_budgets_each_with_its_own_book(connection: Connection) -> None:
    scope = Scope("key", "k")
    main, second = await budget(connection, 100, scope=scope), await budget(connection, 10, scope=scope, slot="day")
    pattern = await connection.fetchval("SELECT model_pattern FROM ledger_budgets WHERE budget_id = $1", second)
    assert (main != second, pattern) == (True, "")
    assert await budget(connection, 20, scope=scope, slot="day", model_pattern="openai/*") == second
    reply = await (await teller(connection)).order(ask({main: 20, second: 20}))
    assert reply.answers == (Answer("whole"),)


async def test_a_grant_opens_the_period_that_the_clock_says(connection: Connection) -> None:
    account = await budget(connection, 100, "daily")
    one = await teller(connection)
    await one.lease(100, account)
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 second'")
    reply = await one.order(ask({account: 100}))
    assert (reply.answers, reply.standings[0].period_seq) == ((Answer("whole"),), 2)
    assert reply.standings[0].resets_at > reply.now
    assert [(await figures(connection, account, period)).leased for period in (1, 2)] == [100, 100]


# Notices ---------------------------------------------------------------------------------------------------


async def test_those_who_hold_wanted_money_are_told_ten_times_a_second_at_most(
    connection: Connection, heard: list[str]
) -> None:
    account, unasked = await budget(connection, 100), await budget(connection, 100)
    await (await teller(connection)).lease(100, account)
    one = await teller(connection)
    heard.clear()
    for _ in range(3):
        await one.order(ask({account: 10, unasked: 10}))
    await connection.execute("SELECT 1")
    assert heard == [f"tollhouse_ledger wanted:{account}"]
    await connection.execute("UPDATE ledger_budgets SET wanted_at = wanted_at - interval '101 milliseconds'")
    await one.order(ask({account: 10}))
    await connection.execute("SELECT 1")
    assert len(heard) == 2


async def test_changes_of_budgets_are_told(connection: Connection, heard: list[str]) -> None:
    scope = Scope("team", "t")
    account = await budget(connection, 100, scope=scope)
    await connection.execute("SELECT 1")
    assert sorted(heard) == [f"tollhouse_ledger changed:{account}", "tollhouse_permits customer"]
    heard.clear()
    await budget(connection, 50, scope=scope)
    await connection.execute("SELECT 1")
    assert heard == [f"tollhouse_ledger changed:{account}"]
    for change in (budget(connection, 50, scope=scope, model_pattern="a"), end(connection, account)):
        heard.clear()
        await change
        await connection.execute("SELECT 1")
        assert sorted(heard) == [f"tollhouse_ledger changed:{account}", "tollhouse_permits customer"]


@pytest.fixture
async def heard(connection: Connection) -> AsyncIterator[list[str]]:
    """What is told on any channel, to this connection itself."""
    told: list[str] = []

    def hear(_connection: object, _pid: int, channel: str, text: object) -> None:
        told.append(f"{channel} {text}")

    for channel in CHANNELS:
        await connection.add_listener(channel, hear)
    yield told
    for channel in CHANNELS:
        await connection.remove_listener(channel, hear)
