"""What the tests of the till and of the purse say in few words: wishes, standings, answers, replies."""

from math import inf

from tollhouse.foundation.ids import CallId, CustomerId, KeyId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Answer, FlushReply, GrantReply, Scope, Standing, Verdict
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Call

BOOK_TIME = 1_800_000_000.0
"""The book's clock at the worker's zero."""


def wish(name: str, amount: int | None, *budgets: int, floor: int | None = None) -> Wish:
    """A call that wants `amount` on each budget (1, if none is named), or as much as there is from `floor` up."""
    call = Call(CallId(name), CustomerId("acme"), KeyId("key"), None, None, "openai", "gpt-4o-mini", "prices")
    least = amount or 0 if floor is None else floor
    return Wish(call, budgets or (1,), None if amount is None else Nanos(amount), Nanos(least), b"note")


def standing(
    budget_id: int = 1,
    granted: int = 0,
    *,
    limit: int | None = 10_000,
    spent: int = 0,
    leased: int | None = None,
    doubt: int = 0,
    period: int = 1,
    tight: bool = False,
    resets_at: float = inf,
    looks_again_at: float | None = None,
) -> Standing:
    """What the book says of a budget; moments are seconds after the worker's zero."""
    return Standing(
        budget_id,
        period,
        Scope("key", f"scope-{budget_id}"),
        None if limit is None else Nanos(limit),
        Nanos(spent),
        Nanos(granted if leased is None else leased),
        Nanos(doubt),
        Nanos(granted),
        tight,
        BOOK_TIME + resets_at,
        BOOK_TIME + (resets_at if looks_again_at is None else looks_again_at),
    )


def answers(*verdicts: Verdict, budget: int = 1) -> tuple[Answer, ...]:
    return tuple(Answer(verdict, None if verdict == "whole" else budget) for verdict in verdicts)


def reply(now: float, *said: Standing | Answer, number: int = 1) -> GrantReply:
    """The answer to an order, at the worker's moment `now`."""
    standings = tuple(one for one in said if isinstance(one, Standing))
    return GrantReply(number, standings, tuple(one for one in said if isinstance(one, Answer)), BOOK_TIME + now)


def acked(number: int = 0, *wanted: int, now: float) -> FlushReply:
    return FlushReply(number, wanted, BOOK_TIME + now)
