"""A worker that writes and is killed with -9, again and again: every record whose writing it told of is there.

Run as a program, this file is the worker: it writes the same records every time it is told the same seed, and says
after each what number it got.
"""

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.journals import identity, open_calls, read_all, read_left, reserved, resolved, returned
from tollhouse.ledger import segments
from tollhouse.ledger.records import Carried, Record, Resolved
from tollhouse.ledger.segments import JournalLimits

LIMITS = JournalLimits(segment_bytes=32 << 10, max_bytes=4 << 20, keep_s=0, record_bytes=4 << 10)
TRAILS = 50
"""The book is so many records behind."""


def planned(seed: int) -> Iterator[Record]:
    chance = random.Random(seed)
    waiting: list[tuple[int, bytes]] = []
    for number in range(1 << 30):
        note = chance.randbytes(chance.randrange(1500))
        if waiting and (len(waiting) > 3 or chance.random() < 0.5):
            ended, was = waiting.pop(chance.randrange(len(waiting)))
            yield resolved(ended, note, was)
        elif chance.random() < 0.1:
            yield returned(number)
        else:
            waiting.append((number, note))
            yield reserved(number, note)


def write_until_killed(folder: Path, seed: int) -> None:
    journal = segments.open_new(folder, identity(epoch=seed), LIMITS)
    for record in planned(seed):
        number = journal.append(record)
        os.write(1, struct.pack("<I", number))
        if number % 20 == 0:
            journal.forget(number - TRAILS, now=1e12)


def killed_worker(folder: Path, seed: int) -> int:
    """The last number that a worker told of before it was killed."""
    with subprocess.Popen(
        [sys.executable, __file__, str(folder), str(seed)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as worker:
        assert worker.stdout is not None
        told = worker.stdout.read(4 * random.Random(seed).randrange(1, 1500))
        worker.kill()
        told += worker.stdout.read()
    assert worker.returncode == -9
    last: int = struct.unpack_from("<I", told, len(told) // 4 * 4 - 4)[0]
    return last


@pytest.mark.parametrize("seed", range(1, 11))
def test_what_was_told_is_there(tmp_path: Path, seed: int) -> None:
    told = killed_worker(tmp_path, seed)
    acked = max(told - TRAILS // 2, 0)
    left = segments.scan(tmp_path, seed, acked)
    assert (left.intact, left.boot_id, left.stopped) == (True, "boot", False)
    assert told <= left.last
    found = read_left(left, acked)
    assert [number for number, _ in found] == list(range(acked + 1, left.last + 1))
    assert sum(number > told and not isinstance(record, Carried) for number, record in found) <= 1
    written = [record for _, record in read_left(left, left.first - 1) if not isinstance(record, Carried)]
    plan = planned(seed)
    before = []
    while (record := next(plan)) != written[0]:
        before.append(record)
    assert written == [record, *(next(plan) for _ in written[1:])]
    assert left.open == open_calls(enumerate([*before, *written]))


def test_a_slot_outlives_many_deaths(tmp_path: Path) -> None:
    """Epoch after epoch in one folder, each finished by the next worker, none in the way of another."""
    for seed in range(1, 5):
        killed_worker(tmp_path, seed)
    for epoch in segments.epochs(tmp_path):
        left = segments.scan(tmp_path, epoch)
        journal = segments.reopen(tmp_path, identity(epoch), LIMITS, left, acked=left.first - 1)
        for call in left.open.values():
            journal.append(Resolved(call, "in_doubt", call.amount))
        assert open_calls(read_all(journal)) == {}
        journal.close()
        assert list(tmp_path.glob(f"{epoch:012d}-*.spare")) == []
        segments.forget_epoch(tmp_path, epoch, LIMITS, now=1e12)
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
