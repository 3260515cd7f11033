"""Keeps a worker's till: carries out its commands on the journal and the book, and lets calls wait for its word.

All decisions are the till's. Here is what takes time or can fail: writing, syncing, asking the database. Nothing in
here waits between a command and the next one, so what the till decided in one step also happens in one.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, crashpoints
from tollhouse.ledger.crashpoints import CrashPoint
from tollhouse.ledger.flushing import Flusher
from tollhouse.ledger.outbox import Outbox
from tollhouse.ledger.protocol import Fenced, Gap, GrantOrder, Owner
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Record, Reserved, Returned, SettlementKind
from tollhouse.ledger.segments import Journal, JournalError
from tollhouse.ledger.till import Admit, Append, Command, Grant, Refuse, Till

NOTICES: Final = "tollhouse_ledger"
OUTBOX_AGAIN_S: Final = 1.0
MUCH_TO_FLUSH: Final = 4000
LITTLE_TO_FLUSH: Final = 1000
_FORGET_EVERY_S: Final = 30.0
_CLOSING_POLL_S: Final = 0.02

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Cadence:
    """`sync_s`: how long a record may wait to be durable (a power cut loses it; a kill -9 does not).

    `strict`: a call is sent only when its reservation is durable.
    """

    sync_s: float
    strict: bool


class Keeper:
    """Owns the till, the flusher and the outbox of a running worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        owner: Owner,
        till: Till,
        journal: Journal,
        flusher: Flusher,
        outbox: Outbox,
        cadence: Cadence,
        point: CrashPoint = crashpoints.none,
    ) -> None:
        self.owner = owner
        self.till = till
        self.journal = journal
        self._database = database
        self._clock = clock
        self._flusher = flusher
        self._outbox = outbox
        self._cadence = cadence
        self._point = point
        self._answers: dict[CallId, Admit | Refuse] = {}
        self._waiters: dict[CallId, asyncio.Future[Admit | Refuse]] = {}
        self._unwritten: deque[Record] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._dirty = asyncio.Event()
        self._flushed = asyncio.Event()
        self._begun = False
        self._catches_up = False
        self._stopped = False

    # For the road ------------------------------------------------------------------------------------------

    async def hold(self, wish: Wish) -> Reserved | Refuse:
        """Set money aside for a call and write that down; waits, bounded, when there is none at the moment."""
        call_id = wish.call.call_id
        self._do(self.till.ask(self._clock.monotonic(), wish))
        answer = self._answers.pop(call_id, None)
        if answer is None:
            answer = await self._wait(call_id)
        if isinstance(answer, Refuse):
            return answer
        if self._cadence.strict and not await self._made_durable(call_id):
            return Refuse(call_id, None, None)
        return answer.reserved

    def settle(self, call_id: CallId, kind: SettlementKind, cost: Nanos, note: bytes = b"") -> None:
        """Write down how a call ended; safe to repeat. When this returns, a kill -9 cannot lose it."""
        self._do(self.till.settle(self._clock.monotonic(), call_id, kind, cost, note))

    def hear(self, notice: str) -> None:
        """A notice of the book (channel `NOTICES`): `wanted:7`, others wait for that budget's money; `changed:7`."""
        what, _, budget_id = notice.partition(":")
        tell = self.till.changed if what == "changed" else self.till.wanted
        self._do(tell(self._clock.monotonic(), int(budget_id)))

    @property
    def flushed(self) -> int:
        """The number of the last record that the book has."""
        return self._flusher.acked

    @property
    def unflushed(self) -> int:
        """How many records the book does not have yet."""
        return self.journal.last - self._flusher.acked

    @property
    def untold(self) -> int:
        """How many of those that it has were not told yet."""
        return self._flusher.acked - self._outbox.told

    # A worker's life ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled. Raises StartupError when another process took this worker's identity."""
        self._begin()
        await self._failed

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._tick()
            self._start(self._keep_durable())
            self._start(self._tell_all())

    async def close(self, timeout_s: float) -> bool:
        """Admit nothing more, tell the book everything, give all leases back. False: not in time; a successor will.

        Also for a worker that was told to stop before it ran.
        """
        self._begin()
        self._do(self.till.close(self._clock.monotonic()))
        try:
            async with asyncio.timeout(timeout_s):
                while not (self.till.done and self._outbox.told >= self.journal.last):
                    self._raise_failure()
                    await asyncio.sleep(_CLOSING_POLL_S)
                    self._tick()
                self._point("before_close")
                async with self._database.connection() as connection:
                    await book.close_epoch(connection, self.owner, self.owner.epoch, exact=True)
        except (TimeoutError, StartupError, JournalError, *DATABASE_FAILURES) as error:
            _log.warning("the ledger could not be closed; the journal keeps what is left", error=repr(error))
            return False
        finally:
            await self.stop()
        return True

    async def drained(self) -> None:
        """Wait until everything written so far is in the book and told."""
        last = self.journal.last
        while self._outbox.told < last:
            self._raise_failure()
            await asyncio.sleep(_CLOSING_POLL_S)

    # Carrying out ------------------------------------------------------------------------------------------

    def _do(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Append):
                self._append(command.record)
            elif isinstance(command, Admit):
                if command.reserved.call.call_id in self.till.open:
                    self._answer(command.reserved.call.call_id, command)
            elif isinstance(command, Refuse):
                self._answer(command.call_id, command)
            elif isinstance(command, Grant):
                self._start(self._grant(command.order))
            else:
                self._start(self._flush())
        self._arm()

    def _append(self, record: Record) -> None:
        """A reservation that cannot be written is none; everything else is written as soon as that works again."""
        names = _POINTS_OF.get(type(record), _POINTS_OF_OUTCOMES)
        self._point(names[0])
        try:
            if self._unwritten:
                raise JournalError("earlier records wait to be written")
            self.journal.append(record)
        except JournalError as error:
            if isinstance(record, Reserved):
                self.till.unwritten(self._clock.monotonic(), record.call.call_id)
                self._answer(record.call.call_id, Refuse(record.call.call_id, None, None))
            else:
                self._unwritten.append(record)
            _log.error("the journal takes no records", error=str(error), waiting=len(self._unwritten))
            self._give_up_if_broken()
        self._dirty.set()
        self._point(names[1])

    def _write_late(self) -> None:
        while self._unwritten:
            try:
                self.journal.append(self._unwritten[0])
            except JournalError:
                return
            self._unwritten.popleft()

    def _answer(self, call_id: CallId, answer: Admit | Refuse) -> None:
        waiter = self._waiters.get(call_id)
        if waiter is None:
            self._answers[call_id] = answer
        elif not waiter.done():
            waiter.set_result(answer)

    async def _wait(self, call_id: CallId) -> Admit | Refuse:
        waiter: asyncio.Future[Admit | Refuse] = asyncio.get_running_loop().create_future()
        self._waiters[call_id] = waiter
        try:
            return await waiter
        except asyncio.CancelledError:
            self.till.leave(call_id)
            self.settle(call_id, "void", Nanos(0))
            raise
        finally:
            del self._waiters[call_id]

    async def _made_durable(self, call_id: CallId) -> bool:
        try:
            await self.journal.sync()
        except (JournalError, asyncio.CancelledError) as error:
            self.settle(call_id, "void", Nanos(0))
            if isinstance(error, asyncio.CancelledError):
                raise
            return False
        return True

    # Talking with the book ---------------------------------------------------------------------------------

    async def _grant(self, order: GrantOrder) -> None:
        self._point("before_grant")
        try:
            async with self._database.connection() as connection:
                reply = await book.grant(connection, self.owner, order)
        except book.UnknownBudgets as error:
            _log.error("the book lacks budgets that keys name", budgets=error.budget_ids)
            self._do(self.till.unknown(self._clock.monotonic(), error.budget_ids))
            return
        except DATABASE_FAILURES as error:
            _log.warning("the book could not be asked for money", error=repr(error))
            self._do(self.till.grant_lost(self._clock.monotonic()))
            return
        self._point("after_grant")
        self._do(self.till.granted(self._clock.monotonic(), reply))

    async def _flush(self) -> None:
        """The book never knows more than the durable journal."""
        self._write_late()
        self._point("before_sync")
        try:
            synced = await self.journal.sync()
            self._point("after_sync")
            reply, more = await self._flusher.flush(synced, self.till.say_again)
        except (Gap, JournalError, *DATABASE_FAILURES) as error:
            _log.warning("the book could not be told; it will be", error=repr(error))
            self._do(self.till.flush_lost(self._clock.monotonic()))
            return
        self._point("after_flush")
        self._flushed.set()
        self._do(self.till.flushed(self._clock.monotonic(), reply, more=more or bool(self._unwritten)))

    async def _tell_all(self) -> None:
        """The journal's second reader: receipts and spans follow the money."""
        forget_at = self._clock.monotonic() + _FORGET_EVERY_S
        while True:
            self._flushed.clear()
            try:
                await self._tell()
            except DATABASE_FAILURES as error:
                _log.warning("receipts and spans wait for the database", error=repr(error))
            if self._clock.monotonic() >= forget_at:
                self.journal.forget(min(self._flusher.acked, self._outbox.told), self._clock.now().timestamp())
                forget_at = self._clock.monotonic() + _FORGET_EVERY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OUTBOX_AGAIN_S):
                    await self._flushed.wait()

    async def _tell(self) -> None:
        more = True
        while more and not self._is_behind():
            more = await self._outbox.send(self._flusher.acked)
            self._point("after_outbox")

    def _is_behind(self) -> bool:
        """Once the book has much to catch up with, money goes first until there is little."""
        left = self.journal.last - self._flusher.acked
        self._catches_up = left > (LITTLE_TO_FLUSH if self._catches_up else MUCH_TO_FLUSH)
        return self._catches_up

    async def _keep_durable(self) -> None:
        """Sync what was written, in groups: what a power cut can take is a few milliseconds of records."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self.journal.sync()
            except JournalError as error:
                _log.error("the journal cannot be made durable", error=str(error))
                self._give_up_if_broken()
            await asyncio.sleep(self._cadence.sync_s)

    # Time and tasks ----------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write_late()
        self._do(self.till.tick(self._clock.monotonic()))

    def _arm(self) -> None:
        """One timer, early enough for whatever the till waits for."""
        if self._stopped:
            return
        now = self._clock.monotonic()
        delay = max(self.till.next_tick(now) - now, 0.001)
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + delay:
                return
            self._timer.cancel()
        self._timer = loop.call_later(delay, self._tick)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(_as_failure(error))

    def _give_up_if_broken(self) -> None:
        """A journal that lost what it was told is over, and this worker with it: the next one begins a new one."""
        if self.journal.failure is not None and not self._failed.done():
            self._failed.set_exception(StartupError(f"the journal is broken: {self.journal.failure}"))

    def _raise_failure(self) -> None:
        if self._failed.done() and not self._failed.cancelled():
            self._failed.result()

    async def stop(self) -> None:
        """End all work at once; what was written down stays for a successor."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=OUTBOX_AGAIN_S)
        if self._failed.done() and not self._failed.cancelled():
            self._failed.exception()


def _as_failure(error: BaseException) -> BaseException:
    if isinstance(error, Fenced):
        return StartupError("another process has taken this worker's identity; is the data directory shared?")
    return error


_POINTS_OF: Final[dict[type, tuple[str, str]]] = {
    Reserved: ("before_reserve_record", "after_reserve_record"),
    Returned: ("before_return_record", "after_return_record"),
}
_POINTS_OF_OUTCOMES: Final = ("before_settle_record", "after_settle_record")
