"""What a finished call leaves behind: its cost, its receipt and its span. Pure.

Span attributes follow OpenTelemetry's semantic conventions for GenAI; ours start with `tollhouse.`.
"""

from datetime import datetime
from typing import Final

from tollhouse.catalog.cost import cost
from tollhouse.cloudflare.routes import route_of
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.passage import Passage
from tollhouse.ledger.holds import Settlement, SweptCall
from tollhouse.traces.spans import STATUS_ERROR, STATUS_OK, Attributes, Span, new_span_id, new_trace_id
from tollhouse.usage.receipts import Receipt

VENDOR: Final = "tollhouse"
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
_REQUEST_ATTRIBUTES: Final = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}


def settlement_of(passage: Passage) -> Settlement:
    """What the book is told."""
    return Settlement(passage.arrival.call_id, passage.day, passage.ending.kind, cost_of(passage))


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
        response_model=passage.reading.model,
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


def span_of(passage: Passage, ended_ns: int) -> Span:
    """The span of a call, sent or not."""
    usage, permit, arrival = passage.ending.usage, passage.permit, passage.arrival
    failed = passage.ending.outcome != "completed"
    return Span(
        day=arrival.at.date(),
        customer_id=permit.customer_id,
        trace_id=arrival.trace_id,
        span_id=arrival.span_id,
        parent_span_id=arrival.parent_span_id,
        user_id=permit.user_id,
        team_id=permit.team_id,
        key_id=permit.key_id,
        vendor=VENDOR,
        name=f"chat {passage.destination.model}",
        start_ns=arrival.at_ns,
        end_ns=ended_ns,
        status=STATUS_ERROR if failed else STATUS_OK,
        status_message=passage.error_type if failed else None,
        model=passage.destination.model,
        provider=passage.destination.provider,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cached_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        cost_nanos=cost_of(passage),
        attributes=_attributes(passage),
        resource_attributes=_RESOURCE,
    )


def _attributes(passage: Passage) -> Attributes:
    usage, permit, body = passage.ending.usage, passage.permit, passage.chat.body
    said: dict[str, str | int | float | bool | list[str] | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDER_NAMES.get(passage.destination.provider, passage.destination.provider),
        "gen_ai.request.model": passage.destination.model,
        "gen_ai.request.max_tokens": passage.estimate.output_tokens,
        "gen_ai.request.choice.count": passage.chat.choices if passage.chat.choices > 1 else None,
        "gen_ai.response.model": passage.reading.model,
        "gen_ai.response.id": passage.reading.response_id,
        "gen_ai.response.finish_reasons": list(passage.reading.finish_reasons) or None,
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write or None,
        "http.response.status_code": passage.upstream_status,
        "error.type": passage.error_type,
        "tollhouse.call.id": passage.arrival.call_id,
        "tollhouse.call.outcome": passage.ending.outcome,
        "tollhouse.key.id": permit.key_id,
        "tollhouse.customer.id": permit.customer_id,
        "tollhouse.user.id": permit.user_id,
        "tollhouse.team.id": permit.team_id,
        "tollhouse.entry.kind": passage.ending.kind,
        "tollhouse.cost.nanos": cost_of(passage),
        "cloudflare.ai_gateway.log_id": passage.cf_log_id,
    }
    for field, name in _REQUEST_ATTRIBUTES.items():
        value = body.get(field)
        said[name] = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return {name: value for name, value in said.items() if value is not None}


def records_of_swept(swept: SweptCall, now: datetime) -> tuple[Receipt, Span]:
    """Receipt and span of a call whose process died: charged in full, its end unknown."""
    receipt = Receipt(
        call_id=swept.call_id,
        customer_id=swept.customer_id,
        key_id=swept.key_id,
        user_id=swept.user_id,
        team_id=swept.team_id,
        provider=swept.provider,
        model=swept.model,
        outcome="lost",
        usage_source="none",
        price_version=swept.price_version,
        entry_kind="in_doubt",
        entry_day=swept.opened_at.date(),
        hold_nanos=swept.amount,
        cost_nanos=swept.amount,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        started_at=swept.opened_at,
        duration_ms=max(int((now - swept.opened_at).total_seconds() * 1000), 0),
    )
    return receipt, _span_of_lost(receipt)


def _span_of_lost(receipt: Receipt) -> Span:
    start_ns = int(receipt.started_at.timestamp()) * 1_000_000_000 + receipt.started_at.microsecond * 1000
    return Span(
        day=receipt.entry_day,
        customer_id=receipt.customer_id,
        trace_id=receipt.trace_id,
        span_id=receipt.span_id,
        user_id=receipt.user_id,
        team_id=receipt.team_id,
        key_id=receipt.key_id,
        vendor=VENDOR,
        name=f"chat {receipt.model}",
        start_ns=start_ns,
        end_ns=start_ns + receipt.duration_ms * 1_000_000,
        status=STATUS_ERROR,
        status_message="the process that made this call ended before its outcome was known",
        model=receipt.model,
        provider=receipt.provider,
        cost_nanos=receipt.cost_nanos,
        attributes=_swept_attributes(receipt.call_id, receipt.provider, receipt.model),
        resource_attributes=_RESOURCE,
    )


def _swept_attributes(call_id: CallId, provider: str, model: str) -> Attributes:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDER_NAMES.get(provider, provider),
        "gen_ai.request.model": model,
        "error.type": "lost",
        "tollhouse.call.id": call_id,
        "tollhouse.entry.kind": "in_doubt",
    }


def unbilled(provider: str, status: int) -> bool:
    """Whether an error answer of this status is known to cost nothing at this provider."""
    route = route_of(provider)
    return status < 500 or (route is not None and status in route.unbilled_5xx)


def _millis(passage: Passage, moment: float | None) -> int | None:
    return None if moment is None else max(int((moment - passage.arrival.at_monotonic) * 1000), 0)
