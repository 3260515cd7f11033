"""The journal's records: what a worker writes down before and after a call is sent. Pure; encoded with msgpack.

A call is *reserved* before its first byte is sent and *resolved* before its caller sees the end; money that the
worker gives back to the book is *returned*. The records of one epoch have numbers without a hole, from 1 on.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from tollhouse.foundation.errors import UNREADABLE
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId
from tollhouse.foundation.money import Nanos

EntryKind = Literal["exact", "estimated", "in_doubt"]
SettlementKind = Literal["exact", "estimated", "in_doubt", "void"]
"""`void`: provably nothing was sent; there is no entry and the money goes back."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Call(msgspec.Struct, frozen=True, array_like=True):
    """Whose call it is and what it asks for."""

    call_id: CallId
    customer_id: CustomerId
    key_id: KeyId
    user_id: UserId | None
    team_id: TeamId | None
    provider: str
    model: str
    price_version: str | None


class Part(NamedTuple):
    """One budget that a call counts in. `leased` False: the budget had no limit, so nothing was set aside there."""

    budget_id: int
    period_seq: int
    leased: bool


class Amount(NamedTuple):
    """Money of one worker's lease on one account."""

    budget_id: int
    period_seq: int
    nanos: Nanos


class Reserved(msgspec.Struct, frozen=True, array_like=True, tag="R"):
    """`amount` was set aside on every leased part. `opened_us`: microseconds since 1970 by the book's clock.

    `note` belongs to whoever asked for the hold; it comes back if the process dies before the call is resolved.
    """

    call: Call
    opened_us: int
    parts: tuple[Part, ...]
    amount: Nanos
    note: bytes = b""


class Carried(msgspec.Struct, frozen=True, array_like=True, tag="C"):
    """An open reservation, written again at the head of a new segment, so that older segments can go."""

    reserved: Reserved


class Resolved(msgspec.Struct, frozen=True, array_like=True, tag="S"):
    """How a reserved call ended, complete in itself. `cost` above `reserved.amount` is an overrun."""

    reserved: Reserved
    kind: SettlementKind
    cost: Nanos
    note: bytes = b""

    @property
    def overrun(self) -> Nanos:
        return Nanos(max(self.cost - self.reserved.amount, 0))


class Returned(msgspec.Struct, frozen=True, array_like=True, tag="X"):
    """Idle money given back. Written before the book hears of it: the giver shrinks before the taker grows."""

    amounts: tuple[Amount, ...]


class Stopped(msgspec.Struct, frozen=True, array_like=True, tag="Z"):
    """A clean stop: nothing follows, nothing is open, everything idle was returned."""


Record = Reserved | Carried | Resolved | Returned | Stopped


def encode(record: Record) -> bytes:
    return _encoder.encode(record)


def decode(raw: bytes | memoryview) -> Record:
    """Raises msgspec.DecodeError for anything that `encode` did not write."""
    try:
        return _decoder.decode(raw)
    except UNREADABLE as cause:
        raise msgspec.DecodeError(str(cause)) from cause


def opened_at(reserved: Reserved) -> datetime:
    """The moment of the hold by the book's clock, UTC."""
    return _EPOCH + timedelta(microseconds=reserved.opened_us)


def entry_day(reserved: Reserved) -> date:
    """The UTC day of the call's entry: fixed when the money was set aside, the same on every replay."""
    return opened_at(reserved).date()


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[Record]] = msgspec.msgpack.Decoder(Record)
