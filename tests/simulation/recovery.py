"""What a successor does with a dead worker's slot, with the same steps as `tollhouse.ledger.recovery`."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from simulation.book import Deed, Outcome
from simulation.flushing import Flusher, Steps
from simulation.journal import Journal, Slot
from tollhouse.ledger.book import Mark, Registration
from tollhouse.ledger.protocol import Owner
from tollhouse.ledger.records import Resolved

Succession = Generator[Deed, Outcome, Registration]


@dataclass
class Successor:
    """Holds the slot's lock. `boot`: the present run of the machine; `point` may end the successor."""

    slot: Slot
    boot: int
    point: Callable[[str], None]

    def succeed(self) -> Succession:
        """Take the slot's next epoch and finish all earlier ones."""
        slot = self.slot
        above = max(slot.journals, default=0)
        registration: Registration = yield lambda book: book.register(slot.worker_id, above)
        marks: list[Mark] = yield lambda book: book.marks(slot.worker_id)
        owner = registration.owner
        known = {mark.epoch: mark for mark in marks}
        kept = sorted(epoch for epoch in slot.journals if epoch != owner.epoch)
        yield lambda book: book.abandon_epochs(owner, kept)
        for epoch in kept:
            yield from self._finish(owner, known.get(epoch) or Mark(epoch))
        return registration

    def _finish(self, owner: Owner, mark: Mark) -> Steps:
        journal = self.slot.journals[mark.epoch]
        if mark.state == "closed" and mark.acked >= journal.last:
            return
        exact = self.exact(journal, mark.acked)
        self.reopen(journal, mark.acked)
        self.charge_open(journal)
        journal.synced = journal.last
        epoch = mark.epoch
        yield from Flusher(journal, owner, epoch, mark.acked).flush_all()
        yield lambda book: book.close_epoch(owner, epoch, exact=exact)
        self.point("during_recovery")

    def reopen(self, journal: Journal, acked: int) -> None:
        """To be continued behind everything that the book has, even if that is lost here."""
        journal.last = max(journal.last, acked)

    def exact(self, journal: Journal, acked: int) -> bool:
        """Whether the journal proves what became of all the money."""
        whole = journal.intact and journal.last >= acked
        return whole and (journal.stopped or journal.boot == self.boot)

    def charge_open(self, journal: Journal) -> None:
        for reserved in journal.open().values():
            self.point("during_recovery")
            journal.append(Resolved(reserved, "in_doubt", reserved.amount))
            self.point("during_recovery")
