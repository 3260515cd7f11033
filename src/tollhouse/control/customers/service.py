"""Customers as rows, and the state of their gateways: none, pending, ready or failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tollhouse.access.permits import GatewayState
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import CustomerId

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class GatewayStanding:
    """What is known of a customer's gateway. `account_id` is also kept for a failed try: it may be there."""

    state: GatewayState = "none"
    gateway_id: str | None = None
    account_id: str | None = None
    error: str | None = None
    attempts: int = 0
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    id: CustomerId
    name: str
    email: str
    billing_email: str | None
    gateway: GatewayStanding
    created_at: datetime


async def refuse_known_email(connection: Connection, email: str) -> None:
    """Raises Conflict when a person or a customer has this address."""
    if await _sql.email_known(connection, email=email):
        raise email_taken()


def email_taken() -> Conflict:
    return Conflict("this e-mail address is registered already; sign in instead", code="email_taken", param="email")


async def insert(
    connection: Connection,
    customer_id: CustomerId,
    name: str,
    email: str,
    *,
    billing_email: str | None = None,
    gateway: GatewayStanding = GatewayStanding(),
) -> Customer:
    """Make the row. A known e-mail is asyncpg's UniqueViolationError: the caller says what that means."""
    row = await _sql.insert_customer(
        connection,
        id=customer_id,
        name=name,
        email=email,
        billing_email=billing_email,
        cf_gateway_id=gateway.gateway_id,
        cf_account_id=gateway.account_id,
        gateway_state=gateway.state,
        gateway_error=gateway.error,
        gateway_attempts=gateway.attempts,
        gateway_tried_at=gateway.tried_at,
    )
    return _customer(row)


async def find(connection: Connection, customer_id: CustomerId) -> Customer | None:
    row = await _sql.customer(connection, customer_id=customer_id)
    return None if row is None else _customer(row)


async def get(connection: Connection, customer_id: CustomerId) -> Customer:
    """Raises NotFound."""
    customer = await find(connection, customer_id)
    if customer is None:
        raise NotFound("this customer does not exist any more")
    return customer


async def gateways_by_account(connection: Connection, account_ids: Sequence[str]) -> dict[str, int]:
    """How many gateways of ours each account holds or may hold; accounts without any are missing."""
    rows = _sql.gateways_by_account(connection, account_ids=list(account_ids))
    return {row["cf_account_id"]: row["gateways"] async for row in rows}


async def claim_due(connection: Connection, now: datetime) -> Customer | None:
    """Take one customer whose gateway is due for another try; None when none is."""
    row = await _sql.claim_due(connection, now=now)
    return None if row is None else _customer(row)


async def claim(connection: Connection, customer_id: CustomerId, now: datetime) -> Customer | None:
    """Take this customer for a try now; None when its gateway is ready."""
    row = await _sql.claim_customer(connection, customer_id=customer_id, now=now)
    return None if row is None else _customer(row)


async def gateway_is_ready(
    connection: Connection, customer_id: CustomerId, gateway_id: str, account_id: str
) -> Customer | None:
    """Write the success down; None when it was written before."""
    row = await _sql.gateway_ready(connection, customer_id=customer_id, gateway_id=gateway_id, account_id=account_id)
    return None if row is None else _customer(row)


async def gateway_failed(connection: Connection, customer_id: CustomerId, error: str, account_id: str | None) -> None:
    await _sql.gateway_failed(connection, customer_id=customer_id, error=error, account_id=account_id)


def _customer(row: Mapping[str, Any]) -> Customer:
    return Customer(
        id=CustomerId(row["id"]),
        name=row["name"],
        email=row["email"],
        billing_email=row["billing_email"],
        gateway=GatewayStanding(
            state=row["gateway_state"],
            gateway_id=row["cf_gateway_id"],
            account_id=row["cf_account_id"],
            error=row["gateway_error"],
            attempts=row["gateway_attempts"],
            tried_at=row["gateway_tried_at"],
        ),
        created_at=row["created_at"],
    )
