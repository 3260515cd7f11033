"""Receipts, and spans as they were written, over HTTP."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from tollhouse.access.permits import Permit
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed, allowed_or_key
from tollhouse.control.reports import service
from tollhouse.control.reports.span_shapes import SpanOut
from tollhouse.control.shapes import ReceiptOut, Shown, refusals

router = APIRouter(prefix="/v1", tags=["reports"], route_class=ControlRoute)

MOST_SPANS: Final = 200


class ReceiptAnswer(Shown):
    receipt: ReceiptOut


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
