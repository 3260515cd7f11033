"""The figures of one turn of one target, and what several turns come to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec


class Load(msgspec.Struct, frozen=True):
    """What wrk saw. `failed`: answers that are not 2xx, and connections that broke."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Row:
    """One turn. CPU is user and system time per request (or per chunk) in microseconds; None: not measured.

    `writes`: transactions per request that wrote something.
    """

    target: str
    full: Load
    quiet: Load
    gateway_us: float
    postgres_us: float | None
    writes: float | None
    chunk_us: float | None

    @property
    def failed(self) -> int:
        return self.full.failed + self.quiet.failed


Figure = Callable[[Row], float | None]


def targets_of(rows: Sequence[Row]) -> list[str]:
    """Names, in the order in which they were measured."""
    return list(dict.fromkeys(row.target for row in rows))


def turns_of(rows: Sequence[Row], target: str) -> list[Row]:
    return [row for row in rows if row.target == target]


def mean(rows: Sequence[Row], figure: Figure) -> float | None:
    """The mean of a figure over the turns that have it."""
    found = [value for row in rows if (value := figure(row)) is not None]
    return sum(found) / len(found) if found else None


def spread_percent(rows: Sequence[Row], figure: Figure) -> float | None:
    """Highest less lowest, in percent of the mean: how far turns are apart. None with one turn only."""
    found = [value for row in rows if (value := figure(row)) is not None]
    middle = sum(found) / len(found) if found else 0
    return (max(found) - min(found)) / middle * 100 if len(found) > 1 and middle else None
