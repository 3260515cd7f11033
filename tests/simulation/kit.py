"""What a world is built of. A mutant exchanges one piece for a wrong one."""

from dataclasses import dataclass

from simulation.book import WindowedBook
from simulation.flushing import Flusher
from simulation.recovery import Successor
from simulation.worker import Life
from tollhouse.ledger.purse import Purse, Terms
from tollhouse.ledger.till import Till


@dataclass(frozen=True)
class Kit:
    """The honest pieces."""

    book: type[WindowedBook] = WindowedBook
    life: type[Life] = Life
    flusher: type[Flusher] = Flusher
    successor: type[Successor] = Successor
    till: type[Till] = Till
    purse: type[Purse] = Purse

    def new_till(self, terms: Terms, now: float, book_time: float) -> Till:
        till = self.till(terms, now, book_time)
        till.purse = self.purse(terms)
        return till
