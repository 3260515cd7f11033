"""A worker's numbers in a file that it maps into its memory: adding one is as cheap as it can be, nobody is asked.

Each number has a *cell* with a name: a word for what is counted, then its labels. Names are given out as they are met,
and the file says them itself, so that any worker can read any other's numbers, whatever version wrote them. There are
many cells and not more: labels are few and bounded, and what finds no cell is counted together, as `overflow`.

Counters outlive their process, and its successor in the same place counts on: they never fall. Gauges begin at zero,
and count only while somebody keeps the file's `beat` young.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CELLS: Final = 2048
OVERFLOW: Final = "overflow"
_MAGIC: Final = int.from_bytes(b"TOLLCNT1", "little")
_HEAD_WORDS: Final = 4  # magic, process id, beat in Unix seconds, nothing yet
_NAME_BYTES: Final = 112
_VALUES: Final = 8 * _HEAD_WORDS
_NAMES: Final = _VALUES + 8 * CELLS
_FILE_BYTES: Final = _NAMES + CELLS * _NAME_BYTES
_SEPARATOR: Final = "\x1f"
_GAUGE: Final = "="
_PID, _BEAT = 1, 2

Name = tuple[str, ...]
"""What is counted, and its labels in order."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One worker's numbers at one moment. `beat`: when its gauges were last renewed, in Unix seconds; 0: never."""

    number: int
    pid: int
    beat: int
    counters: dict[Name, int]
    gauges: dict[Name, int]


class Tally:
    """One worker's cells. Owns its file until `close`."""

    def __init__(self, folder: Path, number: int) -> None:
        """`number`: the worker's place; nobody else that lives has the same."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / str(number)).open("a+b")
        self._file.truncate(_FILE_BYTES)
        self._map = mmap.mmap(self._file.fileno(), _FILE_BYTES)
        self._head = memoryview(self._map)[:_VALUES].cast("q")
        self.values = memoryview(self._map)[_VALUES:_NAMES].cast("q")
        """By cell: `tally.values[cell] += 1` counts. Nobody else writes here."""
        self._cells: dict[str, int] = {}
        self._begin()

    def counter(self, *name: str) -> int:
        """The cell of a counter. Ask once and keep it."""
        return self._cell(_SEPARATOR.join(name))

    def gauge(self, *name: str) -> int:
        """The cell of a gauge."""
        return self._cell(_GAUGE + _SEPARATOR.join(name))

    def beat(self, now: float) -> None:
        """The gauges are of this moment."""
        self._head[_BEAT] = int(now)

    def close(self) -> None:
        """The gauges are nobody's any more; counters stay for others to read.

        The memory stays, too: a call that is booked later than it should be counts all the same.
        """
        self._head[_BEAT] = self._head[_PID] = 0
        self._file.close()

    def _begin(self) -> None:
        """Count on where the former holder of this place ended."""
        if self._head[0] != _MAGIC:
            self._map[:] = bytes(_FILE_BYTES)
            self._head[0] = _MAGIC
        self._cells = {name: cell for cell, name in _names(self._map)}
        for name, cell in self._cells.items():
            if name.startswith(_GAUGE):
                self.values[cell] = 0
        self._head[_PID], self._head[_BEAT] = os.getpid(), 0
        self._cell(OVERFLOW)

    def _cell(self, name: str) -> int:
        found = self._cells.get(name)
        if found is not None:
            return found
        written, cell = name.encode(), len(self._cells)
        if cell >= CELLS or len(written) > _NAME_BYTES:
            return self._cells[OVERFLOW]
        self.values[cell] = 0
        start = _NAMES + cell * _NAME_BYTES
        self._map[start : start + _NAME_BYTES] = written.ljust(_NAME_BYTES, b"\0")
        self._cells[name] = cell
        return cell


def read_all(folder: Path) -> list[Reading]:
    """What every worker of the machine counted, also those that are gone."""
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []
    return [reading for number in numbers if (reading := _read(folder / str(number), number)) is not None]


def _read(path: Path, number: int) -> Reading | None:
    data = path.read_bytes()
    if len(data) != _FILE_BYTES:
        return None
    magic, pid, beat, _ = struct.unpack_from(f"<{_HEAD_WORDS}q", data)
    if magic != _MAGIC:
        return None
    values = struct.unpack_from(f"<{CELLS}q", data, _VALUES)
    counters: dict[Name, int] = {}
    gauges: dict[Name, int] = {}
    for cell, name in _names(data):
        kind = gauges if name.startswith(_GAUGE) else counters
        kind[tuple(name.removeprefix(_GAUGE).split(_SEPARATOR))] = values[cell]
    return Reading(number, pid, beat, counters, gauges)


def _names(data: bytes | mmap.mmap) -> Iterator[tuple[int, str]]:
    """Given out from the first cell on, without gaps."""
    for cell in range(CELLS):
        start = _NAMES + cell * _NAME_BYTES
        written = data[start : start + _NAME_BYTES].rstrip(b"\0")
        if not written:
            return
        yield cell, written.decode(errors="replace")
