"""Numbers that workers share: they never fall, whoever dies, and there are only so many of them."""

import os
from pathlib import Path

import pytest

from tollhouse.tallies import cells
from tollhouse.tallies.cells import CELLS, OVERFLOW, Tally, read_all


def test_any_worker_reads_what_any_counted(tmp_path: Path) -> None:
    for number in (0, 7):
        tally = Tally(tmp_path, number)
        tally.values[tally.counter("calls", "openai", "completed")] += number + 1
        tally.values[tally.gauge("open")] = 5
        tally.beat(1000.9)
    first, second = read_all(tmp_path)
    assert (first.number, second.number) == (0, 7)
    assert first.counters == {(OVERFLOW,): 0, ("calls", "openai", "completed"): 1}
    assert second.counters["calls", "openai", "completed"] == 8
    assert second.gauges == {("open",): 5}
    assert (second.pid, second.beat) == (os.getpid(), 1000)


def test_a_successor_counts_on_and_its_gauges_begin_anew(tmp_path: Path) -> None:
    dead = Tally(tmp_path, 1)
    dead.values[dead.counter("calls")] += 3
    dead.values[dead.gauge("open")] = 5
    dead.beat(1000)
    del dead  # killed: nobody closed it
    heir = Tally(tmp_path, 1)
    heir.values[heir.counter("other")] += 1
    heir.values[heir.counter("calls")] += 1
    [reading] = read_all(tmp_path)
    assert (reading.counters["calls",], reading.counters["other",]) == (4, 1)
    assert (reading.gauges["open",], reading.beat) == (0, 0)


def test_what_is_closed_keeps_its_counters_and_counts_what_comes_late(tmp_path: Path) -> None:
    tally = Tally(tmp_path, 0)
    cell = tally.counter("calls")
    tally.beat(1000)
    tally.close()
    tally.values[cell] += 1
    [reading] = read_all(tmp_path)
    assert (reading.counters["calls",], reading.beat, reading.pid) == (1, 0, 0)


@pytest.mark.parametrize("name", [["x" * 200], ["n", "ü" * 60]])
def test_a_name_that_does_not_fit_is_counted_without_one(tmp_path: Path, name: list[str]) -> None:
    tally = Tally(tmp_path, 0)
    tally.values[tally.counter(*name)] += 1
    [reading] = read_all(tmp_path)
    assert reading.counters == {(OVERFLOW,): 1}


def test_there_are_so_many_names_and_not_more(tmp_path: Path) -> None:
    tally = Tally(tmp_path, 0)
    for number in range(CELLS + 10):
        tally.values[tally.counter("n", str(number))] += 1
    [reading] = read_all(tmp_path)
    assert len(reading.counters) == CELLS
    assert reading.counters[OVERFLOW,] == 11


def test_a_file_of_another_kind_is_begun_anew_or_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"\xff" * cells._FILE_BYTES)
    (tmp_path / "1").write_bytes(b"short")
    (tmp_path / "notes").write_text("not ours")
    assert read_all(tmp_path) == []
    Tally(tmp_path, 0)
    assert [reading.counters for reading in read_all(tmp_path)] == [{(OVERFLOW,): 0}]
    assert read_all(tmp_path / "nowhere") == []
