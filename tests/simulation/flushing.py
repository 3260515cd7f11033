"""From a simulated journal into the simulated book, with the same steps as `tollhouse.ledger.flushing`."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from simulation.book import Deed, Outcome, Refused, WindowedBook
from simulation.journal import Journal, Numbered
from tollhouse.ledger.protocol import FlushBatch, FlushReply, Gap, Owner, batch_of
from tollhouse.ledger.records import Amount, Resolved

MOST_RECORDS = 25

SayAgain = Callable[[Sequence[Resolved], Sequence[Amount]], tuple[Amount, ...]]
Steps = Generator[Deed, Outcome, None]
Telling = Generator[Deed, Outcome, FlushReply]


def nothing_more(_resolved: Sequence[Resolved], _returned: Sequence[Amount]) -> tuple[Amount, ...]:
    return ()


@dataclass
class Flusher:
    """How far the book has one epoch's journal."""

    journal: Journal
    caller: Owner
    epoch: int
    acked: int

    def flush(self, through: int, say_again: SayAgain) -> Telling:
        """One batch. Raises what the book raises, and Lost."""
        try:
            return (yield from self._tell(self.journal.read(self.acked, MOST_RECORDS, through), say_again))
        except Gap as gap:
            self.acked = self.after_gap(gap)
            raise

    def after_gap(self, gap: Gap) -> int:
        return gap.acked

    def flush_all(self) -> Steps:
        """What a successor does; gaps are few."""
        last = self.journal.last
        while self.acked < last:
            try:
                yield from self.flush(last, nothing_more)
            except Gap:
                continue

    def _tell(self, records: Sequence[Numbered], say_again: SayAgain) -> Telling:
        draft = batch_of(self.acked, records)
        batch = batch_of(self.acked, records, say_again(draft.resolved, draft.returned))
        try:
            reply: FlushReply = yield self._telling(batch)
        except Refused:
            reply = yield from self._tell_apart(records, say_again)
            return reply
        self.acked = reply.acked
        return reply

    def _telling(self, batch: FlushBatch) -> Deed:
        def tell(book: WindowedBook) -> FlushReply:
            return book.flush(self.caller, self.epoch, batch)

        return tell

    def _tell_apart(self, records: Sequence[Numbered], say_again: SayAgain) -> Telling:
        if len(records) > 1:
            half = len(records) // 2
            yield from self._tell(records[:half], say_again)
            reply: FlushReply = yield from self._tell(records[half:], say_again)
            return reply
        number, record = records[0]
        after = self.acked
        yield lambda book: book.bury(self.caller, self.epoch, after, number, record)
        self.acked = number
        return FlushReply(number)
