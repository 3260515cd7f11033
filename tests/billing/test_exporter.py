"""The exporter against the Stripe double and real Postgres: each event counts once, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

import stripe_double
from making import ManualClock, customer
from stripe_double import SECRET, FaultKind, StripeDouble
from stripe_meters import SEND
from tollhouse.billing import exporter
from tollhouse.billing.exporter import BATCH, Exporter
from tollhouse.billing.stripe_meters import StripeMeters
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId, new_call_id
from tollhouse.foundation.secrets import Secret
from tollhouse.usage import exports
from waiting import eventually

METER = "tollhouse_usage"


@dataclass
class Billing:
    """A database with customers, a double, and exporters that share both."""

    database: Database
    stripe: StripeDouble
    meters: StripeMeters
    clock: ManualClock

    def exporter(self) -> Exporter:
        return Exporter(self.database, self.clock, self.meters, chance=lambda: 0.0)

    async def customer(self, *, account: bool = True) -> tuple[CustomerId, str | None]:
        account_id = self.stripe.put("ann@example.com") if account else None
        async with self.database.connection() as connection:
            return await customer(connection, stripe_customer_id=account_id), account_id

    async def events(self, customer_id: CustomerId, *costs: int, at: datetime | None = None) -> list[str]:
        """Outbox rows, as receipts write them; their entries, in the order in which they are sent."""
        entries = sorted(str(new_call_id()) for _ in costs)
        rows = [(entry, customer_id, cost, at or self.clock.now()) for entry, cost in zip(entries, costs, strict=True)]
        async with self.database.connection() as connection:
            await connection.executemany(
                "INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at) VALUES ($1, $2, $3, $4)",
                rows,
            )
        return entries

    async def rows(self) -> dict[str, dict[str, Any]]:
        async with self.database.connection() as connection:
            found = await connection.fetch("SELECT entry_id::text AS id, e.* FROM usage_events e ORDER BY entry_id")
        return {row["id"]: dict(row) for row in found}

    async def states(self) -> list[str]:
        rows = (await self.rows()).values()
        return ["sent" if row["sent_at"] else row["dead_kind"] or "waiting" for row in rows]

    async def looks(self, times: int = 1, *, apart_s: float = 61) -> None:
        """So many looks, far enough apart that every pause is over."""
        one = self.exporter()
        for _ in range(times):
            await one.look()
            self.clock.advance(apart_s)

    def counted(self) -> dict[str, int]:
        return dict(self.stripe.metering.times())


@pytest.fixture
async def billing(embedded_database: Database) -> AsyncIterator[Billing]:
    async with _billing(embedded_database) as made:
        yield made


@asynccontextmanager
async def _billing(database: Database) -> AsyncIterator[Billing]:
    clock = ManualClock()
    async with (
        stripe_double.running(clock) as stripe,
        StripeMeters(stripe.url, Secret(SECRET), METER, wait_s=0.5) as meters,
    ):
        yield Billing(database, stripe, meters, clock)


async def test_each_event_is_sent_once_with_its_value_account_and_time(billing: Billing) -> None:
    (acme, account), (other, other_account) = await billing.customer(), await billing.customer()
    at = billing.clock.now() - timedelta(days=1)
    entries = await billing.events(acme, 12_345, 0, at=at) + await billing.events(other, 7)
    await billing.looks(3)
    assert billing.counted() == dict.fromkeys(entries, 1)
    assert billing.stripe.metering.values() == {account: 12_345, other_account: 7}
    assert {event.at for event in billing.stripe.metering.counted} == {
        at,
        datetime(2026, 11, 23, 12, 0, tzinfo=at.tzinfo),
    }
    assert set(await billing.states()) == {"sent"}
    assert billing.stripe.count(SEND) == 3


async def test_adjustments_go_out_as_what_they_are_also_below_nothing(billing: Billing) -> None:
    acme, account = await billing.customer()
    await billing.events(acme, 500, -200)
    await billing.looks()
    assert billing.stripe.metering.values() == {account: 300}


async def test_a_customer_without_an_account_waits_and_costs_others_nothing(billing: Billing) -> None:
    poor, _ = await billing.customer(account=False)
    rich, _ = await billing.customer()
    mine = await billing.events(poor, *range(10))
    await billing.events(rich, 5)
    await billing.looks(3)
    assert billing.stripe.count(SEND) == 1
    assert set(await billing.states()) == {"waiting", "sent"}
    async with billing.database.connection() as connection:
        await connection.execute(
            "UPDATE customers SET stripe_customer_id = $1 WHERE id = $2", billing.stripe.put("x@example.com"), poor
        )
    await billing.looks()
    assert set(await billing.states()) == {"sent"}
    assert set(mine) < billing.counted().keys()


async def test_a_look_goes_round_all_customers_piece_by_piece(
    billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "LOOKED_AT", 3)
    monkeypatch.setattr(exporter, "AT_ONCE", 1)
    for number in range(8):
        who, _ = await billing.customer(account=number % 4 == 0)
        await billing.events(who, 1)
    await billing.looks(8)
    assert sorted(await billing.states()) == ["sent"] * 2 + ["waiting"] * 6


# What goes wrong -------------------------------------------------------------------------------------------

UNCLEAR: tuple[FaultKind, ...] = ("500 before", "500 after", "close before", "close after", "not stripe")
NOT_TAKEN: tuple[FaultKind, ...] = ("429", "401", "403")


@pytest.mark.parametrize("fault", [*UNCLEAR, *NOT_TAKEN])
async def test_whatever_becomes_of_an_answer_the_event_counts_once(billing: Billing, fault: FaultKind) -> None:
    acme, account = await billing.customer()
    entries = await billing.events(acme, 1, 2, 3)
    billing.stripe.trouble(fault, fault, on=SEND)
    await billing.looks()
    first = (await billing.rows())[entries[0]]
    assert (first["sent_at"], first["attempts"], bool(first["last_error"])) == (None, 1, True)
    assert (first["first_tried_at"] is not None) is (fault in UNCLEAR)
    await billing.looks(3)
    assert billing.counted() == dict.fromkeys(entries, 1)
    assert billing.stripe.metering.values() == {account: 6}
    assert set(await billing.states()) == {"sent"}


async def test_nobody_listens_and_nothing_is_in_doubt(billing: Billing) -> None:
    acme, _ = await billing.customer()
    entries = await billing.events(acme, 1, 2)
    await billing.stripe.down()
    one = billing.exporter()
    await one.look()
    rows = await billing.rows()
    assert [rows[entry]["first_tried_at"] for entry in entries] == [None, None]
    assert [rows[entry]["attempts"] for entry in entries] == [1, 0]
    assert one._rest_s(busy=True) == 0.5
    assert await one.look() == 0  # the turn is not due
    await billing.stripe.up()
    billing.clock.advance(60)
    await one.look()
    assert billing.counted() == dict.fromkeys(entries, 1)


async def test_an_answer_that_comes_too_late_counts_and_is_not_sent_twice(billing: Billing) -> None:
    acme, _ = await billing.customer()
    entries = await billing.events(acme, 1)
    hold = billing.stripe.hold(SEND)
    await billing.looks()
    await billing.looks()  # the first request is still under way there
    billing.stripe.let_go(hold)
    await billing.looks(2)
    assert billing.counted() == dict.fromkeys(entries, 1)
    assert await billing.states() == ["sent"]


async def test_one_event_that_stripe_stumbles_over_keeps_no_other(billing: Billing) -> None:
    acme, _ = await billing.customer()
    bad, *good = await billing.events(acme, 1, 2, 3)
    billing.stripe.trouble("500 before", on=SEND)
    await billing.looks()
    assert billing.counted() == dict.fromkeys(good, 1)
    await billing.looks()
    assert billing.counted() == dict.fromkeys([bad, *good], 1)


async def test_a_refused_event_is_a_dead_letter_and_the_next_ones_go_on(billing: Billing) -> None:
    acme, account = await billing.customer()
    entries = await billing.events(acme, 10**15, 10**15 - 1)
    await billing.looks()
    rows = await billing.rows()
    assert [rows[entry]["dead_kind"] for entry in entries] == ["refused", None]
    assert "15 digits" in rows[entries[0]]["last_error"]
    assert billing.stripe.metering.values() == {account: 10**15 - 1}
    await billing.looks(2)
    assert billing.stripe.count(SEND) == 1


async def test_a_missing_meter_kills_no_event(billing: Billing) -> None:
    acme, _ = await billing.customer()
    entries = await billing.events(acme, 1)
    (meter,) = billing.stripe.metering.meters.values()
    meter["status"] = "inactive"
    await billing.looks(2)
    row = (await billing.rows())[entries[0]]
    assert "No active meter found" in row["last_error"]
    assert (row["dead_at"], row["first_tried_at"]) == (None, None)
    meter["status"] = "active"
    await billing.looks()
    assert await billing.states() == ["sent"]


async def test_what_is_too_old_for_stripe_is_a_dead_letter_also_without_an_account(billing: Billing) -> None:
    (acme, _), (poor, _) = await billing.customer(), await billing.customer(account=False)
    now = billing.clock.now()
    await billing.events(acme, 1, at=now - timedelta(days=35))
    await billing.events(poor, 1, at=now - timedelta(days=36))
    await billing.events(acme, 1, at=now - timedelta(days=34, hours=22))
    await billing.looks()
    assert sorted(await billing.states()) == ["sent", "too_old", "too_old"]


async def test_an_event_of_a_clock_that_ran_ahead_is_sent_as_of_now(billing: Billing) -> None:
    acme, _ = await billing.customer()
    await billing.events(acme, 1, at=billing.clock.now() + timedelta(hours=1))
    await billing.looks()
    assert await billing.states() == ["sent"]


# Death -----------------------------------------------------------------------------------------------------


async def test_who_dies_before_or_after_the_answer_leaves_an_event_that_counts_once(billing: Billing) -> None:
    acme, _ = await billing.customer()
    entries = await billing.events(acme, 1, 2, 3)
    for after in (False, True):
        hold = billing.stripe.hold(SEND, after=after)
        dying = asyncio.create_task(billing.exporter().look())
        await hold.reached.wait()
        dying.cancel()
        await asyncio.wait([dying])
        billing.stripe.let_go(hold)
        assert await billing.exporter().look() == 0  # its turn is not over
        billing.clock.advance(31)
    await billing.looks(2)
    assert billing.counted() == dict.fromkeys(entries, 1)
    assert set(await billing.states()) == {"sent"}


async def test_a_machine_that_slept_sends_nothing_of_before(billing: Billing) -> None:
    """What it took in hand may be too old to be recognised now; the wall clock knows, the other one stood still."""
    acme, _ = await billing.customer()
    first, _ = await billing.events(acme, 1, 2)
    hold = billing.stripe.hold(SEND, after=True)
    looking = asyncio.create_task(billing.exporter().look())
    await hold.reached.wait()
    billing.clock.at += timedelta(hours=24)
    billing.stripe.let_go(hold)
    await looking
    assert billing.counted() == {first: 1}
    assert await billing.states() == ["sent", "waiting"]


async def test_what_is_unclear_for_longer_than_stripe_remembers_is_for_people(billing: Billing) -> None:
    acme, _ = await billing.customer()
    (entry,) = await billing.events(acme, 1)
    billing.stripe.trouble("close after", on=SEND)
    await billing.looks()
    await billing.stripe.down()
    billing.clock.advance(23 * 3600)
    await billing.stripe.up()
    await billing.looks()
    row = (await billing.rows())[entry]
    assert row["dead_kind"] == "uncertain"
    assert billing.counted() == {entry: 1}
    assert billing.stripe.count(SEND) == 1


async def test_just_before_that_it_is_sent_and_recognised(billing: Billing) -> None:
    acme, _ = await billing.customer()
    (entry,) = await billing.events(acme, 1)
    billing.stripe.trouble("close after", on=SEND)
    await billing.looks(apart_s=0)
    billing.clock.advance(23 * 3600 - 1)
    await billing.looks()
    assert await billing.states() == ["sent"]
    assert billing.counted() == {entry: 1}


async def test_refused_after_an_unclear_try_is_uncertain(billing: Billing) -> None:
    acme, _ = await billing.customer()
    (entry,) = await billing.events(acme, 1)
    billing.stripe.trouble("close after", on=SEND)
    await billing.looks()
    billing.stripe.a_day_passes()
    billing.stripe.metering.clock = ManualClock(billing.clock.now() + timedelta(days=36))
    await billing.looks()
    row = (await billing.rows())[entry]
    assert row["dead_kind"] == "uncertain"
    assert "too far in the past" in row["last_error"]
    assert row["first_tried_at"] is not None


async def test_what_was_given_up_too_early_is_sent_after_all(billing: Billing) -> None:
    """A slow process has its answer when another has already given the event up."""
    acme, _ = await billing.customer()
    (entry,) = await billing.events(acme, 1)
    async with billing.database.transaction() as connection:
        now = billing.clock.now()
        old = timedelta(days=1)
        await exports.take_turns(connection, {acme: "cus"}, now, now)
        await exports.take(connection, acme, now, not_before=now - old, tried_since=now - old, most=9)
        assert await exports.give_up(connection, now, not_before=now - old, tried_since=now) == 1
        assert await exports.sent(connection, acme, [entry], now) == 1
        assert await exports.sent(connection, acme, [entry], now) == 0
    assert await billing.states() == ["sent"]


async def test_a_frozen_process_that_wakes_up_says_nothing_wrong(billing: Billing) -> None:
    """Its turn is over and another has tried its event, unclearly: that it put the event back must not hide that."""
    acme, _ = await billing.customer()
    (entry,) = await billing.events(acme, 1)
    async with billing.database.transaction() as connection:
        now = billing.clock.now()
        old = timedelta(days=1)
        (frozen,) = await exports.take(connection, acme, now, not_before=now - old, tried_since=now - old, most=9)
    billing.stripe.trouble("close after", on=SEND)
    await billing.looks(apart_s=0)
    async with billing.database.transaction() as connection:
        await exports.not_sent(connection, [exports.NotSent(frozen)], billing.clock.now())
    row = (await billing.rows())[entry]
    assert (row["attempts"], row["claims"]) == (1, 2)
    assert row["first_tried_at"] is not None


# Several of them -------------------------------------------------------------------------------------------


async def test_many_exporters_share_the_customers_and_never_ask_for_one_at_once(billing: Billing) -> None:
    entries = []
    for _ in range(6):
        who, _ = await billing.customer()
        entries += await billing.events(who, *range(1, BATCH + 6))
    billing.stripe.delay_s = 0.001
    many = [billing.exporter() for _ in range(4)]
    for _ in range(4):
        await asyncio.gather(*(one.look() for one in many))
        billing.clock.advance(31)
    assert billing.counted() == dict.fromkeys(entries, 1)
    assert set(await billing.states()) == {"sent"}
    assert billing.stripe.metering.duplicates == 0
    again = billing.stripe.count(SEND) - len(entries)
    assert 0 <= again <= len(entries) // 100  # the SDK repeats where a connection broke; bad sharing asks thrice


async def test_a_turn_has_an_end_and_the_rest_is_put_back(billing: Billing, monkeypatch: pytest.MonkeyPatch) -> None:
    acme, _ = await billing.customer()
    await billing.events(acme, 1, 2)
    monkeypatch.setattr(exporter, "TURN_S", 0.0)
    await billing.exporter().look()
    rows = list((await billing.rows()).values())
    assert [(row["attempts"], row["claims"], row["first_tried_at"]) for row in rows] == [(0, 1, None)] * 2


async def test_the_loop_sends_goes_on_after_a_bad_turn_and_ends_when_cancelled(
    billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, _ = await billing.customer()
    entries = await billing.events(acme, 1)
    real, failures = exports.give_up, [OSError("gone"), OSError("gone")]

    async def shaky(*args: Any, **more: Any) -> int:
        if failures:
            raise failures.pop()
        return await real(*args, **more)

    monkeypatch.setattr(exports, "give_up", shaky)
    monkeypatch.setattr(exporter, "LOOK_EVERY_S", 0.0)
    loop = asyncio.create_task(billing.exporter().run())

    async def sent() -> bool:
        return await billing.states() == ["sent"]

    await eventually(sent)
    loop.cancel()
    await asyncio.wait([loop])
    assert loop.cancelled()
    assert billing.counted() == dict.fromkeys(entries, 1)


async def test_a_turn_that_cannot_be_written_down_is_sent_again_under_the_same_name(
    billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, _ = await billing.customer()
    entries = await billing.events(acme, 1, 2)

    async def lost(*_: object) -> int:
        raise ConnectionResetError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(exports, "sent", lost)
        await billing.exporter().look()
    billing.clock.advance(31)
    await billing.looks()
    assert billing.counted() == dict.fromkeys(entries, 1)
    assert set(await billing.states()) == {"sent"}
