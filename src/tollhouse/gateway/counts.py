"""What the road counts for operators: calls, refusals, times, tokens, money. Whole numbers in cells, nothing else.

Labels are few and never name anybody: not the key, the customer, the model or the caller. Times are whole microseconds.
"""

from bisect import bisect_left
from typing import Final

from tollhouse.catalog.providers import SLUGS
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.passage import Passage
from tollhouse.tallies.cells import Tally

BOUNDS_US: Final = (
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000, 120_000_000, 300_000_000, 600_000_000,
)  # fmt: skip
OVERHEAD_BOUNDS_US: Final = (250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000)
OTHER: Final = "other"
_MOST_CODES: Final = 100


class Histogram:
    """Cells of how often a time fell between two bounds, and of the sum of all times."""

    __slots__ = ("_bounds", "_first", "_sum", "_tally")

    def __init__(self, tally: Tally, name: str, bounds: tuple[int, ...], *labels: str) -> None:
        self._tally = tally
        self._bounds = bounds
        cells = [tally.counter(name, *labels, str(bound)) for bound in (*bounds, "more")]
        self._first = cells
        self._sum = tally.counter(name, *labels, "sum")

    def note(self, seconds: float) -> None:
        micros = max(int(seconds * 1_000_000), 0)
        values = self._tally.values
        values[self._first[bisect_left(self._bounds, micros)]] += 1
        values[self._sum] += micros


class Counts:
    """One worker's, for all of its calls."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._calls: dict[tuple[str, str, str], int] = {}
        self._refusals: dict[tuple[str, int], int] = {}
        self._input = tally.counter("tokens", "input")
        self._output = tally.counter("tokens", "output")
        self._cost = tally.counter("cost_nanos")
        self._overruns = tally.counter("overruns")
        self._overhead = Histogram(tally, "overhead", OVERHEAD_BOUNDS_US)
        self._first_byte = {flag: Histogram(tally, "first_byte", BOUNDS_US, _word(flag)) for flag in (False, True)}
        self._total = {flag: Histogram(tally, "duration", BOUNDS_US, _word(flag)) for flag in (False, True)}

    def call(self, passage: Passage, cost: Nanos, ended: float) -> None:
        """A call that held money is over; `ended` is of the monotonic clock."""
        ending, began, stream = passage.ending, passage.arrival.at_monotonic, passage.chat.stream
        values = self._tally.values
        values[self._call_cell(passage.destination.provider, ending.outcome, ending.kind)] += 1
        self._total[stream].note(ended - began)
        if passage.sent_at is not None:
            self._overhead.note(passage.sent_at - began)
            if passage.first_byte_at is not None:
                self._first_byte[stream].note(passage.first_byte_at - began)
        values[self._input] += ending.usage.input
        values[self._output] += ending.usage.output
        values[self._cost] += cost
        if cost > passage.held:
            values[self._overruns] += 1

    def refusal(self, code: str, status: int) -> None:
        """An answer that was an error, ours or passed on."""
        cell = self._refusals.get((code, status))
        if cell is None:
            named = code if len(self._refusals) < _MOST_CODES else OTHER
            cell = self._refusals[code, status] = self._tally.counter("refusals", named, str(status))
        self._tally.values[cell] += 1

    def _call_cell(self, provider: str, outcome: str, kind: str) -> int:
        named = provider if provider in SLUGS else OTHER
        cell = self._calls.get((named, outcome, kind))
        if cell is None:
            cell = self._calls[named, outcome, kind] = self._tally.counter("calls", named, outcome, kind)
        return cell


def _word(flag: bool) -> str:
    return "true" if flag else "false"
