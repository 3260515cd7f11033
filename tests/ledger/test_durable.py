"""Syncing: what is reported as durable was synced, many wait for one sync, and a failure is the last word."""

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.journals import SMALL, identity, new_journal, reserved, resolved, returned
from tollhouse.ledger import segments
from tollhouse.ledger.segments import JournalFailed


class Disk:
    """Stands between the journal and the disk: what was synced, and a gate that lets syncs through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.failure: OSError | None = None
        self._fdatasync, self._fsync = os.fdatasync, os.fsync
        monkeypatch.setattr(os, "fdatasync", self._sync)
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, fd: int) -> None:
        self.entered.release()
        self.gate.wait(30)
        if self.failure is not None:
            raise self.failure
        (self._fsync if stat.S_ISDIR(os.fstat(fd).st_mode) else self._fdatasync)(fd)
        self.synced.append(os.fstat(fd).st_ino)

    async def is_syncing(self) -> None:
        assert await asyncio.to_thread(self.entered.acquire, timeout=30)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.gate.set()


def inode(path: Path) -> int:
    return path.stat().st_ino


async def test_what_is_written_is_durable_and_so_is_its_file(tmp_path: Path, disk: Disk) -> None:
    journal = new_journal(tmp_path)
    assert (await journal.sync(), disk.synced) == (0, [])
    journal.append(reserved(1))
    assert journal.synced == 0
    assert await journal.sync() == journal.synced == 1
    assert disk.synced == [inode(journal._segments[0].path), inode(tmp_path)]
    assert await journal.sync() == 1
    journal.append(resolved(1))
    assert await journal.sync() == 2
    assert disk.synced[2:] == [inode(journal._segments[0].path)]
    journal.close()


async def test_files_that_are_full_are_synced_before_the_next(tmp_path: Path, disk: Disk) -> None:
    journal = new_journal(tmp_path)
    for _ in range(3):
        written = len(journal._segments)
        while len(journal._segments) == written:
            journal.append(returned(1))
    assert await journal.sync() == journal.last
    paths = [segment.path for segment in journal._segments]
    assert disk.synced == [*map(inode, paths), inode(tmp_path)]
    disk.synced.clear()
    journal.append(returned(1))
    await journal.sync()
    assert disk.synced == [inode(paths[-1])]
    journal.close()


async def test_many_wait_for_one_sync(tmp_path: Path, disk: Disk) -> None:
    """Whoever comes while one runs waits for the next, which serves all of them."""
    journal = new_journal(tmp_path)
    journal.append(returned(1))
    await journal.sync()
    disk.synced.clear()
    disk.gate.clear()
    waiters = []
    for number in range(10):
        assert journal.append(returned(1)) == number + 2
        waiters.append(asyncio.create_task(journal.sync()))
        await asyncio.sleep(0)
    disk.gate.set()
    assert await asyncio.gather(*waiters) == [2] + [11] * 9
    assert len(disk.synced) == 2
    journal.close()


async def test_a_waiter_that_leaves_takes_nothing_from_the_others(tmp_path: Path, disk: Disk) -> None:
    journal = new_journal(tmp_path)
    journal.append(returned(1))
    disk.gate.clear()
    waiters = [asyncio.create_task(journal.sync()) for _ in range(2)]
    await disk.is_syncing()
    waiters[0].cancel()
    await asyncio.wait(waiters[:1])
    assert waiters[0].cancelled()
    disk.gate.set()
    assert await waiters[1] == 1
    journal.close()


async def test_after_a_failed_sync_nothing_is_believed_any_more(tmp_path: Path, disk: Disk) -> None:
    """The disk may have dropped what it could not write and still say yes the next time."""
    journal = new_journal(tmp_path)
    journal.append(returned(1))
    await journal.sync()
    journal.append(returned(2))
    disk.failure = OSError(errno.EIO, "Input/output error")
    waiters = await asyncio.gather(journal.sync(), journal.sync(), return_exceptions=True)
    assert [type(answer) for answer in waiters] == [JournalFailed, JournalFailed]
    disk.failure = None
    with pytest.raises(JournalFailed, match="Input/output error"):
        await journal.sync()
    with pytest.raises(JournalFailed, match="Input/output error"):
        journal.append(returned(3))
    assert (journal.synced, journal.last) == (1, 2)
    journal.close()
    assert "Input/output error" in str(journal.failure)


async def test_closing_waits_for_a_sync_that_runs(tmp_path: Path, disk: Disk) -> None:
    journal = new_journal(tmp_path)
    journal.append(returned(1))
    disk.gate.clear()
    waiter = asyncio.create_task(journal.sync())
    await disk.is_syncing()
    asyncio.get_running_loop().call_later(0.01, disk.gate.set)
    await asyncio.to_thread(journal.close)
    assert disk.synced == [inode(journal._segments[0].path), inode(tmp_path)]
    assert await waiter == 1


async def test_what_a_dead_worker_did_not_sync_is_synced_before_it_is_told(tmp_path: Path, disk: Disk) -> None:
    journal = new_journal(tmp_path)
    while len(journal._segments) < 4:
        journal.append(returned(1))
    left = segments.scan(tmp_path, 1)
    again = segments.reopen(tmp_path, identity(), SMALL, left, acked=left.segments[1].first)
    assert again.synced == left.segments[1].first
    assert await again.sync() == again.last
    synced = [*left.segments[1:], again._segments[-1]]
    assert disk.synced == [*(inode(segment.path) for segment in synced), inode(tmp_path)]
    again.close()
