"""Spans for tests."""

from datetime import date

from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.spans import Span

NOON_NS = 1_795_435_200_000_000_000
DAY = date(2026, 11, 23)
ACME = CustomerId("acme")


def a_span(number: int, **fields: object) -> Span:
    """A call that took a second, begun `number` nanoseconds after noon."""
    given: dict[str, object] = {
        "day": DAY,
        "customer_id": ACME,
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "vendor": "tollhouse",
        "name": "chat gpt-4o",
        "start_ns": NOON_NS + number,
        "end_ns": NOON_NS + number + 1_000_000_000,
        "status": 1,
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 10,
        "output_tokens": 3,
        "cost_nanos": 7,
        "attributes": {"gen_ai.request.model": "gpt-4o"},
    }
    return Span(**(given | fields))  # type: ignore[arg-type]
