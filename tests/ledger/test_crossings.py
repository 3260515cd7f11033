"""The outbox of crossed thresholds: filled once a period, claimed by one process at a time, never lost."""

import asyncio
from datetime import timedelta

import pytest

from making import customer
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import crossings, limits
from tollhouse.ledger.limits import Limit, Window
from tollhouse.ledger.protocol import Scope

HOUR = timedelta(hours=1)


@pytest.fixture
async def acme(connection: Connection) -> CustomerId:
    return await customer(connection)


async def _windows(connection: Connection, acme: CustomerId, *windows: Window) -> list[Limit]:
    where = Scope("user", new_id())
    await limits.replace(connection, acme, where, windows)
    return await limits.of_scope(connection, acme, where)


async def _cross(connection: Connection, acme: CustomerId, *percents: int) -> Limit:
    [made] = await _windows(connection, acme, Window(Nanos(10), "monthly", "gpt-*", (50, 80, 95)))
    for percent in percents:
        await connection.execute(
            "INSERT INTO ledger_events (customer_id, budget_id, period_seq, percent, spent_nanos, limit_nanos)"
            " VALUES ($1, $2, 1, $3, 9, 10)",
            acme,
            made.budget_id,
            percent,
        )
    return made


async def test_a_flush_that_crosses_thresholds_fills_the_outbox(connection: Connection, acme: CustomerId) -> None:
    """Each threshold once a period, and nothing for a budget whose thresholds were taken away."""
    of_life, of_a_day = Window(Nanos(10), None, "", (50, 80, 95)), Window(Nanos(10), "daily", "", ())
    loud, quiet = await _windows(connection, acme, of_life, of_a_day)
    await connection.execute("UPDATE ledger_accounts SET spent_nanos = 8")
    for _ in range(2):
        await connection.execute("SELECT ledger_cross($1, '{1,1}')", [loud.budget_id, quiet.budget_id])
    told = await connection.fetch("SELECT budget_id, percent FROM ledger_events ORDER BY percent")
    assert [tuple(row) for row in told] == [(loud.budget_id, 50), (loud.budget_id, 80)]


async def test_one_crossing_of_a_customer_is_claimed_at_a_time(connection: Connection, acme: CustomerId) -> None:
    """So that one whose address does not answer does not take the place of others."""
    other = await customer(connection, "Other")
    made = await _cross(connection, acme, 50, 80)
    await _cross(connection, other, 50)
    first = await crossings.claim(connection, most=10, hold=HOUR)
    assert sorted((each.customer_id, each.percent) for each in first) == sorted([(acme, 50), (other, 50)])
    ours = next(each for each in first if each.customer_id == acme)
    assert (ours.budget_id, ours.scope.kind, ours.reset, ours.models) == (made.budget_id, "user", "monthly", "gpt-*")
    assert (ours.spent, ours.limit, ours.attempts, ours.period_seq) == (9, 10, 1, 1)
    assert ours.age >= timedelta()
    [second] = await crossings.claim(connection, most=10, hold=HOUR)
    assert (second.customer_id, second.percent) == (acme, 80)
    assert await crossings.claim(connection, most=10, hold=HOUR) == []


async def test_what_nobody_finished_is_claimed_again(connection: Connection, acme: CustomerId) -> None:
    await _cross(connection, acme, 50)
    for attempts in (1, 2):
        [claimed] = await crossings.claim(connection, most=1, hold=timedelta(seconds=-1))
        assert claimed.attempts == attempts


async def test_a_crossing_is_finished_tried_again_or_given_up(connection: Connection, acme: CustomerId) -> None:
    await _cross(connection, acme, 50, 80, 95)
    for _ in range(3):
        [claimed] = await crossings.claim(connection, most=1, hold=HOUR)
        match claimed.percent:
            case 50:
                await crossings.delivered(connection, claimed.id)
            case 80:
                await crossings.failed(connection, claimed.id, "answered 500", None)
            case _:
                await crossings.failed(connection, claimed.id, "answered 503", timedelta(seconds=-1))
    [again] = await crossings.claim(connection, most=9, hold=timedelta(seconds=-1))
    assert (again.percent, again.attempts) == (95, 2)
    states = await connection.fetch(
        "SELECT percent, delivered_at IS NOT NULL AS delivered, given_up_at IS NOT NULL AS given_up, last_error"
        " FROM ledger_events ORDER BY percent"
    )
    assert [tuple(row) for row in states] == [
        (50, True, False, None),
        (80, False, True, "answered 500"),
        (95, False, False, "answered 503"),
    ]


async def test_claims_of_several_processes_do_not_overlap(database: Database) -> None:
    async with database.connection() as connection:
        for n in range(12):
            await _cross(connection, await customer(connection, f"c{n}"), 50)

    async def claim() -> list[int]:
        async with database.connection() as connection:
            return [each.id for each in await crossings.claim(connection, most=3, hold=HOUR)]

    taken = [one for ids in await asyncio.gather(*(claim() for _ in range(6))) for one in ids]
    assert len(taken) == len(set(taken))
