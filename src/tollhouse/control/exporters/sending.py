"""Sends one batch of spans to one exporter, once, and says what that means: arrived, again later, or never.

OTLP/HTTP decides which is which: 429, 502, 503, 504 and broken connections may be repeated, other refusals must not
be, and an answer of 200 may refuse a part. A batch that is too large comes again smaller.
"""

import asyncio
import email.utils
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from tollhouse import __version__
from tollhouse.outbound.sending import Reply, Sender
from tollhouse.traces.exports import otlp
from tollhouse.traces.exports.exporters import Terms
from tollhouse.traces.exports.queue import MOST_BATCH_SPANS, Batch, Result

PATIENCE_S: Final = 10.0
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_DOUBLINGS: Final = 16
_AGAIN: Final = frozenset({429, 502, 503, 504})
_TOO_LARGE: Final = 413
_ANSWER_BYTES: Final = 64 << 10
_SHOWN_CHARS: Final = 200
_NOW: Final = timedelta()
_STEP_SPANS: Final = 16
_STEP_BYTES: Final = 64 << 10
_GZIP_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31


async def send(sender: Sender, terms: Terms, headers: Mapping[str, str], batch: Batch) -> Reply:
    """One try; never raises for what the other side does, nor for spans that cannot be written down."""
    try:
        body = await _written(terms, batch)
    except (ValueError, TypeError, OverflowError):
        return Reply(400, "the spans could not be encoded")
    ours = {"Content-Type": otlp.CONTENT_TYPES[terms.encoding], "User-Agent": f"Tollhouse/{__version__}"}
    if terms.compression == "gzip":
        ours["Content-Encoding"] = "gzip"
    # An answer that is packed would have to be unpacked, within limits: we ask for plain ones.
    return await sender.post(
        terms.url, {**headers, **ours, "Accept-Encoding": "identity"}, body, keep_bytes=_ANSWER_BYTES
    )


async def _written(terms: Terms, batch: Batch) -> bytes:
    """The request's body, packed if it is to be; in steps, so that calls need not wait for it."""
    parts = []
    for first in range(0, len(batch.spans), _STEP_SPANS):
        some = batch.spans[first : first + _STEP_SPANS]
        parts.append(otlp.part(some, terms.encoding, content=terms.include_content))
        await asyncio.sleep(0)
    body = otlp.whole(parts, terms.encoding)
    return await _packed(body) if terms.compression == "gzip" else body


async def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
    packed = bytearray()
    for first in range(0, len(body), _STEP_BYTES):
        packed += packer.compress(body[first : first + _STEP_BYTES])
        await asyncio.sleep(0)
    return bytes(packed + packer.flush())


def judge(reply: Reply, terms: Terms, batch: Batch, *, failures: int, batch_spans: int, now: datetime) -> Result:
    """What the answer means for the batch and for the next try. Pure."""
    if reply.error is None:
        refused, why = otlp.refused_of(reply.body, terms.encoding)
        refused = min(refused, len(batch.ids))
        error = f"{refused} spans were refused: {_short(why)}" if refused else None
        larger = min(2 * batch_spans, MOST_BATCH_SPANS)
        return Result(
            done=True, failed=False, wait=_NOW, batch_spans=larger, status=reply.status, error=error, refused=refused
        )
    if reply.status == _TOO_LARGE and len(batch.ids) > 1:
        smaller = max(len(batch.ids) // 2, 1)
        return Result(done=False, failed=True, wait=_NOW, batch_spans=smaller, status=reply.status, error=reply.error)
    again = reply.status is None or reply.status in _AGAIN
    return Result(
        done=not again,
        failed=True,
        wait=max(wait_after(failures + 1), _asked_to_wait(reply, now) if again else _NOW),
        batch_spans=batch_spans,
        status=reply.status,
        error=reply.error,
        refused=0 if again else len(batch.ids),
    )


def wait_after(failures: int) -> timedelta:
    """How long to leave an exporter alone after so many tries that went wrong."""
    return min(FIRST_WAIT * (1 << min(failures - 1, _DOUBLINGS)), LONGEST_WAIT)


def _asked_to_wait(reply: Reply, now: datetime) -> timedelta:
    """What `Retry-After` says, in seconds or as a date; never longer than is sensible."""
    said = reply.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=min(int(said[:9]), 10**6)), LONGEST_RETRY_AFTER)
    try:
        moment: datetime = email.utils.parsedate_to_datetime(said)
        wait = moment - now
    except (ValueError, TypeError):
        return _NOW
    return min(max(wait, _NOW), LONGEST_RETRY_AFTER)


def _short(text: str) -> str:
    """Of what a receiver says: printable, and little."""
    return "".join(character for character in text if character.isprintable())[:_SHOWN_CHARS] or "it does not say why"
