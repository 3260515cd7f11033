"""Past calls in the road's own words: a passage as it stood when the call ended, and its record in a journal. Pure."""

import uuid
from collections.abc import Mapping
from typing import Final

import msgspec

from tollhouse.access.permits import Permit
from tollhouse.catalog.models import Catalog
from tollhouse.cloudflare.routes import route_of
from tollhouse.demo.agents import Place
from tollhouse.demo.cast import Habit
from tollhouse.demo.days import Fate, PastCall
from tollhouse.demo.fitting import Priced
from tollhouse.foundation.ids import CallId
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import Arrival, ChatRequest
from tollhouse.gateway.estimate import Estimate
from tollhouse.gateway.meter import Reading
from tollhouse.gateway.passage import BROKEN, TIMED_OUT, Ending, Passage
from tollhouse.gateway.records import receipt_of, span_of
from tollhouse.gateway.settle import Story
from tollhouse.ledger.records import Call, Reserved, Resolved

_US: Final = 1_000_000
_STATUSES: Final[dict[Fate, int]] = {"limited": 429, "refused": 400, "failed": 500}
_ERRORS: Final[dict[Fate, str]] = {"limited": "429", "refused": "400", "failed": "500",
                                   "broken": "upstream_broken", "timeout": "timeout"}  # fmt: skip


def call_id_of(permit: Permit, call: PastCall) -> CallId:
    """The same however often it is asked."""
    name = f"tollhouse demo {permit.customer_id} {permit.key_name} {call.number}"
    return CallId(str(uuid.uuid5(uuid.NAMESPACE_OID, name)))


def status_of(call: PastCall) -> int:
    """What the provider answered."""
    return _STATUSES.get(call.fate, 200)


def record_of(
    catalog: Catalog,
    permit: Permit,
    habit: Habit,
    priced: Priced,
    place: Place | None,
    logs: Mapping[CallId, str],
) -> Resolved:
    """The call as its worker's journal would have it."""
    passage = _passage(catalog, permit, habit, priced, place, logs)
    call, use = priced.call, priced.call.use
    story = Story(
        receipt_of(passage, call.lasted_s), span_of(passage, passage.arrival.at_ns + int(call.lasted_s * 1e9))
    )
    whose = Call(
        passage.arrival.call_id, permit.customer_id, permit.key_id, permit.user_id, permit.team_id, use.provider,
        use.model, catalog.version,
    )  # fmt: skip
    reserved = Reserved(whose, passage.arrival.at_ns // 1000, priced.parts, priced.hold)
    return Resolved(reserved, priced.kind, priced.cost, msgspec.msgpack.encode(story))


def _passage(
    catalog: Catalog, permit: Permit, habit: Habit, priced: Priced, place: Place | None, logs: Mapping[CallId, str]
) -> Passage:
    call, use, call_id = priced.call, priced.call.use, call_id_of(permit, priced.call)
    route = route_of(use.provider)
    assert route is not None  # noqa: S101 - the cast names providers that have one
    trace, span = uuid.UUID(call_id).hex, uuid.uuid5(uuid.NAMESPACE_OID, call_id).hex[:16]
    at_us = int(call.at.timestamp() * _US)
    arrival = Arrival(
        call_id, trace if place is None else place.trace_id, span, None if place is None else place.parent_span_id,
        call.at, at_us * 1000, 0.0, habit.agent,
    )  # fmt: skip
    chat = _chat(call)
    entry = catalog.find(use.provider, use.model)
    heard = call.fate in ("completed", "estimated")
    return Passage(
        arrival,
        permit,
        chat,
        Destination(use.provider, use.model, route, entry, permit.account_id or "", permit.gateway_id or ""),
        _estimate(priced, catalog),
        priced.hold,
        call.at.date(),
        _ending(call),
        _reading(call, span) if heard else Reading(),
        status_of(call),
        logs.get(call_id),
        0.004,
        call.first_byte_s if call.fate != "timeout" else None,
        _ERRORS.get(call.fate),
    )


def _chat(call: PastCall) -> ChatRequest:
    return ChatRequest(
        body={"temperature": 0.2},
        model=call.use.model,
        provider=call.use.provider,
        stream=call.stream,
        wants_usage=False,
        choices=1,
        max_output_tokens=None,
        size_bytes=call.usage.input * 4,
    )


def _estimate(priced: Priced, catalog: Catalog) -> Estimate:
    return Estimate(
        price=priced.price,
        input_tokens=priced.call.usage.input * 4,
        output_tokens=priced.cap,
        choices=1,
        amount=priced.hold,
        floor=priced.hold,
        reasons=priced.call.usage.reasoning > 0,
        price_version=catalog.version,
    )


def _reading(call: PastCall, span_id: str) -> Reading:
    return Reading(
        usage=call.usage,
        usage_final=True,
        model=call.use.model,
        response_id=f"gen-{span_id}",
        finish_reasons=("stop",),
        finished=True,
    )


def _ending(call: PastCall) -> Ending:
    match call.fate:
        case "completed":
            return Ending("exact", "completed", call.usage, "provider")
        case "estimated":
            return Ending("estimated", "completed", call.usage, "estimated")
        case "limited" | "refused":
            return Ending("exact", "refused_upstream")
        case "failed":
            return Ending("in_doubt", "failed_upstream")
        case "broken":
            return BROKEN
        case "timeout":
            return TIMED_OUT
