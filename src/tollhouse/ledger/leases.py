"""One worker's lease on one account, as the worker sees it. Pure arithmetic.

Counters only grow, so that saying them twice does no harm: `granted` as the book told, `settled` and `returned` as
the journal has them. What calls in flight have set aside is `reserved`; the rest is free. The book's own counters
trail behind by what was not flushed yet, so what is free here is never more than what the book counts as ours.
"""

from dataclasses import dataclass
from typing import Final

from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Standing
from tollhouse.ledger.records import Amount

_CALLS_AHEAD: Final = 4
_SHARES_OF_A_LIMIT: Final = 50
_RATE_WEIGHT: Final = 0.3


@dataclass(slots=True)
class Lease:
    """`standing` is what the book last said of the budget, at `told_at` by the worker's monotonic clock.

    `rate`: nano-USD a second that calls cost here, smoothed. `returning`: of `returned`, what the book does
    not have yet. `stale`: the terms have changed, ask before the next call.
    """

    standing: Standing
    told_at: float
    used_at: float
    measured_at: float
    granted: int = 0
    reserved: int = 0
    settled: int = 0
    returned: int = 0
    returning: int = 0
    wanted_until: float = -1.0
    stale: bool = False
    rate: float = 0.0
    measured: int = 0

    @property
    def account(self) -> tuple[int, int]:
        return self.standing.budget_id, self.standing.period_seq

    @property
    def limited(self) -> bool:
        return self.standing.limit is not None

    @property
    def free(self) -> int:
        return self.granted - self.settled - self.returned - self.reserved

    def open_at(self, book_time: float) -> bool:
        """Whether calls may count in this period, and its limit is still the one we know."""
        return not self.stale and book_time < self.standing.looks_again_at

    def is_in_period(self, book_time: float) -> bool:
        """Whether calls of this moment count in this period. Its money is ours until then, whatever the limit is."""
        return book_time < self.standing.resets_at

    def told(self, standing: Standing, now: float) -> None:
        """The book spoke of this account again. An old word that arrives late takes nothing away."""
        self.granted = max(self.granted, standing.granted)
        self.standing = standing
        self.told_at = now
        self.stale = False

    def give_back(self, nanos: int) -> Amount:
        self.returned += nanos
        self.returning += nanos
        return Amount(*self.account, Nanos(nanos))

    def hopeless(self, floor: int, now: float, believed_s: float) -> bool:
        """Not even all that could still come back would do, as the book said a moment ago."""
        told = self.standing
        return (
            told.limit is not None
            and told.limit - told.spent - told.doubt < floor
            and not self.stale
            and now - self.told_at < believed_s
        )

    def measure(self, now: float) -> None:
        """Take the rate of spending since the last time."""
        lately = (self.settled - self.measured) / max(now - self.measured_at, 0.001)
        self.rate += _RATE_WEIGHT * (lately - self.rate)
        self.measured, self.measured_at = self.settled, now


def suitable(lease: Lease | None, amount: int, *, ahead_s: float, most: int) -> Nanos:
    """The lease with which calls pass for `ahead_s` seconds without asking: by what they cost and by what those in
    flight hold. At most `most` and a fiftieth of the limit, so that a budget is never all in a few hands.

    What was spent since the last measurement (a second ago, while calls come) counts as a rate, too: a burst after
    silence asks a few times and not for every fourth call."""
    if lease is None:
        return Nanos(min(_CALLS_AHEAD * amount, most))
    if lease.standing.limit is not None:
        most = min(most, lease.standing.limit // _SHARES_OF_A_LIMIT)
    pace = max(lease.rate, lease.settled - lease.measured)
    return Nanos(min(int(pace * ahead_s) + 2 * lease.reserved + _CALLS_AHEAD * amount, most))
