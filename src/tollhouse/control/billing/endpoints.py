"""`/v1/billing` over HTTP: where a customer's usage is on its way to Stripe, and its dead letters."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from tollhouse.control.billing import service
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.shapes import Given, Shown, refusals
from tollhouse.foundation.money import exact_usd_string
from tollhouse.usage.dead_letters import Counted, DeadLetter, ExportStanding
from tollhouse.usage.exports import DeadKind

router = APIRouter(prefix="/v1/billing", tags=["billing"], route_class=ControlRoute)

MOST_ON_A_PAGE: Final = 200

Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)]


class CountedOut(Shown):
    """Events and their sum. Corrections downwards are negative."""

    events: int
    usd: str
    nanos: int

    @classmethod
    def of(cls, counted: Counted) -> "CountedOut":
        return cls(events=counted.events, usd=exact_usd_string(counted.cost), nanos=counted.cost)


class UsageOut(Shown):
    """Usage events by state. `has_account`: false: they wait until the customer has an account at Stripe.

    `error`: why the last sending ended early; null: it did not.
    """

    has_account: bool
    waiting: CountedOut
    sent: CountedOut
    dead: CountedOut
    oldest_waiting_at: datetime | None
    error: str | None

    @classmethod
    def of(cls, found: ExportStanding) -> "UsageOut":
        return cls(
            has_account=found.has_account,
            waiting=CountedOut.of(found.waiting),
            sent=CountedOut.of(found.sent),
            dead=CountedOut.of(found.dead),
            oldest_waiting_at=found.oldest_waiting,
            error=found.error,
        )


class DeadLetterOut(Shown):
    """A usage event that is not sent unless somebody says so.

    `kind`: `refused` by Stripe, `reported` by it as wrong after it was taken, `too_old`: none of these counts there.
    `uncertain`: it may count there, since `maybe_sent_at`.
    """

    entry_id: str
    kind: DeadKind
    reason: str | None
    cost_usd: str
    cost_nanos: int
    occurred_at: datetime
    attempts: int
    maybe_sent_at: datetime | None
    dead_at: datetime

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterOut":
        return cls(
            entry_id=letter.entry_id,
            kind=letter.kind,
            reason=letter.reason,
            cost_usd=exact_usd_string(letter.cost),
            cost_nanos=letter.cost,
            occurred_at=letter.occurred_at,
            attempts=letter.attempts,
            maybe_sent_at=letter.first_tried_at,
            dead_at=letter.dead_at,
        )


class DeadLetterPage(Shown):
    """`next_cursor` null: there are no more."""

    dead_letters: list[DeadLetterOut]
    next_cursor: str | None


class RetryIn(Given):
    may_count_twice: Annotated[bool, Field(description="Needed for `uncertain` ones: look at Stripe first.")] = False


class RetryAnswer(Shown):
    """What it was; now it waits."""

    dead_letter: DeadLetterOut


class RetryAllAnswer(Shown):
    """`left`: still dead: uncertain ones, those too old for Stripe, and what is more than one request takes."""

    retried: int
    left: int


@router.get("/usage", summary="Usage events by state", responses=refusals(401, 403))
async def show_usage(context: Context, person: Annotated[Person, Depends(allowed("billing.see"))]) -> UsageOut:
    return UsageOut.of(await service.standing(context.database, person))


@router.get("/dead-letters", summary="Dead letters, newest first", responses=refusals(400, 401, 403, 422))
async def list_dead_letters(
    context: Context,
    person: Annotated[Person, Depends(allowed("billing.see"))],
    limit: Limit = 50,
    cursor: str | None = None,
) -> DeadLetterPage:
    page = await service.page(context.database, person, most=limit, cursor=cursor)
    return DeadLetterPage(
        dead_letters=[DeadLetterOut.of(letter) for letter in page.letters], next_cursor=page.next_cursor
    )


@router.post("/dead-letters/retry", summary="Send again what certainly is not counted", responses=refusals(401, 403))
async def retry_dead_letters(
    context: Context, person: Annotated[Person, Depends(allowed("billing.retry"))]
) -> RetryAllAnswer:
    done = await service.retry_all(context, person)
    return RetryAllAnswer(retried=done.events, left=done.left)


@router.post("/dead-letters/{entry_id}/retry", summary="Send one again", responses=refusals(401, 403, 404, 409, 422))
async def retry_dead_letter(
    context: Context, person: Annotated[Person, Depends(allowed("billing.retry"))], entry_id: str, given: RetryIn
) -> RetryAnswer:
    letter = await service.retry(context, person, entry_id, may_count_twice=given.may_count_twice)
    return RetryAnswer(dead_letter=DeadLetterOut.of(letter))
