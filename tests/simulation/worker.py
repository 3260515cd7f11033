"""One life of a worker: the shell around the real till, with the same steps as `tollhouse.ledger.keeper`.

Between any two steps is a named point where the life may end. A paused life does nothing; what happened meanwhile
reaches it afterwards, in order.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from simulation.book import BEGINS, Deed, Lost, Outcome
from simulation.flushing import Flusher, Steps
from simulation.journal import Journal, Node, Slot
from tollhouse.foundation.ids import CallId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.book import Registration
from tollhouse.ledger.protocol import Fenced, FlushReply, Gap, GrantOrder, GrantReply, Owner
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Record, Reserved, Returned, SettlementKind
from tollhouse.ledger.till import Admit, Append, Command, Flush, Grant, Refuse, Till

if TYPE_CHECKING:
    from simulation.world import World

JANITOR_EVERY_S = 1.0
CLOSING_POLL_S = 0.02
CLOSING_S = 6.0
SILENT_AFTER = timedelta(seconds=6)


class Died(Exception):
    """This life has just ended; nothing of what it was about to do happens."""


class Life:
    """A process. `till` is None until it has finished what was left in its slot."""

    def __init__(self, world: "World", node: Node, name: str) -> None:
        self.world = world
        self.node = node
        self.name = name
        self.alive = True
        self.ended: str | None = None
        self.paused_until = 0.0
        self.closing = False
        self.owner: Owner | None = None
        self.till: Till | None = None
        self.journal = Journal(node.boot)
        self.flusher: Flusher
        self.writable_at = 0.0
        self.told_at = 0.0
        self._clock = world.rng.uniform(0.0, 10_000.0)
        self._held: list[Slot] = []
        self._unwritten: deque[Record] = deque()
        self._syncing = False
        self._tick_at = 0.0
        self._tick_plan = 0

    def __repr__(self) -> str:
        return self.name

    @property
    def serving(self) -> Till:
        """The till of a life that has begun to serve."""
        assert self.till is not None
        return self.till

    @property
    def key(self) -> tuple[WorkerId, int]:
        """Of what the book has of a life that has begun to serve."""
        assert self.owner is not None
        return self.owner.worker_id, self.owner.epoch

    # Time and death -----------------------------------------------------------------------------------------

    def mono(self) -> float:
        return self._clock + self.world.now

    def soon(self, delay_s: float, deed: Callable[..., None], *args: Any) -> None:
        self.world.at(delay_s, self._run, deed, args)

    def _run(self, deed: Callable[..., None], args: tuple[Any, ...]) -> None:
        if not self.alive:
            return
        if self.world.now < self.paused_until:
            self.world.at(self.paused_until - self.world.now, self._run, deed, args)
            return
        with suppress(Died):
            deed(*args)

    def point(self, name: str) -> None:
        if self.world.faults.strikes(self, name):
            raise Died

    def end(self, why: str) -> None:
        """The process is gone; its locks with it."""
        self.alive, self.ended = False, why
        for slot in self._held:
            slot.holder = None
        self.world.note(self.name, "ends:", why)
        self.world.gone(self)

    # Birth --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        slot = self.node.free_slot()
        if slot is None:
            self.end("no slot")
            return
        self._lock(slot)
        slot.busy = True
        self.slot = slot
        self._drive(self._serve_from(slot), lambda _error: self.end("could not start"))
        self.soon(JANITOR_EVERY_S, self._janitor)

    def _lock(self, slot: Slot) -> None:
        slot.holder = self
        self._held.append(slot)

    def _unlock(self, slot: Slot) -> None:
        slot.holder = None
        self._held.remove(slot)

    def _serve_from(self, slot: Slot) -> Steps:
        successor = self.world.kit.successor(slot, self.node.boot, self.point)
        registration: Registration = yield from successor.succeed()
        self.owner = owner = registration.owner
        self.journal = slot.journals[owner.epoch] = Journal(self.node.boot)
        self.flusher = self.world.kit.flusher(self.journal, owner, owner.epoch, 0)
        self.till = self.world.kit.new_till(self.world.terms, self.mono(), registration.now)
        self.world.note(self.name, "serves", owner.worker_id, owner.epoch)
        self._arm()

    def _janitor(self) -> None:
        deserted = [] if self.till is None or self.closing else self.node.deserted()
        for slot in deserted:
            self._lock(slot)
        self._drive(self._look_after(deserted), lambda _error: self._let_go(deserted))

    def _look_after(self, deserted: Sequence[Slot]) -> Steps:
        for slot in deserted:
            yield from self.world.kit.successor(slot, self.node.boot, self.point).succeed()
            slot.busy = False
            self._unlock(slot)
            self.world.note(self.name, "finished the slot of", slot.worker_id)
        yield lambda book: book.doubt_silent(SILENT_AFTER)
        self.soon(JANITOR_EVERY_S, self._janitor)

    def _let_go(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            if slot in self._held:
                self._unlock(slot)
        self.soon(JANITOR_EVERY_S, self._janitor)

    def _drive(self, steps: Steps, failed: Callable[[Exception], None], outcome: Outcome = None) -> None:
        """One step on, with what the book said to the last one."""
        try:
            deed = steps.throw(outcome) if isinstance(outcome, Exception) else steps.send(outcome)
        except StopIteration:
            return
        except (Lost, Fenced, Gap) as error:
            failed(error)
            return
        self._ask_book(deed, partial(self._drive, steps, failed))

    def _ask_book(self, deed: Deed, then: Callable[[Outcome], None]) -> None:
        self.world.line.call(deed, lambda delay_s, outcome: self.soon(delay_s, then, outcome))

    # Calls --------------------------------------------------------------------------------------------------

    def ask(self, wish: Wish) -> None:
        if self.till is None or self.closing:
            return
        call_id = wish.call.call_id
        self.world.calls.asked(self, wish)
        self._do(self.till.ask(self.mono(), wish))
        if self.world.calls.waits(call_id) and self.world.chance(0.03):
            self.soon(self.world.between(0.0, 0.5), self._leave, call_id)

    def _leave(self, call_id: CallId) -> None:
        if self.till is not None and self.world.calls.waits(call_id):
            self.world.calls.left(call_id)
            self.till.leave(call_id)
            self.settle(call_id, "void", Nanos(0))

    def settle(self, call_id: CallId, kind: SettlementKind, cost: Nanos) -> None:
        self._do(self.serving.settle(self.mono(), call_id, kind, cost))

    def _admitted(self, reserved: Reserved) -> None:
        self.world.calls.admitted(self, reserved)
        if self.world.strict:
            self._sync(partial(self._send, reserved))
        else:
            self.soon(self.world.between(0.0002, 0.004), self._send, reserved)

    def _send(self, reserved: Reserved) -> None:
        self.point("before_send")
        call_id = reserved.call.call_id
        if self.world.chance(0.03) and not self.world.campaign.last_cent:
            self.settle(call_id, "void", Nanos(0))
            return
        lasts_s, kind, cost = self.world.calls.sent(self, reserved)
        self.point("after_send")
        self.soon(lasts_s, self._ended, call_id, kind, cost)

    def _ended(self, call_id: CallId, kind: SettlementKind, cost: Nanos) -> None:
        self.settle(call_id, kind, cost)
        self.point("before_answer")
        if not self._unwritten:
            self.world.calls.seen(call_id, kind, cost)

    # Carrying out -------------------------------------------------------------------------------------------

    def _do(self, commands: Sequence[Command]) -> None:
        self.world.witness.till(self)
        for command in commands:
            self.world.note(self.name, "does", command)
            self._carry_out(command)
        self._arm()

    def _carry_out(self, command: Command) -> None:
        match command:
            case Append(record):
                self._append(record)
            case Admit(reserved):
                if reserved.call.call_id in self.serving.open:
                    self.point("before_admit")
                    self._admitted(reserved)
            case Refuse(call_id):
                self.world.calls.refused(self, call_id, command)
            case Grant(order):
                self.soon(0.0, self._grant, order)
            case Flush():
                self.soon(0.0, self._flush)

    def _append(self, record: Record) -> None:
        kind = {Reserved: "reserve", Returned: "return"}.get(type(record), "settle")
        self.point(f"before_{kind}_record")
        if self.world.now >= self.writable_at and not self._unwritten:
            self.journal.append(record)
            self._keep_durable()
        elif isinstance(record, Reserved):
            self.serving.unwritten(self.mono(), record.call.call_id)
            self.world.calls.refused(self, record.call.call_id, None)
        else:
            self._unwritten.append(record)
        self.point(f"after_{kind}_record")

    def _write_late(self) -> None:
        while self._unwritten and self.world.now >= self.writable_at:
            self.journal.append(self._unwritten.popleft())

    def _keep_durable(self) -> None:
        if not self._syncing:
            self._syncing = True
            self.soon(0.01, self._sync, self._durable)

    def _durable(self) -> None:
        self._syncing = False
        if self.journal.synced < self.journal.last:
            self._keep_durable()

    def _sync(self, then: Callable[[], None]) -> None:
        self.soon(self.world.between(0.0001, 0.002), self._synced, self.journal.last, then)

    def _synced(self, through: int, then: Callable[[], None]) -> None:
        self.journal.synced = max(self.journal.synced, through)
        then()

    # Talking with the book ----------------------------------------------------------------------------------

    def _grant(self, order: GrantOrder) -> None:
        self.world.witness.asks(self, order)
        owner = self._owner()
        self.point("before_grant")
        self._ask_book(lambda book: book.grant(owner, order), self._granted)

    def _granted(self, outcome: Outcome) -> None:
        self.point("after_grant")
        if isinstance(outcome, Fenced):
            self.end("fenced")
        elif isinstance(outcome, GrantReply):
            self.world.note(self.name, "is granted", outcome)
            self._do(self.serving.granted(self.mono(), outcome))
        else:
            self._do(self.serving.grant_lost(self.mono()))

    def _flush(self) -> None:
        self._write_late()
        self.point("before_sync")
        self._sync(self._tell)

    def _tell(self) -> None:
        self.point("after_sync")
        self._drive(self._telling(self.journal.synced), self._flush_failed)

    def _telling(self, through: int) -> Steps:
        self.world.witness.flushes(self, empty=self.flusher.acked == through)
        reply: FlushReply = yield from self.flusher.flush(through, self.serving.say_again)
        self.world.note(self.name, "flushed:", reply)
        self.told_at = max(self.told_at, reply.now - BEGINS)
        self.point("after_flush")
        more = self.flusher.acked < through
        self._do(self.serving.flushed(self.mono(), reply, more=more, unwritten=bool(self._unwritten)))

    def _flush_failed(self, error: Exception) -> None:
        self.world.note(self.name, "could not flush:", repr(error))
        if isinstance(error, Fenced):
            self.end("fenced")
        else:
            self._do(self.serving.flush_lost(self.mono()))

    def hear(self, what: str, budget_id: int) -> None:
        """A notification of the book."""
        if self.till is not None:
            heard = self.till.wanted if what == "wanted" else self.till.changed
            self._do(heard(self.mono(), budget_id))

    # Time ---------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        now = self.world.now
        delay_s = max(self.serving.next_tick(self.mono()) - self.mono(), 0.001)
        if not self._tick_at > now or now + delay_s < self._tick_at:
            self._tick_at = now + delay_s
            self._tick_plan += 1
            self.soon(delay_s, self._tick, self._tick_plan)

    def _tick(self, plan: int) -> None:
        if plan == self._tick_plan and self.till is not None:
            self._tick_at = 0.0
            self._write_late()
            self._do(self.till.tick(self.mono()))

    # Goodbye ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self.till is None or self.closing:
            return
        self.closing = True
        self._do(self.till.close(self.mono()))
        self.soon(CLOSING_POLL_S, self._try_close, self.world.now + CLOSING_S)

    def _try_close(self, deadline: float) -> None:
        if self.world.now > deadline:
            self.end("could not close")
        elif self.serving.done:
            self.point("before_close")
            self._drive(self._goodbye(), lambda _error: self.end("could not close"))
        else:
            self.soon(CLOSING_POLL_S, self._try_close, deadline)

    def _goodbye(self) -> Steps:
        owner = self._owner()
        self.world.witness.holds(self.flusher.acked == self.journal.last, self.name, "closes before the book has all")
        yield lambda book: book.close_epoch(owner, owner.epoch, exact=True)
        self.slot.busy = False
        self.end("stopped")

    def _owner(self) -> Owner:
        assert self.owner is not None
        return self.owner
