"""The writing side of the journal: what was appended is there, whatever failed on the way, and open calls can end."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import records, segments
from tollhouse.ledger.records import Amount, Call, Carried, Part, Record, Reserved, Resolved, Returned, Stopped
from tollhouse.ledger.segments import JournalError, JournalFailed, JournalFull, JournalLimits, RecordTooLarge

FULL = OSError(errno.ENOSPC, "No space left on device")
BROKEN = OSError(errno.EIO, "Input/output error")
NEVER = 0.0

_int64 = st.integers(-(1 << 63), (1 << 63) - 1)
_nanos = _int64.map(Nanos)
_text = st.text(max_size=40)
_notes = st.binary(max_size=200)
_calls = st.builds(
    Call,
    call_id=_text.map(CallId),
    customer_id=_text.map(CustomerId),
    key_id=_text.map(KeyId),
    user_id=st.none() | _text.map(UserId),
    team_id=st.none() | _text.map(TeamId),
    provider=_text,
    model=_text,
    price_version=st.none() | _text,
)
_parts = st.lists(st.builds(Part, _int64, _int64, st.booleans()), max_size=4).map(tuple)
_reserved = st.builds(Reserved, _calls, _int64, _parts, _nanos, _notes)
_kinds = st.sampled_from(["exact", "estimated", "in_doubt", "void"])
RECORDS: st.SearchStrategy[Record] = st.one_of(
    _reserved,
    st.builds(Resolved, _reserved, _kinds, _nanos, _notes),
    st.builds(Returned, st.lists(st.builds(Amount, _int64, _int64, _nanos), max_size=5).map(tuple)),
    st.just(Stopped()),
)


class FailingWrites:
    """Replaces os.pwrite. `plan`: for each coming write, an error, or how many bytes it takes; then all is well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, plan: Iterable[int | OSError]) -> None:
        self._plan = iter(plan)
        self._pwrite: Callable[[int, bytes, int], int] = os.pwrite
        monkeypatch.setattr(os, "pwrite", self._write)

    def _write(self, fd: int, data: bytes, at: int) -> int:
        step = next(self._plan, None)
        if isinstance(step, OSError):
            raise step
        return self._pwrite(fd, data if step is None else bytes(data)[:step], at)


@given(st.lists(RECORDS, max_size=20))
def test_records_come_back_as_they_were_appended(written: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = new_journal(Path(folder), limits=JournalLimits(1 << 20))
        numbers = [journal.append(record) for record in written]
        assert numbers == list(range(1, len(written) + 1))
        assert read_all(journal) == list(zip(numbers, written, strict=True))
        journal.close()
        left = segments.scan(Path(folder), 1)
        assert read_left(left) == list(zip(numbers, written, strict=True))
        assert (left.intact, left.last, left.boot_id) == (True, len(written), "boot")
        assert left.open == open_calls(enumerate(written))
        assert left.stopped == (written[-1:] == [Stopped()])


def test_nobody_else_may_read_a_journal(tmp_path: Path) -> None:
    folder = tmp_path / "slot" / "journal"
    folder.mkdir(parents=True, mode=0o755)
    umask = os.umask(0)
    try:
        journal = new_journal(folder)
        fill(journal, 60)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(files(folder)) > 1


def test_an_epoch_has_one_journal(tmp_path: Path) -> None:
    new_journal(tmp_path).close()
    with pytest.raises(JournalError, match="has a journal already"):
        new_journal(tmp_path)


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalFailed, match="no journal can be begun"):
        new_journal(tmp_path / "file" / "journal")


def test_two_epochs_share_a_folder(tmp_path: Path) -> None:
    journals = [new_journal(tmp_path, epoch) for epoch in (1, 2)]
    for number in range(50):
        for epoch, journal in enumerate(journals, start=1):
            journal.append(resolved(number * epoch, b"note" * 20))
    for epoch, journal in enumerate(journals, start=1):
        assert [record for _, record in read_all(journal)] == [resolved(n * epoch, b"note" * 20) for n in range(50)]
        journal.close()
    assert segments.epochs(tmp_path) == [1, 2]
    assert [segments.scan(tmp_path, epoch).last for epoch in (1, 2)] == [50, 50]


@pytest.mark.parametrize(
    "limits",
    [{"record_bytes": 0}, {"record_bytes": 1 << 20}, {"segment_bytes": 100_000}, {"max_bytes": 3 * (16 << 20)}],
)
def test_limits_with_which_no_journal_works_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="journal"):
        JournalLimits(**limits)


# Segments --------------------------------------------------------------------------------------------------


def fill(journal: segments.Journal, calls: int, first: int = 1000) -> None:
    """Calls that begin and end, large enough that segments change."""
    for number in range(first, first + calls):
        journal.append(reserved(number, b"r" * 100))
        journal.append(resolved(number, b"s" * 100, b"r" * 100))


def test_a_new_segment_begins_with_what_is_open(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    for number in (1, 2, 3):
        journal.append(reserved(number, b"note"))
    journal.append(resolved(2, reserved_note=b"note"))
    fill(journal, 40)
    assert len(files(tmp_path)) > 2
    written = read_all(journal)
    assert [number for number, _ in written] == list(range(1, journal.last + 1))
    heads = [segment.first for segment in journal._segments[1:]]
    for first in heads:
        carried = [record for number, record in written if first <= number < first + 2]
        assert carried == [Carried(reserved(1, b"note")), Carried(reserved(3, b"note"))]


def test_a_call_whose_outcome_could_not_be_written_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its books are kept by the records: whoever asked may believe that it has ended."""
    journal = new_journal(tmp_path)
    journal.append(reserved(1))
    FailingWrites(monkeypatch, [BROKEN])
    with pytest.raises(JournalFailed):
        journal.append(resolved(1))
    fill(journal, 40)
    journal.forget(journal.last, NEVER)
    assert segments.scan(tmp_path, 1, journal.last).open == {reserved(1).call.call_id: reserved(1)}


def test_a_segment_is_not_larger_than_agreed(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    fill(journal, 100)
    assert {path.stat().st_size for path in files(tmp_path)} == {SMALL.segment_bytes}


def test_what_was_set_aside_and_not_used_is_given_back(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    for number in range(6):
        journal.append(reserved(number))
    assert list(tmp_path.glob("*.spare"))
    journal.close()
    journal.close()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [journal.size_bytes]
    assert segments.scan(tmp_path, 1).intact
    with pytest.raises(JournalFailed, match="closed"):
        journal.append(Stopped())


def test_without_preallocation_files_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(fd: int, at: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", cannot)
    journal = new_journal(tmp_path)
    fill(journal, 30)
    assert len(files(tmp_path)) > 1
    left = segments.scan(tmp_path, 1)
    assert (left.last, left.intact) == (journal.last, True)
    assert files(tmp_path)[-1].stat().st_size == journal._segments[-1].size_bytes


# Room ------------------------------------------------------------------------------------------------------


def test_on_a_full_disk_calls_are_refused_and_all_open_ones_can_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every outcome is of the largest size, and none of them needs a byte that was not there before."""
    journal = new_journal(tmp_path)

    def full(fd: int, at: int, size: int) -> None:
        raise FULL

    for number in range(25):
        if number == 20:
            monkeypatch.setattr(os, "posix_fallocate", full)
        try:
            journal.append(reserved(number, b"note" * 50))
        except JournalFull:
            break
    else:
        pytest.fail("calls are admitted for whose outcomes there is no room")
    assert number >= 20
    with pytest.raises(JournalFull, match="No space left"):
        journal.append(reserved(99))
    room = sum(path.stat().st_size for path in tmp_path.iterdir())
    for each in range(number):
        note = b"s" * (SMALL.record_bytes - len(records.encode(resolved(each, b"", b"note" * 50))) - 2)
        journal.append(resolved(each, note, b"note" * 50))
    journal.append(Stopped())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == room
    left = segments.scan(tmp_path, 1)
    assert (left.open, left.stopped) == ({}, True)


def open_many(journal: segments.Journal) -> None:
    for number in range(100):
        journal.append(reserved(number, b"n" * 400))


def test_too_many_calls_for_one_segment_to_carry_are_refused(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    with pytest.raises(JournalFull, match="more calls are open"):
        open_many(journal)
    journal.append(resolved(0, reserved_note=b"n" * 400))
    journal.append(reserved(100, b"n" * 400))


def test_a_journal_that_waits_for_the_book_admits_no_more_than_its_limit(tmp_path: Path) -> None:
    limits = JournalLimits(8192, 1 << 16, 0, 1024)
    journal = new_journal(tmp_path, limits=limits)
    with pytest.raises(JournalFull, match="wait for the book"):
        fill(journal, 1000)
    assert journal.unacked_bytes > limits.max_bytes // 2
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= limits.max_bytes
    journal.append(returned(5))
    journal.forget(journal.last, NEVER)
    assert journal.unacked_bytes == 0
    fill(journal, 10)
    assert 0 < journal.unacked_bytes <= journal.size_bytes


def test_records_have_a_largest_size(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    with pytest.raises(RecordTooLarge):
        journal.append(reserved(1, b"n" * 512))
    with pytest.raises(RecordTooLarge):
        journal.append(resolved(1, b"n" * 1024))
    assert journal.append(reserved(1, b"n" * 400)) == 1
    assert journal.append(resolved(1, b"n" * 500, b"n" * 400)) == 2


# Writes that fail ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failures",
    [
        [[FULL]],
        [[BROKEN]],
        [[100, FULL]],
        [[100, 0]],
        [[300, BROKEN, BROKEN]],
        [[300, FULL], [FULL]],
        [[300, FULL, FULL], [400, FULL, FULL]],
    ],
    ids=str,
)
def test_half_a_record_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: list[list[int | OSError]]
) -> None:
    """Whatever size the next record has that is written over the remains."""
    journal = new_journal(tmp_path)
    expected: list[tuple[int, Record]] = [(1, reserved(1))]
    journal.append(reserved(1))
    for plan in failures:
        with monkeypatch.context() as patch:
            FailingWrites(patch, plan)
            with pytest.raises(JournalFailed, match="could not be written"):
                journal.append(resolved(2, b"x" * 400))
        left = segments.scan(tmp_path, 1)
        assert (left.last, left.intact) == (1, True)
    others: list[Record] = [Stopped(), resolved(1, b"y" * 600), reserved(3)]
    for number, record in enumerate(others, start=2):
        assert journal.append(record) == number
        expected.append((number, record))
        left = segments.scan(tmp_path, 1)
        assert (read_left(left), left.intact) == (expected, True)


def test_a_record_whose_write_failed_is_none_even_if_all_of_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = new_journal(tmp_path)
    pwrite = os.pwrite
    calls = iter([True])

    def write_and_fail(fd: int, data: bytes, at: int) -> int:
        written = pwrite(fd, data, at)
        if next(calls, False):
            raise BROKEN
        return written

    monkeypatch.setattr(os, "pwrite", write_and_fail)
    with pytest.raises(JournalFailed):
        journal.append(reserved(1))
    left = segments.scan(tmp_path, 1)
    assert (left.last, left.open, left.intact) == (0, {}, True)


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = new_journal(tmp_path)
    FailingWrites(monkeypatch, [1, 2, 3, 50, 50])
    assert journal.append(resolved(1, b"note" * 30)) == 1
    assert read_all(journal) == [(1, resolved(1, b"note" * 30))]


def test_remains_of_a_failed_write_may_stand_at_the_end_of_a_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = new_journal(tmp_path)
    while journal._segments[-1].size_bytes < SMALL.segment_bytes - 600:
        journal.append(returned(1))
    with monkeypatch.context() as patch:
        FailingWrites(patch, [200, FULL, FULL])
        with pytest.raises(JournalFailed):
            journal.append(resolved(1, b"x" * 300))
    journal.append(resolved(2, b"y" * 800))
    assert len(files(tmp_path)) == 2
    left = segments.scan(tmp_path, 1)
    assert (left.last, left.intact) == (journal.last, True)
    assert read_left(left)[-1] == (journal.last, resolved(2, b"y" * 800))


def test_a_segment_that_cannot_be_begun_is_begun_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = new_journal(tmp_path)
    while journal._segments[-1].size_bytes < SMALL.segment_bytes - 600:
        journal.append(returned(1))
    last = journal.last
    with monkeypatch.context() as patch:
        FailingWrites(patch, [20, BROKEN])
        with pytest.raises(JournalFailed, match="no new segment"):
            journal.append(resolved(1, b"y" * 700))
    assert (journal.last, len(files(tmp_path)), list(tmp_path.glob("*.spare"))) == (last, 1, [])
    assert journal.append(resolved(1, b"y" * 700)) == last + 1
    assert segments.scan(tmp_path, 1).intact


def test_a_disk_that_becomes_read_only_fails_the_journal_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = new_journal(tmp_path)
    for number in range(6):
        journal.append(reserved(number))
    assert list(tmp_path.glob("*.spare"))

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink"):
            patch.setattr(Path, name, refuse)
        with pytest.raises(JournalFailed, match="Read-only file system"):
            fill_up(journal)
        journal.forget(journal.last, NEVER)
        journal.close()
    assert segments.scan(tmp_path, 1).last == journal.last
    again = segments.reopen(tmp_path, identity(), SMALL, segments.scan(tmp_path, 1), acked=0)
    assert list(tmp_path.glob("*.spare")) == []
    again.close()


def fill_up(journal: segments.Journal) -> None:
    for _ in range(SMALL.segment_bytes):
        journal.append(returned(1))


def test_without_a_new_file_there_is_no_new_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_open(path: str, flags: int, mode: int = 0o777) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    journal = new_journal(tmp_path)
    monkeypatch.setattr("tollhouse.ledger.spares._private", no_open)
    with pytest.raises(JournalFull, match="Too many open files"):
        fill(journal, 1000)


# Retention -------------------------------------------------------------------------------------------------


def at(path: Path, seconds: float) -> None:
    os.utime(path, (seconds, seconds))


def test_old_segments_go_when_the_book_has_them(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    fill(journal, 60)
    firsts = [segment.first for segment in journal._segments]
    for age, path in enumerate(files(tmp_path)):
        at(path, 1000 + age)
    journal.forget(firsts[2] - 2, now=10_000)
    assert [segment.first for segment in journal._segments] == firsts[1:]
    journal.forget(journal.last, now=1000 + SMALL.keep_s + 2)
    assert [segment.first for segment in journal._segments] == firsts[2:]
    journal.forget(journal.last, now=10_000)
    assert [segment.first for segment in journal._segments] == firsts[-1:]
    assert len(files(tmp_path)) == 1
    assert [number for number, _ in read_all(journal)] == list(range(firsts[-1], journal.last + 1))


def test_young_segments_go_when_there_are_too_many(tmp_path: Path) -> None:
    limits = JournalLimits(8192, 4 * 8192, 1e9, 1024)
    journal = new_journal(tmp_path, limits=limits)
    for call in range(100):
        fill(journal, 1, 1000 + call)
        journal.forget(journal.last, now=10_000)
    assert 3 * 8192 < journal.size_bytes <= limits.max_bytes
    assert sum(path.stat().st_size for path in files(tmp_path)) <= limits.max_bytes + limits.segment_bytes


def test_a_segment_that_cannot_be_deleted_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    journal = new_journal(tmp_path)
    fill(journal, 60)
    before = files(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        journal.forget(journal.last, now=1e12)
    assert files(tmp_path) == before
    journal.forget(journal.last, now=1e12)
    assert files(tmp_path) == before[-1:]


def test_a_finished_epoch_is_kept_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for epoch in (1, 2):
        journal = new_journal(tmp_path, epoch)
        fill(journal, 30)
        journal.close()
    kept = files(tmp_path)
    for path in kept:
        at(path, 1000)
    at(kept[1], 1001)
    (tmp_path / "000000000001-000009.spare").write_bytes(b"left by a kill -9")
    segments.forget_epoch(tmp_path, 1, SMALL, now=1000.5 + SMALL.keep_s)
    assert sorted(tmp_path.iterdir()) == kept
    segments.forget_epoch(tmp_path, 1, SMALL, now=1002 + SMALL.keep_s)
    assert segments.epochs(tmp_path) == [2]

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        segments.forget_epoch(tmp_path, 2, SMALL, now=1e12)
    assert segments.epochs(tmp_path) == [2]
    segments.forget_epoch(tmp_path, 2, JournalLimits(8192, 4 * 8192, 1e12, 1024), now=1000)
    assert segments.epochs(tmp_path) == [2]
    new_journal(tmp_path, 3)
    (tmp_path / "other").write_bytes(bytes(3 * 8192))
    segments.forget_epoch(tmp_path, 2, JournalLimits(8192, 4 * 8192, 1e12, 1024), now=1000)
    assert segments.epochs(tmp_path) == [3]


# A dead epoch ----------------------------------------------------------------------------------------------


def test_a_dead_epoch_is_continued_in_a_segment_of_its_own(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    for number in range(5):
        journal.append(reserved(number))
    journal.append(resolved(3))
    written = read_all(journal)
    del journal
    left = segments.scan(tmp_path, 1)
    assert sorted(left.open) == [f"call-{number}" for number in (0, 1, 2, 4)]
    again = segments.reopen(tmp_path, identity(), SMALL, left, acked=0)
    assert list(tmp_path.glob("*.spare")) == []
    for call in left.open.values():
        again.append(Resolved(call, "in_doubt", call.amount))
    assert [number for number, _ in read_all(again)] == list(range(1, again.last + 1))
    assert read_all(again)[:6] == written
    outcomes = [record for _, record in read_all(again) if isinstance(record, Resolved)]
    assert len(outcomes) == 1 + len(left.open)
    again.close()
    final = segments.scan(tmp_path, 1)
    assert (final.open, final.intact, final.last, final.boot_id) == ({}, True, again.last, "boot")


def test_a_recovery_that_was_killed_finds_what_is_still_open(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    for number in range(4):
        journal.append(reserved(number))
    acked = journal.last
    for finished in range(4):
        left = segments.scan(tmp_path, 1, acked)
        assert sorted(left.open) == [f"call-{number}" for number in range(finished, 4)]
        again = segments.reopen(tmp_path, identity(), SMALL, left, acked)
        acked = again.append(resolved(finished))
        del again
    left = segments.scan(tmp_path, 1, acked)
    assert (left.open, left.intact, left.last) == ({}, True, acked)


def test_recovery_after_a_new_start_of_the_machine_stays_known(tmp_path: Path) -> None:
    """Even if the recovery itself dies, and the next one sees only files that this run of the machine wrote."""
    new_journal(tmp_path).append(reserved(1))
    left = segments.scan(tmp_path, 1)
    again = segments.reopen(tmp_path, identity(boot_id="later"), SMALL, left, acked=0)
    assert segments.scan(tmp_path, 1, again.last).boot_id is None


def test_recovery_needs_no_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_journal(tmp_path).append(reserved(1))

    def full(fd: int, at: int, size: int) -> None:
        raise FULL

    monkeypatch.setattr(os, "posix_fallocate", full)
    again = segments.reopen(tmp_path, identity(), SMALL, segments.scan(tmp_path, 1), acked=0)
    again.append(resolved(1))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == again.size_bytes


def test_numbers_that_the_book_knows_are_never_given_again(tmp_path: Path) -> None:
    journal = new_journal(tmp_path)
    journal.append(reserved(1))
    left = segments.scan(tmp_path, 1)
    again = segments.reopen(tmp_path, identity(), SMALL, left, acked=50)
    assert again.append(resolved(1)) == 52
    assert [number for number, _ in read_all(again)] == [1, 51, 52]
    assert [number for number, _ in read_all(again, 50)] == [51, 52]
    assert not segments.scan(tmp_path, 1, 52).intact


def test_an_epoch_that_cannot_be_continued_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_journal(tmp_path).append(reserved(1))

    def refuse(path: Path, size: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "truncate", refuse)
    with pytest.raises(JournalFailed, match="Read-only"):
        segments.reopen(tmp_path, identity(), SMALL, segments.scan(tmp_path, 1), acked=0)


def test_a_reservation_may_be_repeated(tmp_path: Path) -> None:
    """It is one open call, and its room is counted once."""
    journal = new_journal(tmp_path)
    for _ in range(200):
        journal.append(reserved(1, b"n" * 400))
        assert isinstance(read_all(journal, journal.last - 1)[0][1], Reserved)
    journal.append(resolved(1, reserved_note=b"n" * 400))
    assert segments.scan(tmp_path, 1).open == {}
