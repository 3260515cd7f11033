"""The simulated database: the model of the book with short periods, and the line on which workers speak to it."""

from collections.abc import Callable
from math import floor, inf
from typing import Any

from ledger.model_book import BudgetRow, Life, ModelBook
from simulation.timeline import Timeline
from tollhouse.ledger.book import UnknownBudgets
from tollhouse.ledger.protocol import Fenced, FlushBatch, FlushReply, Gap, Owner

Deed = Callable[["WindowedBook"], Any]
Outcome = Any
"""What a deed returned, or the exception that came instead of it."""

BEGINS = 1_799_971_200.0 - 8.0
"""Eight seconds before a midnight (UTC), so that calls get entries on two days."""


class Lost(Exception):
    """Nobody knows whether the book did it."""


class Refused(Exception):
    """The book does not take what it was given: the fault lies in the record."""


class WindowedBook(ModelBook):
    """The model, with periods of seconds and with records that it cannot digest."""

    def __init__(self) -> None:
        super().__init__(now=BEGINS)
        self.windows: dict[int, float] = {}
        self.poisonous: set[str] = set()
        self.revived = 0

    def window(self, budget_id: int, seconds: float) -> None:
        """End this budget's periods at multiples of so many seconds (inf: never)."""
        self.windows[budget_id] = seconds
        self._fit(self.budgets[budget_id])

    def flush(self, caller: Owner, epoch: int, batch: FlushBatch) -> FlushReply:
        if self.poisonous and any(one.reserved.call.call_id in self.poisonous for one in batch.resolved):
            raise Refused
        return super().flush(caller, epoch, batch)

    def _wake(self, life: Life) -> None:
        self.revived += self.rows[life].state == "silent"
        super()._wake(life)

    def _roll(self, budget: BudgetRow) -> None:
        super()._roll(budget)
        self._fit(budget)

    def _changed(self, budget: BudgetRow) -> None:
        if budget.resets_at > self.now:  # a period that is over and was not ended yet stays over
            self._fit(budget)
        super()._changed(budget)

    def _fit(self, budget: BudgetRow) -> None:
        seconds = self.windows.get(budget.budget_id, inf)
        budget.resets_at = inf if seconds == inf else BEGINS + (floor((self.now - BEGINS) / seconds) + 1) * seconds


class Line:
    """Requests get lost, answers get lost, requests arrive late: also after they were repeated."""

    def __init__(self, timeline: Timeline, book: WindowedBook, committed: Callable[[], None]) -> None:
        self.book = book
        self.down_until = 0.0
        self.trouble = 0.0
        """The share of the requests that meets each kind of trouble."""
        self.generation = 0
        """Grows with each fail-over: what was on its way to the former server never arrives."""
        self._timeline = timeline
        self._committed = committed

    @property
    def up(self) -> bool:
        return self._timeline.now >= self.down_until

    def call(self, deed: Deed, then: Callable[[float, Outcome], None]) -> None:
        """`then` is told after how many seconds the outcome reaches the caller."""
        timeline = self._timeline
        if not self.up:
            then(timeline.rng.choice((0.005, 1.0)), Lost())
            return
        kind = timeline.rng.random() / self.trouble if self.trouble else 9.0
        delay_s = timeline.between(0.0005, 0.008)
        if kind < 1:
            then(timeline.between(0.05, 1.5), Lost())
        elif kind < 2:
            then(timeline.between(0.05, 1.5), Lost())
            timeline.at(timeline.between(0.5, 15.0), self._do, self.generation, deed, None)
        elif kind < 3:
            timeline.at(delay_s, self._do, self.generation, deed, None)
            then(timeline.between(0.05, 1.5), Lost())
        else:
            timeline.at(delay_s, self._do, self.generation, deed, then)

    def now(self, deed: Deed) -> Outcome:
        """At once, for the owner of the database and for tests of it."""
        self.book.now = BEGINS + self._timeline.now
        try:
            outcome = deed(self.book)
        except (Fenced, Gap, Refused, UnknownBudgets) as error:
            return error
        self._committed()
        return outcome

    def _do(self, generation: int, deed: Deed, then: Callable[[float, Outcome], None] | None) -> None:
        lost = generation != self.generation or not self.up
        outcome = Lost() if lost else self.now(deed)
        if then is not None:
            then(self._timeline.between(0.0005, 0.008), outcome)
