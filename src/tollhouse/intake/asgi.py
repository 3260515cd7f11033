"""The door for spans: `POST /v1/traces` as raw ASGI. The order of its steps stands here, and refusals become answers.

    sender -> pace -> room -> body -> decompress -> decode and sort -> commit -> answer

What costs nothing comes first: a sender that must wait hears so before its body is read. A request is answered 200
when its spans are in PostgreSQL, and not before; those that could not be taken are told as OTLP's partial success.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from tollhouse.foundation.asgi import CallerGone, Receive, Scope, Send
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.logs import get_logger
from tollhouse.intake import otlp, otlp_json, otlp_protobuf, refusals
from tollhouse.intake.capacity import Load, Pace, Room
from tollhouse.intake.commits import Commits
from tollhouse.intake.encodings import Decoder, decoder_of
from tollhouse.intake.exchange import Exchange
from tollhouse.intake.otlp import Limits
from tollhouse.intake.senders import Senders
from tollhouse.intake.sorting import Sorted, Sorter, suspect

TRACES_PATH: Final = "/v1/traces"
_READERS: Final = {
    refusals.PROTOBUF: otlp_protobuf.read,
    b"application/protobuf": otlp_protobuf.read,
    refusals.JSON: otlp_json.read,
}
_UNDECLARED_BYTES: Final = 64 << 10
_UNAUTHORIZED: Final = 401

_log = get_logger(__name__)


class Strangers(Protocol):
    """Lets callers with wrong credentials wait when they are many (`gateway.strangers.Strangers`)."""

    async def wait(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What one request may take."""

    max_body_bytes: int
    max_decoded_bytes: int
    body_timeout_s: float
    otlp: Limits


@dataclass(frozen=True, slots=True)
class Intake:
    """The ASGI application for spans; the app sends it what is posted to `TRACES_PATH`, and nothing else."""

    senders: Senders
    pace: Pace
    room: Room
    sorter: Sorter
    commits: Commits
    strangers: Strangers
    limits: IntakeLimits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        try:
            await self._serve(exchange)
        except CallerGone:
            return
        except TollhouseError as refusal:
            stays = refusal.status != _UNAUTHORIZED or await self.strangers.wait()
            await exchange.refuse(refusal, close=not stays)
        except Exception as error:  # noqa: BLE001 - the ASGI edge: the last place where an error can become an answer
            _log.exception("a request with spans failed", error=type(error).__name__)
            await exchange.refuse(refusals.internal_error())

    async def _serve(self, exchange: Exchange) -> None:
        sender = await self.senders.sender(exchange.header(b"authorization"))
        self.pace.check(sender.source)
        declared = exchange.declared_bytes()
        if declared is not None and declared > self.limits.max_body_bytes:
            raise refusals.body_too_large(self.limits.max_body_bytes)
        is_test = declared == 0 or exchange.text(b"x-test-connection").lower() == "true"
        reader = _READERS.get(exchange.content_type)
        decoder = decoder_of(exchange.text(b"content-encoding"))
        if reader is None and not is_test:
            raise refusals.unsupported_type(exchange.content_type.decode("latin-1")[:100])
        with self.room.load(_UNDECLARED_BYTES if declared is None else declared) as load:
            raw = await exchange.read(self.limits.max_body_bytes, self.limits.body_timeout_s, load)
            if is_test or reader is None or not raw:
                await exchange.answer(200, refusals.accepted_body(0, "", exchange.encoding))
                return
            body = await self._decompressed(decoder, raw, load)
            del raw
            agent = exchange.header(b"user-agent")
            made = await self.sorter.sort(sender, reader(body, self.limits.otlp), suspect=suspect(body), agent=agent)
            self.pace.spend(sender.source, len(made.spans) + made.rejected_count)
            await self._answer(exchange, made)

    async def _decompressed(self, decoder: Decoder | None, raw: bytes, load: Load) -> bytes:
        if decoder is None:
            return raw
        parts: list[bytes] = []
        size, most = 0, self.limits.max_decoded_bytes
        for piece in decoder(raw):
            size += len(piece)
            if size > most:
                raise refusals.decoded_too_large(most)
            load.grow_to(len(raw) + size)
            parts.append(piece)
            await asyncio.sleep(0)
        return b"".join(parts)

    async def _answer(self, exchange: Exchange, made: Sorted) -> None:
        summary = otlp.summary(made.rejected, made.rejected_count)
        if not made.spans and made.rejected_count:
            raise refusals.nothing_taken(summary)
        if made.spans:
            await self.commits.commit(made.spans)
        counts = [
            (b"x-tollhouse-accepted-spans", str(len(made.spans)).encode()),
            (b"x-tollhouse-rejected-spans", str(made.rejected_count).encode()),
        ]
        await exchange.answer(200, refusals.accepted_body(made.rejected_count, summary, exchange.encoding), counts)
