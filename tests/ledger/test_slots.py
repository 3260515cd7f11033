"""A worker's place: one holder at a time, one name for good, and a lock that proves death."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tollhouse.foundation.errors import StartupError
from tollhouse.ledger import slots


def test_two_workers_take_two_slots_and_a_successor_takes_over_the_name(data_dir: Path) -> None:
    first, second = slots.take(data_dir), slots.take(data_dir)
    assert first.worker_id != second.worker_id
    assert first.journal != second.journal
    name = first.worker_id
    first.release()
    assert slots.take(data_dir).worker_id == name
    second.release()


def test_others_may_not_look_into_a_slot(data_dir: Path) -> None:
    slot = slots.take(data_dir)
    assert stat.S_IMODE(slot.journal.parent.stat().st_mode) == 0o700
    slot.release()


def test_when_all_slots_are_taken_the_start_stops(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MOST_SLOTS", 1)
    slot = slots.take(data_dir)
    with pytest.raises(StartupError, match="all 1 worker slots"):
        slots.take(data_dir)
    slot.release()


def test_only_a_busy_slot_without_a_living_holder_is_deserted(data_dir: Path) -> None:
    alive, finished, dead = (slots.take(data_dir) for _ in range(3))
    for slot in (alive, finished, dead):
        slot.begin()
    finished.finish()
    finished.finish()
    finished.release()
    dead.release()
    found = list(slots.deserted(data_dir))
    assert [slot.worker_id for slot in found] == [dead.worker_id]
    found[0].finish()
    found[0].release()
    assert not list(slots.deserted(data_dir))
    alive.release()


def test_a_killed_process_lets_go_of_its_slot(data_dir: Path) -> None:
    code = (
        "import os, pathlib, signal, sys; from tollhouse.ledger import slots;"
        "slot = slots.take(pathlib.Path(sys.argv[1])); slot.begin(); print(slot.worker_id, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(data_dir)], capture_output=True, text=True, check=False)
    (slot,) = slots.deserted(data_dir)
    assert slot.worker_id == done.stdout.strip()
    slot.release()


def test_the_boot_id_is_known_and_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert slots.boot_id() == slots.boot_id() != ""
    monkeypatch.setattr(slots, "_BOOT_ID", tmp_path / "nowhere")
    assert slots.boot_id() == ""
