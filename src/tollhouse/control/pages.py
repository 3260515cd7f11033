"""Cursors: where a page ended, as an opaque word. Pure. A cursor that we did not make is refused with 400."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec

from tollhouse.access.keys import Place
from tollhouse.foundation.errors import UNREADABLE, BadRequest
from tollhouse.foundation.ids import is_uuid

_SPAN_CURSOR: Final = re.compile(r"([0-9]{1,19})\.([0-9a-f]{16})")
_PLACE_CURSOR: Final = re.compile(r"([0-9]{1,17})\.([0-9a-z.-]{1,120})")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_MOST_CHARACTERS: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BIGINT_MAX: Final = 2**63 - 1
_LATEST_MICROS: Final = 253_402_300_799 * 1_000_000
_LONGEST_WORDY: Final = 3_000
_key_places: Final = msgspec.json.Decoder(tuple[str, int, str, int, str])
_names: Final = msgspec.json.Decoder(tuple[str, str])

_Told = TypeVar("_Told")


def span_cursor(start_ns: int, span_id: str) -> str:
    """A cursor for the page after this span."""
    return _cursor_of(f"{start_ns}.{span_id}".encode())


def read_span_cursor(cursor: str) -> tuple[int, str]:
    """The (start_ns, span_id) inside; raises BadRequest."""
    found = _SPAN_CURSOR.fullmatch(_decoded(cursor))
    if found is None or int(found[1]) > _BIGINT_MAX:
        raise _not_ours()
    return int(found[1]), found[2]


def place_cursor(at: datetime, name: str) -> str:
    """A cursor for the page after the thing of this time and name (lower-case letters, digits, `-` and `.`)."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return _cursor_of(f"{micros}.{name}".encode())


def read_place_cursor(cursor: str, *, by_uuid: bool = False) -> tuple[datetime, str]:
    """The time and name inside; raises BadRequest, also for a name that is no UUID where all names are."""
    found = _PLACE_CURSOR.fullmatch(_decoded(cursor))
    if found is None or (by_uuid and not is_uuid(found[2])):
        raise _not_ours()
    return _EPOCH + timedelta(microseconds=int(found[1])), found[2]


def name_cursor(name: str, uuid: str) -> str:
    """A cursor for the page after the thing of this name, which may be any text, and this id."""
    return _cursor_of(msgspec.json.encode((name, uuid)))


def read_name_cursor(cursor: str) -> tuple[str, str]:
    """The name and id inside; raises BadRequest."""
    name, uuid = _read(_names, cursor)
    if not is_uuid(uuid) or "\0" in name:
        raise _not_ours()
    return name, uuid


def number_cursor(number: int) -> str:
    """A cursor for the page after the thing of this number."""
    return _cursor_of(str(number).encode())


def read_number_cursor(cursor: str) -> int:
    """The number inside; raises BadRequest."""
    found = _NUMBER.fullmatch(_decoded(cursor))
    if found is None or int(found[0]) > _BIGINT_MAX:
        raise _not_ours()
    return int(found[0])


def key_cursor(place: Place, sort: str) -> str:
    """A cursor for the page after this key, in this order."""
    told = [sort, (place.at - _EPOCH) // timedelta(microseconds=1), place.word, place.number, place.key_id]
    return _cursor_of(msgspec.json.encode(told))


def read_key_cursor(cursor: str, sort: str) -> Place:
    """The place inside; raises BadRequest, also for a cursor of another order."""
    order, micros, word, number, key_id = _read(_key_places, cursor)
    in_range = 0 <= micros < _LATEST_MICROS and -_BIGINT_MAX <= number <= _BIGINT_MAX
    if order != sort or not in_range or not is_uuid(key_id) or "\0" in word:
        raise _not_ours()
    return Place(_EPOCH + timedelta(microseconds=micros), word, number, key_id)


def _cursor_of(place: bytes) -> str:
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _read(decoder: "msgspec.json.Decoder[_Told]", cursor: str) -> _Told:
    """Of a cursor with words of people in it, which may be long."""
    try:
        return decoder.decode(_bytes_of(cursor, _LONGEST_WORDY))
    except UNREADABLE as cause:
        raise _not_ours() from cause


def _bytes_of(cursor: str, most: int) -> bytes:
    if len(cursor) > most:
        raise _not_ours()
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as cause:
        raise _not_ours() from cause


def _decoded(cursor: str) -> str:
    try:
        return _bytes_of(cursor, _MOST_CHARACTERS).decode("ascii")
    except UnicodeDecodeError as cause:
        raise _not_ours() from cause


def _not_ours() -> BadRequest:
    return BadRequest(
        "`cursor` is not one of ours; use the `next_cursor` of the page before", code="invalid_cursor", param="cursor"
    )
