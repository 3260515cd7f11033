"""Receipts and traces over HTTP. Nanoseconds since the epoch do not fit a JavaScript number: they are strings."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query

from tollhouse.access.permits import Permit
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed, allowed_or_key
from tollhouse.control.reports import service
from tollhouse.control.shapes import ReceiptOut, Shown, refusals
from tollhouse.foundation.money import exact_usd_string
from tollhouse.traces.spans import STATUS_ERROR, STATUS_OK, Span

router = APIRouter(prefix="/v1", tags=["reports"], route_class=ControlRoute)

MOST_SPANS: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS: Final[dict[int, Literal["ok", "error"]]] = {STATUS_OK: "ok", STATUS_ERROR: "error"}


class ReceiptAnswer(Shown):
    receipt: ReceiptOut


class SpanOut(Shown):
    trace_id: str
    span_id: str
    parent_span_id: str | None
    user_id: str | None
    team_id: str | None
    key_id: str | None
    vendor: str
    tool: str | None
    name: str
    kind: int
    start_ns: str
    end_ns: str
    started_at: datetime
    duration_ms: float
    status: Literal["unset", "ok", "error"]
    status_message: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: str | None
    cost_nanos: int | None
    attributes: dict[str, Any]
    resource_attributes: dict[str, Any]

    @classmethod
    def of(cls, span: Span) -> "SpanOut":
        same = {name: getattr(span, name) for name in cls.model_fields if hasattr(span, name)}
        return cls(
            **same
            | {
                "start_ns": str(span.start_ns),
                "end_ns": str(span.end_ns),
                "started_at": _EPOCH + timedelta(microseconds=span.start_ns // 1000),
                "duration_ms": (span.end_ns - span.start_ns) / 1_000_000,
                "status": _STATUS.get(span.status, "unset"),
                "cost_usd": None if span.cost_nanos is None else exact_usd_string(span.cost_nanos),
            }
        )


class SpanPageOut(Shown):
    """`next_cursor` null: there are no more."""

    spans: list[SpanOut]
    next_cursor: str | None


@router.get(
    "/ai/receipts/{call_id}",
    summary="What a call cost and why; also with the virtual key that made it",
    responses=refusals(401, 403, 404, 422),
)
async def get_receipt(
    context: Context, caller: Annotated[Person | Permit, Depends(allowed_or_key("receipt.see"))], call_id: str
) -> ReceiptAnswer:
    told = await service.receipt(context.database, caller, call_id)
    return ReceiptAnswer(receipt=ReceiptOut.of(told.receipt, told.adjustment))


@router.get("/traces", summary="Spans of the customer, newest first", responses=refusals(400, 401, 403, 422))
async def list_traces(
    context: Context,
    person: Annotated[Person, Depends(allowed("trace.list"))],
    limit: Annotated[int, Query(ge=1, le=MOST_SPANS)] = 50,
    cursor: str | None = None,
    trace_id: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
) -> SpanPageOut:
    page = await service.span_page(context.database, person, most=limit, cursor=cursor, trace_id=trace_id)
    return SpanPageOut(spans=[SpanOut.of(span) for span in page.spans], next_cursor=page.next_cursor)
