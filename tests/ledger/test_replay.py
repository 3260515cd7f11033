"""The reading side of the journal: a living one is read on, a dead one up to its end or to the first damage."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from ledger.journals import (
    SMALL,
    files,
    identity,
    new_journal,
    open_calls,
    read_all,
    read_left,
    reserved,
    resolved,
    returned,
)
from tollhouse.ledger import frames, records, replay, segments
from tollhouse.ledger.records import Carried, Record, Reserved, Resolved, Returned, Stopped
from tollhouse.ledger.replay import Segment
from tollhouse.ledger.segments import Journal, JournalDamaged, JournalFailed, JournalLimits

EVERYTHING = (1_000_000, 1 << 40)


def four_segments(folder: Path, epoch: int = 1) -> Journal:
    """A journal with a call that stays open and many that end."""
    journal = new_journal(folder, epoch)
    journal.append(reserved(1))
    number = 10
    while len(journal._segments) < 4 or journal._segments[-1].last < journal._segments[-1].first + 4:
        journal.append(reserved(number, b"note" * 10))
        journal.append(resolved(number, b"note" * 50, b"note" * 10))
        number += 1
    return journal


def spoil(path: Path, at: int, data: bytes = b"\xee") -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def beginning(segment: Segment, record: int, journal: Journal) -> int:
    """Where a record's frame begins in its file."""
    at = segment.marks[0][1]
    for number, each in read_all(journal, segment.first - 1):
        if number == record:
            return at
        at += frames.FRAME_BYTES + len(records.encode(each))
    raise AssertionError(record)


# Which files there are -------------------------------------------------------------------------------------


def test_only_journals_are_looked_at(tmp_path: Path) -> None:
    assert segments.epochs(tmp_path / "none") == []
    for epoch in (3, 20, 1):
        new_journal(tmp_path, epoch).append(returned(epoch))
    for name in ("lock", "000000000004-000001.journal.bak", "4-1.journal", "000000000004-000001.spare"):
        (tmp_path / name).write_bytes(b"something else")
    assert segments.epochs(tmp_path) == [1, 3, 20]
    assert segments.scan(tmp_path, 20).last == 1


def test_an_epoch_without_files_proves_nothing(tmp_path: Path) -> None:
    left = segments.scan(tmp_path, 1)
    assert left == segments.Scan({}, 0, 0, False, False, None, (), 0)
    again = segments.reopen(tmp_path, identity(), SMALL, left, acked=5)
    assert again.append(returned(1)) == 6
    assert not segments.scan(tmp_path, 1, 6).intact


# A dead journal --------------------------------------------------------------------------------------------


def test_all_of_a_journal_is_found(tmp_path: Path) -> None:
    journal = four_segments(tmp_path)
    left = segments.scan(tmp_path, 1)
    assert read_left(left) == read_all(journal)
    assert (left.first, left.last, left.intact, left.stopped) == (1, journal.last, True, False)
    assert (left.newest_segment, left.boot_id) == (4, "boot")
    assert left.open == open_calls(read_all(journal)) == {reserved(1).call.call_id: reserved(1)}


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_what_is_known_already_is_not_read(tmp_path: Path, kept: int) -> None:
    """The head of a later segment says what was open, whatever became of the files before it."""
    journal = four_segments(tmp_path)
    for segment in journal._segments[:kept]:
        spoil(segment.path, 300, bytes(100))
    first = journal._segments[kept].first
    for after in (first, first + 3, journal.last):
        left = segments.scan(tmp_path, 1, after)
        assert (left.intact, left.last) == (True, journal.last)
        assert left.open == {reserved(1).call.call_id: reserved(1)}
        assert left.first >= first
    assert not segments.scan(tmp_path, 1, first - 1).intact


def test_reading_begins_with_the_oldest_file_there_is(tmp_path: Path) -> None:
    """A book that was set back further than journals are kept hears what there is; but nothing is proved."""
    journal = four_segments(tmp_path)
    second = journal._segments[1].first
    written = read_all(journal)
    journal._segments[0].path.unlink()
    left = segments.scan(tmp_path, 1, second - 1)
    assert (left.intact, left.last) == (True, journal.last)
    left = segments.scan(tmp_path, 1, second - 2)
    assert (left.intact, left.first, left.last) == (False, second, journal.last)
    assert read_left(left) == written[second - 1 :]
    assert left.open == open_calls(written)


@pytest.mark.parametrize("damage", ["missing", "head", "empty", "other worker", "other epoch", "folder", "swapped"])
def test_nothing_is_read_behind_a_file_that_cannot_be(tmp_path: Path, damage: str) -> None:
    journal = four_segments(tmp_path)
    written = read_all(journal)
    path = journal._segments[2].path
    content = path.read_bytes()
    path.unlink()
    head, begin = frames.head_of(content, 3) or pytest.fail("no head")
    if damage == "head":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "empty":
        path.touch()
    elif damage == "other worker":
        path.write_bytes(frames.head_bytes(msgspec.structs.replace(head, worker_id="other")) + content[begin:])
    elif damage == "other epoch":
        path.write_bytes(frames.head_bytes(msgspec.structs.replace(head, epoch=2)) + content[begin:])
    elif damage == "folder":
        path.mkdir()
    elif damage == "swapped":
        journal._segments[3].path.rename(path)
    left = segments.scan(tmp_path, 1)
    assert read_left(left) == written[: head.first - 1]
    assert (left.intact, left.last, left.open) == (False, head.first - 1, open_calls(written[: head.first - 1]))


def test_the_newest_file_is_missed_only_by_a_book_that_knows_more(tmp_path: Path) -> None:
    journal = four_segments(tmp_path)
    newest = journal._segments[3]
    newest.path.unlink()
    left = segments.scan(tmp_path, 1)
    assert (left.intact, left.last) == (True, newest.first - 1)
    assert not segments.scan(tmp_path, 1, newest.first).intact


def test_a_newest_file_that_cannot_be_read_is_noticed(tmp_path: Path) -> None:
    journal = four_segments(tmp_path)
    spoil(journal._segments[3].path, 2)
    left = segments.scan(tmp_path, 1)
    assert (left.intact, left.last, left.newest_segment) == (False, journal._segments[3].first - 1, 4)


def test_a_record_that_was_never_encoded_like_this_is_damage(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    journal.append(reserved(1))
    segment = journal._segments[0]
    spoil(segment.path, segment.size_bytes, frames.frame(2, b"\x93\xa1Q\x01\x02"))
    left = segments.scan(tmp_path, 1)
    assert (left.last, left.intact) == (1, False)


def test_a_clean_stop_is_one_only_if_it_comes_last(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    journal.append(returned(1))
    stop = journal.append(Stopped())
    for after in (0, stop):
        assert segments.scan(tmp_path, 1, after).stopped
    again = segments.reopen(tmp_path, identity(boot_id="later"), SMALL, segments.scan(tmp_path, 1), acked=stop)
    assert segments.scan(tmp_path, 1, stop).stopped
    again.append(returned(2))
    assert not segments.scan(tmp_path, 1, stop).stopped


def test_a_stop_with_something_behind_it_proves_nothing(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    journal.append(Stopped())
    spoil(journal._segments[0].path, journal._segments[0].size_bytes + 100)
    left = segments.scan(tmp_path, 1)
    assert (left.intact, left.stopped, left.last) == (False, False, 1)


def test_long_remains_are_not_read_to_their_end(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    size = journal._segments[0].size_bytes
    spoil(journal._segments[0].path, size, b"\xee" * (3 << 20))
    assert not segments.scan(tmp_path, 1).intact


@pytest.mark.parametrize("segment", [0, 3])
def test_a_disk_that_lost_it_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: int) -> None:
    journal = four_segments(tmp_path)
    lost = journal._segments[segment]
    inode, at = lost.path.stat().st_ino, beginning(lost, lost.first + 2, journal)
    pread = os.pread

    def failing(fd: int, size: int, offset: int) -> bytes:
        if os.fstat(fd).st_ino == inode and offset + size > at and offset > 0:
            raise OSError(errno.EIO, "Input/output error")
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", failing)
    left = segments.scan(tmp_path, 1)
    assert (left.intact, left.last) == (False, lost.first - 1)


def test_a_file_that_may_not_be_read_now_proves_nothing_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    four_segments(tmp_path)

    def refuse(path: Path, *args: object, **kwargs: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(JournalFailed, match="Too many open files"):
        segments.scan(tmp_path, 1)


# After a damage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("acked", [0, 3, 60])
def test_a_damage_is_never_forgotten_and_what_it_hid_is_void(tmp_path: Path, acked: int) -> None:
    """Recovery goes on behind what can be read; also a second one, from wherever it looks."""
    journal = four_segments(tmp_path)
    written = read_all(journal)
    spoilt = journal._segments[1]
    good = spoilt.path.read_bytes()
    spoil(spoilt.path, beginning(spoilt, spoilt.first + 5, journal) + 20)
    left = segments.scan(tmp_path, 1)
    last = spoilt.first + 4
    assert (left.intact, left.last) == (False, last)
    again = segments.reopen(tmp_path, identity(), SMALL, left, acked)
    first = max(last, acked) + 1
    carried = [Carried(call) for call in left.open.values()]
    outcomes: list[Record] = [Resolved(call, "in_doubt", call.amount) for call in left.open.values()]
    assert outcomes
    for outcome in outcomes:
        again.append(outcome)
    expected = written[:last] + list(enumerate([*carried, *outcomes], start=first))
    assert read_all(again) == expected
    for after in (0, last, acked, again.last):
        later = segments.scan(tmp_path, 1, after)
        assert (later.intact, later.open, later.last) == (False, {}, again.last)
    assert read_left(segments.scan(tmp_path, 1)) == expected
    spoilt.path.write_bytes(good)
    assert read_left(segments.scan(tmp_path, 1)) == expected
    third = segments.reopen(tmp_path, identity(), SMALL, segments.scan(tmp_path, 1), acked)
    third.append(Stopped())
    assert read_all(third)[:-1] == expected
    assert not segments.scan(tmp_path, 1, third.last).intact
    assert not segments.scan(tmp_path, 1, third.last).stopped


def test_a_recovery_that_wrote_nothing_is_followed_by_the_next(tmp_path: Path) -> None:
    new_journal(tmp_path).append(returned(1))
    for _ in range(3):
        segments.reopen(tmp_path, identity(), SMALL, segments.scan(tmp_path, 1), acked=0)
    again = segments.reopen(tmp_path, identity(), SMALL, segments.scan(tmp_path, 1), acked=0)
    again.append(returned(2))
    left = segments.scan(tmp_path, 1)
    assert read_all(again) == read_left(left) == [(1, returned(1)), (2, returned(2))]
    assert left.intact


# A reader --------------------------------------------------------------------------------------------------


def test_a_reader_reads_each_record_once_while_it_is_written(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    reader = journal.reader(0)
    assert reader.read(*EVERYTHING, journal.last) == []
    seen = []
    for number in range(600):
        journal.append(returned(number))
        if number % 7 == 0:
            seen += reader.read(*EVERYTHING, 1 << 60)
    seen += reader.read(*EVERYTHING, journal.last)
    assert seen == [(number + 1, returned(number)) for number in range(600)]
    assert len(files(tmp_path)) > 1
    assert reader.read(*EVERYTHING, journal.last) == []


def test_a_reader_stops_where_it_is_told(tmp_path: Path) -> None:
    journal = four_segments(tmp_path)
    written = read_all(journal)
    largest = max(len(records.encode(record)) for _, record in written) + frames.FRAME_BYTES
    for most, size, through in ((1, 1 << 20, 1 << 60), (7, 1 << 20, 50), (1000, 1, 1 << 60), (1000, 900, 1 << 60)):
        reader = journal.reader(0)
        seen = []
        while got := reader.read(most, size, through):
            assert len(got) <= most
            assert sum(len(records.encode(record)) for _, record in got) < size + largest
            seen += got
        assert seen == written[:through]


def test_a_reader_may_begin_anywhere(tmp_path: Path) -> None:
    """Also far into a large segment."""
    journal = new_journal(tmp_path, limits=JournalLimits(1 << 20))
    for number in range(1200):
        journal.append(returned(number) if number % 3 else resolved(number, b"note" * 500))
    assert len(files(tmp_path)) == 1
    assert len(journal._segments[0].marks) > 5
    for after in (*range(0, 1200, 37), 1198, 1199, 1200):
        assert [number for number, _ in read_all(journal, after)] == list(range(after + 1, 1201))


def test_a_reader_of_some_kinds_passes_the_others_over(tmp_path: Path) -> None:
    journal = four_segments(tmp_path)
    journal.append(returned(5))
    journal.append(Stopped())
    written = read_all(journal)
    for kinds in ((Resolved, Returned), (Reserved,), (Carried,), (Stopped,)):
        reader = journal.reader(0, kinds)
        seen = reader.read(*EVERYTHING, journal.last)
        assert seen == [(number, record) for number, record in written if isinstance(record, kinds)]
        assert seen
        assert reader.passed == journal.last
    reader = journal.reader(0, (Returned,))
    assert reader.read(1000, 500, journal.last) == []
    assert 0 < reader.passed < journal.last


def test_a_reader_says_what_it_has_before_it_says_what_is_damaged(tmp_path: Path) -> None:
    """And says so again and again: nothing is passed over."""
    journal = four_segments(tmp_path)
    written = read_all(journal)
    spoilt = journal._segments[1]
    place = beginning(spoilt, spoilt.first + 5, journal)
    good = spoilt.path.read_bytes()
    for damage in (frames.frame(spoilt.first + 5, b"\x93\xa1Q\x01\x02"), b"\0\0\0\0"):
        spoil(spoilt.path, place, damage)
        reader = journal.reader(0)
        assert reader.read(*EVERYTHING, spoilt.first) == written[: spoilt.first]
        assert reader.read(*EVERYTHING, journal.last) == written[spoilt.first : spoilt.first + 4]
        for _ in range(2):
            with pytest.raises(JournalDamaged, match=str(spoilt.first + 5)):
                reader.read(*EVERYTHING, journal.last)
        with pytest.raises(JournalDamaged):
            read_all(journal, spoilt.first + 4)
        spoilt.path.write_bytes(good)
        assert reader.read(*EVERYTHING, journal.last) == written[spoilt.first + 4 :]
    spoil(spoilt.path, place, b"\0\0\0\0")
    with pytest.raises(JournalDamaged):
        read_all(journal, spoilt.first + 8)


def test_a_reader_without_its_file_fails(tmp_path: Path) -> None:
    journal = four_segments(tmp_path)
    files(tmp_path)[0].unlink()
    with pytest.raises(JournalFailed, match="No such file"):
        journal.reader(0).read(*EVERYTHING, journal.last)


def test_a_reader_goes_on_with_what_is_kept(tmp_path: Path) -> None:
    """When the book was set back further than the journal reaches."""
    journal = four_segments(tmp_path)
    second = journal._segments[1].first
    journal.forget(second, now=1e12)
    first = journal._segments[0].first
    assert first >= second
    assert [number for number, _ in read_all(journal, 3)] == list(range(first, journal.last + 1))
    reader = journal.reader(3)
    assert reader.read(*EVERYTHING, second - 5) == []


def test_every_kind_of_record_is_known_by_its_tag() -> None:
    for record in (reserved(1), Carried(reserved(1)), resolved(1), returned(1), Stopped()):
        assert records.encode(record)[replay._TAG] == replay._tag(type(record))
