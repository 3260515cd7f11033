"""A batch: what the records of the journal mean for the book."""

from ledger.wishes import wish
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import FlushBatch, Gap, batch_of
from tollhouse.ledger.records import Amount, Part, Record, Reserved, Resolved, Returned, Stopped

RESERVED = Reserved(wish("a", 40).call, 0, (Part(1, 1, True),), Nanos(40))


def test_a_batch_has_the_outcomes_and_the_returns_summed_by_account() -> None:
    exact = Resolved(RESERVED, "exact", Nanos(30))
    records: list[tuple[int, Record]] = [
        (4, RESERVED),
        (5, Returned((Amount(2, 1, Nanos(5)), Amount(1, 1, Nanos(1))))),
        (6, exact),
        (7, Returned((Amount(2, 1, Nanos(6)), Amount(2, 2, Nanos(9))))),
        (8, Stopped()),
    ]
    returned = (Amount(1, 1, Nanos(1)), Amount(2, 1, Nanos(11)), Amount(2, 2, Nanos(9)))
    assert batch_of(3, records) == FlushBatch(3, 8, (exact,), returned)


def test_a_void_moves_nothing() -> None:
    assert batch_of(0, [(1, RESERVED), (2, Resolved(RESERVED, "void", Nanos(0)))]) == FlushBatch(0, 2, (), ())


def test_what_the_book_has_is_not_sent_again() -> None:
    """Half of a batch, told apart, may reach back behind what a lost answer had acknowledged."""
    again = (7, Returned((Amount(1, 1, Nanos(5)),)))
    assert batch_of(7, [again, (8, Returned((Amount(1, 1, Nanos(2)),)))]).returned == (Amount(1, 1, Nanos(2)),)
    assert batch_of(7, [again]) == FlushBatch(7, 7, (), ())


def test_a_batch_without_records_is_a_heartbeat_that_may_say_what_was_granted() -> None:
    granted = (Amount(1, 1, Nanos(3)),)
    assert batch_of(9, [], granted) == FlushBatch(9, 9, (), (), granted)


def test_a_batch_may_reach_over_records_that_are_not_there() -> None:
    assert batch_of(9, [], through=12) == FlushBatch(9, 12, (), ())


def test_a_gap_says_from_where_to_send_again() -> None:
    assert (Gap(7).acked, str(Gap(7))) == (7, "the book has records up to 7 only")
