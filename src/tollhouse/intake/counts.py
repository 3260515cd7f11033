"""What the door for spans counts for operators, beside its answers. No label names anybody."""

from tollhouse.tallies.cells import Tally


class Counts:
    """One worker's."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._stored = tally.counter("spans", "stored")
        self._rejected = tally.counter("spans", "rejected")

    def taken(self, stored: int, rejected: int) -> None:
        """A request was worked on: so many of its spans are in the database, so many cannot be."""
        self._tally.values[self._stored] += stored
        self._tally.values[self._rejected] += rejected
