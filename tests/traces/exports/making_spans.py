"""Spans as the road makes them, by name."""

from datetime import UTC, datetime

from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.spans import STATUS_OK, Span, new_span_id, new_trace_id

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AT_NS = int(AT.timestamp()) * 1_000_000_000


def span(customer_id: CustomerId, name: str = "chat gpt-4o", **fields: object) -> Span:
    given: dict[str, object] = {
        "day": AT.date(),
        "customer_id": customer_id,
        "trace_id": new_trace_id(),
        "span_id": new_span_id(),
        "vendor": "tollhouse",
        "name": name,
        "start_ns": AT_NS,
        "end_ns": AT_NS + 1_500_000,
        "status": STATUS_OK,
        "attributes": {"gen_ai.operation.name": "chat"},
    }
    return Span(**(given | fields))  # type: ignore[arg-type]
