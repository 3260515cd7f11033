"""When a key's money will be gone if spending goes on as it did lately. Pure; a guess with its basis, nothing decides.

The rate is what was spent in the last 24 hours, or since the period began or the key was made if that is later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tollhouse.foundation.money import Nanos
from tollhouse.ledger.budgets import Balance, Reset
from tollhouse.usage.receipts import Spending

LOOKED_BACK: Final = timedelta(hours=24)
SHORTEST: Final = timedelta(hours=1)
"""Less than this is no basis for a rate: what was spent is spread over an hour at least."""
MOST_CALLS: Final = 10_000
_A_DAY: Final = timedelta(days=1)
_FARTHEST: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Forecast:
    """`exhausted_at` None: never at this rate, or the reset comes first (`resets_before`)."""

    exhausted_at: datetime | None
    rate_per_day: Nanos | None
    resets_before: bool
    since: datetime
    spending: Spending
    basis: str


def look_back_from(balance: Balance, made_at: datetime, now: datetime) -> datetime:
    """Where the basis of a forecast begins."""
    begins = [now - LOOKED_BACK, made_at]
    if balance.reset is not None and balance.resets_at is not None:
        begins.append(_BEGIN[balance.reset](balance.resets_at))
    return min(max(begins), now)


def forecast(balance: Balance, spending: Spending, since: datetime, now: datetime) -> Forecast:
    """`spending`: of the calls since then, the newest `MOST_CALLS` of them at most."""
    if spending.calls >= MOST_CALLS and spending.first_at is not None:
        since = spending.first_at
    rate = _rate_per_day(spending, now - since)
    exhausted_at = None if rate is None else _exhausted_at(balance, rate, now)
    resets_before = exhausted_at is not None and balance.resets_at is not None and balance.resets_at <= exhausted_at
    return Forecast(
        exhausted_at=None if resets_before else exhausted_at,
        rate_per_day=rate,
        resets_before=resets_before,
        since=since,
        spending=spending,
        basis=_basis(spending, since, now),
    )


def _rate_per_day(spending: Spending, elapsed: timedelta) -> Nanos | None:
    if spending.cost <= 0:
        return None
    return Nanos(spending.cost * _micros(_A_DAY) // _micros(max(elapsed, SHORTEST)))


def _exhausted_at(balance: Balance, rate_per_day: Nanos, now: datetime) -> datetime | None:
    """Held money does not count as gone: most of it comes back."""
    if balance.limit is None or rate_per_day == 0:
        return None
    left = max(balance.limit - balance.spent - balance.doubt, 0)
    micros = left * _micros(_A_DAY) // rate_per_day
    return now + timedelta(microseconds=micros) if micros < _micros(_FARTHEST) else None


def _basis(spending: Spending, since: datetime, now: datetime) -> str:
    if spending.calls >= MOST_CALLS:
        return f"spent by the last {MOST_CALLS} calls"
    when = "in the last 24 hours" if now - since >= LOOKED_BACK else f"since {since:%Y-%m-%d %H:%M} UTC"
    return f"spent {when}, {spending.calls} {'call' if spending.calls == 1 else 'calls'}"


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _month_before(boundary: datetime) -> datetime:
    return (boundary - _A_DAY).replace(day=1)


_BEGIN: Final[Mapping[Reset, Callable[[datetime], datetime]]] = {
    "daily": lambda boundary: boundary - _A_DAY,
    "weekly": lambda boundary: boundary - timedelta(days=7),
    "monthly": _month_before,
}
