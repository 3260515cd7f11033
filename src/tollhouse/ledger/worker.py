"""One worker of the ledger, from its slot to its goodbye: takes its place, finishes what was left there, serves."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.ledger import segments, slots
from tollhouse.ledger.crashpoints import CrashPoint
from tollhouse.ledger.flushing import Flusher
from tollhouse.ledger.janitor import Janitor
from tollhouse.ledger.keeper import Cadence, Keeper
from tollhouse.ledger.outbox import Outbox, Tell
from tollhouse.ledger.purse import Terms
from tollhouse.ledger.recovery import Successor, succeed
from tollhouse.ledger.segments import Identity, JournalLimits
from tollhouse.ledger.slots import Slot
from tollhouse.ledger.till import Till
from tollhouse.ledger.turns import Turns

_AT_FULL_LOAD: Final = 2000
"""Records that wait to be flushed when a worker serves as much as it can. More of them: the book was away."""


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """Everything a worker of the ledger is told. `tell` writes receipts and spans of calls that the book has."""

    data_dir: Path
    till: Terms
    journal: JournalLimits
    cadence: Cadence
    silent_s: float
    sweep_every_s: float
    tell: Tell


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that serves."""

    keeper: Keeper
    janitor: Janitor
    slot: Slot

    async def close(self, timeout_s: float) -> None:
        """Give everything back; what cannot be done in time is left to a successor."""
        closed = await self.keeper.close(timeout_s)
        self.keeper.journal.close()
        if closed:
            self.slot.finish()
        self.slot.release()


async def open_worker(terms: WorkerTerms, database: Database, clock: Clock, point: CrashPoint) -> Worker:
    """Take a slot and finish what its former holder left; only then serve."""

    def successor() -> Successor:
        return Successor(database, terms.tell, terms.journal, clock.now().timestamp(), point)

    slot = await asyncio.to_thread(slots.take, terms.data_dir)
    try:
        slot.begin()
        keeper = await _keeper(slot, terms, database, clock, successor())
    except BaseException:
        slot.release()
        raise
    janitor = Janitor(terms.data_dir, successor, silent_s=terms.silent_s, every_s=terms.sweep_every_s)
    return Worker(keeper, janitor, slot)


async def _keeper(slot: Slot, terms: WorkerTerms, database: Database, clock: Clock, successor: Successor) -> Keeper:
    registration = await succeed(slot, successor)
    owner = registration.owner
    till = Till(terms.till, clock.monotonic(), registration.now)
    identity = Identity(owner.worker_id, owner.epoch, slots.boot_id())
    journal = segments.open_new(slot.journal, identity, terms.journal)

    def is_busy() -> bool:
        """Whether calls are served, unless there is much to catch up with: then money goes first."""
        return bool(till.open) and journal.last - flusher.acked <= _AT_FULL_LOAD

    turns = Turns(is_busy)
    flusher = Flusher(database, journal, owner, owner.epoch, 0, turns)
    return Keeper(
        database,
        clock,
        owner,
        till,
        journal,
        flusher,
        Outbox(database, journal, owner, owner.epoch, 0, terms.tell, turns),
        terms.cadence,
        successor.point,
    )
