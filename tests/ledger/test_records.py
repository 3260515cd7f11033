"""The journal's records: the same after a round trip, and complete in themselves."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from ledger.wishes import wish
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.records import (
    Amount,
    Carried,
    Part,
    Record,
    Reserved,
    Resolved,
    Returned,
    Stopped,
    decode,
    encode,
    entry_day,
    opened_at,
)

BEFORE_MIDNIGHT_US = 1_798_761_599_999_999
RESERVED = Reserved(wish("a", 40).call, BEFORE_MIDNIGHT_US, (Part(1, 2, True), Part(3, 4, False)), Nanos(40), b"n")
RECORDS: list[Record] = [
    RESERVED,
    Carried(RESERVED),
    Resolved(RESERVED, "exact", Nanos(33), b"what happened"),
    Returned((Amount(1, 2, Nanos(7)),)),
    Stopped(),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert decode(encode(record)) == record


@pytest.mark.parametrize("never_written", [b"\x93\xa1Q\x00\x00", b"\x91\xa4\x93\x93\x95\x8d\x91\xce\x00", b""])
def test_what_was_never_written_is_not_read(never_written: bytes) -> None:
    """Also where a text in it is not UTF-8."""
    with pytest.raises(msgspec.DecodeError):
        decode(never_written)


def test_an_entry_belongs_to_the_utc_day_on_which_money_was_set_aside() -> None:
    assert opened_at(RESERVED) == datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert entry_day(RESERVED) == date(2026, 12, 31)


@pytest.mark.parametrize(("cost", "overrun"), [(0, 0), (40, 0), (41, 1)])
def test_only_what_is_above_the_reservation_is_an_overrun(cost: int, overrun: int) -> None:
    assert Resolved(RESERVED, "exact", Nanos(cost)).overrun == overrun
