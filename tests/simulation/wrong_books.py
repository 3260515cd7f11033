"""Books that are wrong in one place each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ledger.model_book import AccountKey, BudgetRow, DeadLetter, Life, ModelBook
from simulation.book import WindowedBook
from tollhouse.foundation.ids import WorkerId
from tollhouse.ledger.protocol import Answer, Ask, FlushBatch, GrantOrder, GrantReply, Owner
from tollhouse.ledger.records import Part, Reserved, Resolved

Booking = Callable[[Life, Resolved], tuple[AccountKey, ...]]


class ExpiryFrees(WindowedBook):
    """What a silent worker holds is anybody's again."""

    def doubt_silent(self, silent_after: timedelta) -> list[WorkerId]:
        live = [life for life, row in self.rows.items() if row.state == "live"]
        doubted = super().doubt_silent(silent_after)
        for life in live:
            if self.rows[life].state == "silent":
                self._move(life, ("doubt",), "closed")
        return doubted


class FlushesTwice(WindowedBook):
    """No watermark, and no key of entries."""

    def _begin(self, caller: Owner, epoch: int, after: int, through: int) -> bool:
        self._refuse_older(caller)
        self._fence(caller)
        self._mark(caller.worker_id, epoch)
        return True

    def _book(self, life: Life, one: Resolved) -> tuple[AccountKey, ...]:
        return _book_again(self, life, one, super()._book)


class NoKeyOfEntries(WindowedBook):
    """The watermark alone."""

    def _book(self, life: Life, one: Resolved) -> tuple[AccountKey, ...]:
        return _book_again(self, life, one, super()._book)


def _book_again(book: ModelBook, life: Life, one: Resolved, honest: Booking) -> tuple[AccountKey, ...]:
    day, call_id = one.reserved.opened_us // 86_400_000_000, one.reserved.call.call_id
    before = book.entries.pop((day, call_id), None)
    booked = honest(life, one)
    if before is not None:
        book.entries[-len(book.entries), call_id] = before
    return booked


class EntersOnTheDayOfArrival(WindowedBook):
    """A replay after midnight finds no entry of its call."""

    def _book(self, life: Life, one: Resolved) -> tuple[AccountKey, ...]:
        old = one.reserved
        today = Reserved(old.call, int(self.now * 1_000_000), old.parts, old.amount)
        return super()._book(life, Resolved(today, one.kind, one.cost))


class ResetZeroesTheRow(WindowedBook):
    """A new period begins on the same row."""

    def _roll(self, budget: BudgetRow) -> None:
        period = budget.period_seq
        super()._roll(budget)
        if budget.period_seq != period:
            budget.period_seq = period
            self.accounts.pop((budget.budget_id, period + 1))
            row = self.accounts[budget.budget_id, period]
            row.spent = row.leased = 0


class BooksIntoThePresentPeriod(WindowedBook):
    """An outcome counts in the period in which it arrives."""

    def _take(self, life: Life, batch: FlushBatch) -> None:
        super()._take(life, replace(batch, resolved=tuple(self._moved(one) for one in batch.resolved)))

    def _moved(self, one: Resolved) -> Resolved:
        parts = tuple(
            Part(part.budget_id, self.budgets[part.budget_id].period_seq, part.leased) for part in one.reserved.parts
        )
        old = one.reserved
        return Resolved(Reserved(old.call, old.opened_us, parts, old.amount), one.kind, one.cost)


class GrantIgnoresDoubt(WindowedBook):
    def _free(self, budget_id: int) -> int | None:
        free = super()._free(budget_id)
        return None if free is None else free + self.account(budget_id).doubt


class GrantsPartsBeyondFree(WindowedBook):
    """A part is all that was asked for."""

    def _judge(self, owner: Owner, ask: Ask, given: dict[int, int]) -> Answer:
        answer = super()._judge(owner, ask, given)
        for need in ask.needs if answer.verdict == "part" else ():
            self._give(owner, need.budget_id, need.amount - need.floor)
        return answer


class GrantsTwice(WindowedBook):
    """A repeated order is granted again."""

    def grant(self, owner: Owner, order: GrantOrder) -> GrantReply:
        row = self.rows.get((owner.worker_id, owner.epoch))
        if row is not None:
            row.number = 0
        return super().grant(owner, order)


class GrantsLateOrders(WindowedBook):
    """Looks whether the number is the last one, not whether it is an old one."""

    def grant(self, owner: Owner, order: GrantOrder) -> GrantReply:
        row = self.rows.get((owner.worker_id, owner.epoch))
        if row is not None and row.number > order.number:
            row.number = order.number - 1
        return super().grant(owner, order)


class ForgetsToRevive(WindowedBook):
    """Who speaks again is live; its leases stay in doubt."""

    def _wake(self, life: Life) -> None:
        if self.rows[life].state == "silent":
            self.rows[life].state = "live"
        super()._wake(life)


class FencesNobody(WindowedBook):
    def _refuse_older(self, caller: Owner) -> None:
        return

    def _fence(self, caller: Owner) -> None:
        return


class RaisesForever(WindowedBook):
    def limit(self, budget: BudgetRow) -> int | None:
        raised = budget.raise_until > 0
        return super().limit(replace(budget, raise_until=self.now + 1.0) if raised else budget)


class BuriesTheMoneyToo(WindowedBook):
    """A record that it cannot take is set aside, and its money is free."""

    def _doubt_cost(self, life: Life, one: Resolved) -> DeadLetter:
        return DeadLetter(0, ())
