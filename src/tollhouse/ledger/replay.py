"""Reads journals: a dead worker's from its files, a living one's behind its writer.

An epoch's files are a chain: each says after which number it goes on. The chain may end in a torn write, as a kill -9
leaves it; that record was never acted on. Everything else that is not as it was written is damage: reading stops
there, and no damaged input raises anything but what is documented here.
"""

import errno
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from tollhouse.foundation.ids import CallId
from tollhouse.ledger import frames, records
from tollhouse.ledger.frames import Head
from tollhouse.ledger.records import Carried, Record, Reserved, Resolved, Stopped

_PIECE_BYTES: Final = 256 << 10
_NO_LIMIT: Final = (1 << 64) - 1
_NAME: Final = re.compile(r"(\d{12,})-(\d{6,})\.journal")
# A disk that cannot give back what it was given. Other errors (no rights, too many open files) prove nothing.
_LOST: Final = {errno.EIO, errno.ENODATA, errno.EUCLEAN, errno.EBADMSG, errno.EISDIR}
# A record's bytes begin with the array's length, then its tag as a string of one letter.
_TAG: Final = slice(2, 3)


class JournalError(Exception):
    """The journal cannot do this now."""


class JournalFailed(JournalError):
    """The file system refused; nothing of it may be relied on."""


class JournalFull(JournalError):
    """No more calls may be admitted; outcomes of open ones are still taken."""


class RecordTooLarge(JournalError):
    """This record is never taken."""


class JournalDamaged(JournalError):
    """A record that was written cannot be read back."""


@dataclass(slots=True)
class Segment:
    """A file of the chain: the records that count in it, and the bytes up to the end of the last.

    `marks` tells of some records, in order, where they begin; of the first one always.
    """

    path: Path
    number: int
    first: int
    last: int
    size_bytes: int
    marks: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Scan:
    """What an epoch's files hold. `last`: the last number that can be read; `open`: calls without an outcome there.

    `intact`: nothing that was written and acted on is missing. `stopped`: the worker ended cleanly. `boot_id`: the
    machine's run in which all of it was written; None: not one. `segments` are what can be read, oldest first;
    `newest_segment` counts files that cannot be read, too.
    """

    open: dict[CallId, Reserved]
    first: int
    last: int
    intact: bool
    stopped: bool
    boot_id: str | None
    segments: tuple[Segment, ...]
    newest_segment: int


def file_name(epoch: int, segment: int) -> str:
    return f"{epoch:012d}-{segment:06d}.journal"


def epochs(folder: Path) -> list[int]:
    """The epochs that have files, oldest first."""
    return sorted({epoch for epoch, _, _ in _files(folder)})


def files_of(folder: Path, epoch: int) -> list[tuple[int, Path]]:
    """An epoch's segment numbers and files, oldest first."""
    return [(segment, path) for _, segment, path in _files(folder, f"{epoch:012d}-")]


def scan(folder: Path, epoch: int, after: int = 0) -> Scan:
    """What is left of an epoch, from the file that holds record `after` on; up to there the caller knows everything.

    Nothing behind a damage is read. Should the oldest files be gone (a book that forgot more than is kept), reading
    begins with the first there is: its head carries what was open. Raises JournalFailed if a file cannot be looked at.
    """
    files = files_of(folder, epoch)
    finds = _finds(files)
    chain = _chain(finds)
    begin = max((index for index, find in enumerate(chain) if find.head.first <= after), default=0)
    replay = _Replay([find.as_segment() for find in chain[:begin]])
    is_whole = replay.read_chain(chain[begin:]) and chain[-1].head.segment == files[-1][0]
    boots = {find.head.boot_id for find in finds}
    intact = (
        is_whole
        and chain[begin].head.first <= after + 1
        and replay.last >= after
        and not any(find.head.damaged for find in finds)
    )
    return Scan(
        open=replay.open,
        first=chain[begin].head.first if chain else 0,
        last=replay.last,
        intact=intact,
        stopped=intact and replay.stopped,
        boot_id=boots.pop() if len(boots) == 1 else None,
        segments=tuple(replay.segments),
        newest_segment=files[-1][0] if files else 0,
    )


class Reader:
    """Reads a journal's records in order, each once, without keeping a file open.

    `passed`: everything up to this number was read, or passed over: only records of `kinds` are decoded and returned.
    """

    def __init__(self, segments: Sequence[Segment], after: int, kinds: Iterable[type[Record]] | None = None) -> None:
        self.passed = after
        self._segments = segments
        self._tags = None if kinds is None else {_tag(kind) for kind in kinds}
        self._stands: tuple[Segment, int] | None = None

    def read(self, most_records: int, most_bytes: int, through: int) -> list[tuple[int, Record]]:
        """The next records up to number `through`, at least one if there is one that is wanted, and as many as fit.

        `most_bytes` also counts what is passed over; with `kinds`, nothing may come back though `passed` moved.
        Raises JournalDamaged, JournalFailed.
        """
        through = min(through, self._segments[-1].last)
        found: list[tuple[int, Record]] = []
        while self.passed < through and len(found) < most_records and most_bytes > 0:
            try:
                most_bytes -= self._read_segment(self._segment(), through, found, most_records, most_bytes)
            except JournalError:
                self._stands = None
                if found:
                    break
                raise
        return found

    def _read_segment(
        self, segment: Segment, through: int, found: list[tuple[int, Record]], most_records: int, most_bytes: int
    ) -> int:
        """How many bytes that was."""
        try:
            with segment.path.open("rb", buffering=0) as file:
                window = _Window(file.fileno(), 0, segment.size_bytes)
                self._go_to(window, segment)
                begin = window.at
                while self.passed < min(through, segment.last) and len(found) < most_records:
                    self._take(window, found)
                    if window.at - begin >= most_bytes:
                        break
        except OSError as error:
            raise JournalFailed(f"{segment.path.name} cannot be read: {error.strerror}") from error
        self._stands = segment, window.at
        return window.at - begin

    def _segment(self) -> Segment:
        """The one with the next record; where numbers were lost, a segment begins after the hole."""
        following = self.passed + 1
        index = max(bisect_right(self._segments, following, key=lambda segment: segment.first) - 1, 0)
        if following > self._segments[index].last:
            index += 1
        self.passed = max(self.passed, self._segments[index].first - 1)
        return self._segments[index]

    def _go_to(self, window: "_Window", segment: Segment) -> None:
        """The next record: where the last reading ended or, the first time, from a mark at or before it."""
        if self._stands is not None and self._stands[0] is segment:
            window.at = self._stands[1]
            return
        marks = segment.marks
        number, window.at = marks[bisect_right(marks, self.passed + 1, key=lambda mark: mark[0]) - 1]
        for passed in range(number, self.passed + 1):
            if not window.skip(passed):
                raise _damaged(passed)

    def _take(self, window: "_Window", found: list[tuple[int, Record]]) -> None:
        number = self.passed + 1
        payload = window.payload(number)
        if payload is None:
            raise _damaged(number)
        if self._tags is None or bytes(payload[_TAG]) in self._tags:
            record = _decoded(payload)
            if record is None:
                raise _damaged(number)
            found.append((number, record))
        window.step_over(payload)
        self.passed = number


def _damaged(number: int) -> JournalDamaged:
    return JournalDamaged(f"record {number} cannot be read back")


def _tag(kind: type[Record]) -> bytes:
    return str(kind.__struct_config__.tag).encode()


def _decoded(payload: memoryview) -> Record | None:
    try:
        return records.decode(payload)
    except msgspec.DecodeError:
        return None


def _files(folder: Path, beginning: str = "") -> list[tuple[int, int, Path]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        matches = [_NAME.fullmatch(entry.name) for entry in entries if entry.name.startswith(beginning)]
    return sorted((int(match[1]), int(match[2]), folder / match[0]) for match in matches if match)


@dataclass(frozen=True, slots=True)
class _Find:
    """A file with a readable head. `through`: what its successor in the chain leaves of it."""

    path: Path
    size_bytes: int
    head: Head
    begin: int
    through: int = _NO_LIMIT

    def as_segment(self) -> Segment:
        """Unread: believed to be whole."""
        return self.read_up_to(self.through, self.size_bytes)

    def read_up_to(self, last: int, size_bytes: int) -> Segment:
        head = self.head
        return Segment(self.path, head.segment, head.first, last, size_bytes, [(head.first, self.begin)])


def _finds(files: Iterable[tuple[int, Path]]) -> list[_Find]:
    """The files whose heads can be read and name the file's own place; all of one worker."""
    finds: list[_Find] = []
    for segment, path in files:
        epoch = int(path.name.partition("-")[0])
        start, size_bytes = _look_at(path)
        with_head = frames.head_of(start, segment)
        if with_head is not None and (with_head[0].epoch, with_head[0].segment) == (epoch, segment):
            finds.append(_Find(path, size_bytes, *with_head))
    return [find for find in finds if find.head.worker_id == finds[-1].head.worker_id]


def _look_at(path: Path) -> tuple[bytes, int]:
    """A file's first bytes and its size."""
    try:
        with path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), frames.MAX_HEAD_BYTES, 0), os.fstat(file.fileno()).st_size
    except OSError as error:
        _raise_unless_lost(error, path)
        return b"", 0


def _raise_unless_lost(error: OSError, path: Path) -> None:
    if error.errno not in _LOST:
        raise JournalFailed(f"{path.name} cannot be read: {error.strerror}") from error


def _chain(finds: Iterable[_Find]) -> list[_Find]:
    """Without the files that a later one, written after a damage, made void."""
    chain: list[_Find] = []
    through = _NO_LIMIT
    for find in reversed(list(finds)):
        if find.head.first <= through:
            chain.append(replace(find, through=through))
            through = find.head.before
    return chain[::-1]


@dataclass(slots=True)
class _Replay:
    """Follows an epoch's records and keeps what matters at its end."""

    segments: list[Segment]
    open: dict[CallId, Reserved] = field(default_factory=dict)
    last: int = 0
    stopped: bool = False

    def read_chain(self, chain: Sequence[_Find]) -> bool:
        """Whether all of it could be read, up to a clean end."""
        ends_cleanly = False
        for index, find in enumerate(chain):
            if index and find.head.before != self.last:
                return False
            ends_cleanly = self._read(find)
        return ends_cleanly

    def _read(self, find: _Find) -> bool:
        self.last = find.head.first - 1
        at, ends_cleanly = find.begin, False
        try:
            with find.path.open("rb", buffering=0) as file:
                window = _Window(file.fileno(), find.begin, _NO_LIMIT)
                while self.last < find.through and self._take(window):
                    self.last += 1
                    at = window.at
                ends_cleanly = self.last == find.through or window.ends_cleanly(self.last + 1)
        except OSError as error:
            _raise_unless_lost(error, find.path)
        self.segments.append(find.read_up_to(self.last, at))
        return ends_cleanly

    def _take(self, window: "_Window") -> bool:
        payload = window.payload(self.last + 1)
        record = None if payload is None else _decoded(payload)
        if payload is None or record is None:
            return False
        if isinstance(record, Reserved | Carried):
            reserved = record if isinstance(record, Reserved) else record.reserved
            self.open[reserved.call.call_id] = reserved
        elif isinstance(record, Resolved):
            self.open.pop(record.reserved.call.call_id, None)
        self.stopped = isinstance(record, Stopped)
        window.step_over(payload)
        return True


class _Window:
    """The frames of an open file, read ahead in pieces. `at`: where the next one begins; `until`: what counts of it."""

    def __init__(self, file: int, at: int, until: int) -> None:
        self.at = at
        self._file = file
        self._until = until
        self._piece = b""
        self._piece_at = 0

    def payload(self, number: int) -> memoryview | None:
        """Of frame `number`, if it stands here whole. Stays where it is."""
        found = frames.payload_at(self._piece, self.at - self._piece_at, number)
        if found is None:
            self._read_piece()
            found = frames.payload_at(self._piece, 0, number)
        return found

    def step_over(self, payload: memoryview) -> None:
        self.at += frames.FRAME_BYTES + len(payload)

    def skip(self, number: int) -> bool:
        """Go to the next frame without a look at this one's payload; False: this is not frame `number`."""
        length = frames.length_at(self._piece, self.at - self._piece_at, number)
        if length is None:
            self._read_piece()
            length = frames.length_at(self._piece, 0, number)
        self.at += length or 0
        return length is not None

    def ends_cleanly(self, number: int) -> bool:
        """Whether writing may have ended here, before or within frame `number`."""
        start = os.pread(self._file, frames.FRAME_BYTES, self.at)
        written, looked_at = 0, 0
        while written <= frames.MAX_FRAME_BYTES:
            piece = os.pread(self._file, _PIECE_BYTES, self.at + looked_at)
            if not piece:
                break
            filled = len(piece.rstrip(b"\0"))
            written = looked_at + filled if filled else written
            looked_at += len(piece)
        return frames.is_clean_end(start, written, number)

    def _read_piece(self) -> None:
        """The next piece begins with the next frame, so that a whole one fits in it."""
        self._piece = os.pread(self._file, min(_PIECE_BYTES, max(self._until - self.at, 0)), self.at)
        self._piece_at = self.at
