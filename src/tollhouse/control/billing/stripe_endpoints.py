"""`POST /v1/stripe/webhook`: where Stripe reports events of its meters. Open to all; the signature says who comes."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request

from tollhouse.control.billing import reports
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context
from tollhouse.control.shapes import ErrorEnvelope, Shown, refusals
from tollhouse.foundation.errors import TooLarge

router = APIRouter(prefix="/v1/stripe", tags=["billing"], route_class=ControlRoute)

MAX_BYTES: Final = 64 << 10
"""Thin events have some hundred."""
_THIN_EVENT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A thin event, signed by Stripe.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_WHY_NOT_NOW: Final = "The webhook is not set up, or Stripe or the database cannot be reached."
_NOT_NOW: Final[dict[int | str, dict[str, Any]]] = {503: {"model": ErrorEnvelope, "description": _WHY_NOT_NOW}}


class ReportAnswer(Shown):
    """How many events became dead letters by this; 0 also for reports that were here before or are about others."""

    dead_letters: int


@router.post(
    "/webhook", summary="Stripe's reports about meter events", responses=refusals(400, 413, 422) | _NOT_NOW,
    openapi_extra=_THIN_EVENT,
)  # fmt: skip
async def take_stripe_report(
    context: Context, request: Request, stripe_signature: Annotated[str | None, Header()] = None
) -> ReportAnswer:
    body = await request.body()
    if len(body) > MAX_BYTES:
        raise TooLarge(f"a report has at most {MAX_BYTES} bytes")
    return ReportAnswer(dead_letters=await reports.take_report(context, body, stripe_signature))
