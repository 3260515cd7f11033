"""Limits as sets of windows: what stays, what ends, what a raise does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from making import customer
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import budgets, limits
from tollhouse.ledger.limits import Limit, Raise, Window
from tollhouse.ledger.protocol import Reset, Scope, ScopeKind

HOUR = timedelta(hours=1)


def window(
    nanos: int, reset: Reset | None = None, models: str = "", thresholds: tuple[int, ...] = (50, 80, 95)
) -> Window:
    return Window(Nanos(nanos), reset, models, thresholds)


@pytest.fixture
async def acme(connection: Connection) -> CustomerId:
    return await customer(connection)


def scope(kind: ScopeKind = "user") -> Scope:
    return Scope(kind, new_id())


async def _spend(connection: Connection, limit: Limit, nanos: int, *, fired: int = 0) -> None:
    """What a flush would write, as far as limits look at it."""
    await connection.execute(
        "UPDATE ledger_accounts SET spent_nanos = $1, fired = $2 WHERE budget_id = $3", nanos, fired, limit.budget_id
    )


async def _set(connection: Connection, acme: CustomerId, where: Scope, *windows: Window) -> list[Limit]:
    await limits.replace(connection, acme, where, windows)
    return await limits.of_scope(connection, acme, where)


# Windows ---------------------------------------------------------------------------------------------------


async def test_a_scope_has_several_windows_each_with_its_own_account(connection: Connection, acme: CustomerId) -> None:
    made = await _set(connection, acme, scope(), window(10, "daily"), window(100, "monthly"), window(5, None, "gpt-*"))
    assert [(each.limit, each.balance.reset, each.models) for each in made] == [
        (10, "daily", ""),
        (100, "monthly", ""),
        (5, None, "gpt-*"),
    ]
    assert len({each.budget_id for each in made}) == 3
    assert made[2].balance.resets_at is None
    assert made[0].balance.resets_at is not None
    assert [(each.fired, each.balance.spent, each.balance.held, each.balance.doubt) for each in made] == [(0,) * 4] * 3


async def test_a_window_that_stays_keeps_its_account_and_one_that_is_not_named_ends(
    connection: Connection, acme: CustomerId
) -> None:
    where = scope()
    daily, monthly = await _set(connection, acme, where, window(10, "daily"), window(100, "monthly"))
    await _spend(connection, daily, 4)
    [left] = await _set(connection, acme, where, window(7, "daily", thresholds=(90,)))
    assert (left.budget_id, left.limit, left.balance.spent, left.thresholds) == (daily.budget_id, 7, 4, (90,))
    assert await limits.find(connection, acme, monthly.budget_id) is None


async def test_a_window_that_comes_back_still_knows_what_was_spent_but_no_raise(
    connection: Connection, acme: CustomerId
) -> None:
    where = scope()
    [once] = await _set(connection, acme, where, window(10, "monthly"))
    await _spend(connection, once, 6)
    now = await limits.book_time(connection)
    assert await limits.set_raise(connection, acme, once.budget_id, Raise(Nanos(5), now + HOUR))
    assert await _set(connection, acme, where) == []
    [again] = await _set(connection, acme, where, window(8, "monthly"))
    assert (again.budget_id, again.balance.limit, again.balance.spent, again.raised) == (once.budget_id, 8, 6, None)


async def test_setting_the_same_again_tells_nobody(connection: Connection, acme: CustomerId) -> None:
    where = scope()
    await _set(connection, acme, where, window(10, "daily"), window(20, None, "gpt-*"))
    before = await connection.fetch("SELECT * FROM ledger_budgets ORDER BY 1")
    await _set(connection, acme, where, window(20, None, "gpt-*"), window(10, "daily"))
    assert await connection.fetch("SELECT * FROM ledger_budgets ORDER BY 1") == before


async def test_the_main_budget_of_a_key_is_never_touched(connection: Connection, acme: CustomerId) -> None:
    where = scope("key")
    await budgets.set_budget(connection, acme, where, Nanos(50), "monthly")
    main, beside = await _set(connection, acme, where, window(10, "monthly"))
    assert (main.main, main.limit) == (True, 50)
    assert (beside.main, beside.limit) == (False, 10)
    assert await _set(connection, acme, where) == [main]


async def test_a_main_budget_of_another_scope_is_a_window_like_any_other(
    connection: Connection, acme: CustomerId
) -> None:
    where = scope("team")
    await budgets.set_budget(connection, acme, where, Nanos(50), "monthly")
    [kept] = await _set(connection, acme, where, window(60, "monthly"))
    assert (kept.main, kept.limit) == (False, 60)
    [other] = await _set(connection, acme, where, window(60, "weekly"))
    assert other.budget_id != kept.budget_id


async def test_scopes_and_customers_do_not_meet(connection: Connection, acme: CustomerId) -> None:
    other = await customer(connection, "Other")
    where = scope()
    [ours] = await _set(connection, acme, where, window(10))
    await _set(connection, acme, scope("team"), window(11))
    assert [each.limit for each in await limits.page(connection, acme, most=9)] == [10, 11]
    assert await limits.page(connection, other, most=9) == []
    assert await limits.find(connection, other, ours.budget_id) is None
    raised = Raise(Nanos(1), await limits.book_time(connection) + HOUR)
    assert not await limits.set_raise(connection, other, ours.budget_id, raised)
    assert await limits.find(connection, acme, ours.budget_id) == ours


async def test_many_who_set_the_limits_of_one_scope_at_once_end_with_one_of_the_sets(database: Database) -> None:
    """No deadlock among them, nor with workers that lock the same budgets; every window exists once."""
    where = scope()
    async with database.connection() as connection:
        acme = await customer(connection)
    sets = [(window(10 + n, "daily"), window(20 + n, "monthly"), window(30 + n, None, "gpt-*")) for n in range(8)]

    async def once(windows: tuple[Window, ...]) -> None:
        async with database.transaction() as connection:
            await limits.replace(connection, acme, where, windows)

    async def lock_all() -> None:
        async with database.transaction() as connection:
            ids = await connection.fetchval("SELECT coalesce(array_agg(budget_id), '{}') FROM ledger_budgets")
            await connection.execute("SELECT ledger_lock($1::bigint[])", ids)

    await asyncio.gather(*(once(windows) for windows in sets), *(once(windows[::-1]) for windows in sets))
    await asyncio.gather(*(once(windows) for windows in sets), *(lock_all() for _ in range(8)))
    async with database.connection() as connection:
        made = await limits.of_scope(connection, acme, where)
    assert len(made) == 3
    assert {(each.limit or 0) % 10 for each in made} in [{n} for n in range(8)]


async def test_an_empty_period_is_shown_once_the_clock_says_so(connection: Connection, acme: CustomerId) -> None:
    """Nobody has to be there to open it."""
    [daily] = await _set(connection, acme, scope(), window(10, "daily"))
    await _spend(connection, daily, 9, fired=80)
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 second'")
    [shown] = await limits.page(connection, acme, most=9)
    assert (shown.balance.spent, shown.fired, shown.outstanding) == (0, 0, 0)
    assert shown.balance.resets_at is not None
    assert shown.balance.resets_at > datetime.now(UTC)


# Raises ----------------------------------------------------------------------------------------------------


async def test_a_raise_counts_until_its_end(connection: Connection, acme: CustomerId) -> None:
    [made] = await _set(connection, acme, scope(), window(10))
    until = await limits.book_time(connection) + HOUR
    assert await limits.set_raise(connection, acme, made.budget_id, Raise(Nanos(5), until))
    raised = await limits.find(connection, acme, made.budget_id)
    assert raised is not None
    assert (raised.limit, raised.balance.limit, raised.raised) == (10, 15, Raise(Nanos(5), until))
    await _spend(connection, made, 12)
    await connection.execute("UPDATE ledger_budgets SET raise_until = now() - interval '1 second'")
    ended = await limits.find(connection, acme, made.budget_id)
    assert ended is not None
    assert (ended.balance.limit, ended.raised, ended.outstanding) == (10, None, 2)
    assert await budgets.audit(connection) == [
        budgets.Breach(made.budget_id, 1, "spent differs from entries", Nanos(12))
    ], "only the spending that this test made up; the raised limit was in force when it was spent"


async def test_a_raise_can_be_taken_back_and_needs_a_limit(connection: Connection, acme: CustomerId) -> None:
    [made] = await _set(connection, acme, scope(), window(10))
    until = await limits.book_time(connection) + HOUR
    await limits.set_raise(connection, acme, made.budget_id, Raise(Nanos(5), until))
    assert await limits.set_raise(connection, acme, made.budget_id, None)
    assert await limits.find(connection, acme, made.budget_id) == made
    unlimited = scope("key")
    await budgets.set_budget(connection, acme, unlimited, None, None)
    [free] = await limits.of_scope(connection, acme, unlimited)
    assert free.outstanding == 0
    assert not await limits.set_raise(connection, acme, free.budget_id, Raise(Nanos(5), until))
