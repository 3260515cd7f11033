"""A worker's journal: what it writes down before and after a call is sent, so that no death of it loses money.

A folder holds the journals of one worker's epochs, each in files (*segments*) of a fixed size. One write per record:
what was appended survives the death of the process, and that of the machine once it is synced. Room for the outcomes
of all open calls is on the disk before one more call is admitted. A new segment begins with the open reservations, so
old segments can go. Nobody but the owner may read a journal.

Not safe for threads; only syncing is done in one, its own.
"""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tollhouse.foundation.ids import CallId, WorkerId
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import frames, records
from tollhouse.ledger.durable import Durable
from tollhouse.ledger.frames import FRAME_BYTES, MAX_HEAD_BYTES, MAX_RECORD_BYTES, Head
from tollhouse.ledger.records import Carried, Record, Reserved, Resolved
from tollhouse.ledger.replay import (
    JournalDamaged,
    JournalError,
    JournalFailed,
    JournalFull,
    Reader,
    RecordTooLarge,
    Scan,
    Segment,
    epochs,
    file_name,
    files_of,
    scan,
)
from tollhouse.ledger.spares import Spares, delete_spares, discard

__all__ = [
    "Identity",
    "Journal",
    "JournalDamaged",
    "JournalError",
    "JournalFailed",
    "JournalFull",
    "JournalLimits",
    "Reader",
    "RecordTooLarge",
    "Scan",
    "epochs",
    "forget_epoch",
    "open_new",
    "reopen",
    "scan",
]

_MARK_EVERY_BYTES: Final = 64 << 10
_CARRIED_ADDS_BYTES: Final = 8

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes. `boot_id`: which run of the machine this is; empty: unknown."""

    worker_id: WorkerId
    epoch: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """`max_bytes`: how much may wait for the book, and how much is kept in all once the book has it.

    `record_bytes`: the largest record. A reservation may have half of it, the other half is its outcome's.
    """

    segment_bytes: int = 16 << 20
    max_bytes: int = 1 << 30
    keep_s: float = 86_400
    record_bytes: int = MAX_RECORD_BYTES

    def __post_init__(self) -> None:
        if not 0 < self.record_bytes <= MAX_RECORD_BYTES:
            raise ValueError(f"the largest record of a journal is one of 1 to {MAX_RECORD_BYTES} bytes")
        if not MAX_HEAD_BYTES + 4 * self.frame_bytes <= self.segment_bytes <= self.max_bytes // 4:
            raise ValueError("a segment has room for a few large records, the journal for four segments")

    @property
    def frame_bytes(self) -> int:
        return FRAME_BYTES + self.record_bytes


def open_new(folder: Path, identity: Identity, limits: JournalLimits) -> "Journal":
    """The journal of an epoch that begins. Raises JournalError, also if that epoch has one already."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        if files_of(folder, identity.epoch):
            raise JournalError(f"epoch {identity.epoch} has a journal already; was the database set back?")
        return Journal(folder, limits, _head(identity, 1))
    except OSError as error:
        raise JournalFailed(f"no journal can be begun in {folder}: {error.strerror}") from error


def reopen(folder: Path, identity: Identity, limits: JournalLimits, left: Scan, acked: int) -> "Journal":
    """Continue a dead epoch's journal in a segment of its own, behind all that was or may be known of it.

    What `left` could not read is void from now on; if that was a damage, the journal says so for good. Raises
    JournalError. Sets no room aside, so that it also works on a disk that is nearly full; it is not for new calls.
    """
    first = max(left.last, acked) + 1
    is_damaged = not left.intact or acked > left.last
    head = _head(identity, left.newest_segment + 1, first=first, before=left.last, damaged=is_damaged)
    try:
        if left.intact:
            os.truncate(left.segments[-1].path, left.segments[-1].size_bytes)
        return Journal(folder, limits, head, left=left, acked=acked)
    except OSError as error:
        raise JournalFailed(f"the journal in {folder} cannot be continued: {error.strerror}") from error


def forget_epoch(folder: Path, epoch: int, limits: JournalLimits, now: float) -> None:
    """Delete a finished epoch's files, when they are old or the folder holds too much. `now`: seconds since 1970.

    Until then they are kept for a database that forgets what it was told.
    """
    files = [path for _, path in files_of(folder, epoch)]
    try:
        delete_spares(folder, epoch)
        is_old = all(path.stat().st_mtime < now - limits.keep_s for path in files)
        if is_old or sum(path.stat().st_size for path in folder.iterdir()) > limits.max_bytes:
            for path in files:
                path.unlink()
    except OSError as error:
        _log.warning("a finished journal could not be deleted", epoch=epoch, error=str(error))


def _head(identity: Identity, segment: int, *, first: int = 1, before: int = 0, damaged: bool = False) -> Head:
    return Head(identity.worker_id, identity.epoch, segment, identity.boot_id, first, before, damaged)


class Journal:
    """Owns one epoch's files."""

    def __init__(self, folder: Path, limits: JournalLimits, head: Head, left: Scan | None = None, acked: int = 0):
        self._folder = folder
        self._limits = limits
        self._acked = acked
        self._open: dict[CallId, tuple[Reserved, int]] = {}
        self._carried_bytes = 0
        self._segments: list[Segment] = list(left.segments) if left else []
        self._waiting_bytes = 0
        self._remains_until = 0
        self._spares = Spares(folder, head.epoch, limits.segment_bytes if left is None else 0)
        self._durable = Durable(folder, lambda: self.last, acked)
        for segment in self._segments:
            if segment.last > acked:
                # Whoever wrote it may not have come to syncing it; the book is not to know more than the disk.
                self._durable.add(segment.path.open("rb", buffering=0))
        for reserved in left.open.values() if left else ():
            self._follow(reserved, FRAME_BYTES + len(records.encode(reserved)))
        self._begin_segment(head)

    @property
    def last(self) -> int:
        """The newest record's number."""
        return self._segments[-1].last

    @property
    def synced(self) -> int:
        """The highest number that no power cut can take any more."""
        return self._durable.through

    @property
    def size_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self._segments)

    @property
    def unacked_bytes(self) -> int:
        """What waits for the book, counted by whole segments."""
        newest = self._segments[-1]
        return self._waiting_bytes + (newest.size_bytes if newest.last > self._acked else 0)

    @property
    def failure(self) -> str | None:
        """Why this journal takes no records any more, ever."""
        return self._durable.failure

    # Writing -----------------------------------------------------------------------------------------------

    def append(self, record: Record) -> int:
        """Write a record; returns its number. A kill -9 from here on cannot lose it.

        Raises JournalFull (outcomes have their room set aside), JournalFailed, RecordTooLarge: it was not written.
        """
        if self._durable.failure is not None:
            raise JournalFailed(self._durable.failure)
        payload = records.encode(record)
        size = FRAME_BYTES + len(payload)
        if isinstance(record, Reserved):
            self._set_room_aside(size)
        elif len(payload) > self._limits.record_bytes:
            raise RecordTooLarge(f"a record of {len(payload)} bytes; at most {self._limits.record_bytes} are taken")
        segment = self._segments[-1]
        if segment.size_bytes + size > self._limits.segment_bytes:
            segment = self._rotate()
        number = segment.last + 1
        self._write(frames.frame(number, payload), segment.size_bytes)
        if segment.size_bytes - segment.marks[-1][1] >= _MARK_EVERY_BYTES:
            segment.marks.append((number, segment.size_bytes))
        segment.last = number
        segment.size_bytes += size
        self._follow(record, size)
        return number

    def _set_room_aside(self, size: int) -> None:
        """For one more call: its reservation, its outcome and those of all open calls, and something to end with.

        What does not fit into this segment goes into spare ones, which begin with the open reservations.
        """
        limits = self._limits
        if size > FRAME_BYTES + limits.record_bytes // 2:
            raise RecordTooLarge(f"a reservation of {size} bytes; at most {limits.record_bytes // 2} are taken")
        here = limits.segment_bytes - self._segments[-1].size_bytes - limits.frame_bytes
        missing = size + (len(self._open) + 2) * limits.frame_bytes - max(here, 0)
        spares = 0
        if missing > 0:
            carried = self._carried_bytes + size + _CARRIED_ADDS_BYTES
            there = limits.segment_bytes - MAX_HEAD_BYTES - carried - limits.frame_bytes
            if there <= 0:
                raise JournalFull("more calls are open than a segment of the journal can carry")
            spares = -(-missing // there)
        if self.unacked_bytes + size + spares * limits.segment_bytes > limits.max_bytes:
            raise JournalFull(f"{self.unacked_bytes} bytes of the journal wait for the book")
        self._spares.set_aside(spares)

    def _write(self, frame: bytes, at: int) -> None:
        """All of it or, as far as any reader can tell, nothing."""
        file = self._file.fileno()
        # What a failed write left must not stand behind a shorter record: it would look like damage.
        data = frame.ljust(self._remains_until - at, b"\0") if self._remains_until else frame
        try:
            _write_whole(file, data, at)
        except OSError as error:
            self._remains_until = at + len(data)
            with suppress(OSError):
                # Without its last byte it is no frame, however much of it was written.
                os.pwrite(file, b"\0", at + len(frame) - 1)
            raise JournalFailed(f"the journal could not be written: {error.strerror}") from error
        self._remains_until = 0

    def _follow(self, record: Record, size: int) -> None:
        """Which calls are open is told by the records alone: no other list can lack one when a segment begins."""
        if isinstance(record, Reserved):
            self._close_call(record)
            self._open[record.call.call_id] = record, size
            self._carried_bytes += size + _CARRIED_ADDS_BYTES
        elif isinstance(record, Resolved):
            self._close_call(record.reserved)

    def _close_call(self, reserved: Reserved) -> None:
        call = self._open.pop(reserved.call.call_id, None)
        if call is not None:
            self._carried_bytes -= call[1] + _CARRIED_ADDS_BYTES

    # Segments ----------------------------------------------------------------------------------------------

    def _begin_segment(self, head: Head) -> Segment:
        """The file gets its name when it holds all that was open: a kill -9 leaves no half-begun segment."""
        spare, file = self._spares.take()
        path = self._folder / file_name(head.epoch, head.segment)
        start = frames.head_bytes(head)
        carried = [records.encode(Carried(reserved)) for reserved, _ in self._open.values()]
        data = start + b"".join(frames.frame(head.first + place, raw) for place, raw in enumerate(carried))
        try:
            _write_whole(file.fileno(), data, 0)
            spare.rename(path)
        except OSError as error:
            discard(spare, file)
            raise JournalFailed(f"no new segment of the journal could be begun: {error.strerror}") from error
        self._durable.add(file)
        self._head, self._file, self._remains_until = head, file, 0
        last = head.first + len(carried) - 1
        segment = Segment(path, head.segment, head.first, last, len(data), [(head.first, len(start))])
        self._segments.append(segment)
        self._count_waiting()
        return segment

    def _rotate(self) -> Segment:
        last = self.last
        return self._begin_segment(replace(self._head, segment=self._head.segment + 1, first=last + 1, before=last))

    def _count_waiting(self) -> None:
        self._waiting_bytes = sum(each.size_bytes for each in self._segments[:-1] if each.last > self._acked)

    def forget(self, acked: int, now: float) -> None:
        """The book has everything up to `acked`. Old segments go; newer ones, too, when there are too many bytes.

        `now`: seconds since 1970. What has to stay for reading on is not touched.
        """
        self._acked = acked
        kept_bytes = self.size_bytes
        while len(self._segments) > 1 and self._segments[0].last <= acked:
            oldest = self._segments[0]
            try:
                if kept_bytes <= self._limits.max_bytes and oldest.path.stat().st_mtime >= now - self._limits.keep_s:
                    break
                oldest.path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("an old part of the journal could not be deleted", error=str(error))
                break
            kept_bytes -= oldest.size_bytes
            del self._segments[0]
        self._count_waiting()

    def close(self) -> None:
        """Gives back the room that was not used. What was not synced is as safe, or unsafe, as before."""
        if self._file.closed:
            return
        with suppress(OSError):
            os.ftruncate(self._file.fileno(), self._segments[-1].size_bytes)
        self._durable.close("the journal is closed")
        self._spares.close()

    # Durability and reading --------------------------------------------------------------------------------

    async def sync(self) -> int:
        """Wait until all that is written now is durable; the highest number that is. Raises JournalFailed, for good."""
        return await self._durable.sync()

    def reader(self, after: int, kinds: Iterable[type[Record]] | None = None) -> Reader:
        """Reads on from record `after`, whether it is synced or not."""
        return Reader(self._segments, after, kinds)


def _write_whole(fd: int, data: bytes, at: int) -> None:
    written = os.pwrite(fd, data, at)
    while written < len(data):
        more = os.pwrite(fd, memoryview(data)[written:], at + written)
        if not more:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written += more
