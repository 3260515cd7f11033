"""Every way the door for spans says no, in the encoding of the request: OTLP wants a `Status` as gRPC has it.

Senders try again after 429 and 503 and drop the batch after anything else, so only what may pass says the former.
"""

from typing import Final

import msgspec

from tollhouse.foundation.errors import (
    BadRequest,
    Forbidden,
    RequestTimeout,
    TollhouseError,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

JSON: Final = b"application/json"
PROTOBUF: Final = b"application/x-protobuf"
_GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 408: 4, 413: 11, 415: 3, 429: 8, 503: 14}
_INTERNAL: Final = 13


class UnsupportedMedia(TollhouseError):
    status, code, kind = 415, "unsupported_media_type", "invalid_request_error"


KINDS: Final[dict[int, type[TollhouseError]]] = {
    kind.status: kind for kind in (BadRequest, RequestTimeout, TooLarge, TooManyRequests, UnsupportedMedia, Unavailable)
}
"""What a refusal that was told by another process is, by its status."""


def not_configured() -> Unavailable:
    return Unavailable(
        "Spans are not taken with a shared secret here: set TRACE_INGEST_SECRET, or send an API token "
        "(`Authorization: Bearer tht_...`) or a virtual key (`aig_...`).",
        code="ingest_not_configured",
        retry_after_s=60,
    )


def no_credential() -> Unauthorized:
    return Unauthorized(
        "Send the shared secret of this installation, an API token (`tht_...`) or a virtual key (`aig_...`) as "
        "`Authorization: Bearer ...`."
    )


def unknown_credential() -> Unauthorized:
    return Unauthorized("The credential is unknown, expired or revoked. Check that all of it was copied.")


def key_disabled() -> Forbidden:
    return Forbidden("This key is disabled. Ask your admin to enable it.", code="key_disabled")


def key_expired() -> Forbidden:
    return Forbidden("This key has expired. Ask your admin for a new one.", code="key_expired")


def scope_missing(scope: str) -> Forbidden:
    return Forbidden(f"This API token lacks the scope `{scope}`.", code="scope_missing")


def unsupported_type(given: str) -> UnsupportedMedia:
    return UnsupportedMedia(f"Content-Type {given!r} is not one of application/x-protobuf and application/json.")


def unsupported_encoding(given: str) -> UnsupportedMedia:
    return UnsupportedMedia(f"Content-Encoding {given!r} is not one of gzip, deflate, zstd and identity.")


def body_too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes} bytes. Send fewer spans at once.")


def decoded_too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes} bytes when decompressed. Send fewer spans at once.")


def body_too_slow(seconds: float) -> RequestTimeout:
    return RequestTimeout(f"The body did not arrive within {seconds:g} seconds.")


def undecodable(encoding: str, reason: str) -> BadRequest:
    return BadRequest(f"The body is not what its Content-Encoding {encoding!r} says: {reason}.", code="invalid_body")


def busy() -> Unavailable:
    return Unavailable("Too many spans are on their way already. Try again shortly.", code="busy", retry_after_s=1)


def too_fast(retry_after_s: int) -> TooManyRequests:
    return TooManyRequests(
        f"More spans arrive with this credential than it may send. Try again in {retry_after_s} seconds.",
        retry_after_s=retry_after_s,
    )


def nothing_taken(summary: str) -> BadRequest:
    return BadRequest(f"None of the spans could be taken: {summary}", code="invalid_spans")


def refused_by_database() -> BadRequest:
    return BadRequest("The database does not take these spans as they are.", code="invalid_spans")


def internal_error() -> TollhouseError:
    return TollhouseError("Something went wrong on our side.")


def status_body(error: TollhouseError, content_type: bytes) -> bytes:
    """The `Status` message that OTLP wants in the body of a refusal."""
    code = _GRPC_CODES.get(error.status, _INTERNAL)
    if content_type != PROTOBUF:
        return msgspec.json.encode({"code": code, "message": error.message})
    message = error.message.encode()
    return b"\x08" + bytes([code]) + b"\x12" + varint(len(message)) + message


def accepted_body(rejected: int, summary: str, content_type: bytes) -> bytes:
    """`ExportTraceServiceResponse`; `partialSuccess` only when something was rejected."""
    if content_type != PROTOBUF:
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": summary}}
        return msgspec.json.encode(partial if rejected else {})
    if not rejected:
        return b""
    message = summary.encode()
    inner = b"\x08" + varint(rejected) + b"\x12" + varint(len(message)) + message
    return b"\x0a" + varint(len(inner)) + inner


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
