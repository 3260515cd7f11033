"""Customers as rows, and the state of their gateways: none, pending, ready or failed. Their billing: `billing.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tollhouse.access.member_policy import FREE, MemberPolicy
from tollhouse.access.permits import GatewayState
from tollhouse.cloudflare.routes import CredentialMode
from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.customers import billing as billing_rows
from tollhouse.control.customers.billing import UNBILLED, BillingStanding
from tollhouse.control.permissions import require
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
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
class Settings:
    """`capture_content`: whether prompts and answers may be kept in the telemetry.

    `trace_retention_days`: how long spans are kept; None: as long as the installation's setting says.
    """

    credential_mode: CredentialMode = "unified"
    capture_content: bool = False
    trace_retention_days: int | None = None
    member_keys: MemberPolicy = FREE

    def record(self) -> dict[str, str | int | bool | list[str] | None]:
        """As the audit log keeps them."""
        return {
            "credential_mode": self.credential_mode,
            "capture_content": self.capture_content,
            "trace_retention_days": self.trace_retention_days,
        } | {f"member_{name}": value for name, value in self.member_keys.stored().items()}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a customer's admins set."""

    name: str
    billing_email: str | None
    settings: Settings

    def record(self) -> dict[str, str | int | bool | list[str] | None]:
        return {"name": self.name, "billing_email": self.billing_email} | self.settings.record()


@dataclass(frozen=True, slots=True)
class Leftover:
    """A gateway at Cloudflare that belongs to nobody."""

    account_id: str
    gateway_id: str


@dataclass(frozen=True, slots=True)
class Customer:
    id: CustomerId
    name: str
    email: str
    billing_email: str | None
    gateway: GatewayStanding
    billing: BillingStanding
    settings: Settings
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
    billing: BillingStanding = UNBILLED,
) -> Customer:
    """Make the row; its gateway and its billing account are left over no more.

    A known e-mail is asyncpg's UniqueViolationError; Unavailable when its billing account was given up meanwhile.
    """
    if gateway.gateway_id is not None:
        await _sql.forget_leftovers(connection, gateway_id=gateway.gateway_id)
    if billing.tried_at is not None:
        await billing_rows.take_over(connection, customer_id)
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
        **billing_rows.stored(billing),
    )
    return _customer(row)


async def find(connection: Connection, customer_id: CustomerId) -> Customer | None:
    row = await _sql.customer(connection, customer_id=customer_id)
    return None if row is None else _customer(row)


async def get(connection: Connection, customer_id: CustomerId) -> Customer:
    """Raises NotFound."""
    customer = await find(connection, customer_id)
    if customer is None:
        raise _gone()
    return customer


async def gateways_by_account(connection: Connection, account_ids: Sequence[str]) -> dict[str, int]:
    """How many gateways of ours each account holds or may hold; accounts without any are missing."""
    rows = _sql.gateways_by_account(connection, account_ids=list(account_ids))
    return {row["account_id"]: row["gateways"] async for row in rows}


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


# Settings --------------------------------------------------------------------------------------------------


async def change(database: Database, person: Person, edit: Callable[[Profile], Profile]) -> Customer:
    """Apply `edit` to what is set now. Raises Forbidden, NotFound."""
    require(person, "customer.change")
    async with database.transaction() as connection:
        seen = await lock(connection, person.customer_id)
        before = Profile(seen.name, seen.billing_email, seen.settings)
        after = edit(before)
        row = await _sql.update_customer(
            connection,
            customer_id=seen.id,
            name=after.name,
            billing_email=after.billing_email,
            settings=_stored(after.settings),
        )
        await audit.append_change(connection, person.actor, "customer.update", seen.id, before.record(), after.record())
    return _customer(row)


async def lock(connection: Connection, customer_id: CustomerId) -> Customer:
    """The customer, until the transaction ends. Raises NotFound."""
    row = await _sql.lock_customer(connection, customer_id=customer_id)
    if row is None:
        raise _gone()
    return _customer(row)


async def delete(connection: Connection, customer_id: CustomerId) -> None:
    """People, teams, keys, sessions and tokens go with it; the ledger, receipts and the audit log stay."""
    await _sql.delete_customer(connection, customer_id=customer_id)


# Leftovers -------------------------------------------------------------------------------------------------


async def note_leftover(connection: Connection, leftover: Leftover, due_at: datetime) -> None:
    """From `due_at` on the gateway is removed unless a customer has it."""
    await _sql.note_leftover(connection, account_id=leftover.account_id, gateway_id=leftover.gateway_id, due_at=due_at)


async def forget_leftover(connection: Connection, leftover: Leftover) -> None:
    await _sql.forget_leftover(connection, account_id=leftover.account_id, gateway_id=leftover.gateway_id)


async def claim_leftover(connection: Connection, now: datetime) -> Leftover | None:
    """Take one that is due; None when none is."""
    row = await _sql.claim_leftover(connection, now=now)
    return None if row is None else Leftover(row["account_id"], row["gateway_id"])


async def leftover_failed(connection: Connection, leftover: Leftover, error: str) -> None:
    await _sql.leftover_failed(connection, account_id=leftover.account_id, gateway_id=leftover.gateway_id, error=error)


def _stored(settings: Settings) -> dict[str, Any]:
    """As the row has them."""
    return {
        "credential_mode": settings.credential_mode,
        "capture_content": settings.capture_content,
        "trace_retention_days": settings.trace_retention_days,
        "member_keys": settings.member_keys.stored(),
    }


def _settings(stored: Mapping[str, Any]) -> Settings:
    return Settings(
        credential_mode=stored.get("credential_mode") or "unified",
        capture_content=bool(stored.get("capture_content")),
        trace_retention_days=stored.get("trace_retention_days"),
        member_keys=MemberPolicy.of(stored.get("member_keys")),
    )


def _gone() -> NotFound:
    return NotFound("this customer does not exist any more")


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
        billing=billing_rows.standing_of(row),
        settings=_settings(row["settings"]),
        created_at=row["created_at"],
    )
