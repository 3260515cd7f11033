"""Finishes what a dead worker left: its calls without a known end are charged in full, its leases go back.

Only the holder of the slot's lock may do this. The dead epoch's journal is continued: an outcome *in doubt* for each
call that was open. Then both readers finish it as they would have, and the epoch is closed. Money whose fate the
journal proves goes back at once; if the machine went down or the journal is damaged, it stays in doubt. Recovery can
itself be killed at any point and be done again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollhouse.db.pool import Database
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import book, crashpoints, segments
from tollhouse.ledger.crashpoints import CrashPoint
from tollhouse.ledger.flushing import Flusher
from tollhouse.ledger.outbox import Outbox, Tell
from tollhouse.ledger.protocol import Gap, Owner
from tollhouse.ledger.records import Amount, Resolved
from tollhouse.ledger.segments import Identity, Journal, JournalLimits
from tollhouse.ledger.slots import Slot, boot_id
from tollhouse.ledger.turns import Turns

_MOST_GAPS: Final = 3

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Successor:
    """Who finishes dead epochs, and with what."""

    database: Database
    tell: Tell
    limits: JournalLimits
    now: float
    """Seconds since 1970, for what is old enough to be deleted."""
    point: CrashPoint = crashpoints.none


async def succeed(slot: Slot, successor: Successor) -> book.Registration:
    """Take the slot's next epoch and finish all earlier ones. The slot's lock is held."""
    journals = segments.epochs(slot.journal)
    async with successor.database.connection() as connection:
        registration = await book.register(connection, slot.worker_id, max(journals, default=0))
        marks = {mark.epoch: mark for mark in await book.marks(connection, slot.worker_id)}
    owner = registration.owner
    async with successor.database.connection() as connection:
        await book.abandon_epochs(connection, owner, journals)
    for epoch in journals:
        await _finish(slot.journal, owner, marks.get(epoch) or book.Mark(epoch), successor)
    return registration


async def _finish(folder: Path, owner: Owner, mark: book.Mark, successor: Successor) -> None:
    scan = segments.scan(folder, mark.epoch, min(mark.acked, mark.recorded))
    if mark.state == "closed" and mark.acked >= scan.last and mark.recorded >= scan.last:
        segments.forget_epoch(folder, mark.epoch, successor.limits, successor.now)
        return
    identity = Identity(owner.worker_id, mark.epoch, boot_id())
    journal = segments.reopen(folder, identity, successor.limits, scan, mark.acked)
    try:
        charged = _charge_open(journal, scan, successor.point)
        last = await journal.sync()
        await _tell_book(journal, owner, mark, last, successor)
        whole = scan.intact and scan.last >= mark.acked
        exact = whole and (scan.stopped or scan.boot_id == identity.boot_id != "")
        async with successor.database.connection() as connection:
            await book.close_epoch(connection, owner, mark.epoch, exact=exact)
        successor.point("during_recovery")
        outbox = Outbox(successor.database, journal, owner, mark.epoch, mark.recorded, successor.tell, Turns())
        while await outbox.send(last):
            pass
        await outbox.pass_over(last)
    finally:
        journal.close()
    if charged or not exact:
        _log.warning("a worker died", epoch=mark.epoch, calls_charged_in_doubt=charged, rest_given_back=exact)


def _charge_open(journal: Journal, scan: segments.Scan, point: CrashPoint) -> int:
    """They may have been sent: charged in full, flagged, for a person to adjust."""
    for reserved in scan.open.values():
        journal.append(Resolved(reserved, "in_doubt", reserved.amount))
        point("during_recovery")
    return len(scan.open)


async def _tell_book(journal: Journal, owner: Owner, mark: book.Mark, last: int, successor: Successor) -> None:
    """All of it, also what a book that forgot commits has to hear a second time."""
    flusher = Flusher(successor.database, journal, owner, mark.epoch, mark.acked, Turns())
    gaps = 0
    while flusher.acked < last:
        try:
            await flusher.flush(last, _nothing_more)
        except Gap:
            gaps += 1
            if gaps > _MOST_GAPS:
                raise
        successor.point("during_recovery")


def _nothing_more(_resolved: Sequence[Resolved], _returned: Sequence[Amount]) -> tuple[Amount, ...]:
    """What a dead worker believed it was granted died with it; the book's own count stands."""
    return ()
