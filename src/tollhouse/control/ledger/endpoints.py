"""`/v1/ledger` over HTTP: for those who look after a customer's book."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import Field, model_validator

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.ledger import service
from tollhouse.control.ledger.service import Audit, Doubtful, Wanted
from tollhouse.control.shapes import Given, LimitUsd, Reason, ReceiptOut, Shown, refusals
from tollhouse.foundation.money import exact_usd_string, usd_to_nanos
from tollhouse.ledger.corrections import Adjustment, Released
from tollhouse.ledger.inspection import DoubtKind, InDoubt

router = APIRouter(prefix="/v1/ledger", tags=["ledger"], route_class=ControlRoute)

MOST_ON_A_PAGE: Final = 200
_BIGINT_MAX: Final = 2**63 - 1

GoodReason = Annotated[Reason, Field(min_length=3)]
Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)]
RequestKey = Annotated[
    str | None, Header(pattern=r"^[\x21-\x7e]{1,200}$", description="Sent again with it, a request changes nothing.")
]


class BreachOut(Shown):
    budget_id: int | None
    period: int | None
    what: str
    amount_nanos: int


class AuditOut(Shown):
    """`breaches` must be empty: each is something that must never be.

    `leases`: money in the hands of workers for calls in flight and the next ones. `doubtful_leases`: of workers that
    are gone or silent. `letters`: records that the book did not take. `complete_to`: the book has all calls that ended
    before; null: nobody holds money of this customer. `sealed_through`: the last day whose entries are sealed.
    """

    breaches: list[BreachOut]
    leases: int
    leased_usd: str
    doubtful_leases: int
    in_doubt_usd: str
    letters: int
    complete_to: datetime | None
    sealed_through: date | None

    @classmethod
    def of(cls, found: Audit) -> "AuditOut":
        standing = found.standing
        return cls(
            breaches=[
                BreachOut(budget_id=b.budget_id, period=b.period_seq, what=b.what, amount_nanos=b.amount)
                for b in found.breaches
            ],
            leases=standing.leases,
            leased_usd=exact_usd_string(standing.leased),
            doubtful_leases=standing.doubtful_leases,
            in_doubt_usd=exact_usd_string(standing.doubt),
            letters=standing.letters,
            complete_to=standing.complete_to,
            sealed_through=standing.sealed_through,
        )


class InDoubtOut(Shown):
    """`call`: charged at its bound, and nobody said yet what it really cost. `lease`: money without calls, of a worker
    that is gone (`closed`) or `silent`; `at` is its last word. `letter`: a record that the book did not take."""

    kind: DoubtKind
    at: datetime
    amount_usd: str
    amount_nanos: int
    call_id: str | None
    key_id: str | None
    provider: str | None
    model: str | None
    receipt: ReceiptOut | None
    budget_id: int | None
    period: int | None
    worker: str
    worker_state: str | None

    @classmethod
    def of(cls, item: Doubtful) -> "InDoubtOut":
        return cls(
            **_same(cls, item.what),
            amount_usd=exact_usd_string(item.what.amount),
            amount_nanos=item.what.amount,
            receipt=None if item.receipt is None else ReceiptOut.of(item.receipt),
            period=item.what.period_seq,
            worker=item.what.worker_id,
        )


class InDoubtPage(Shown):
    """`next_cursor` null: there are no more."""

    in_doubt: list[InDoubtOut]
    next_cursor: str | None


class AdjustmentIn(Given):
    """`cost_usd` is what the call really cost, as a whole; the signed difference to what is booked is booked."""

    call_id: str
    cost_usd: LimitUsd
    reason: GoodReason
    again: Annotated[bool, Field(description="Needed to adjust a call that was adjusted before.")] = False

    def wanted(self, request_key: str | None) -> Wanted:
        cost = usd_to_nanos(self.cost_usd)
        return Wanted(self.call_id, cost, self.reason, again=self.again, request_key=request_key)


class AdjustmentOut(Shown):
    """An entry of the book. `difference` is signed; `day` is that of the call's own entry, `at` when it was booked."""

    entry_id: str
    call_id: str
    day: date
    key_id: str
    provider: str
    model: str
    difference_usd: str
    difference_nanos: int
    reason: str
    actor: str
    at: datetime

    @classmethod
    def of(cls, made: Adjustment) -> "AdjustmentOut":
        return cls(
            **_same(cls, made), difference_usd=exact_usd_string(made.difference), difference_nanos=made.difference
        )


class AdjustmentAnswer(Shown):
    """`repeated`: a request with this Idempotency-Key was carried out before; this is what it did."""

    adjustment: AdjustmentOut
    repeated: bool


class AdjustmentPage(Shown):
    adjustments: list[AdjustmentOut]
    next_cursor: str | None


class ReleaseIn(Given):
    """Which money of a lost machine can be used again. Either an amount, or all that can be released."""

    budget_id: Annotated[int, Field(ge=1, le=_BIGINT_MAX)]
    amount_usd: Annotated[LimitUsd, Field(gt=0)] | None = None
    all: Literal[True] | None = None
    reason: GoodReason

    @model_validator(mode="after")
    def _one_of_both(self) -> "ReleaseIn":
        if (self.amount_usd is None) is (self.all is None):
            raise ValueError('send either `amount_usd` or `"all": true`')
        return self


class ReleaseOut(Shown):
    """`waiting_usd` is in doubt too, but its workers may still come back."""

    released_usd: str
    leases: int
    waiting_usd: str

    @classmethod
    def of(cls, released: Released) -> "ReleaseOut":
        return cls(
            released_usd=exact_usd_string(released.released),
            leases=released.leases,
            waiting_usd=exact_usd_string(released.waiting),
        )


def _same(shape: type[Shown], thing: InDoubt | Adjustment) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in shape.model_fields if hasattr(thing, name)}


@router.get("/audit", summary="What is wrong with the customer's book: nothing", responses=refusals(401, 403))
async def audit_ledger(context: Context, person: Annotated[Person, Depends(allowed("ledger.audit"))]) -> AuditOut:
    return AuditOut.of(await service.examine(context.database, person))


@router.get("/in-doubt", summary="Money whose fate is not known, newest first", responses=refusals(400, 401, 403, 422))
async def list_in_doubt(
    context: Context,
    person: Annotated[Person, Depends(allowed("ledger.in_doubt"))],
    limit: Limit = 50,
    cursor: str | None = None,
) -> InDoubtPage:
    page = await service.in_doubt(context.database, person, most=limit, cursor=cursor)
    return InDoubtPage(in_doubt=[InDoubtOut.of(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/adjustments", summary="Corrections of calls, newest first", responses=refusals(400, 401, 403, 422))
async def list_adjustments(
    context: Context,
    person: Annotated[Person, Depends(allowed("ledger.list_adjustments"))],
    limit: Limit = 50,
    cursor: str | None = None,
) -> AdjustmentPage:
    page = await service.adjustments(context.database, person, most=limit, cursor=cursor)
    return AdjustmentPage(
        adjustments=[AdjustmentOut.of(made) for made in page.adjustments], next_cursor=page.next_cursor
    )


@router.post(
    "/adjustments", status_code=201, summary="Say what a call really cost", responses=refusals(401, 403, 404, 409, 422)
)
async def adjust_call(
    context: Context,
    person: Annotated[Person, Depends(allowed("ledger.adjust"))],
    given: AdjustmentIn,
    idempotency_key: RequestKey = None,
) -> AdjustmentAnswer:
    done = await service.adjust(context.database, person, given.wanted(idempotency_key))
    return AdjustmentAnswer(adjustment=AdjustmentOut.of(done.adjustment), repeated=done.repeated)


@router.post(
    "/doubt/release", summary="Give up on money of a lost machine", responses=refusals(401, 403, 404, 409, 422)
)
async def release_doubt(
    context: Context, person: Annotated[Person, Depends(allowed("ledger.release_doubt"))], given: ReleaseIn
) -> ReleaseOut:
    nanos = None if given.amount_usd is None else usd_to_nanos(given.amount_usd)
    return ReleaseOut.of(await service.release(context.database, person, given.budget_id, nanos, given.reason))
