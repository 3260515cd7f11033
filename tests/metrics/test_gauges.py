"""How a worker stands: above all, for how long records wait without any of them being booked."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from making import ManualClock
from tollhouse.metrics.gauges import Gauges, Sources
from tollhouse.tallies.cells import Tally, read_all


@dataclass
class Keeper:
    """As far as gauges look at one."""

    unflushed: int = 0
    flushed: int = 0
    untold: int = 0
    till: Any = field(default_factory=lambda: SimpleNamespace(open={}, waiting=2))
    journal: Any = field(default_factory=lambda: SimpleNamespace(size_bytes=100, unacked_bytes=40))


def test_the_age_of_what_waits_grows_until_something_is_booked(tmp_path: Path) -> None:
    keeper, clock = Keeper(), ManualClock()
    upstream = SimpleNamespace(open=3, in_use=1, waiting=0)
    database = SimpleNamespace(standing=(8, 5))
    sources: Any = Sources(keeper, upstream, database, SimpleNamespace(taken=77))  # type: ignore[arg-type]
    gauges = Gauges(Tally(tmp_path, 0), sources, clock.monotonic)

    def age_s() -> float:
        gauges.renew(lag_s=0.25)
        [reading] = read_all(tmp_path)
        assert reading.gauges["loop_lag_us",] == 250_000
        assert (reading.gauges["database_open",], reading.gauges["database_in_use",]) == (8, 3)
        assert reading.gauges["ingest_bytes",] == 77
        assert (reading.gauges["calls_waiting",], reading.gauges["journal_unbooked_bytes",]) == (2, 40)
        return reading.gauges["flush_age_us",] / 1e6

    clock.advance(100)
    assert age_s() == 0  # nothing waits
    keeper.unflushed = 5
    clock.advance(7)
    assert age_s() == 7
    clock.advance(7)
    assert age_s() == 14
    keeper.flushed = 3
    assert age_s() == 0
    clock.advance(1)
    assert age_s() == 1
