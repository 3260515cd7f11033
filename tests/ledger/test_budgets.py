"""Budgets and their periods: boundaries come from the clock, what is committed is never forgotten."""

from datetime import UTC, datetime

import pytest

from making import book
from tollhouse.db.pool import Connection
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import budgets, holds
from tollhouse.ledger.budgets import Scope
from tollhouse.ledger.holds import Held, NotHeld, Settlement


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


async def test_a_lifetime_budget_never_resets(connection: Connection) -> None:
    made = await book(connection, 1_000)
    found = (await budgets.balances(connection, made.customer_id, "key", [made.key_id]))[made.key_id]
    assert (found.resets_at, found.reset, found.limit) == (None, None, 1_000)


async def test_no_limit_means_nothing_remaining_to_count_down(connection: Connection) -> None:
    made = await book(connection, None)
    found = (await budgets.balances(connection, made.customer_id, "key", [made.key_id]))[made.key_id]
    assert found.remaining is None


async def test_scopes_without_a_budget_are_missing(connection: Connection) -> None:
    made = await book(connection, None)
    assert await budgets.balances(connection, made.customer_id, "team", ["nobody"]) == {}


async def test_another_customers_balance_is_not_seen(connection: Connection) -> None:
    mine, theirs = await book(connection, 1), await book(connection, 2)
    assert await budgets.balances(connection, mine.customer_id, "key", [theirs.key_id]) == {}


async def _move_to_next_period(connection: Connection) -> None:
    """As if the boundary had passed: the period's end is moved into the past."""
    await connection.execute("UPDATE ledger_budgets SET resets_at = now() - interval '1 second'")


async def test_a_new_period_starts_empty_and_the_old_one_keeps_its_calls(connection: Connection) -> None:
    made = await book(connection, 1_000, "daily")
    old = made.request(1_000)
    held = await holds.reserve(connection, made.owner, old)
    assert isinstance(held, Held)
    await _move_to_next_period(connection)

    seen = (await budgets.balances(connection, made.customer_id, "key", [made.key_id]))[made.key_id]
    assert (seen.spent, seen.held, seen.remaining) == (0, 0, 1_000)
    assert seen.resets_at is not None
    assert seen.resets_at > datetime.now(UTC)

    fresh = await holds.reserve(connection, made.owner, made.request(1_000))
    assert isinstance(fresh, Held)
    assert isinstance(await holds.reserve(connection, made.owner, made.request(1)), NotHeld)

    await holds.settle(connection, [Settlement(old.call_id, held.day, "exact", Nanos(600))])
    rows = await connection.fetch("SELECT period_seq, spent_nanos, held_nanos FROM ledger_accounts ORDER BY period_seq")
    assert [tuple(row) for row in rows] == [(1, 600, 0), (2, 0, 1_000)]
    assert await budgets.audit(connection) == []


async def test_a_lowered_limit_stops_new_holds_and_breaks_no_invariant(connection: Connection) -> None:
    made = await book(connection, 1_000)
    await holds.reserve(connection, made.owner, made.request(800))
    await made.limit("key", made.key_id, 500)
    refused = await holds.reserve(connection, made.owner, made.request(1))
    assert isinstance(refused, NotHeld)
    assert (refused.tightest.limit, refused.tightest.left) == (500, 0)
    assert await budgets.audit(connection) == []


async def test_a_raised_or_lifted_limit_counts_at_once_and_spend_stays(connection: Connection) -> None:
    made = await book(connection, 100)
    request = made.request(100)
    held = await holds.reserve(connection, made.owner, request)
    assert isinstance(held, Held)
    await holds.settle(connection, [Settlement(request.call_id, held.day, "exact", Nanos(100))])
    assert isinstance(await holds.reserve(connection, made.owner, made.request(50)), NotHeld)
    await made.limit("key", made.key_id, 150)
    assert isinstance(await holds.reserve(connection, made.owner, made.request(50)), Held)
    await made.limit("key", made.key_id, None)
    assert isinstance(await holds.reserve(connection, made.owner, made.request(10_000)), Held)
    assert await budgets.audit(connection) == []


async def test_changing_the_reset_keeps_what_is_spent(connection: Connection) -> None:
    """Nobody gets a fresh budget by switching from weekly to daily and back."""
    made = await book(connection, 100, "weekly")
    request = made.request(80)
    held = await holds.reserve(connection, made.owner, request)
    assert isinstance(held, Held)
    await holds.settle(connection, [Settlement(request.call_id, held.day, "exact", Nanos(80))])
    await made.limit("key", made.key_id, 100, "daily")
    found = (await budgets.balances(connection, made.customer_id, "key", [made.key_id]))[made.key_id]
    assert (found.spent, found.reset, found.remaining) == (80, "daily", 20)


async def test_a_keys_row_shows_its_account_rounded_and_clamped(connection: Connection) -> None:
    from making import customer, key

    customer_id = await customer(connection)
    made_key = await key(connection, customer_id, "999999.9999")
    made = await book(connection, None)
    made.key_id, made.customer_id = made_key.key_id, customer_id
    for cost, shown in [(50_000, "0.0001"), (2_000_000 * 10**9, "999999.9999")]:
        request = made.request(cost)
        await made.limit("key", made_key.key_id, None)
        held = await holds.reserve(connection, made.owner, request)
        assert isinstance(held, Held)
        await holds.settle(connection, [Settlement(request.call_id, held.day, "exact", Nanos(cost))])
        assert str(await connection.fetchval("SELECT spend_usd FROM ai_gateway_keys")) == shown


async def test_scope_kinds_do_not_mix(connection: Connection) -> None:
    """A user and a team with the same id have two budgets."""
    made = await book(connection, None)
    await made.limit("user", "same", 10)
    await made.limit("team", "same", 1_000)
    assert isinstance(await holds.reserve(connection, made.owner, made.request(500, Scope("team", "same"))), Held)
    assert isinstance(await holds.reserve(connection, made.owner, made.request(500, Scope("user", "same"))), NotHeld)
