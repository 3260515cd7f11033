"""What a scrape shows, read back by the library's own parser."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as in_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from making import ManualClock
from tollhouse.gateway.counts import BOUNDS_US, Counts, Histogram
from tollhouse.metrics import families
from tollhouse.metrics.families import Snapshot
from tollhouse.metrics.standing import Standing
from tollhouse.tallies.cells import Tally, read_all

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def scraped(folder: Path, standing: Mapping[str, float] | None = None) -> Samples:
    snapshot: Any = Snapshot(read_all(folder), standing, time.time())
    return samples_of(generate_latest(snapshot).decode())


def test_workers_are_summed_also_dead_ones_and_gauges_are_of_the_living(tmp_path: Path) -> None:
    for number, beat in ((0, time.time()), (1, time.time()), (2, time.time() - 60)):
        tally = Tally(tmp_path, number)
        Counts(tally).refusal("budget_exhausted", 402)
        tally.values[tally.gauge("calls_open")] = number + 1
        tally.beat(beat)
    seen = scraped(tmp_path)
    assert seen["tollhouse_refusals_total", (("code", "budget_exhausted"), ("status", "402"))] == 3
    assert seen["tollhouse_workers", ()] == 2
    open_calls = {labels: value for (name, labels), value in seen.items() if name == "tollhouse_calls_open"}
    assert open_calls == {(("worker", "0"),): 1, (("worker", "1"),): 2}
    assert seen["process_resident_memory_bytes", (("worker", "1"),)] > 1 << 20
    assert seen["tollhouse_database_up", ()] == 0


def test_times_fall_into_buckets_that_add_up(tmp_path: Path) -> None:
    histogram = Histogram(Tally(tmp_path, 0), "duration", BOUNDS_US, "true")
    for seconds in (0.0005, 0.001, 0.02, 10_000.0, -1.0):
        histogram.note(seconds)
    seen = scraped(tmp_path)

    def below(bound: str) -> float:
        return seen["tollhouse_call_seconds_bucket", (("le", bound), ("stream", "true"))]

    assert (below("0.001"), below("0.0025"), below("0.025"), below("600.0"), below("+Inf")) == (3, 3, 4, 4, 5)
    assert seen["tollhouse_call_seconds_count", (("stream", "true"),)] == 5
    assert seen["tollhouse_call_seconds_sum", (("stream", "true"),)] == pytest.approx(10_000.0215)


def test_codes_are_bounded(tmp_path: Path) -> None:
    counts = Counts(Tally(tmp_path, 0))
    for number in range(500):
        counts.refusal(f"code_{number}", 400)
    seen = {labels: value for (name, labels), value in scraped(tmp_path).items() if name == "tollhouse_refusals_total"}
    assert len(seen) == 101
    assert seen[("code", "other"), ("status", "400")] == 400


def test_openmetrics_is_written_too(tmp_path: Path) -> None:
    tally = Tally(tmp_path, 0)
    Counts(tally).refusal("x", 400)
    tally.beat(time.time())
    snapshot: Any = Snapshot(read_all(tmp_path), None, time.time())
    text = in_openmetrics(snapshot).decode()  # type: ignore[no-untyped-call]
    found = {family.name for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert {"tollhouse_refusals", "tollhouse_build_info", "process_open_fds"} <= found
    assert os.getpid() == read_all(tmp_path)[0].pid


def test_the_rules_for_alerts_and_the_manual_speak_of_metrics_that_there_are(tmp_path: Path) -> None:
    tally = Tally(tmp_path, 1)
    Counts(tally).refusal("x", 400)
    for name in (("spans", "stored"), ("answers", "control", "200")):
        tally.counter(*name)
    tally.beat(time.time())
    seen = {name for name, _ in scraped(tmp_path, dict.fromkeys(families._STANDING, 0.0))} | {"tollhouse_calls_total"}
    for page in ("docs/prometheus-alerts.yml", "docs/operating.md"):
        text = (Path(__file__).parents[2] / page).read_text()
        named = set(re.findall(r"tollhouse_[a-z_]*[a-z]\b(?!_)", text)) - NOT_METRICS
        known = {each for name in seen for each in (name, re.sub("_(bucket|sum|count)$", "", name))}
        assert named - known == set(), page


NOT_METRICS = {"tollhouse_usage"}  # the meter's name at Stripe


class Away:
    """A database that takes forever, or is not there."""

    def __init__(self) -> None:
        self.asked = 0

    def connection(self) -> Any:
        self.asked += 1
        raise OSError("away")


async def test_a_database_that_is_away_is_told_and_not_asked_again_at_once() -> None:
    away, clock = Away(), ManualClock()
    standing = Standing(away, clock)  # type: ignore[arg-type]
    for _ in range(3):
        assert await standing.look() is None
    assert away.asked == 1
    clock.advance(6)
    assert await standing.look() is None
    assert away.asked == 2
