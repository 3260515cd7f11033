"""The date of exhaustion: what the rate is made from, and when there is none."""

from datetime import UTC, datetime, timedelta

import pytest

from control.house import House
from making import ManualClock, a_receipt, customer, key
from tollhouse.control.keys.forecast import MOST_CALLS, Forecast, forecast, look_back_from
from tollhouse.foundation.ids import CustomerId, KeyId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.budgets import Balance
from tollhouse.ledger.protocol import Reset, Scope
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt, Spending

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONG_AGO = NOW - timedelta(days=400)


def balance(
    limit: int | None,
    spent: int = 0,
    *,
    held: int = 0,
    doubt: int = 0,
    reset: Reset | None = None,
    resets_at: datetime | None = None,
) -> Balance:
    return Balance(
        scope=Scope("key", "k"),
        limit=None if limit is None else Nanos(limit),
        reset=reset,
        resets_at=resets_at,
        spent=Nanos(spent),
        held=Nanos(held),
        doubt=Nanos(doubt),
    )


def spending(cost: int, calls: int = 10, first_at: datetime | None = None) -> Spending:
    return Spending(Nanos(cost), calls, first_at)


def of_a_day(stands: Balance, cost: int) -> Forecast:
    return forecast(stands, spending(cost), NOW - DAY, NOW)


# What the rate is made from --------------------------------------------------------------------------------


def test_a_lifetime_budget_looks_back_for_a_day() -> None:
    assert look_back_from(balance(100), LONG_AGO, NOW) == NOW - DAY


def test_a_new_key_looks_back_to_its_beginning() -> None:
    """Also when its clock and ours do not quite agree."""
    assert look_back_from(balance(100), NOW - HOUR, NOW) == NOW - HOUR
    assert look_back_from(balance(100), NOW + HOUR, NOW) == NOW


@pytest.mark.parametrize(
    ("reset", "resets_at", "began"),
    [
        ("daily", datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ("weekly", datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ("monthly", datetime(2026, 12, 1, tzinfo=UTC), NOW - DAY),
    ],
)
def test_what_was_spent_in_an_earlier_period_is_no_basis(reset: Reset, resets_at: datetime, began: datetime) -> None:
    assert look_back_from(balance(100, reset=reset, resets_at=resets_at), LONG_AGO, NOW) == began


def test_a_month_begins_on_its_first_day() -> None:
    early = datetime(2027, 3, 1, 6, tzinfo=UTC)
    monthly = balance(100, reset="monthly", resets_at=datetime(2027, 4, 1, tzinfo=UTC))
    assert look_back_from(monthly, LONG_AGO, early) == datetime(2027, 3, 1, tzinfo=UTC)


def test_of_a_busy_key_only_the_newest_calls_count() -> None:
    """They say how long they took themselves."""
    made = forecast(balance(10**9), spending(2_000, MOST_CALLS, NOW - 2 * HOUR), NOW - DAY, NOW)
    assert made.rate_per_day == 24_000
    assert (made.since, made.basis) == (NOW - 2 * HOUR, f"spent by the last {MOST_CALLS} calls")


def test_a_few_minutes_are_no_basis_for_a_day() -> None:
    made = forecast(balance(10**9), spending(1_000, 1), NOW - timedelta(minutes=1), NOW)
    assert made.rate_per_day == 24_000
    assert made.basis == "spent since 2026-11-23 11:59 UTC, 1 call"


# When the money is gone ------------------------------------------------------------------------------------


def test_the_date_follows_from_what_is_left_and_the_rate() -> None:
    made = of_a_day(balance(1_000, spent=400, doubt=100, held=300), 100)
    assert made.exhausted_at == NOW + 5 * DAY, "held money does not count as gone"
    assert (made.rate_per_day, made.resets_before) == (100, False)
    assert made.basis == "spent in the last 24 hours, 10 calls"


def test_a_reset_before_that_day_is_said_instead() -> None:
    stands = balance(1_000, spent=400, reset="weekly", resets_at=NOW + 6 * DAY)
    made = of_a_day(stands, 100)
    assert (made.exhausted_at, made.resets_before) == (None, True)
    sooner = of_a_day(stands, 200)
    assert (sooner.exhausted_at, sooner.resets_before) == (NOW + 3 * DAY, False)


def test_without_spending_there_is_no_rate() -> None:
    made = of_a_day(balance(1_000, spent=400), 0)
    assert (made.exhausted_at, made.rate_per_day, made.resets_before) == (None, None, False)


def test_without_a_limit_there_is_a_rate_and_no_date() -> None:
    made = of_a_day(balance(None, spent=400), 100)
    assert (made.exhausted_at, made.rate_per_day) == (None, 100)


def test_a_budget_that_is_spent_is_exhausted_now() -> None:
    assert of_a_day(balance(100, spent=400), 100).exhausted_at == NOW


def test_a_date_that_no_calendar_holds_is_never() -> None:
    assert of_a_day(balance(9 * 10**18), 1).exhausted_at is None


def test_a_rate_below_a_nano_a_day_is_no_date() -> None:
    """Ten thousand calls over years, and nothing that can be divided by."""
    made = forecast(balance(100), spending(1, MOST_CALLS, NOW - 400 * DAY), NOW - DAY, NOW)
    assert (made.rate_per_day, made.exhausted_at) == (0, None)


# Over HTTP -------------------------------------------------------------------------------------------------


async def test_the_details_of_a_key_tell_it(house: House, clock: ManualClock) -> None:
    """From the receipts of the last day, none of others and none that are older."""
    clock.at = datetime.now(UTC) + timedelta(days=3)
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
        admin = await house.member(acme, "admin")
        made, other = await key(connection, acme, "1"), await key(connection, acme, "1")
        await receipts.write(
            connection,
            [
                _receipt(acme, made.key_id, clock.at - HOUR, 30_000_000),
                _receipt(acme, made.key_id, clock.at - 23 * HOUR, 10_000_000),
                _receipt(acme, made.key_id, clock.at - 25 * HOUR, 500_000_000),
                _receipt(acme, other.key_id, clock.at - HOUR, 700_000_000),
            ],
        )
    told = (await admin.api.get(f"/v1/ai/keys/{made.key_hash}/details")).json()["forecast"]
    assert datetime.fromisoformat(told.pop("exhausted_at")) == clock.at + 25 * DAY
    assert datetime.fromisoformat(told.pop("since")) == clock.at - DAY
    assert told == {
        "rate_usd_per_day": "0.040000000",
        "resets_before": False,
        "basis": "spent in the last 24 hours, 2 calls",
        "calls": 2,
        "spent_usd": "0.040000000",
    }


async def test_a_key_that_was_not_used_has_no_date_and_no_rate(house: House) -> None:
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
        admin, made = await house.member(acme, "admin"), await key(connection, acme, "1")
    told = (await admin.api.get(f"/v1/ai/keys/{made.key_hash}/details")).json()["forecast"]
    assert (told["exhausted_at"], told["rate_usd_per_day"], told["calls"]) == (None, None, 0)


def _receipt(customer_id: CustomerId, key_id: KeyId, at: datetime, cost: int) -> Receipt:
    return a_receipt(customer_id, key_id, at, hold_nanos=cost, cost_nanos=cost)
