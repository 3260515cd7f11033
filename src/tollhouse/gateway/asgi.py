"""The door of the data plane: raw ASGI, no framework on the road. Refusals become answers here, once."""

import re
from typing import Final

from tollhouse.foundation.asgi import CallerGone, Receive, Scope, Send
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.ids import new_call_id
from tollhouse.foundation.logs import get_logger
from tollhouse.gateway import refusals
from tollhouse.gateway.caller import Caller
from tollhouse.gateway.calls import Arrival
from tollhouse.gateway.counts import Counts
from tollhouse.gateway.journey import Road
from tollhouse.gateway.strangers import Strangers
from tollhouse.traces.spans import new_span_id, new_trace_id

CHAT_PATH: Final = "/v1/ai/chat/completions"

_UNAUTHORIZED: Final = 401
_INTERNAL_ERROR: Final = 500

# W3C Trace Context, version 00: our span becomes a child of the caller's.
_TRACEPARENT: Final = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")

_log = get_logger(__name__)


class Gateway:
    """The ASGI application for chat completions; the app sends it requests for `CHAT_PATH` only."""

    def __init__(self, road: Road, clock: Clock, counts: Counts) -> None:
        self._road = road
        self._counts = counts
        self._clock = clock
        self._strangers = Strangers(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrival = self._arrival(scope)
        caller = Caller(scope, receive, send, arrival.call_id)
        try:
            await self._serve(scope, arrival, caller)
        finally:
            await caller.close()

    async def _serve(self, scope: Scope, arrival: Arrival, caller: Caller) -> None:
        try:
            if scope["method"] != "POST":
                raise refusals.method_not_allowed()
            await self._road.travel(arrival, caller)
        except CallerGone:
            return
        except TollhouseError as refusal:
            self._counts.refusal(refusal.code, refusal.status)
            await self._turn_away(caller, refusal)
        except Exception as error:  # noqa: BLE001 - the ASGI edge: the last place where an error can become an answer
            _log.exception("a call failed", call_id=arrival.call_id, error=type(error).__name__)
            self._counts.refusal("internal_error", _INTERNAL_ERROR)
            await self._refuse(caller, refusals.internal_error())

    async def _turn_away(self, caller: Caller, refusal: TollhouseError) -> None:
        """At once; but strangers late when they are many, and with a closed door when they are too many."""
        if refusal.status != _UNAUTHORIZED or await self._strangers.wait():
            await self._refuse(caller, refusal)
        else:
            await caller.refuse(refusal, close=True)

    async def _refuse(self, caller: Caller, refusal: TollhouseError) -> None:
        if caller.started:
            await caller.finish(refusals.as_event(refusal))
        elif caller.body_read:
            await caller.refuse(refusal)
        else:
            await caller.refuse_unread(refusal)

    def _arrival(self, scope: Scope) -> Arrival:
        trace_id, parent, user_agent = _context(scope)
        return Arrival(
            call_id=new_call_id(),
            trace_id=trace_id,
            span_id=new_span_id(),
            parent_span_id=parent,
            at=self._clock.now(),
            at_ns=self._clock.now_ns(),
            at_monotonic=self._clock.monotonic(),
            user_agent=user_agent,
        )


def _context(scope: Scope) -> tuple[str, str | None, bytes | None]:
    """The trace that the call is part of, its parent there, and which program calls."""
    parent: tuple[str, str] | None = None
    user_agent: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"traceparent" and parent is None:
            parent = _parent(value)
        elif name == b"user-agent":
            user_agent = value
    return (*(parent or (new_trace_id(), None)), user_agent)


def _parent(traceparent: bytes) -> tuple[str, str] | None:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or not match[1].strip(b"0") or not match[2].strip(b"0"):
        return None
    return match[1].decode(), match[2].decode()
