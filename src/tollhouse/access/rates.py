"""How many calls a key makes: per minute and at once. Counted by the workers of one machine together, asking nobody.

The counts live in a file of the data directory that every worker maps into its memory; a few places of it are locked
for some microseconds. Minutes slide: the minute before counts by the part of it that is still within sixty seconds.
Tokens are counted when a call ends, so a key is let through until its minute is full, not up to a guess of what will
fill it. Several nodes do not know of each other's calls: each of them keeps the limits by itself.

A count is not money. Whoever cannot have a lock within some milliseconds goes on without it; what a killed worker had
open stops counting when its successor begins.
"""

import contextlib
import fcntl
import math
import mmap
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tollhouse.access.permits import UNLIMITED, CallLimits

What = Literal["requests", "tokens", "concurrent calls"]

COLUMNS: Final = 256
"""One for each worker of the machine."""
_BUCKETS: Final = 1024
_PLACES: Final = 16
_HEAD: Final = struct.Struct("<16sqqqqq8x")
_TAG_BYTES: Final = 16
_OPEN_BYTES: Final = 2 * COLUMNS
_PLACE_BYTES: Final = _HEAD.size + _OPEN_BYTES
_FILE_BYTES: Final = _BUCKETS * _PLACES * _PLACE_BYTES
_EMPTY: Final = bytes(_TAG_BYTES)
_MOST_OPEN: Final = 0xFFFF
_LOCK_WAIT_S: Final = 0.005
_NANOS: Final = 1_000_000_000


@dataclass(slots=True)
class Turn:
    """A call that was let through; `tokens` is what it turned out to take."""

    tag: bytes
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Slow:
    """A call that was not: which limit is reached, and when to try again."""

    what: What
    limit: int
    retry_after_s: int


class Minute(NamedTuple):
    """Counts of a minute and of the one before it. Pure."""

    number: int = 0
    calls: int = 0
    tokens: int = 0
    calls_before: int = 0
    tokens_before: int = 0

    def at(self, number: int) -> "Minute":
        """The same counts, seen from this minute on."""
        if number <= self.number:
            return self
        if number == self.number + 1:
            return Minute(number, 0, 0, self.calls, self.tokens)
        return Minute(number)


class Rates:
    """One worker's view of the counts. `column` is its own; nobody else that lives has the same."""

    def __init__(self, path: Path, column: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        self._file.truncate(_FILE_BYTES)
        self._memory = mmap.mmap(self._file.fileno(), _FILE_BYTES)
        self._column = column % COLUMNS
        self._forget_column()

    def close(self) -> None:
        self._memory.close()
        self._file.close()

    def admit(self, key_id: str, limits: CallLimits, at_ns: int) -> Turn | Slow | None:
        """Count a call in; None: the key has no limits, there is nothing to count. Give a turn back with `finish`."""
        if limits == UNLIMITED:
            return None
        tag = blake2b(key_id.encode(), digest_size=_TAG_BYTES).digest()
        number, into = divmod(at_ns / _NANOS, 60)
        with self._locked(tag):
            place = self._place_of(tag, int(number))
            minute = self._read(place).at(int(number))
            slow = judge(limits, minute, self._open(place), into / 60)
            if slow is not None:
                return slow
            self._write(place, tag, minute._replace(calls=minute.calls + 1))
            self._add_open(place, 1)
        return Turn(tag)

    def finish(self, turn: Turn, at_ns: int) -> None:
        """The call is over."""
        number = int(at_ns // (60 * _NANOS))
        with self._locked(turn.tag):
            place = self._place_of(turn.tag, number)
            minute = self._read(place).at(number)
            self._write(place, turn.tag, minute._replace(tokens=minute.tokens + turn.tokens))
            self._add_open(place, -1)

    @contextlib.contextmanager
    def _locked(self, tag: bytes) -> Iterator[None]:
        """A process that was stopped while it had the lock must not stop the others."""
        bucket = _bucket_of(tag)
        give_up_at = time.monotonic() + _LOCK_WAIT_S
        while not self._lock(bucket) and time.monotonic() < give_up_at:
            os.sched_yield()
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, bucket)

    def _lock(self, bucket: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, bucket)
        except OSError:
            return False
        return True

    def _place_of(self, tag: bytes, number: int) -> int:
        """Where the key's counts are, or may be from now on: a place nobody needs, or the one least in use."""
        first = _bucket_of(tag) * _PLACES * _PLACE_BYTES
        places = range(first, first + _PLACES * _PLACE_BYTES, _PLACE_BYTES)
        for place in places:
            if self._memory[place : place + _TAG_BYTES] == tag:
                return place
        place = min(places, key=lambda each: self._worth(each, number))
        self._memory[place : place + _PLACE_BYTES] = bytes(_PLACE_BYTES)
        return place

    def _worth(self, place: int, number: int) -> tuple[bool, bool, int]:
        """How much would be lost with it: calls that are open, counts that still count, a key at all."""
        if self._memory[place : place + _TAG_BYTES] == _EMPTY:
            return False, False, -1
        minute = self._read(place)
        return self._open(place) > 0, minute.number >= number - 1, minute.number

    def _read(self, place: int) -> Minute:
        return Minute(*_HEAD.unpack_from(self._memory, place)[1:])

    def _write(self, place: int, tag: bytes, minute: Minute) -> None:
        _HEAD.pack_into(self._memory, place, tag, *minute)

    def _open(self, place: int) -> int:
        begin = place + _HEAD.size
        return sum(struct.unpack_from(f"<{COLUMNS}H", self._memory, begin))

    def _add_open(self, place: int, change: int) -> None:
        at = place + _HEAD.size + 2 * self._column
        (count,) = struct.unpack_from("<H", self._memory, at)
        struct.pack_into("<H", self._memory, at, min(max(count + change, 0), _MOST_OPEN))

    def _forget_column(self) -> None:
        """What the former holder of this column had open is over."""
        for place in range(_HEAD.size + 2 * self._column, _FILE_BYTES, _PLACE_BYTES):
            if self._memory[place] or self._memory[place + 1]:
                self._memory[place : place + 2] = b"\0\0"


def judge(limits: CallLimits, minute: Minute, running: int, into: float) -> Slow | None:
    """Whether one more call fits. `into`: how much of the minute is over, 0 to 1. Pure."""
    if limits.concurrent_calls is not None and running >= limits.concurrent_calls:
        return Slow("concurrent calls", limits.concurrent_calls, 1)
    if limits.requests_per_minute is not None:
        room = limits.requests_per_minute - 1
        if _sliding(minute.calls, minute.calls_before, into) > room:
            wait = _wait_s(minute.calls, minute.calls_before, room, into)
            return Slow("requests", limits.requests_per_minute, wait)
    if limits.tokens_per_minute is not None:
        room = limits.tokens_per_minute - 1
        if _sliding(minute.tokens, minute.tokens_before, into) > room:
            return Slow("tokens", limits.tokens_per_minute, _wait_s(minute.tokens, minute.tokens_before, room, into))
    return None


def _sliding(now: int, before: int, into: float) -> float:
    return now + before * (1 - into)


def _wait_s(now: int, before: int, room: int, into: float) -> int:
    """Seconds until no more than `room` count, if nothing is added: in this minute, or only in the next."""
    share = 1 - (room - now) / before - into if now <= room else (1 - into) + (1 - room / now)
    return max(math.ceil(share * 60), 1)


def _bucket_of(tag: bytes) -> int:
    return int.from_bytes(tag[:4], "little") % _BUCKETS
