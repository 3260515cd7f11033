"""However a journal is damaged: what is believed is a beginning of what was written, and a loss is noticed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import damage
from ledger.damage import Damage, Written, check, flip, truncate, zero
from ledger.journals import new_journal, read_all, reserved, resolved
from tollhouse.ledger import frames, segments
from tollhouse.ledger.records import Returned, Stopped

FILES = 3


@pytest.fixture
def small(tmp_path: Path) -> Written:
    """One file with a record of each kind."""
    journal = new_journal(tmp_path)
    for record in (reserved(1, b"note"), reserved(2), resolved(1, b"end", b"note"), Returned(()), Stopped()):
        journal.append(record)
    found = damage.written(tmp_path, read_all(journal))
    assert len(found.files) == 1
    return found


def every_byte(journal: Written) -> Iterator[Damage]:
    path = journal.newest
    for at in range(journal.end(path) + 40):
        yield flip(journal, path, at, 0x01)
        yield flip(journal, path, at, 0xFF)
        yield truncate(journal, path, at)
        yield zero(journal, path, at, at + 1)
        yield zero(journal, path, at, max(journal.end(path), at + 1))


def test_every_byte_matters(small: Written) -> None:
    for each in every_byte(small):
        check(small, each)


def test_every_end_is_a_clean_one(small: Written) -> None:
    """A kill -9 can tear the last write anywhere: nothing is lost but that record, and nothing is in doubt."""
    path = small.newest
    for at in range(small.begin(path), small.end(path)):
        for each in (truncate(small, path, at), zero(small, path, at, small.end(path))):
            path.write_bytes(each.files[path])
            left = segments.scan(small.folder, 1)
            assert left.intact
            assert left.last == sum(end <= at for _, _, end in small.places)


def test_no_damage_of_any_kind_is_believed(tmp_path: Path) -> None:
    counts = damage.campaign(FILES, seed=1, folder=tmp_path)
    assert counts["flip"] > 50
    assert counts["recovered"] > 50
    assert counts["unnoticed, as if stopped there"] > 0


def test_the_law_can_be_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that trusts lengths and numbers alone is caught."""

    def credulous(data: bytes, at: int, number: int) -> memoryview | None:
        length = frames.length_at(data, at, number)
        return None if length is None or at + length > len(data) else memoryview(data)[at + 20 : at + length - 1]

    monkeypatch.setattr(frames, "payload_at", credulous)
    with pytest.raises(AssertionError):
        damage.campaign(FILES, seed=1, folder=tmp_path)


def test_an_undamaged_journal_is_intact(tmp_path: Path) -> None:
    journal = damage.write_journal(tmp_path, random.Random(1))
    assert len(journal.files) > 2
    assert not check(journal, Damage("none", journal.files, may_pass=False))
    assert segments.scan(tmp_path, 1).intact
