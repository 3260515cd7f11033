"""A worker's till: calls that are open, calls that wait for money, and the talk with the book. Sans-I/O.

Events come in with the worker's monotonic time, commands go out. They are carried out in their order; what follows
an `Append` only if that was written. Production and the simulator run this same code.

A call is admitted from local leases, without asking anybody, when every budget it counts in has enough. If not, it
waits for its turn in one order to the book that speaks for all who wait. The reply makes reservations the moment it
arrives, first come, first served. Near the limit (`tight`) leases are no larger than calls need, and what is left
over goes back at once.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Answer, Ask, FlushReply, GrantOrder, GrantReply, Standing, Verdict
from tollhouse.ledger.purse import Purse, Terms, Wish
from tollhouse.ledger.records import Amount, Record, Reserved, Resolved, Returned, SettlementKind, Stopped

MOST_ASKS: Final = 200
MOST_WANTS: Final = 500
_LONGEST_PAUSE_S: Final = 1.0


class Append(NamedTuple):
    """Write to the journal, now."""

    record: Record


class Admit(NamedTuple):
    """The call may be sent: its money is set aside and written down."""

    reserved: Reserved


class Refuse(NamedTuple):
    """Nothing was set aside. `verdict` None: the book cannot be asked. `standing`: the budget that refused."""

    call_id: CallId
    verdict: Verdict | None
    standing: Standing | None


class Grant(NamedTuple):
    """Ask the book; answer with `granted` or `grant_lost`. One at a time."""

    order: GrantOrder


class Flush(NamedTuple):
    """Make the journal durable, tell the book, and answer with `flushed` or `flush_lost`. One at a time."""


Command = Append | Admit | Refuse | Grant | Flush


@dataclass(slots=True)
class _Waiter:
    """`answer`: to the last order, None while one is in flight; `refused_by`: the budget of the last refusal."""

    wish: Wish
    since: float
    ask_at: float
    answer: Answer | None = None
    refused_by: int | None = None


class Till:
    """Owns one worker's money in one epoch. `book_time`: the database's clock as the registration told it."""

    def __init__(self, terms: Terms, now: float, book_time: float) -> None:
        self._terms = terms
        self.purse = Purse(terms)
        self.open: dict[CallId, Reserved] = {}
        self._waiting: OrderedDict[CallId, _Waiter] = OrderedDict()
        self._queued: Counter[int] = Counter()
        self._offset = book_time - now
        self._contact = now
        self._number = 0
        self._order: GrantOrder | None = None
        self._ordered: list[CallId] = []
        self._repeat_at: float | None = None
        self._losses = 0
        self._changed: set[int] = set()
        self._flushing = False
        self._flush_again = False
        self._flush_at = now + terms.flush_every_s
        self._flushed_at = now
        self._unflushed = False
        self._resync = False
        self._saying_all = False
        self._closing = False
        self._stopped = False

    # What calls do ------------------------------------------------------------------------------------------

    def ask(self, now: float, wish: Wish) -> list[Command]:
        """A call wants money: admitted, refused, or (no word about it) waiting until a later command names it."""
        call_id = wish.call.call_id
        if self._closing or now - self._contact > self._terms.outage_ttl_s:
            return [Refuse(call_id, None, None)]
        down = self._is_down(now)
        if down or not any(budget_id in self._queued for budget_id in wish.budgets):
            reserved = self.purse.reserve(wish, wish.amount, now, now + self._offset)
            if reserved is not None:
                return self._admit(reserved)
        hopeless = self.purse.hopeless(wish, now, now + self._offset)
        if hopeless is not None:
            return [Refuse(call_id, "spent", self.purse.seen(hopeless))]
        if down or len(self._waiting) >= self._terms.most_waiting:
            return [Refuse(call_id, None, None)]
        self._waiting[call_id] = _Waiter(wish, since=now, ask_at=now)
        self._queued.update(wish.budgets)
        return self._next_order(now)

    def settle(
        self, now: float, call_id: CallId, kind: SettlementKind, cost: Nanos, note: bytes = b""
    ) -> list[Command]:
        """An open call has ended. One that is not open was settled before: nothing happens twice."""
        reserved = self.open.pop(call_id, None)
        if reserved is None:
            return []
        self._unflushed = True
        hurry = self.purse.resolve(reserved, kind, cost, now)
        commands = [Append(Resolved(reserved, kind, cost, note)), *self._pump(now), *self._end(now)]
        return commands + self._flush_now(now) if hurry else commands

    def unwritten(self, now: float, call_id: CallId) -> None:
        """The journal did not take the reservation that was just made: it never was."""
        self.purse.resolve(self.open.pop(call_id), "void", Nanos(0), now)

    def leave(self, call_id: CallId) -> None:
        """A waiting caller has gone."""
        waiter = self._waiting.pop(call_id, None)
        for budget_id in () if waiter is None else waiter.wish.budgets:
            self._queued[budget_id] -= 1
            if not self._queued[budget_id]:
                del self._queued[budget_id]

    # What the book says -------------------------------------------------------------------------------------

    def granted(self, now: float, reply: GrantReply) -> list[Command]:
        """The answer to the order in flight: reservations are made before anything else can happen."""
        self._heard(now, reply.now)
        ordered, self._ordered = self._ordered, []
        self._order, self._repeat_at, self._losses = None, None, 0
        for standing in reply.standings:
            if self.purse.told(standing, now):
                self._resync = self._unflushed = True
        self._doubt_old_terms(now)
        commands: list[Command] = []
        for call_id, answer in zip(ordered, reply.answers, strict=False):
            commands += self._answered(now, call_id, answer)
        commands += self._pump(now) + self._next_order(now)
        return commands + self._give_back(now) + self._end(now)

    def grant_lost(self, now: float) -> list[Command]:
        """Nobody knows whether the order was granted: the same order is repeated until there is an answer."""
        self._repeat_at = now + min(self._terms.retry_s * 2**self._losses, _LONGEST_PAUSE_S)
        self._losses = min(self._losses + 1, 10)
        self._resync = True
        return self._expire(now)

    def unknown(self, now: float, budgets: Collection[int]) -> list[Command]:
        """The book has no such budgets (it forgot them): the order is void, and who named them is refused."""
        ordered, self._ordered = self._ordered, []
        self._order, self._repeat_at, self._losses = None, None, 0
        commands: list[Command] = []
        for call_id in ordered:
            waiter = self._waiting.get(call_id)
            if waiter is not None and any(budget_id in budgets for budget_id in waiter.wish.budgets):
                self.leave(call_id)
                commands.append(Refuse(call_id, None, None))
        return commands + self._next_order(now)

    def flushed(self, now: float, reply: FlushReply, *, more: bool = False, unwritten: bool = False) -> list[Command]:
        """The book has the batch. `more`: the journal holds what was not in it; `unwritten`: it could not take all."""
        self._heard(now, reply.now)
        self._flushing = False
        self._unflushed = self._unflushed or unwritten
        self._flushed_at = now
        if not more:
            self.purse.heard()
        for budget_id in reply.wanted:
            self.purse.wanted(budget_id, now)
        commands = self._end(now)
        return commands + (self._flush_now(now) if self._flush_again or more else self._give_back(now))

    def flush_lost(self, now: float) -> list[Command]:
        """Nobody knows whether the batch was taken; the next one starts where the book says."""
        self._flushing, self._resync = False, True
        self._unflushed = True
        self._flush_at = now + self._terms.flush_every_s
        return self._expire(now)

    def wanted(self, now: float, budget_id: int) -> list[Command]:
        """Others wait for this budget's money."""
        self.purse.wanted(budget_id, now)
        return self._give_back(now)

    def changed(self, now: float, budget_id: int) -> list[Command]:
        """The budget's terms are others now."""
        if self._order is not None:
            self._changed.add(budget_id)
        self.purse.changed(budget_id, now)
        return self._give_back(now)

    # Time ---------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Command]:
        """What time brings: money that became free for a waiter, waiters whose time is up, orders to repeat or to make,
        a flush."""
        self.purse.measure(now)
        commands = self._expire(now) + self._next_order(now, fill=True)
        if self._flushing or now < self._flush_at:
            return commands
        if self._unflushed or now - self._flushed_at >= self._terms.heartbeat_s:
            return commands + self._flush_now(now)
        return commands + self._give_back(now)

    def next_tick(self, now: float) -> float:
        """When to call `tick` at the latest."""
        if self._waiting or self._repeat_at is not None:
            return now + self._terms.retry_s / 2
        return now + self._terms.flush_every_s / 2

    def close(self, now: float) -> list[Command]:
        """Admit nothing more. Once no call is open, the journal is ended and the book told the last of it."""
        self._closing = True
        commands: list[Command] = []
        for call_id in list(self._waiting):
            self.leave(call_id)
            commands.append(Refuse(call_id, None, None))
        return commands + self._end(now)

    @property
    def done(self) -> bool:
        """Closed, and the book has everything: what is left of the leases can be given back as a whole."""
        return self._stopped and not self._flushing and not self._unflushed

    @property
    def waiting(self) -> int:
        """Calls that wait for money."""
        return len(self._waiting)

    def say_again(self, resolved: Iterable[Resolved], returned: Iterable[Amount]) -> tuple[Amount, ...]:
        """What a flush repeats of what we were granted: on the accounts it touches, and after a loss on all."""
        if self._saying_all:
            return self.purse.granted()
        paths = {one.reserved.parts for one in resolved}
        accounts = {(part.budget_id, part.period_seq) for parts in paths for part in parts}
        return self.purse.granted(accounts | {(amount.budget_id, amount.period_seq) for amount in returned})

    # Within -------------------------------------------------------------------------------------------------

    def _admit(self, reserved: Reserved) -> list[Command]:
        self.open[reserved.call.call_id] = reserved
        return [Append(reserved), Admit(reserved)]

    def _heard(self, now: float, book_time: float) -> None:
        """Zero: the book did not say what time it is (it buried a record)."""
        self._contact = now
        if book_time:
            self._offset = book_time - now

    def _is_down(self, now: float) -> bool:
        return self._losses > 1 and now - self._contact > self._terms.wait_s

    def _doubt_old_terms(self, now: float) -> None:
        """What was changed while the order was on its way may not be in the reply: ask once more."""
        for budget_id in sorted(self._changed):
            self.purse.changed(budget_id, now)
        self._changed.clear()

    def _answered(self, now: float, call_id: CallId, answer: Answer) -> list[Command]:
        waiter = self._waiting.get(call_id)
        if waiter is None:
            return []
        waiter.answer = answer
        waiter.ask_at = now + self._terms.retry_s
        if answer.verdict in ("whole", "part"):
            return []
        waiter.refused_by = answer.budget_id
        spent = waiter.wish.amount is None or self.purse.hopeless(waiter.wish, now, now + self._offset) is not None
        if not spent:
            return []
        self.leave(call_id)
        standing = None if answer.budget_id is None else self.purse.seen(answer.budget_id)
        return [Refuse(call_id, "spent", standing)]

    def _pump(self, now: float) -> list[Command]:
        """Whoever can be served, in the order of arrival."""
        commands: list[Command] = []
        for call_id, waiter in list(self._waiting.items()):
            reserved = self._serve(waiter, now)
            if reserved is not None:
                self.leave(call_id)
                commands += self._admit(reserved)
        return commands

    def _serve(self, waiter: _Waiter, now: float) -> Reserved | None:
        wish = waiter.wish
        reserved = self.purse.reserve(wish, wish.amount, now, now + self._offset)
        if reserved is not None or waiter.answer is None or waiter.answer.verdict == "whole":
            return reserved
        left = self.purse.available(wish, now + self._offset)
        if wish.amount is None or left < wish.floor or left == 0:
            return None
        return self.purse.reserve(wish, left, now, now + self._offset)

    def _expire(self, now: float) -> list[Command]:
        """Who can be served after all is not refused."""
        commands = self._pump(now)
        for call_id, waiter in list(self._waiting.items()):
            refuser = waiter.refused_by
            patience_s = self._terms.patience_s if refuser is None else self._terms.wait_s
            if now - waiter.since >= patience_s or self._is_down(now):
                self.leave(call_id)
                standing = None if refuser is None else self.purse.seen(refuser)
                commands.append(Refuse(call_id, None if standing is None else "contended", standing))
        return commands

    def _next_order(self, now: float, *, fill: bool = False) -> list[Command]:
        """One order for all who may ask now; and, if `fill`, for leases that run low."""
        if self._order is not None:
            if self._repeat_at is None or now < self._repeat_at:
                return []
            self._repeat_at = None
            return [Grant(self._order)]
        if self._closing:
            return []
        wants: dict[int, int] = {}
        asks = self._asks(now, wants)
        if asks or fill:
            wants = self.purse.take_low() | wants
        if not wants:
            return []
        self._number += 1
        named = sorted(wants)[:MOST_WANTS] if not asks else sorted(wants)
        sizes = tuple((budget_id, self.purse.want(budget_id, wants[budget_id])) for budget_id in named)
        self._order = GrantOrder(self._number, tuple(asks), sizes)
        return [Grant(self._order)]

    def _asks(self, now: float, wants: dict[int, int]) -> list[Ask]:
        asks: list[Ask] = []
        spare: dict[int, int] = {}
        for call_id, waiter in self._waiting.items():
            needs = self.purse.lacking(waiter.wish, spare, now + self._offset) if waiter.ask_at <= now else ()
            if needs and len(asks) < MOST_ASKS:
                asks.append(Ask(needs, unpriced=waiter.wish.amount is None))
                self._ordered.append(call_id)
                waiter.answer = None
                for need in needs:
                    wants[need.budget_id] = max(wants.get(need.budget_id, 0), waiter.wish.amount or 0)
        return asks

    def _flush_now(self, now: float) -> list[Command]:
        if self._flushing or (self._resync and now < self._flush_at):
            self._flush_again = True
            return []
        self._flushing, self._flush_again, self._unflushed = True, False, False
        self._flush_at = now + self._terms.flush_every_s
        self._saying_all, self._resync = self._resync, False
        given = () if self._saying_all or self._stopped else self.purse.idle(now, self._busy())
        return [Append(Returned(given)), Flush()] if given else [Flush()]

    def _give_back(self, now: float) -> list[Command]:
        """Flush, if that takes money back that others may wait for."""
        return self._flush_now(now) if not self._stopped and self.purse.owes(now, self._busy()) else []

    def _end(self, now: float) -> list[Command]:
        """The last record, as soon as nothing can follow it."""
        busy = self.open or self._flushing or self._order is not None
        if not self._closing or self._stopped or busy:
            return []
        self._stopped = self._unflushed = True
        return [Append(Stopped()), *self._flush_now(now)]

    def _busy(self) -> set[int]:
        """Budgets whose free money calls are about to take: those that wait for a first or a good answer."""
        return {
            budget_id
            for waiter in self._waiting.values()
            if waiter.answer is None or waiter.answer.verdict in ("whole", "part")
            for budget_id in waiter.wish.budgets
        }
