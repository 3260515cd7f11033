"""The words of metering: what a meter is sent, what it answers, and how long it remembers. Pure.

A *meter event* is the cost of one entry of the ledger, in whole nano-dollars, signed: the unit in which our sums are
exact. Its name makes a repetition harmless, but only for a while; what then is still unclear is for people.
Sources: https://docs.stripe.com/api/billing/meter-event/create,
https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

OLDEST: Final = timedelta(days=35) - timedelta(hours=1)
"""Stripe takes what occurred in the last 35 days; an hour is left for the way."""
REMEMBERED: Final = timedelta(hours=23)
"""Stripe knows a name again for 24 hours at least; an hour is left for tries that are on their way."""
MOST_DIGITS: Final = 15

Verdict = Literal["taken", "refused", "not_taken", "unclear"]
"""`taken`: the meter has it, by this try or an earlier one. `refused`: this event it will never take. `not_taken`: not
by this try, for reasons that pass. `unclear`: it may have it."""


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """`account_id`: who pays. `name`: what makes it one event, however often it is sent."""

    name: str
    idempotency_key: str
    account_id: str
    value: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason`: in words, without credentials; empty when it was taken. `everywhere`: others would fare no better now.

    `answered`: the meter itself spoke, and would say the same again to the same idempotency key.
    """

    verdict: Verdict
    reason: str = ""
    everywhere: bool = False
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Rejection:
    """One event that the meter took and does not count. `name`: as it was sent; may be nobody's."""

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the meter found out about events after it took them. `errors` may be more than it names."""

    id: str
    rejections: tuple[Rejection, ...]
    errors: int
    summary: str


@dataclass(frozen=True, slots=True)
class MeterStanding:
    """Whether there is an active meter for our events. `fault`: what is wrong with it; None: nothing."""

    found: bool
    fault: str | None = None


class NotGenuine(Exception):
    """A report was not signed by whom it says it is from, or is none. The message is safe to show."""
