"""`POST /v1/ledger/what-if`: past calls under limits that somebody thinks of."""

import asyncio
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.ledger import what_if
from tollhouse.control.ledger.what_if import LONGEST, Outcome, Proposal, ProposedBudget, Reason
from tollhouse.control.shapes import AllowedModels, Given, LimitUsd, ModelPattern, Moment, Shown, refusals
from tollhouse.foundation.errors import NotFound, TooManyRequests, Unprocessable
from tollhouse.foundation.ids import KeyId, TeamId, UserId, is_uuid
from tollhouse.foundation.money import exact_usd_string, usd_to_nanos
from tollhouse.ledger.protocol import Reset, ScopeKind
from tollhouse.usage.receipts import Callers

router = APIRouter(prefix="/v1/ledger", tags=["ledger"], route_class=ControlRoute)

MOST_AT_ONCE: Final = 2
MOST_BUDGETS: Final = 20


def turns_of(request: Request) -> asyncio.Semaphore:
    """A replay is work for seconds, in a process that carries calls: few at once, and nobody queues."""
    turns: asyncio.Semaphore = request.state.replays
    return turns


Turns = Annotated[asyncio.Semaphore, Depends(turns_of)]


class ReplayScopeIn(Given):
    """Whose calls: a key's, user's or team's by id; without one, the customer's."""

    kind: ScopeKind
    id: str | None = None


class ProposedBudgetIn(Given):
    budget_usd: LimitUsd
    reset: Reset | None = None
    models: ModelPattern | None = None

    def proposed(self) -> ProposedBudget:
        models = "" if self.models in (None, "*") else self.models
        return ProposedBudget(usd_to_nanos(self.budget_usd), self.reset, models)


class WhatIfIn(Given):
    """Budgets, models, or both; at most 31 days."""

    scope: ReplayScopeIn
    budgets: Annotated[list[ProposedBudgetIn], Field(max_length=MOST_BUDGETS)] = []
    allowed_models: AllowedModels | None = None
    since: Annotated[Moment, Field(alias="from")]
    until: Annotated[Moment, Field(alias="to")]

    def proposal(self) -> Proposal:
        """Raises Unprocessable when nothing is proposed."""
        if not self.budgets and not self.allowed_models:
            raise Unprocessable("propose `budgets`, `allowed_models`, or both", code="missing_field", param="budgets")
        return Proposal(tuple(budget.proposed() for budget in self.budgets), tuple(self.allowed_models or ()))


class RefusedByBudgetOut(Shown):
    """How many calls this budget would have refused; where several would have, the one with the least left counts."""

    budget_usd: str
    reset: Reset | None
    models: str | None
    refused: int


class RefusedByReasonOut(Shown):
    model_not_allowed: int
    over_budget: int


class FirstRefusalOut(Shown):
    """`budget`: which of the proposed budgets, counted from 0."""

    call_id: str
    at: datetime
    reason: Reason
    budget: int | None


class ReplayedDayOut(Shown):
    day: date
    calls: int
    refused: int


class WhatIfAnswer(Shown):
    """`cut`: there were more than 200,000 calls; those after `considered_until` were not looked at.

    Every window begins empty at `from`. A call needs room for its hold, an admitted one counts with its cost, and
    calls follow one another: what others held at the same moment does not count.
    """

    calls: int
    cut: bool
    considered_until: datetime | None
    would_be_refused: int
    refused_by: RefusedByReasonOut
    budgets: list[RefusedByBudgetOut]
    first_refusal: FirstRefusalOut | None
    refused_cost_usd: str
    days: list[ReplayedDayOut]

    @classmethod
    def of(cls, outcome: Outcome, proposal: Proposal) -> "WhatIfAnswer":
        first = outcome.first
        return cls(
            calls=outcome.calls,
            cut=outcome.cut,
            considered_until=outcome.until,
            would_be_refused=outcome.refused,
            refused_by=RefusedByReasonOut(model_not_allowed=outcome.not_allowed, over_budget=sum(outcome.over_budget)),
            budgets=_by_budget(outcome, proposal),
            first_refusal=None
            if first is None
            else FirstRefusalOut(call_id=first.call_id, at=first.at, reason=first.reason, budget=first.budget),
            refused_cost_usd=exact_usd_string(outcome.refused_cost),
            days=[
                ReplayedDayOut(day=day, calls=counted.calls, refused=counted.refused)
                for day, counted in sorted(outcome.days.items())
            ],
        )


def _by_budget(outcome: Outcome, proposal: Proposal) -> list[RefusedByBudgetOut]:
    return [
        RefusedByBudgetOut(
            budget_usd=exact_usd_string(budget.limit),
            reset=budget.reset,
            models=budget.models or None,
            refused=refused,
        )
        for budget, refused in zip(proposal.budgets, outcome.over_budget, strict=True)
    ]


@router.post(
    "/what-if",
    summary="Past calls under other limits: how many would have been refused, and which first",
    responses=refusals(401, 403, 404, 422, 429),
)
async def what_if_limits(
    context: Context, person: Annotated[Person, Depends(allowed("ledger.what_if"))], turns: Turns, given: WhatIfIn
) -> WhatIfAnswer:
    if not given.since < given.until <= given.since + LONGEST:
        raise Unprocessable(
            f"`to` must be after `from`, by {LONGEST.days} days at most", code="invalid_field", param="to"
        )
    proposal, callers = given.proposal(), _callers(person, given.scope)
    if turns.locked():
        raise TooManyRequests("other replays are running; try again when they are done", retry_after_s=5)
    async with turns:
        outcome = await what_if.replay(context.database, callers, proposal, given.since, given.until)
    return WhatIfAnswer.of(outcome, proposal)


def _callers(person: Person, scope: ReplayScopeIn) -> Callers:
    """Always of the person's customer; ids of others find no calls, as ids of nothing do."""
    everybody = Callers(person.customer_id)
    if scope.kind == "customer" and scope.id in (None, person.customer_id):
        return everybody
    if scope.kind == "customer" or scope.id is None or not is_uuid(scope.id):
        raise NotFound(f"there is no such {scope.kind}", code=f"{scope.kind}_not_found", param="scope")
    match scope.kind:
        case "key":
            return Callers(person.customer_id, key_id=KeyId(scope.id))
        case "user":
            return Callers(person.customer_id, user_id=UserId(scope.id))
        case "team":
            return Callers(person.customer_id, team_id=TeamId(scope.id))
