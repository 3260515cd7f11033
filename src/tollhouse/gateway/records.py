"""What a finished call leaves behind: its cost, its receipt and its span. Pure.

Span attributes follow OpenTelemetry's semantic conventions for GenAI; ours start with `tollhouse.`.
"""

from typing import Final

from tollhouse.catalog.cost import cost
from tollhouse.cloudflare.routes import route_of
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.conventions import MOST_LIST, MOST_TEXT, Value, said_by_request, short
from tollhouse.gateway.passage import Passage
from tollhouse.ledger.records import Resolved, entry_day, opened_at
from tollhouse.traces.spans import STATUS_ERROR, STATUS_OK, VENDOR, Attributes, Span
from tollhouse.traces.vendors import tool_of
from tollhouse.usage.receipts import Receipt

_RESOURCE: Final[Attributes] = {"service.name": "tollhouse"}

# Cloudflare's slug -> the conventions' well-known `gen_ai.provider.name`; others keep their slug.
_PROVIDER_NAMES: Final = {
    "google-ai-studio": "gcp.gemini",
    "google-vertex-ai": "gcp.vertex_ai",
    "aws-bedrock": "aws.bedrock",
    "azure-openai": "azure.ai.openai",
    "mistral": "mistral_ai",
    "grok": "x_ai",
    "perplexity-ai": "perplexity",
}

Server = tuple[str, int]
"""Where calls are sent: a name and a port."""


def cost_of(passage: Passage) -> Nanos:
    """In nano-USD: exact from usage, an estimate never above the hold, and the whole hold when in doubt."""
    ending, price = passage.ending, passage.estimate.price
    if ending.kind == "void" or price is None:
        return Nanos(0)
    if ending.kind == "in_doubt":
        return passage.held
    exact = cost(price, ending.usage)
    return exact if ending.kind == "exact" else Nanos(min(exact, passage.held))


def receipt_of(passage: Passage, ended_monotonic: float) -> Receipt:
    """The receipt of a call that was sent (a void has none)."""
    usage, permit, ending = passage.ending.usage, passage.permit, passage.ending
    if ending.kind == "void":
        raise ValueError("a call that was not sent has no receipt")
    return Receipt(
        call_id=passage.arrival.call_id,
        customer_id=permit.customer_id,
        key_id=permit.key_id,
        user_id=permit.user_id,
        team_id=permit.team_id,
        provider=passage.destination.provider,
        model=passage.destination.model,
        response_model=short(passage.reading.model),
        stream=passage.chat.stream,
        outcome=ending.outcome,
        upstream_status=passage.upstream_status,
        usage_source=ending.usage_source,
        input_tokens=usage.input,
        cached_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        price_version=passage.estimate.price_version,
        entry_kind=ending.kind,
        entry_day=passage.day,
        hold_nanos=passage.held,
        cost_nanos=cost_of(passage),
        clamped_max_tokens=passage.estimate.output_tokens if passage.estimate.clamped else None,
        cf_log_id=passage.cf_log_id,
        trace_id=passage.arrival.trace_id,
        span_id=passage.arrival.span_id,
        started_at=passage.arrival.at,
        first_byte_ms=_millis(passage, passage.first_byte_at),
        duration_ms=_millis(passage, ended_monotonic) or 0,
    )


def span_of(passage: Passage, ended_ns: int, server: Server | None = None) -> Span:
    """The span of a call, sent or not."""
    usage, permit, arrival = passage.ending.usage, passage.permit, passage.arrival
    failed = passage.ending.outcome != "completed"
    return Span(
        day=passage.day,
        customer_id=permit.customer_id,
        trace_id=arrival.trace_id,
        span_id=arrival.span_id,
        parent_span_id=arrival.parent_span_id,
        user_id=permit.user_id,
        team_id=permit.team_id,
        key_id=permit.key_id,
        vendor=VENDOR,
        tool=tool_of(arrival.user_agent),
        name=f"chat {passage.destination.model}",
        start_ns=arrival.at_ns,
        end_ns=ended_ns,
        status=STATUS_ERROR if failed else STATUS_OK,
        status_message=_error_type(passage) if failed else None,
        model=passage.destination.model,
        provider=passage.destination.provider,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cached_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        cost_nanos=cost_of(passage),
        attributes=_attributes(passage, server),
        resource_attributes=_RESOURCE,
    )


def _attributes(passage: Passage, server: Server | None) -> Attributes:
    """Names and types are those of the conventions' registry; ours, which nobody else has, start with `tollhouse.`."""
    said = {
        **said_by_request(passage.chat.body, stream=passage.chat.stream),
        **_said_of_answer(passage),
        **_ours(passage),
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDER_NAMES.get(passage.destination.provider, passage.destination.provider),
        "gen_ai.request.model": passage.destination.model,
        "gen_ai.request.max_tokens": passage.estimate.output_tokens,
        "gen_ai.request.choice.count": passage.chat.choices if passage.chat.choices > 1 else None,
        "server.address": server[0] if server else None,
        "server.port": server[1] if server else None,
        "enduser.id": _end_user(passage.chat.body.get("user")),
        "error.type": _error_type(passage),
    }
    return {name: value for name, value in said.items() if value is not None}


def _said_of_answer(passage: Passage) -> dict[str, Value]:
    usage, reading = passage.ending.usage, passage.reading
    reasons = [reason[:MOST_TEXT] for reason in reading.finish_reasons][:MOST_LIST]
    known = passage.ending.usage_source != "none"
    return {
        "gen_ai.response.model": short(reading.model),
        "gen_ai.response.id": short(reading.response_id),
        "gen_ai.response.finish_reasons": reasons or None,
        "gen_ai.response.time_to_first_chunk": _until_first_chunk_s(passage) if passage.chat.stream else None,
        "gen_ai.usage.input_tokens": usage.input if known else None,
        "gen_ai.usage.output_tokens": usage.output if known else None,
        "gen_ai.usage.cache_read.input_tokens": usage.cached or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning or None,
        "http.response.status_code": passage.upstream_status,
    }


def _ours(passage: Passage) -> dict[str, Value]:
    permit = passage.permit
    return {
        "tollhouse.call.id": passage.arrival.call_id,
        "tollhouse.call.outcome": passage.ending.outcome,
        "tollhouse.key.id": permit.key_id,
        "tollhouse.customer.id": permit.customer_id,
        "tollhouse.user.id": permit.user_id,
        "tollhouse.team.id": permit.team_id,
        "tollhouse.tags": list(dict.fromkeys((*permit.tags, *passage.chat.tags))) or None,
        "tollhouse.entry.kind": passage.ending.kind,
        "tollhouse.cost.nanos": cost_of(passage),
        "tollhouse.cloudflare.log_id": passage.cf_log_id,
    }


def _error_type(passage: Passage) -> str | None:
    """Every call that failed has one: a code of few, or just how it ended."""
    return passage.error_type or (passage.ending.outcome if passage.ending.outcome != "completed" else None)


def _until_first_chunk_s(passage: Passage) -> float | None:
    """From when the request was sent until its answer began."""
    if passage.sent_at is None or passage.first_byte_at is None:
        return None
    return max(passage.first_byte_at - passage.sent_at, 0.0)


def records_of_lost(
    resolved: Resolved, trace_id: str, span_id: str, parent_span_id: str | None, *, stream: bool
) -> tuple[Receipt, Span]:
    """Receipt and span of a call whose process died: charged in full, its end unknown."""
    reserved = resolved.reserved
    call = reserved.call
    receipt = Receipt(
        call_id=call.call_id,
        customer_id=call.customer_id,
        key_id=call.key_id,
        user_id=call.user_id,
        team_id=call.team_id,
        provider=call.provider,
        model=call.model,
        stream=stream,
        outcome="lost",
        usage_source="none",
        price_version=call.price_version,
        entry_kind="in_doubt",
        entry_day=entry_day(reserved),
        hold_nanos=reserved.amount,
        cost_nanos=resolved.cost,
        trace_id=trace_id,
        span_id=span_id,
        started_at=opened_at(reserved),
        duration_ms=0,
    )
    return receipt, _span_of_lost(receipt, reserved.opened_us * 1000, parent_span_id)


def _span_of_lost(receipt: Receipt, start_ns: int, parent_span_id: str | None) -> Span:
    return Span(
        day=receipt.entry_day,
        customer_id=receipt.customer_id,
        trace_id=receipt.trace_id,
        span_id=receipt.span_id,
        parent_span_id=parent_span_id,
        user_id=receipt.user_id,
        team_id=receipt.team_id,
        key_id=receipt.key_id,
        vendor=VENDOR,
        name=f"chat {receipt.model}",
        start_ns=start_ns,
        end_ns=start_ns,
        status=STATUS_ERROR,
        status_message="the process that made this call ended before its outcome was known",
        model=receipt.model,
        provider=receipt.provider,
        cost_nanos=receipt.cost_nanos,
        attributes=_lost_attributes(receipt),
        resource_attributes=_RESOURCE,
    )


def _lost_attributes(receipt: Receipt) -> Attributes:
    made: dict[str, str | int | float | bool | list[str]] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDER_NAMES.get(receipt.provider, receipt.provider),
        "gen_ai.request.model": receipt.model,
        "error.type": "lost",
        "tollhouse.call.id": receipt.call_id,
        "tollhouse.call.outcome": "lost",
        "tollhouse.entry.kind": "in_doubt",
        "tollhouse.cost.nanos": receipt.cost_nanos,
    }
    return made | {"gen_ai.request.stream": True} if receipt.stream else made


def unbilled(provider: str, status: int) -> bool:
    """Whether an error answer of this status is known to cost nothing at this provider."""
    route = route_of(provider)
    return status < 500 or (route is not None and status in route.unbilled_5xx)


def _millis(passage: Passage, moment: float | None) -> int | None:
    return None if moment is None else max(int((moment - passage.arrival.at_monotonic) * 1000), 0)


def _end_user(said: object) -> str | None:
    """Whom the caller names as its own user, as in OpenAI's `user` field."""
    return said[:MOST_TEXT] if isinstance(said, str) and said and "\0" not in said else None
