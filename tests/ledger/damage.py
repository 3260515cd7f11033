"""Damages journals in every way we can think of and looks at what is still believed.

The law: what is read is a beginning of what was written, to the last byte of every record; and a loss is noticed,
unless it looks exactly like a writer that stopped there. `campaign` is one loop for a quick test and for a long night.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.journals import Numbered, identity, new_journal, open_calls, read_all, read_left, reserved, resolved
from tollhouse.ledger import frames, records, segments
from tollhouse.ledger.records import Carried, Resolved, Returned
from tollhouse.ledger.segments import JournalLimits

LIMITS = JournalLimits(segment_bytes=4096, max_bytes=1 << 20, record_bytes=768)


@dataclass(frozen=True)
class Written:
    """An undamaged journal: its records, its files, and where each record's frame stands."""

    folder: Path
    records: list[Numbered]
    files: dict[Path, bytes]
    places: list[tuple[Path, int, int]]

    @property
    def newest(self) -> Path:
        return max(self.files)

    def end(self, path: Path) -> int:
        """Where the last frame of a file ends."""
        return max((end for file, _, end in self.places if file == path), default=self.begin(path))

    def begin(self, path: Path) -> int:
        """Where the head ends."""
        with_head = frames.head_of(self.files[path], int(path.stem.rpartition("-")[2]))
        assert with_head is not None
        return with_head[1]


@dataclass(frozen=True)
class Damage:
    """What a damage makes of the files. `may_pass`: whether what is lost may look like the journal's end."""

    name: str
    files: dict[Path, bytes]
    may_pass: bool


def write_journal(folder: Path, chance: random.Random, most_records: int = 120) -> Written:
    """Calls that begin, end or stay open, with notes of any size, and returns; by a worker that was killed."""
    journal = new_journal(folder, limits=LIMITS)
    number = 0
    waiting: list[tuple[int, bytes, bytes]] = []
    while journal.last < most_records:
        number += 1
        note = chance.randbytes(chance.choice((0, 1, 20, 200)))
        if chance.random() < 0.2:
            journal.append(Returned(()))
        elif waiting and (chance.random() < 0.5 or len(waiting) > 2):
            journal.append(resolved(*waiting.pop(chance.randrange(len(waiting)))))
        else:
            journal.append(reserved(number, note))
            waiting.append((number, chance.randbytes(chance.choice((0, 5, 200))), note))
    return written(folder, read_all(journal))


def written(folder: Path, numbered: list[Numbered]) -> Written:
    """Finds each frame in its file by what is in it."""
    files = {path: path.read_bytes() for path in folder.glob("*.journal")}
    places = []
    paths = sorted(files)
    at = 0
    for number, record in numbered:
        frame = frames.frame(number, records.encode(record))
        at = files[paths[0]].find(frame, at)
        if at < 0:
            paths.pop(0)
            at = files[paths[0]].index(frame)
        places.append((paths[0], at, at + len(frame)))
        at += len(frame)
    return Written(folder, numbered, files, places)


def check(journal: Written, damage: Damage) -> bool:
    """Raises AssertionError when the law is broken. Whether something was lost without being noticed, lawfully."""
    for path in journal.folder.glob("*.journal"):
        path.unlink()
    for path, content in damage.files.items():
        path.write_bytes(content)
    left = segments.scan(journal.folder, 1)
    found = read_left(left)
    # Without the oldest file reading begins with the next one; nothing else may be missing before.
    first = left.first if left.segments and not left.intact else 1
    believed = journal.records[first - 1 : first - 1 + len(found)]
    assert found == believed, damage.name
    assert left.last == (found[-1][0] if found else max(first - 1, 0)), damage.name
    assert left.open == open_calls(found), damage.name
    is_lost = len(found) < len(journal.records)
    assert not (is_lost and left.intact) or damage.may_pass, f"{damage.name}: a loss was not noticed"
    assert left.intact or damage.files != journal.files
    return is_lost and left.intact


def recover(journal: Written) -> None:
    """After any damage recovery goes on, forgets nothing of what was believed, and no later one believes more."""
    left = segments.scan(journal.folder, 1)
    before = read_left(left)
    again = segments.reopen(journal.folder, identity(), LIMITS, left, acked=0)
    for call in left.open.values():
        again.append(Resolved(call, "in_doubt", call.amount))
    again.close()
    after = segments.scan(journal.folder, 1)
    found = read_left(after)
    assert found[: len(before)] == before
    added = [record for _, record in found[len(before) :]]
    assert added[: len(left.open)] == [Carried(call) for call in left.open.values()]
    assert {record.reserved.call.call_id for record in added if isinstance(record, Resolved)} == set(left.open)
    assert (after.open, after.last, after.intact) == ({}, again.last, left.intact)


def damages(journal: Written, chance: random.Random) -> Iterator[Damage]:
    """Every record once in every way, at a place of chance; every file in every way."""
    for index in range(len(journal.places)):
        for damage in _OF_RECORDS:
            yield damage(journal, index, chance)
    for path in sorted(journal.files):
        for hurt in _OF_FILES:
            yield hurt(journal, path, chance)


def campaign(files: int, seed: int, folder: Path) -> Counter[str]:
    """Damage so many journals; what was done, counted by kind."""
    counts: Counter[str] = Counter()
    for number in range(files):
        chance = random.Random(f"{seed}-{number}")
        place = folder / str(number)
        journal = write_journal(place, chance, chance.choice((3, 40, 120)))
        for damage in damages(journal, chance):
            counts[damage.name] += 1
            counts["unnoticed, as if stopped there"] += check(journal, damage)
            if chance.random() < 0.1:
                counts["recovered"] += 1
                recover(journal)
        shutil.rmtree(place)
    return counts


def _changed(journal: Written, name: str, path: Path, content: bytes, *, may_pass: bool) -> Damage:
    return Damage(name, journal.files | {path: content}, may_pass)


def _flip(journal: Written, index: int, chance: random.Random) -> Damage:
    path, begin, end = journal.places[index]
    return flip(journal, path, chance.randrange(begin, end), 1 << chance.randrange(8))


def flip(journal: Written, path: Path, at: int, bits: int) -> Damage:
    """The last byte of all is the only one that looks as if it had not been written."""
    content = bytearray(journal.files[path])
    content[at] ^= bits
    may_pass = path == journal.newest and at == journal.end(path) - 1 and not content[at]
    return _changed(journal, "flip", path, bytes(content), may_pass=may_pass)


def _truncate(journal: Written, index: int, chance: random.Random) -> Damage:
    path, begin, end = journal.places[index]
    return truncate(journal, path, chance.randrange(begin, end))


def truncate(journal: Written, path: Path, at: int) -> Damage:
    may_pass = path == journal.newest and at >= journal.begin(path)
    return _changed(journal, "truncate", path, journal.files[path][:at], may_pass=may_pass)


def _zero(journal: Written, index: int, chance: random.Random) -> Damage:
    path, begin, _ = journal.places[index]
    end = chance.choice([end for file, _, end in journal.places if file == path and end > begin])
    begin = chance.randrange(begin, end)
    return zero(journal, path, begin, chance.choice((end, chance.randrange(begin, end) + 1)))


def zero(journal: Written, path: Path, begin: int, end: int) -> Damage:
    content = journal.files[path]
    zeroed = content[:begin] + bytes(end - begin) + content[end:]
    may_pass = path == journal.newest and begin >= journal.begin(path) and end >= journal.end(path)
    return _changed(journal, "zero", path, zeroed, may_pass=may_pass)


def _repeat(journal: Written, index: int, chance: random.Random) -> Damage:
    """A frame stands in the file twice, what follows it is pushed on."""
    path, begin, end = journal.places[index]
    content = journal.files[path]
    at = chance.choice([end for file, _, end in journal.places if file == path])
    return _changed(journal, "repeat", path, content[:at] + content[begin:end] + content[at:], may_pass=False)


def _copy_over(journal: Written, index: int, chance: random.Random) -> Damage:
    """A frame of any file stands where another was."""
    path, begin, end = journal.places[index]
    other, from_, to = chance.choice(journal.places)
    content = journal.files[path][:begin] + journal.files[other][from_:to] + journal.files[path][end:]
    return _changed(journal, "copy over", path, content, may_pass=False)


def _exchange(journal: Written, index: int, chance: random.Random) -> Damage:
    """Two frames of a file change places."""
    path, begin, end = journal.places[index]
    content = journal.files[path]
    (b0, e0), (b1, e1) = sorted([(begin, end), chance.choice([p[1:] for p in journal.places if p[0] == path])])
    changed = content if b0 == b1 else content[:b0] + content[b1:e1] + content[e0:b1] + content[b0:e0] + content[e1:]
    return _changed(journal, "exchange", path, changed, may_pass=False)


def _cut_out(journal: Written, index: int, chance: random.Random) -> Damage:
    """A frame, and perhaps those behind it, is not there; what follows has moved up."""
    path, begin, _ = journal.places[index]
    end = chance.choice([end for file, _, end in journal.places if file == path and end > begin])
    content = journal.files[path]
    may_pass = path == journal.newest and end == journal.end(path)
    return _changed(journal, "cut out", path, content[:begin] + content[end:], may_pass=may_pass)


def _garbage(journal: Written, index: int, chance: random.Random) -> Damage:
    """A page of something else; a whole one is what disks lose."""
    path, begin, _ = journal.places[index]
    content = journal.files[path]
    at = begin // 512 * 512
    garbage = b"\x01" + chance.randbytes(510) + b"\x01"
    return _changed(journal, "garbage", path, content[:at] + garbage + content[at + 512 :], may_pass=False)


def _without_file(journal: Written, path: Path, chance: random.Random) -> Damage:
    kept = {each: content for each, content in journal.files.items() if each != path}
    return Damage("without file", kept, may_pass=path == journal.newest and len(journal.files) > 1)


def _exchanged_files(journal: Written, path: Path, chance: random.Random) -> Damage:
    other = chance.choice(sorted(journal.files))
    swapped = {path: journal.files[other], other: journal.files[path]}
    return Damage("exchanged files", journal.files | swapped, may_pass=False)


def _stale_file(journal: Written, path: Path, chance: random.Random) -> Damage:
    """The file as it was a while ago."""
    ends = [journal.begin(path), *(end for file, _, end in journal.places if file == path)]
    end = chance.choice(ends)
    content = journal.files[path][:end].ljust(len(journal.files[path]), b"\0")
    return _changed(journal, "stale file", path, content, may_pass=path == journal.newest)


def _head(journal: Written, path: Path, chance: random.Random) -> Damage:
    content = bytearray(journal.files[path])
    content[chance.randrange(journal.begin(path))] ^= 1 << chance.randrange(8)
    return _changed(journal, "head", path, bytes(content), may_pass=False)


_OF_RECORDS: tuple[Callable[[Written, int, random.Random], Damage], ...] = (
    _flip,
    _truncate,
    _zero,
    _repeat,
    _copy_over,
    _exchange,
    _cut_out,
    _garbage,
)
_OF_FILES: tuple[Callable[[Written, Path, random.Random], Damage], ...] = (
    _without_file,
    _exchanged_files,
    _stale_file,
    _head,
)
