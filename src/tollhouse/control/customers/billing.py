"""Customers' billing accounts as rows: which there are, what is due, and what is left over at Stripe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tollhouse.billing.accounts import BillingError, Payer
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.ids import CustomerId

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class BillingStanding:
    """What is known of a customer's billing account. `email`: where it is, or may be without our knowing its id."""

    account_id: str | None = None
    name: str | None = None
    email: str | None = None
    round: int = 0
    attempts: int = 0
    tried_at: datetime | None = None
    error: str | None = None


UNBILLED: Final = BillingStanding()


@dataclass(frozen=True, slots=True)
class Due:
    """An account to make, or, if it has an id, to tell what has changed. `payer` is what Stripe is to be told."""

    payer: Payer
    account_id: str | None
    round: int


@dataclass(frozen=True, slots=True)
class LeftoverAccount:
    """A billing account that belongs to nobody. Whether there is one only Stripe knows."""

    customer_id: CustomerId
    email: str


_COLUMNS: Final = {
    "stripe_customer_id": "account_id",
    "stripe_name": "name",
    "stripe_email": "email",
    "stripe_round": "round",
    "stripe_attempts": "attempts",
    "stripe_tried_at": "tried_at",
    "stripe_error": "error",
}


def standing_of(row: Mapping[str, Any]) -> BillingStanding:
    return BillingStanding(**{field: row[column] for column, field in _COLUMNS.items()})


def stored(standing: BillingStanding) -> dict[str, Any]:
    """As the row has it."""
    return {column: getattr(standing, field) for column, field in _COLUMNS.items()}


async def claim_due(connection: Connection, now: datetime) -> Due | None:
    """Take one customer whose account is to be made or to be told something; None when none is due."""
    row = await _sql.claim_billing(connection, now=now)
    if row is None:
        return None
    return Due(Payer(CustomerId(row["id"]), row["name"], row["email"]), row["account_id"], row["round"])


async def is_made(connection: Connection, customer_id: CustomerId, account_id: str) -> bool:
    """Write the account down; False when there is nothing to write: it was before, or the customer has ended."""
    return await _sql.billing_made(connection, customer_id=customer_id, account_id=account_id) is not None


async def is_told(connection: Connection, account_id: str, payer: Payer) -> None:
    await _sql.billing_told(
        connection, customer_id=payer.customer_id, account_id=account_id, name=payer.name, email=payer.email
    )


async def failed(connection: Connection, due: Due, error: BillingError) -> None:
    """Write down why, which round the next try is, and that it has to use other words if these were refused."""
    await _sql.billing_failed(
        connection,
        customer_id=due.payer.customer_id,
        account_id=due.account_id,
        error=str(error),
        next_round=due.round + error.settled,
        refused=error.refused,
    )


# Leftovers -------------------------------------------------------------------------------------------------


async def note_leftover(connection: Connection, leftover: LeftoverAccount, due_at: datetime) -> None:
    """From `due_at` on the account is removed unless the customer is there."""
    await _sql.note_leftover_account(connection, customer_id=leftover.customer_id, email=leftover.email, due_at=due_at)


async def take_over(connection: Connection, customer_id: CustomerId) -> None:
    """The customer's row comes in this transaction: its account is left over no more.

    Raises Unavailable when it was given up already: whoever registers has slept until others tidied up.
    """
    if await _sql.take_over_account(connection, customer_id=customer_id) is None:
        raise Unavailable("the registration took too long and was given up; try again", code="registration_given_up")


async def keep_ended(connection: Connection, customer_id: CustomerId, account_id: str) -> None:
    """The customer ends; usage of it that is still on its way goes to this account."""
    await _sql.keep_ended_account(connection, customer_id=customer_id, account_id=account_id)


async def claim_leftover(connection: Connection, now: datetime) -> LeftoverAccount | None:
    """Take one that is due; None when none is."""
    row = await _sql.claim_leftover_account(connection, now=now)
    return None if row is None else LeftoverAccount(CustomerId(row["customer_id"]), row["email"])


async def claim_leftover_of(connection: Connection, customer_id: CustomerId, now: datetime) -> bool:
    """Take this one now; False when it is left over no more. Waits for whoever is about to decide that."""
    return await _sql.claim_leftover_account_of(connection, customer_id=customer_id, now=now) is not None


async def leftover_failed(connection: Connection, customer_id: CustomerId, error: str) -> None:
    await _sql.leftover_account_failed(connection, customer_id=customer_id, error=error)


async def forget_leftover(connection: Connection, customer_id: CustomerId) -> None:
    await _sql.forget_leftover_account(connection, customer_id=customer_id)
