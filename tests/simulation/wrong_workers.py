"""Workers that are wrong in one place each: their shell, their flusher, their successor, their till."""

from collections.abc import Iterable
from dataclasses import replace

from simulation.flushing import Flusher
from simulation.journal import Journal
from simulation.recovery import Successor
from simulation.worker import Life
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import FlushReply, Gap, GrantReply, Standing
from tollhouse.ledger.purse import Purse, Wish
from tollhouse.ledger.records import Amount, Part, Record, Reserved, Resolved, SettlementKind
from tollhouse.ledger.till import Append, Command, Till

# The shell ----------------------------------------------------------------------------------------------------------


class SendsBeforeWriting(Life):
    def _carry_out(self, command: Command) -> None:
        if isinstance(command, Append) and isinstance(command.record, Reserved):
            self.soon(0.01, self._append, command.record)
        else:
            super()._carry_out(command)


class SendsWhatWasNotWritten(Life):
    """Goes on when the journal takes no reservation."""

    def _append(self, record: Record) -> None:
        if not isinstance(record, Reserved) or self.world.now >= self.writable_at:
            super()._append(record)


class TellsBeforeSyncing(Life):
    def _tell(self) -> None:
        self.point("after_sync")
        self._drive(self._telling(self.journal.last), self._flush_failed)


class AnswersBeforeWriting(Life):
    """The caller sees the end before the outcome is written down."""

    def _ended(self, call_id: CallId, kind: SettlementKind, cost: Nanos) -> None:
        self.world.calls.seen(call_id, kind, cost)
        self.soon(0.005, super()._ended, call_id, kind, cost)


class ChecksThenDebits(Life):
    """Looks whether the money is there, and takes it a moment later."""

    def ask(self, wish: Wish) -> None:
        if self.till is not None and not self.closing and wish.amount is not None and self._has(self.till, wish):
            self.world.calls.asked(self, wish)
            self.soon(0.002, self._debit, wish, wish.amount)
        else:
            super().ask(wish)

    def _has(self, till: Till, wish: Wish) -> bool:
        return 0 < till.purse.available(wish, self.mono() + till._offset) == wish.amount

    def _debit(self, wish: Wish, amount: Nanos) -> None:
        assert self.till is not None
        parts = []
        for budget_id in wish.budgets:
            lease = self.till.purse.current(budget_id)
            assert lease is not None
            lease.reserved += amount if lease.limited else 0
            parts.append(Part(*lease.account, lease.limited))
        opened_us = int((self.mono() + self.till._offset) * 1_000_000)
        self._do(self.till._admit(Reserved(wish.call, opened_us, tuple(parts), amount)))


class OverlooksABudget(Life):
    """Forgets the parents of some calls."""

    def ask(self, wish: Wish) -> None:
        super().ask(replace(wish, budgets=wish.budgets[:1]) if self.world.chance(0.3) else wish)


class WritesLess(Life):
    """Settles some calls a little below their cost."""

    def settle(self, call_id: CallId, kind: SettlementKind, cost: Nanos) -> None:
        less = kind == "exact" and cost > 0 and self.world.chance(0.05)
        super().settle(call_id, kind, Nanos(cost - 1) if less else cost)


class StealsTheSlot(Life):
    """Takes paused neighbours for dead ones."""

    def _janitor(self) -> None:
        for slot in self.node.slots:
            holder = slot.holder
            if isinstance(holder, Life) and holder is not self and self.world.now < holder.paused_until:
                slot.holder = None
        super()._janitor()


class TakesALossForAnAck(Life):
    def _flush_failed(self, error: Exception) -> None:
        self.flusher.acked = self.journal.synced
        super()._flush_failed(error)


# From the journal to the book ---------------------------------------------------------------------------------------


class SkipsAfterAGap(Flusher):
    def after_gap(self, gap: Gap) -> int:
        return gap.acked + 1


# The successor ------------------------------------------------------------------------------------------------------


class ForgetsOpenCalls(Successor):
    def charge_open(self, journal: Journal) -> None:
        return


class VoidsOpenCalls(Successor):
    def charge_open(self, journal: Journal) -> None:
        for reserved in journal.open().values():
            journal.append(Resolved(reserved, "void", Nanos(0)))


class TrustsEveryJournal(Successor):
    def exact(self, journal: Journal, acked: int) -> bool:
        return True


class UsesNumbersAgain(Successor):
    """Continues behind what is left of the journal, not behind what the book has of it."""

    def reopen(self, journal: Journal, acked: int) -> None:
        return


# The till -----------------------------------------------------------------------------------------------------------


class ForgetsALostOrder(Till):
    """Asks anew, under a new number, instead of repeating."""

    def grant_lost(self, now: float) -> list[Command]:
        commands = super().grant_lost(now)
        self._order, self._repeat_at, self._ordered = None, None, []
        return commands


class NeverSaysAgain(Till):
    """Leaves it to the book to remember what it granted."""

    def say_again(self, resolved: Iterable[Resolved], returned: Iterable[Amount]) -> tuple[Amount, ...]:
        return ()


class NeverLooksAgain(Till):
    """Serves waiters when the book answers or a call ends, not when time passes."""

    _passing = False

    def tick(self, now: float) -> list[Command]:
        self._passing = True
        commands = super().tick(now)
        self._passing = False
        return commands

    def _pump(self, now: float) -> list[Command]:
        return [] if self._passing else super()._pump(now)


class FlushesInALoop(Till):
    """Flushes for every budget that others want, whether or not there is something to give."""

    def flushed(self, now: float, reply: FlushReply, *, more: bool = False, unwritten: bool = False) -> list[Command]:
        return super().flushed(now, reply, more=more or bool(reply.wanted), unwritten=unwritten)


class WaitsForever(Till):
    def _expire(self, now: float) -> list[Command]:
        return []


class AsksInALoop(Till):
    """A refused waiter asks again at once."""

    def granted(self, now: float, reply: GrantReply) -> list[Command]:
        commands = super().granted(now, reply)
        for waiter in self._waiting.values():
            waiter.ask_at = now
        return commands + self._next_order(now)


# The purse ----------------------------------------------------------------------------------------------------------


class GivesBackWhatItMayStillSpend(Purse):
    """Tells the book that money is returned, and keeps it."""

    def idle(self, now: float, busy: set[int]) -> tuple[Amount, ...]:
        given = super().idle(now, busy)
        for budget_id, period_seq, nanos in given:
            self._leases[budget_id, period_seq].returned -= nanos
        return given


class KeepsIdleMoney(Purse):
    def idle(self, now: float, busy: set[int]) -> tuple[Amount, ...]:
        return ()


class LowersGranted(Purse):
    def told(self, standing: Standing, now: float) -> bool:
        forgotten = super().told(standing, now)
        self._leases[standing.budget_id, standing.period_seq].granted = standing.granted
        return forgotten


class AddsGranted(Purse):
    def told(self, standing: Standing, now: float) -> bool:
        lease = self._leases.get((standing.budget_id, standing.period_seq))
        before = 0 if lease is None else lease.granted
        forgotten = super().told(standing, now)
        self._leases[standing.budget_id, standing.period_seq].granted = before + standing.granted
        return forgotten


class CarriesOver(Purse):
    """Takes what is left of a period along into the next one."""

    def told(self, standing: Standing, now: float) -> bool:
        before = self.current(standing.budget_id)
        forgotten = super().told(standing, now)
        lease = self.current(standing.budget_id)
        if before is not None and lease is not None and before is not lease:
            lease.granted += before.free
        return forgotten


class AdmitsOnOneBudget(Purse):
    """Looks at the first budget only."""

    def reserve(self, wish: Wish, amount: Nanos | None, now: float, book_time: float) -> Reserved | None:
        first = super().reserve(replace(wish, budgets=wish.budgets[:1]), amount, now, book_time)
        leases = [self.current(budget_id) for budget_id in wish.budgets[1:]]
        if first is None or None in leases:
            return None
        for lease in leases:
            if lease is not None and lease.limited:
                lease.reserved += first.amount
        parts = [Part(*lease.account, lease.limited) for lease in leases if lease is not None]
        return Reserved(first.call, first.opened_us, (*first.parts, *parts), first.amount)


class IgnoresNews(Purse):
    """Believes in old terms until it asks for another reason."""

    def wanted(self, budget_id: int, now: float) -> None:
        return

    def changed(self, budget_id: int, now: float) -> None:
        return
