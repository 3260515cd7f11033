"""`/v1/ai/limits` over HTTP. A scope has a set of budgets, its windows: $10 a day and $100 a month are two.

PUT names the whole set. A key's own budget is among those that GET shows, marked `main`; it is changed with the key.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator, Field

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.limits import service
from tollhouse.control.limits.service import OwnedLimit, Place
from tollhouse.control.pages import number_cursor, read_number_cursor
from tollhouse.control.shapes import Given, LimitUsd, ModelPattern, Moment, Reason, Shown, refusals
from tollhouse.foundation.money import Nanos, exact_usd_string, usd_to_nanos
from tollhouse.ledger.limits import Limit, Raise, Window
from tollhouse.ledger.protocol import Reset, ScopeKind

router = APIRouter(prefix="/v1/ai/limits", tags=["limits"], route_class=ControlRoute)

MOST_IN_A_PAGE: Final = 500
MOST_WINDOWS: Final = 20
MOST_THRESHOLDS: Final = 10
_BIGINT_MAX: Final = 2**63 - 1

BudgetId = Annotated[int, Path(ge=1, le=_BIGINT_MAX)]
PlaceKind = Annotated[Literal["user", "team", "key"], Path(description="`ref` is the id; for a key, its hash.")]
Percent = Annotated[int, Field(ge=1, le=100)]


class WindowIn(Given):
    """One budget. Without a reset it lasts for ever, without models it is for all of them."""

    budget_usd: LimitUsd
    reset: Reset | None = None
    models: ModelPattern | None = None
    thresholds: Annotated[
        list[Percent], Field(max_length=MOST_THRESHOLDS, description="Per cent of the limit at which to tell.")
    ] = [50, 80, 95]

    @property
    def pattern(self) -> str:
        """Names of models are compared without case, and `*` is all of them."""
        return "" if self.models in (None, "*") else self.models.lower()

    def window(self) -> Window:
        thresholds = tuple(sorted(set(self.thresholds)))
        return Window(usd_to_nanos(self.budget_usd), self.reset, self.pattern, thresholds)


def _each_once(windows: list[WindowIn]) -> list[WindowIn]:
    if len({(window.reset, window.pattern) for window in windows}) < len(windows):
        raise ValueError("must not have two budgets with the same reset and models")
    return windows


class LimitsIn(Given):
    """The whole set: budgets that are not named end. Those with the same reset and models keep what is spent."""

    budgets: Annotated[list[WindowIn], Field(max_length=MOST_WINDOWS), AfterValidator(_each_once)]


class RaiseIn(Given):
    """More, until a moment at most 90 days ahead."""

    extra_usd: Annotated[LimitUsd, Field(gt=0)]
    until: Moment
    reason: Reason


class ScopeOut(Shown):
    kind: ScopeKind
    id: str
    name: str
    key_hash: str | None


class RaiseOut(Shown):
    extra_usd: str
    until: datetime


class LimitOut(Shown):
    """A budget and its account in the period that runs now, to the nano-dollar.

    `limit_usd` is what was set, `effective_limit_usd` counts the raise in; null: nothing is refused.
    `outstanding_usd`: spent, held and in doubt beyond the limit, because it was lowered. `fired_percent`: the
    highest threshold that was crossed in this period. `main`: a key's own budget, changed with the key.
    """

    id: int
    scope: ScopeOut
    main: bool
    reset: Reset | None
    models: str | None
    limit_usd: str | None
    temporary_raise: Annotated[RaiseOut | None, Field(serialization_alias="raise")]
    effective_limit_usd: str | None
    spent_usd: str
    held_usd: str
    in_doubt_usd: str
    remaining_usd: str | None
    outstanding_usd: str | None
    resets_at: datetime | None
    thresholds: list[int]
    fired_percent: int | None

    @classmethod
    def of(cls, owned: OwnedLimit) -> "LimitOut":
        owner, limit = owned.owner, owned.limit
        return cls(
            id=limit.budget_id,
            scope=ScopeOut(kind=owner.scope.kind, id=owner.scope.id, name=owner.name, key_hash=owner.key_hash),
            main=limit.main,
            models=limit.models or None,
            temporary_raise=_raise_out(limit.raised),
            thresholds=list(limit.thresholds),
            fired_percent=limit.fired or None,
            **_money_fields(limit),
        )


def _money_fields(limit: Limit) -> dict[str, Any]:
    balance = limit.balance
    return {
        "reset": balance.reset,
        "resets_at": balance.resets_at,
        "limit_usd": _usd(limit.limit),
        "effective_limit_usd": _usd(balance.limit),
        "spent_usd": _usd(balance.spent),
        "held_usd": _usd(balance.held),
        "in_doubt_usd": _usd(balance.doubt),
        "remaining_usd": _usd(balance.remaining),
        "outstanding_usd": _usd(limit.outstanding) if limit.outstanding else None,
    }


def _raise_out(raised: Raise | None) -> RaiseOut | None:
    return None if raised is None else RaiseOut(extra_usd=exact_usd_string(raised.extra), until=raised.until)


def _usd(nanos: Nanos | None) -> str | None:
    return None if nanos is None else exact_usd_string(nanos)


class LimitList(Shown):
    budgets: list[LimitOut]


class LimitPage(LimitList):
    """`next_cursor` null: there are no more."""

    next_cursor: str | None


class LimitAnswer(Shown):
    budget: LimitOut


@router.get(
    "",
    summary="All budgets with their balances; a member's own and those of their teams",
    responses=refusals(400, 401, 403, 422),
)
async def list_limits(
    context: Context,
    person: Annotated[Person, Depends(allowed("limit.list"))],
    limit: Annotated[int, Query(ge=1, le=MOST_IN_A_PAGE)] = MOST_IN_A_PAGE,
    cursor: str | None = None,
) -> LimitPage:
    after = 0 if cursor is None else read_number_cursor(cursor)
    page = await service.visible_to(context.database, person, after=after, most=limit)
    return LimitPage(
        budgets=[LimitOut.of(each) for each in page.limits],
        next_cursor=None if page.end is None else number_cursor(page.end),
    )


@router.get("/customer", summary="The customer's budgets", responses=refusals(401, 403))
async def customer_limits(context: Context, person: Annotated[Person, Depends(allowed("limit.see"))]) -> LimitList:
    return _list(await service.of_place(context.database, person, _customer(person)))


@router.put("/customer", summary="Set the customer's budgets", responses=refusals(401, 403, 422))
async def set_customer_limits(
    context: Context, person: Annotated[Person, Depends(allowed("limit.change_customer"))], given: LimitsIn
) -> LimitList:
    return await _set(context, person, _customer(person), given)


@router.delete("/customer", status_code=204, summary="Take the customer's budgets away", responses=refusals(401, 403))
async def delete_customer_limits(
    context: Context, person: Annotated[Person, Depends(allowed("limit.change_customer"))]
) -> None:
    await service.replace(context, person, _customer(person), ())


@router.post(
    "/{budget_id}/raise",
    summary="Raise a limit until a moment, instead of any earlier raise",
    responses=refusals(401, 403, 404, 409, 422),
)
async def raise_limit(
    context: Context, person: Annotated[Person, Depends(allowed("limit.change"))], budget_id: BudgetId, given: RaiseIn
) -> LimitAnswer:
    raised = Raise(usd_to_nanos(given.extra_usd), given.until)
    owned = await service.raise_for_a_while(context, person, budget_id, raised, given.reason)
    return LimitAnswer(budget=LimitOut.of(owned))


@router.delete("/{budget_id:int}/raise", summary="Take a raise back", responses=refusals(401, 403, 404, 422))
async def end_limit_raise(
    context: Context, person: Annotated[Person, Depends(allowed("limit.change"))], budget_id: BudgetId
) -> LimitAnswer:
    return LimitAnswer(budget=LimitOut.of(await service.end_raise(context, person, budget_id)))


@router.get("/{kind}/{ref}", summary="The budgets of a user, a team or a key", responses=refusals(401, 403, 404, 422))
async def limits_of(
    context: Context, person: Annotated[Person, Depends(allowed("limit.see"))], kind: PlaceKind, ref: str
) -> LimitList:
    return _list(await service.of_place(context.database, person, Place(kind, ref)))


@router.put(
    "/{kind}/{ref}",
    summary="Set the budgets of a user or a team, or those of a key beside its own",
    responses=refusals(401, 403, 404, 422),
)
async def set_limits(
    context: Context,
    person: Annotated[Person, Depends(allowed("limit.change"))],
    kind: PlaceKind,
    ref: str,
    given: LimitsIn,
) -> LimitList:
    return await _set(context, person, Place(kind, ref), given)


@router.delete(
    "/{kind}/{ref}",
    status_code=204,
    summary="Take the budgets of a user or a team away, or those of a key beside its own",
    responses=refusals(401, 403, 404, 422),
)
async def delete_limits(
    context: Context, person: Annotated[Person, Depends(allowed("limit.change"))], kind: PlaceKind, ref: str
) -> None:
    await service.replace(context, person, Place(kind, ref), ())


async def _set(context: Context, person: Person, place: Place, given: LimitsIn) -> LimitList:
    return _list(await service.replace(context, person, place, [window.window() for window in given.budgets]))


def _customer(person: Person) -> Place:
    return Place("customer", person.customer_id)


def _list(owned: list[OwnedLimit]) -> LimitList:
    return LimitList(budgets=[LimitOut.of(each) for each in owned])
