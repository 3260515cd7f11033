"""The door for spans: `POST /v1/traces` as raw ASGI. The order of its steps stands here, and refusals become answers.

    sender -> pace -> room -> body -> office (decompress -> decode and sort -> commit) -> answer

What costs nothing comes first: a sender that must wait hears so before its body is read. A request is answered 200
when its spans are in PostgreSQL, and not before; those that could not be taken are told as OTLP's partial success.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from tollhouse.foundation.asgi import CallerGone, Receive, Scope, Send
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.logs import get_logger
from tollhouse.intake import refusals
from tollhouse.intake.capacity import Pace, Room
from tollhouse.intake.counts import Counts
from tollhouse.intake.encodings import decoder_of
from tollhouse.intake.exchange import Exchange
from tollhouse.intake.office import READERS, Office, Outcome, Parcel
from tollhouse.intake.senders import Senders

TRACES_PATH: Final = "/v1/traces"
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
    body_timeout_s: float


@dataclass(frozen=True, slots=True)
class Intake:
    """The ASGI application for spans; the app sends it what is posted to `TRACES_PATH`, and nothing else."""

    senders: Senders
    pace: Pace
    room: Room
    office: Office
    strangers: Strangers
    limits: IntakeLimits
    counts: Counts

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
        media = exchange.content_type
        encoding = exchange.text(b"content-encoding")
        decoder_of(encoding)
        if media not in READERS and not is_test:
            raise refusals.unsupported_type(media.decode("latin-1")[:100])
        with self.room.load(_UNDECLARED_BYTES if declared is None else declared) as load:
            raw = await exchange.read(self.limits.max_body_bytes, self.limits.body_timeout_s, load)
            if is_test or not raw:
                await exchange.answer(200, refusals.accepted_body(0, "", exchange.encoding))
                return
            agent = exchange.header(b"user-agent")
            outcome = await self.office.take(Parcel(sender, media, encoding, agent, raw))
            self.pace.spend(sender.source, outcome.accepted + outcome.rejected)
            self.counts.taken(outcome.accepted, outcome.rejected)
            await _answer(exchange, outcome)


async def _answer(exchange: Exchange, outcome: Outcome) -> None:
    if not outcome.accepted and outcome.rejected:
        raise refusals.nothing_taken(outcome.summary)
    counts = [
        (b"x-tollhouse-accepted-spans", str(outcome.accepted).encode()),
        (b"x-tollhouse-rejected-spans", str(outcome.rejected).encode()),
    ]
    await exchange.answer(200, refusals.accepted_body(outcome.rejected, outcome.summary, exchange.encoding), counts)
