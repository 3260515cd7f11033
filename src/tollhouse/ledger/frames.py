"""How one file of the journal is laid out: a head, then frames, then zeros or the end of the file. Pure.

    file  = magic (8 bytes, the last is the format), a frame with the head, frames
    frame = length of the payload (u32), its CRC (u32), number (u64), CRC of these (u32), payload, a byte not zero

All little-endian. A frame is believed when all of this is right, and never otherwise.
"""

import struct
from typing import Final
from zlib import crc32

import msgspec

from tollhouse.foundation.errors import UNREADABLE
from tollhouse.foundation.ids import WorkerId

MAGIC: Final = b"tolljrn1"
MAX_RECORD_BYTES: Final = 64 << 10
FRAME_BYTES: Final = 21
"""What a frame adds to its payload."""
MAX_FRAME_BYTES: Final = FRAME_BYTES + MAX_RECORD_BYTES
MAX_HEAD_BYTES: Final = 512

# CRC-32 and not CRC-32C: it is in the standard library, and as good against what disks do to a few kilobytes.
_START: Final = struct.Struct("<IIQ")
# The length has a CRC of its own: a wrong one would make all that follows look like the rest of a torn frame.
_WITH_CRC: Final = struct.Struct("<IIQI")
# So that a frame that lost its end (a torn write leaves zeros there) can be told from one that was altered.
_END: Final = b"\xff"


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What a file says of itself. `first` is the number of its first record.

    `before`: the last number that counts in the files before this one; what they hold above it is void. That is
    `first - 1`, except where recovery went on after a damage. `damaged`: the writer had found one.
    """

    worker_id: WorkerId
    epoch: int
    segment: int
    boot_id: str
    first: int
    before: int
    damaged: bool


def frame(number: int, payload: bytes) -> bytes:
    start = _START.pack(len(payload), crc32(payload), number)
    return start + crc32(start).to_bytes(4, "little") + payload + _END


def payload_at(data: bytes, at: int, number: int) -> memoryview | None:
    """The payload of frame `number` that begins at `at`; None: no such frame, or not all of it, stands there."""
    length = length_at(data, at, number)
    if length is None or at + length > len(data) or data[at + length - 1] != _END[0]:
        return None
    payload = memoryview(data)[at + _WITH_CRC.size : at + length - 1]
    return payload if crc32(payload) == _START.unpack_from(data, at)[1] else None


def length_at(data: bytes, at: int, number: int) -> int | None:
    """How long frame `number` at `at` is, all in all, without a look at its payload; None: no such frame."""
    if len(data) - at < _WITH_CRC.size:
        return None
    length, _, found, crc = _WITH_CRC.unpack_from(data, at)
    if found != number or not 0 < length <= MAX_RECORD_BYTES or crc != crc32(data[at : at + _START.size]):
        return None
    return FRAME_BYTES + int(length)


def is_clean_end(start: bytes, written: int, number: int) -> bool:
    """Whether a journal may have ended here: with nothing, or in the middle of writing frame `number`.

    A kill -9 can tear a write; what is there is then a beginning of the frame. `start`: the first bytes after the last
    frame; `written`: how many follow it until there are only zeros. Anything else that follows is damage.
    """
    if written == 0:
        return True
    start = start[: _WITH_CRC.size].ljust(_WITH_CRC.size, b"\0")
    if written >= _WITH_CRC.size:
        length = length_at(start, 0, number)
        return length is not None and written < length
    length, _, _, _ = _WITH_CRC.unpack(start)
    seen = start[8 : min(written, _START.size)]
    return number.to_bytes(8, "little").startswith(seen) and 0 < length <= MAX_RECORD_BYTES


def head_bytes(head: Head) -> bytes:
    """The beginning of a file. Raises ValueError for names that nobody has."""
    encoded = MAGIC + frame(head.segment, msgspec.msgpack.encode(head))
    if len(encoded) > MAX_HEAD_BYTES:
        raise ValueError("a worker id or boot id this long is none")
    return encoded


def head_of(data: bytes, segment: int) -> tuple[Head, int] | None:
    """The head at the beginning of a file, and where its first frame begins."""
    payload = payload_at(data, len(MAGIC), segment) if data.startswith(MAGIC) else None
    if payload is None:
        return None
    try:
        return _heads.decode(payload), len(MAGIC) + FRAME_BYTES + len(payload)
    except UNREADABLE:
        return None


_heads: Final = msgspec.msgpack.Decoder(Head)
