"""What is done with the bytes of a request: decompressed, read, sorted, stored.

The door hands over a `Parcel` and hears of an `Outcome`; whether the work is done in its own process or in one beside
it (`annex.py`) is nothing that it must know.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from tollhouse.foundation.processor import give_way
from tollhouse.intake import otlp, otlp_json, otlp_protobuf, refusals
from tollhouse.intake.capacity import Load, Room
from tollhouse.intake.commits import Commits
from tollhouse.intake.encodings import Decoder, decoder_of
from tollhouse.intake.otlp import Limits, Origin, Rejected, Sent
from tollhouse.intake.sorting import Sorter, suspect
from tollhouse.traces.attribution import Sender

READERS: Final[dict[bytes, Callable[[bytes, Limits], Iterator[Origin | Sent | Rejected]]]] = {
    refusals.PROTOBUF: otlp_protobuf.read,
    b"application/protobuf": otlp_protobuf.read,
    refusals.JSON: otlp_json.read,
}


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A body as it came, and what its headers say. `content_type` is one of `READERS`."""

    sender: Sender
    content_type: bytes
    content_encoding: str
    agent: bytes | None
    body: bytes


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """Spans that are stored, those that could not be taken, and why the first of those could not."""

    accepted: int
    rejected: int
    summary: str


class Office(Protocol):
    """Where parcels are worked on."""

    def full(self) -> bool:
        """Whether as much waits already as may."""

    async def take(self, parcel: Parcel) -> Outcome:
        """When this returns all that was accepted is stored. Raises what is to be answered."""

    async def run(self) -> None:
        """Until cancelled; whoever still waits then is told to come again."""


@dataclass(frozen=True, slots=True)
class OwnOffice:
    """The work itself, in this process. `room` bounds what bodies grow to when they are decompressed."""

    sorter: Sorter
    commits: Commits
    room: Room
    max_decoded_bytes: int
    limits: Limits

    def full(self) -> bool:
        return self.commits.full()

    async def run(self) -> None:
        await self.commits.run()

    async def take(self, parcel: Parcel) -> Outcome:
        with self.room.load(len(parcel.body)) as load:
            body = await self._decompressed(decoder_of(parcel.content_encoding), parcel.body, load)
            pieces = READERS[parcel.content_type](body, self.limits)
            made = await self.sorter.sort(parcel.sender, pieces, suspect=suspect(body), agent=parcel.agent)
            if made.spans:
                await self.commits.commit(made.spans)
        return Outcome(len(made.spans), made.rejected_count, otlp.summary(made.rejected, made.rejected_count))

    async def _decompressed(self, decoder: Decoder | None, raw: bytes, load: Load) -> bytes:
        if decoder is None:
            return raw
        parts: list[bytes] = []
        size, most = 0, self.max_decoded_bytes
        for piece in decoder(raw):
            size += len(piece)
            if size > most:
                raise refusals.decoded_too_large(most)
            load.grow_to(len(raw) + size)
            parts.append(piece)
            give_way()
            await asyncio.sleep(0)
        return b"".join(parts)
