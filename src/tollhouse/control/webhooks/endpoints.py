"""`/v1/customers/me/webhook` over HTTP: where the customer is told of crossed thresholds."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.shapes import Given, Shown, refusals
from tollhouse.control.throttle import Throttle
from tollhouse.control.webhooks import service
from tollhouse.control.webhooks.service import Webhook
from tollhouse.outbound.addresses import LONGEST_URL

router = APIRouter(prefix="/v1/customers/me/webhook", tags=["customers"], route_class=ControlRoute)

Manager = Annotated[Person, Depends(allowed("webhook.manage"))]


def throttle_of(request: Request) -> Throttle:
    throttle: Throttle = request.state.webhook_trials
    return throttle


class WebhookIn(Given):
    """`rotate_secret`: make a new secret although there is one; the old one signs nothing any more."""

    url: Annotated[str, Field(max_length=LONGEST_URL, description="https, to a public address.")]
    rotate_secret: bool = False


class WebhookOut(Shown):
    """The last try, if any: `last_error` null: it arrived."""

    url: str
    created_at: datetime
    changed_at: datetime
    last_tried_at: datetime | None
    last_status: int | None
    last_error: str | None

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookOut":
        return cls(
            url=webhook.url,
            created_at=webhook.created_at,
            changed_at=webhook.changed_at,
            last_tried_at=webhook.tried_at,
            last_status=webhook.status,
            last_error=webhook.error,
        )


class WebhookAnswer(Shown):
    """Null: none is set."""

    webhook: WebhookOut | None


class WebhookSetAnswer(Shown):
    """`secret` is there only when it was made just now: it is shown this once."""

    webhook: WebhookOut
    secret: str | None


class TrialAnswer(Shown):
    """How the one try ended; `status` is what the receiver answered, if it did."""

    delivered: bool
    status: int | None
    error: str | None


@router.get("", summary="The customer's webhook", responses=refusals(401, 403))
async def get_webhook(context: Context, person: Manager) -> WebhookAnswer:
    found = await service.find(context.database, person.customer_id)
    return WebhookAnswer(webhook=None if found is None else WebhookOut.of(found))


@router.put("", summary="Set the webhook; its secret is shown once", responses=refusals(401, 403, 422))
async def set_webhook(context: Context, person: Manager, given: WebhookIn) -> WebhookSetAnswer:
    webhook, secret = await service.replace(context, person, given.url, rotate=given.rotate_secret)
    return WebhookSetAnswer(webhook=WebhookOut.of(webhook), secret=None if secret is None else secret.reveal())


@router.delete("", status_code=204, summary="Take the webhook away", responses=refusals(401, 403))
async def delete_webhook(context: Context, person: Manager) -> None:
    await service.delete(context.database, person)


@router.post("/test", summary="Send a test event, once, now", responses=refusals(401, 403, 404, 429))
async def try_webhook(
    context: Context, person: Manager, throttle: Annotated[Throttle, Depends(throttle_of)]
) -> TrialAnswer:
    outcome = await service.send_trial(context, throttle, person)
    return TrialAnswer(delivered=outcome.error is None, status=outcome.status, error=outcome.error)
