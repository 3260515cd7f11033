"""The words of billing: who pays, and what may go wrong at Stripe.

A *billing account* is what Stripe calls a customer; a customer is always one of ours.
"""

from dataclasses import dataclass

from tollhouse.foundation.ids import CustomerId


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer of ours, as Stripe is told of it. `email` is where its invoices go."""

    customer_id: CustomerId
    name: str
    email: str


class BillingError(Exception):
    """Stripe said no, or nothing. The message may be kept and logged: there is no credential in it.

    `away`: it concerns all accounts, not this one, so others need not be tried now. `settled`: asked again in the same
    round, Stripe would only repeat this answer; the next try needs a new round. `refused`: it does not take what it
    was told, and made nothing of it; that is settled, too.
    """

    def __init__(self, message: str, *, away: bool = False, settled: bool = False, refused: bool = False) -> None:
        super().__init__(message)
        self.away = away
        self.settled = settled or refused
        self.refused = refused
