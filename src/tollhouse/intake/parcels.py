"""How the door and an office in another process speak: frames of MessagePack over a socket that only they have.

A frame is four bytes of length and the message: `Handed` one way, `Told` the other, in any order, matched by number.
"""

import asyncio
from typing import Final, TypeVar

import msgspec

from tollhouse.foundation.errors import TollhouseError
from tollhouse.intake import refusals
from tollhouse.intake.office import Outcome, Parcel

_LENGTH_BYTES: Final = 4
MOST_BYTES: Final = 512 << 20
"""More than any body may have: a longer frame is no frame of ours."""

_encoder: Final = msgspec.msgpack.Encoder()
_Message = TypeVar("_Message")


class Handed(msgspec.Struct, frozen=True, array_like=True):
    number: int
    parcel: Parcel


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """A `TollhouseError` on its way to the process that answers."""

    status: int
    code: str
    message: str
    retry_after_s: int | None

    @classmethod
    def of(cls, error: TollhouseError) -> "Refused":
        return cls(error.status, error.code, error.message, error.retry_after_s)

    def error(self) -> TollhouseError:
        kind = refusals.KINDS.get(self.status, TollhouseError)
        return kind(self.message, code=self.code, retry_after_s=self.retry_after_s)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What became of a parcel: one of both is there."""

    number: int
    outcome: Outcome | None
    refused: Refused | None


def framed(message: Handed | Told) -> bytes:
    """The message with its length before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def next_of(reader: asyncio.StreamReader, decoder: "msgspec.msgpack.Decoder[_Message]") -> _Message | None:
    """The next message; None when the other side is gone. Raises ValueError for what is no frame of ours."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > MOST_BYTES:
            raise ValueError(f"a frame of {length} bytes")
        return decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
