"""Budgets and their periods: boundaries come from the clock, what is committed is never forgotten."""

from datetime import UTC, datetime

import pytest

from ledger.teller import CUSTOMER, ask, budget, end, outcome, reserved, teller
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.ledger import budgets
from tollhouse.ledger.budgets import Balance
from tollhouse.ledger.protocol import Answer, Reset, Scope

TEAM = Scope("team", "t")


@pytest.mark.parametrize(
    ("reset", "moment", "boundary"),
    [
        ("daily", "2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z"),
        ("daily", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
        ("weekly", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("weekly", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"),
        ("monthly", "2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z"),
        ("monthly", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        ("monthly", "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
    ],
)
async def test_boundaries_are_utc_midnight_monday_and_the_first(
    connection: Connection, reset: str, moment: str, boundary: str
) -> None:
    await connection.execute("SET timezone = 'America/New_York'")
    found = await connection.fetchval(
        "SELECT ledger_next_reset($1::text::ai_gateway_key_budget_reset, $2)",
        reset,
        datetime.fromisoformat(moment),
    )
    assert found == datetime.fromisoformat(boundary)
    await connection.execute("RESET timezone")


async def balance(connection: Connection) -> Balance:
    return (await budgets.balances(connection, CUSTOMER, "team", ["t"]))["t"]


async def spend(connection: Connection, nanos: int, account: int) -> None:
    one = await teller(connection)
    await one.lease(nanos, account)
    await one.flush(outcome(reserved(nanos, account), nanos))


async def next_period(connection: Connection) -> None:
    """As if the boundary had passed: the period's end is moved into the past."""
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 second'")


async def test_a_lifetime_budget_never_resets(connection: Connection) -> None:
    await budget(connection, 1_000, scope=TEAM)
    found = await balance(connection)
    assert (found.scope, found.resets_at, found.reset, found.limit) == (TEAM, None, None, 1_000)


async def test_no_limit_means_nothing_remaining_to_count_down(connection: Connection) -> None:
    await budget(connection, None, scope=TEAM)
    assert (await balance(connection)).remaining is None


async def test_scopes_without_a_budget_and_other_customers_are_not_seen(connection: Connection) -> None:
    await budget(connection, 1, scope=TEAM)
    assert await budgets.balances(connection, CUSTOMER, "team", ["nobody"]) == {}
    assert await budgets.balances(connection, CustomerId("other"), "team", ["t"]) == {}


async def test_only_the_main_budget_is_shown_and_only_until_it_ends(connection: Connection) -> None:
    await budget(connection, 5, scope=TEAM, slot="day")
    assert await budgets.balances(connection, CUSTOMER, "team", ["t"]) == {}
    main = await budget(connection, 100, scope=TEAM)
    assert (await balance(connection)).limit == 100
    await end(connection, main)
    assert await budgets.balances(connection, CUSTOMER, "team", ["t"]) == {}


async def test_what_workers_hold_is_not_remaining(connection: Connection) -> None:
    account = await budget(connection, 1_000, scope=TEAM)
    await spend(connection, 100, account)
    await (await teller(connection)).lease(300, account)
    found = await balance(connection)
    assert (found.spent, found.held, found.doubt, found.remaining) == (100, 300, 0, 600)


async def test_a_raise_is_part_of_the_limit_while_it_lasts(connection: Connection) -> None:
    await budget(connection, 1_000, scope=TEAM)
    await connection.execute("UPDATE ledger_budgets SET raise_nanos = 5, raise_until = now() + interval '1 hour'")
    assert (await balance(connection)).limit == 1_005
    await connection.execute("UPDATE ledger_budgets SET raise_until = now()")
    assert (await balance(connection)).limit == 1_000


async def test_a_period_nobody_opened_yet_is_empty_and_the_old_one_keeps_its_calls(connection: Connection) -> None:
    account = await budget(connection, 1_000, "daily", scope=TEAM)
    one = await teller(connection)
    await one.lease(1_000, account)
    await next_period(connection)

    seen = await balance(connection)
    assert (seen.spent, seen.held, seen.remaining) == (0, 0, 1_000)
    assert seen.resets_at is not None
    assert seen.resets_at > datetime.now(UTC)

    await one.lease(1_000, account)
    await one.flush(outcome(reserved(1_000, account), 600))
    rows = await connection.fetch(
        "SELECT period_seq, spent_nanos, leased_nanos, closes_at > now() FROM ledger_accounts ORDER BY period_seq"
    )
    assert [tuple(row) for row in rows] == [(1, 600, 400, True), (2, 0, 1_000, True)]
    assert await budgets.audit(connection) == []


async def test_a_limit_set_after_the_boundary_counts_for_the_new_period(connection: Connection) -> None:
    account = await budget(connection, 100, "daily", scope=TEAM)
    await spend(connection, 100, account)
    await next_period(connection)
    await budget(connection, 50, "daily", scope=TEAM)
    found = await balance(connection)
    assert (found.spent, found.remaining) == (0, 50)


async def test_a_lowered_limit_leaves_nothing_remaining_and_breaks_no_invariant(connection: Connection) -> None:
    account = await budget(connection, 1_000, scope=TEAM)
    await spend(connection, 800, account)
    await budget(connection, 500, scope=TEAM)
    found = await balance(connection)
    assert (found.limit, found.spent, found.remaining) == (500, 800, 0)
    assert await budgets.audit(connection) == []


async def test_a_raised_or_lifted_limit_counts_at_once_and_spend_stays(connection: Connection) -> None:
    account = await budget(connection, 100, scope=TEAM)
    await spend(connection, 100, account)
    one = await teller(connection)
    for limit, verdict in [(100, Answer("spent", account)), (150, Answer("whole")), (None, Answer("whole"))]:
        await budget(connection, limit, scope=TEAM)
        assert (await one.order(ask({account: 50}))).answers == (verdict,)
    assert (await balance(connection)).spent == 100
    assert await budgets.audit(connection) == []


@pytest.mark.parametrize("reset", [None, "daily", "monthly"])
async def test_changing_the_reset_keeps_what_is_spent(connection: Connection, reset: Reset | None) -> None:
    """Nobody gets a fresh budget by switching from weekly to daily and back."""
    account = await budget(connection, 100, "weekly", scope=TEAM)
    await spend(connection, 80, account)
    await budget(connection, 100, reset, scope=TEAM)
    found = await balance(connection)
    assert (found.spent, found.reset, found.remaining) == (80, reset, 20)


async def test_scope_kinds_do_not_mix(connection: Connection) -> None:
    """A user and a team with the same id have two budgets."""
    user = await budget(connection, 10, scope=Scope("user", "t"))
    team = await budget(connection, 1_000, scope=TEAM)
    assert user != team
    assert (await balance(connection)).limit == 1_000
