"""What the next answers are to be like: scripts, strictly checked, used up first in, first out.

A script without `gateway` or `model` fits any. It stands in for what happens behind the gateway's own checks: a
call with a wrong path or a leaked credential fails before it takes a script.
"""

import base64
import binascii
from collections import deque
from typing import Annotated, Final, Literal

import msgspec

from tollhouse.emulator.bodies import BadBody, decode
from tollhouse.emulator.faults import (
    KNOWN_CODES,
    WHOLESALE_TEXTS,
    FaultForm,
    GatewayFault,
    gateway_reply,
    policy_reply,
)
from tollhouse.emulator.openai_shapes import UsageTwist
from tollhouse.emulator.provider import Wishes
from tollhouse.emulator.wire import Reply

MAX_SCRIPTS: Final = 10_000
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Millis = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Status = Annotated[int, msgspec.Meta(ge=200, le=599)]

DropPoint = Literal["before_headers", "after_headers", "mid_body"]


class Base64Piece(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bytes that JSON text cannot carry, half a character for example."""

    base64: str


class CloudflareFault(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A refusal of the gateway itself, by code; or a policy's, which is an object without a code."""

    code: int | None = None
    form: FaultForm = "long"
    message: str | None = None
    status: _Status | None = None
    wholesale: Literal["credits", "throttle", "unavailable"] | None = None
    policy: dict[str, object] | None = None


class Script(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One order for the next `times` calls that fit; every field is optional.

    Which calls: `gateway`, `model` (as sent or as the provider knows it).
    The answer: `status`, `body` (JSON or text, sent as it is), `headers` (replace usual ones), `cloudflare_error`
    (a code, or code with form, message, status, wholesale text; or a policy), `content`, `completion_tokens`,
    `reasoning_tokens`, `cached_tokens`, `ignore_max` (a provider that overruns the caller's maximum).
    What it reports: `usage` - a twist or an object, in place of the true one.
    Its way: `latency_ms` before the first byte, `chunk_delay_ms` between events, `hang` (never an answer),
    `drop_connection`, `cut_after_chunks` (the line breaks), `error_event_after_chunks`, `no_done`,
    `json_for_stream`, `raw_sse` (text or base64 pieces, one write each if they are delayed).
    Its price: `bill` (see `billed`), `bill_on_disconnect` (what a caller pays who leaves).
    """

    gateway: str | None = None
    model: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    status: _Status | None = None
    body: object = msgspec.UNSET
    headers: dict[str, str] = {}
    latency_ms: _Millis | None = None
    chunk_delay_ms: _Millis | None = None
    cut_after_chunks: _Count | None = None
    usage: UsageTwist | dict[str, object] | None = None
    error_event_after_chunks: _Count | None = None
    raw_sse: list[str | Base64Piece] | None = None
    completion_tokens: _Tokens | None = None
    content: str | None = None
    reasoning_tokens: _Tokens | None = None
    cached_tokens: _Tokens | None = None
    ignore_max: bool = False
    cloudflare_error: int | CloudflareFault | None = None
    hang: bool = False
    no_done: bool = False
    json_for_stream: bool = False
    bill: bool | None = None
    bill_on_disconnect: Literal["full", "sent"] = "full"
    drop_connection: DropPoint | None = None

    def wishes(self) -> Wishes:
        return Wishes(self.completion_tokens, self.reasoning_tokens, self.cached_tokens, self.content, self.ignore_max)

    def refuses(self) -> bool:
        """Whether the provider answers with an error status."""
        return self.status is not None and self.status >= 400

    def billed(self) -> bool:
        """An answer costs money unless it is an error or never comes; `bill` overrules."""
        if self.bill is not None:
            return self.bill
        return not (self.refuses() or self.hang or self.cloudflare_error is not None)

    def fits(self, gateway: str, models: tuple[str, str]) -> bool:
        """`models` are the model as sent and as the provider knows it."""
        return self.gateway in {None, gateway} and (self.model is None or self.model in models)


PLAIN: Final = Script()

_ONE_OF: Final = ("body", "raw_sse", "cloudflare_error", "hang")


def read_scripts(body: bytes) -> list[Script]:
    """One script or a list of them. Raises BadBody."""
    scripts = decode(body, list[Script]) if body.lstrip().startswith(b"[") else [decode(body, Script)]
    for script in scripts:
        _check(script)
    return scripts


def _check(script: Script) -> None:
    used = [name for name in _ONE_OF if _is_used(getattr(script, name))]
    if len(used) > 1:
        raise BadBody(used[1], f"{used[0]} and {used[1]} exclude each other")
    for piece in script.raw_sse or []:
        _piece_bytes(piece)
    if script.cloudflare_error is not None:
        _check_fault(fault_of(script.cloudflare_error))


def _is_used(value: object) -> bool:
    return value is not msgspec.UNSET and value is not None and value is not False


def _check_fault(fault: CloudflareFault) -> None:
    if (fault.code is None) == (fault.policy is None):
        raise BadBody("cloudflare_error", "needs either a code or a policy")
    if fault.code is not None and fault.code not in KNOWN_CODES:
        raise BadBody("cloudflare_error", f"unknown code {fault.code}")
    if fault.wholesale is not None and fault.code != 2021:
        raise BadBody("cloudflare_error.wholesale", "only code 2021 has these texts")


def fault_of(given: int | CloudflareFault) -> CloudflareFault:
    return CloudflareFault(code=given) if isinstance(given, int) else given


def fault_reply(fault: CloudflareFault) -> Reply:
    """The refusal a script asks for."""
    if fault.policy is not None:
        return policy_reply(fault.status or 403, fault.policy)
    message = WHOLESALE_TEXTS[fault.wholesale] if fault.wholesale else fault.message
    return gateway_reply(GatewayFault(fault.code or 0, message, fault.status, fault.form))


def sse_pieces(script: Script) -> list[bytes]:
    """The pieces of `raw_sse`, as they are to be written."""
    return [_piece_bytes(piece) for piece in script.raw_sse or []]


def _piece_bytes(piece: str | Base64Piece) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    try:
        return base64.b64decode(piece.base64, validate=True)
    except binascii.Error as cause:
        raise BadBody("raw_sse", f"not base64: {cause}") from None


class Scripts:
    """The scripts that wait, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Script, int]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()

    def add(self, scripts: list[Script]) -> None:
        """Raises BadBody when more would wait than the emulator remembers."""
        if len(self._waiting) + len(scripts) > MAX_SCRIPTS:
            raise BadBody("", f"more than {MAX_SCRIPTS} scripts would wait")
        self._waiting.extend((script, script.times) for script in scripts)

    def take(self, gateway: str, models: tuple[str, str]) -> Script:
        """The oldest one that fits, used up by one; a plain answer when none does."""
        for place, (script, times) in enumerate(self._waiting):
            if script.fits(gateway, models):
                if times > 1:
                    self._waiting[place] = (script, times - 1)
                else:
                    del self._waiting[place]
                return script
        return PLAIN
