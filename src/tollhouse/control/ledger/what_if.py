"""What other limits would have done: past calls, judged again in the order in which they began.

A call is refused if its model is not allowed, or if its hold does not fit into what a window has left; an admitted
call counts with what it cost. Calls follow one another here: money that was held at the same moment by others does
not count. Every window begins empty at the start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal

from tollhouse.access.allowlist import allows
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Reset
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Callers, PastCall

LONGEST: Final = timedelta(days=31)
MOST_CALLS: Final = 200_000
PAGE: Final = 500
"""A page is judged in a few milliseconds: calls on the road wait no longer for their turn."""

Reason = Literal["model_not_allowed", "over_budget"]


@dataclass(frozen=True, slots=True)
class ProposedBudget:
    """`models`: a pattern as in allow-lists; empty: every model."""

    limit: Nanos
    reset: Reset | None
    models: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Limits and a list of models to try. An empty list allows every model."""

    budgets: tuple[ProposedBudget, ...]
    allowed_models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """`budget`: which of the proposed budgets refused."""

    call_id: CallId
    at: datetime
    reason: Reason
    budget: int | None


@dataclass(slots=True)
class Day:
    calls: int = 0
    refused: int = 0


@dataclass(slots=True)
class Outcome:
    """What came of the replay. `cut`: there were more calls; those after `until` were not looked at."""

    calls: int = 0
    not_allowed: int = 0
    over_budget: list[int] = field(default_factory=list)
    """Refused calls by proposed budget; the one with the least left counts where several refuse."""
    refused_cost: int = 0
    first: Refusal | None = None
    days: dict[date, Day] = field(default_factory=dict)
    cut: bool = False
    until: datetime | None = None

    @property
    def refused(self) -> int:
        return self.not_allowed + sum(self.over_budget)


class Replay:
    """Judges one call after the other; `outcome` is what it came to so far."""

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal
        self._windows: list[tuple[date | None, int]] = [(None, 0)] * len(proposal.budgets)
        self._known: dict[tuple[str, str], tuple[int, ...] | None] = {}
        self.outcome = Outcome(over_budget=[0] * len(proposal.budgets))

    def judge(self, call: PastCall) -> None:
        """Calls must come in the order of their beginning."""
        outcome, today = self.outcome, call.at.date()
        day = outcome.days.setdefault(today, Day())
        outcome.calls += 1
        outcome.until = call.at
        day.calls += 1
        refusal = self._refusal(call, today)
        if refusal is None:
            return
        day.refused += 1
        outcome.refused_cost += call.cost
        outcome.first = outcome.first or refusal
        if refusal.budget is None:
            outcome.not_allowed += 1
        else:
            outcome.over_budget[refusal.budget] += 1

    def _refusal(self, call: PastCall, today: date) -> Refusal | None:
        """Why it would have been refused; None: it passes, and its cost is counted."""
        counted = self._counted(call.provider, call.model)
        if counted is None:
            return Refusal(call.call_id, call.at, "model_not_allowed", None)
        left = [(self._left(index, today), index) for index in counted]
        if left and min(left)[0] < call.hold:
            return Refusal(call.call_id, call.at, "over_budget", min(left)[1])
        for index in counted:
            begin, spent = self._windows[index]
            self._windows[index] = begin, spent + call.cost
        return None

    def _left(self, index: int, today: date) -> int:
        """What the window of this day has left; a new one is opened."""
        budget, (begin, spent) = self._proposal.budgets[index], self._windows[index]
        now = None if budget.reset is None else _BEGIN[budget.reset](today)
        if begin != now:
            spent = 0
            self._windows[index] = now, spent
        return budget.limit - spent

    def _counted(self, provider: str, model: str) -> tuple[int, ...] | None:
        """The budgets that calls of this model count in; None: it is not allowed."""
        if (provider, model) not in self._known:
            self._known[provider, model] = self._judge_model(provider, model)
        return self._known[provider, model]

    def _judge_model(self, provider: str, model: str) -> tuple[int, ...] | None:
        if not allows(self._proposal.allowed_models, provider, model):
            return None
        budgets = enumerate(self._proposal.budgets)
        return tuple(i for i, budget in budgets if not budget.models or allows((budget.models,), provider, model))


async def replay(
    database: Database, callers: Callers, proposal: Proposal, since: datetime, until: datetime, most: int = MOST_CALLS
) -> Outcome:
    """Judge the calls begun in `since <= t < until`, at most `most` of them; one page is in memory at a time."""
    judging = Replay(proposal)
    after: PastCall | None = None
    while True:
        left = most - judging.outcome.calls
        async with database.connection() as connection:
            page = await receipts.past_calls(
                connection, callers, since=since, until=until, after=after, most=min(PAGE, left + 1)
            )
        for call in page[:left]:
            judging.judge(call)
        judging.outcome.cut = len(page) > left
        if judging.outcome.cut or len(page) < PAGE:
            return judging.outcome
        after = page[-1]


_BEGIN: Final[Mapping[Reset, Callable[[date], date]]] = {
    "daily": lambda day: day,
    "weekly": lambda day: day - timedelta(days=day.weekday()),
    "monthly": lambda day: day.replace(day=1),
}
