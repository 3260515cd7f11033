"""Bringing an answer to the caller: latency, pace, cuts, dropped lines - and the bill, whatever happens.

The bill is presented before the last visible token is written: a caller who saw the end finds the call in the book.
When the caller leaves early, the provider has produced the whole answer all the same (or, if the script says so,
only what was sent).
"""

from dataclasses import dataclass

from tollhouse.emulator.book import Bill
from tollhouse.emulator.openai_shapes import Event
from tollhouse.emulator.scripts import DropPoint
from tollhouse.emulator.wire import Header, Line


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer and how it travels. `cut`: the connection closes after the last piece, without an end."""

    status: int
    headers: list[Header]
    pieces: list[Event]
    bill: Bill
    latency_s: float = 0
    delay_s: float = 0
    cut: bool = False
    drop: DropPoint | None = None
    hang: bool = False


async def deliver(delivery: Delivery, line: Line) -> None:
    """Returns when the answer is out, cut off or no longer wanted."""
    sent = _Sent()
    try:
        await _travel(delivery, line, sent)
    finally:
        delivery.bill.caller_left(sent.visible)


@dataclass(slots=True)
class _Sent:
    visible: int = 0


async def _travel(delivery: Delivery, line: Line, sent: _Sent) -> None:
    if delivery.hang:
        delivery.bill.present()
        await line.left_within(None)
        return
    if delivery.latency_s and await line.left_within(delivery.latency_s):
        return
    if delivery.drop is not None:
        await _drop(delivery, line)
        return
    await line.start(delivery.status, delivery.headers)
    if delivery.delay_s:
        left = await _write_slowly(delivery, line, sent)
    else:
        left = await _write_at_once(delivery, line)
    if delivery.cut and not left:
        await line.drop()


async def _drop(delivery: Delivery, line: Line) -> None:
    delivery.bill.present()
    if delivery.drop != "before_headers":
        await line.start(delivery.status, delivery.headers)
    if delivery.drop == "mid_body":
        body = b"".join(piece.data for piece in delivery.pieces)
        await line.write(body[: len(body) // 2])
    await line.drop()


async def _write_at_once(delivery: Delivery, line: Line) -> bool:
    """One write for all: without a pace the network would join the pieces anyway."""
    delivery.bill.present()
    await line.write(b"".join([piece.data for piece in delivery.pieces]), last=not delivery.cut)
    return False


async def _write_slowly(delivery: Delivery, line: Line, sent: _Sent) -> bool:
    """One write a piece; True when the caller left in between."""
    whole = delivery.pieces[-1].visible if delivery.pieces else 0
    for piece in delivery.pieces:
        if piece.visible >= whole:
            delivery.bill.present()
        await line.write(piece.data)
        sent.visible = piece.visible
        if await line.left_within(delivery.delay_s):
            return True
    delivery.bill.present()
    if not delivery.cut:
        await line.write(b"", last=True)
    return False
