"""How a customer comes to be, and how its Cloudflare gateway does: the stories that span rooms.

A registration makes the gateway first, then customer, first admin and session in one transaction. A gateway that
cannot be made does not stop it: the customer is there, its gateway `failed`, and is tried again by
`provision_pending` (a loop) or `provision_now` (an admin). The gateway's id follows from the customer's, and
making one is idempotent, so any number of workers may try. Nothing half-made stays: before a gateway is made for a
customer that is not there yet, its name is written down as *left over*; that goes when the customer's row comes. What
stays left over, also of a customer that ended, is removed by `remove_leftovers`, whatever died in between.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.management import ManagementError
from tollhouse.cloudflare.names import gateway_id_for
from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person
from tollhouse.control.context import ControlContext, Gateways
from tollhouse.control.customers import service as customers
from tollhouse.control.customers.service import Customer, GatewayStanding, Leftover
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import sessions, users
from tollhouse.control.people.sessions import NewSession, actor_of
from tollhouse.control.people.users import User
from tollhouse.control.permissions import require
from tollhouse.db.pool import CONNECTION_ERRORS
from tollhouse.foundation.errors import BadGateway, Conflict, Forbidden, TollhouseError
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.secrets import Secret

PROVISION_WAIT_S: Final = 10.0
_DISCARD_WAIT_S: Final = 5.0
_UNFINISHED: Final = timedelta(minutes=10)
"""By then a registration is over, or whoever worked on it is dead."""
_MOST_PER_ROUND: Final = 20
_NO_ROOM: Final = "no Cloudflare account of the pool has room for another gateway"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody who wants an account says."""

    name: str
    email: str
    password: Secret
    admin_name: str
    billing_email: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    customer: Customer
    user: User
    session: NewSession


@dataclass(slots=True)
class _Attempt:
    """One try at a gateway. Written while it runs, so that whoever is interrupted knows what may exist."""

    gateway_id: str
    account_id: str | None = None
    error: str = _NO_ROOM
    ready: bool = False

    def standing(self, tried_at: datetime) -> GatewayStanding:
        """As the customer's row has it. The id of a gateway is only written once it is there."""
        if self.ready:
            return GatewayStanding("ready", self.gateway_id, self.account_id, attempts=1, tried_at=tried_at)
        return GatewayStanding("failed", None, self.account_id, self.error, attempts=1, tried_at=tried_at)


# Registration ----------------------------------------------------------------------------------------------


async def register(context: ControlContext, passwords: Passwords, given: Registration) -> Registered:
    """Raises Forbidden when registration is closed, Conflict for a known e-mail; then nothing was made."""
    if not context.registration_open:
        raise Forbidden("registration is closed on this installation", code="registration_closed")
    async with context.database.connection() as connection:
        await customers.refuse_known_email(connection, given.email)
    password_hash = await passwords.hash(given.password)
    customer_id = CustomerId(new_id())
    attempt = _Attempt(gateway_id_for(customer_id, context.gateway_prefix))
    written = False
    try:
        if context.management is not None:
            await _provision(context, context.management, attempt, preferred=None, is_new=True)
        registered = await _write(context, customer_id, given, password_hash, attempt)
        written = True
    finally:  # also when cancelled
        if not written:
            await _discard(context, customer_id, attempt)
    return registered


async def _write(
    context: ControlContext,
    customer_id: CustomerId,
    given: Registration,
    password_hash: str,
    attempt: _Attempt,
) -> Registered:
    """Customer, first admin and session, all or nothing."""
    now = context.clock.now()
    gateway = GatewayStanding() if context.management is None else attempt.standing(now)
    try:
        async with context.database.transaction() as connection:
            customer = await customers.insert(
                connection,
                customer_id,
                given.name,
                given.email,
                billing_email=given.billing_email,
                gateway=gateway,
            )
            registrar = Actor(customer_id, "registration", address=given.address)
            await audit.append(connection, registrar, "customer.register", customer_id, after={"name": given.name})
            user = await users.create_user(
                connection, registrar, given.email, given.admin_name, "admin", password_hash=password_hash
            )
            session = await sessions.open_session(
                connection, actor_of(user, given.address), user.id, now, context.session_lifetime
            )
    except asyncpg.UniqueViolationError as cause:
        raise customers.email_taken() from cause
    return Registered(customer, user, session)


async def _discard(context: ControlContext, customer_id: CustomerId, attempt: _Attempt) -> None:
    """Remove what a failed registration may have left at Cloudflare, now if that works, else later.

    A commit whose answer was lost may have happened: without certainty that there is no row, the gateway stays. The
    customer's row then took it off the leftovers.
    """
    if context.management is None or attempt.account_id is None:
        return
    leftover = Leftover(attempt.account_id, attempt.gateway_id)
    try:
        async with asyncio.timeout(_DISCARD_WAIT_S):
            async with context.database.connection() as connection:
                if await customers.find(connection, customer_id) is not None:
                    return
            await _remove(context, context.management, leftover)
    except (ManagementError, TollhouseError, *CONNECTION_ERRORS) as error:
        log.warning("a gateway of a failed registration is removed later", gateway=leftover, error=str(error))


# Ending ----------------------------------------------------------------------------------------------------


async def end_customer(context: ControlContext, person: Person, name: str) -> None:
    """Its keys are dead at once, its gateway goes in the background, the ledger stays.

    Raises Forbidden, and Conflict unless the customer's name is given, word for word.
    """
    require(person, "customer.delete")
    async with context.database.transaction() as connection:
        customer = await customers.lock(connection, person.customer_id)
        if name != customer.name:
            raise Conflict("to delete a customer, send its name, word for word", code="name_differs", param="name")
        now = context.clock.now()
        gateway_id = customer.gateway.gateway_id or gateway_id_for(customer.id, context.gateway_prefix)
        for account_id, due_at in _where_left(context, customer, now):
            await customers.note_leftover(connection, Leftover(account_id, gateway_id), due_at)
        await audit.append(connection, person.actor, "customer.delete", customer.id, before={"name": customer.name})
        await customers.delete(connection, customer.id)


def _where_left(context: ControlContext, customer: Customer, now: datetime) -> list[tuple[str, datetime]]:
    """Accounts that have the customer's gateway, or may: somebody may be making it at this moment."""
    standing = customer.gateway
    if standing.state == "ready" and standing.account_id is not None:
        return [(standing.account_id, now)]
    if standing.state == "none" or context.management is None:
        return []
    return [(account.id, now + _UNFINISHED) for account in context.accounts]


async def remove_leftovers(context: ControlContext) -> int:
    """Remove gateways that belong to nobody; returns how many. Safe on any number of workers at once."""
    if context.management is None:
        return 0
    removed = 0
    for _ in range(_MOST_PER_ROUND):
        async with context.database.transaction() as connection:
            leftover = await customers.claim_leftover(connection, context.clock.now())
        if leftover is None:
            break
        try:
            await _remove(context, context.management, leftover)
            removed += 1
        except ManagementError as error:
            log.warning("a gateway that is left over could not be removed", gateway=leftover, error=str(error))
            async with context.database.connection() as connection:
                await customers.leftover_failed(connection, leftover, str(error))
    return removed


async def _remove(context: ControlContext, management: Gateways, leftover: Leftover) -> None:
    await management.delete(leftover.account_id, leftover.gateway_id)
    async with context.database.connection() as connection:
        await customers.forget_leftover(connection, leftover)


# Gateways --------------------------------------------------------------------------------------------------


async def provision_pending(context: ControlContext) -> int:
    """Try the gateways that are due; returns how many became ready. Safe on any number of workers at once."""
    if context.management is None:
        return 0
    made = 0
    for _ in range(_MOST_PER_ROUND):
        async with context.database.transaction() as connection:
            customer = await customers.claim_due(connection, context.clock.now())
        if customer is None:
            break
        actor = Actor(customer.id, "provisioning")
        made += (await _heal(context, context.management, customer, actor)).ready
    return made


async def provision_now(context: ControlContext, person: Person) -> Customer:
    """An admin does not want to wait. Raises Conflict without Cloudflare, BadGateway when it did not work."""
    require(person, "gateway.provision")
    if context.management is None:
        raise Conflict("Cloudflare is not configured on this installation", code="gateways_not_configured")
    async with context.database.transaction() as connection:
        claimed = await customers.claim(connection, person.customer_id, context.clock.now())
    if claimed is not None:
        attempt = await _heal(context, context.management, claimed, person.actor)
        if not attempt.ready:
            raise BadGateway(f"the gateway could not be made: {attempt.error}", code="gateway_failed")
    async with context.database.connection() as connection:
        return await customers.get(connection, person.customer_id)


async def _heal(context: ControlContext, management: Gateways, customer: Customer, actor: Actor) -> _Attempt:
    """One try for a customer that was claimed, written down either way."""
    attempt = _Attempt(gateway_id_for(customer.id, context.gateway_prefix))
    await _provision(context, management, attempt, preferred=customer.gateway.account_id)
    async with context.database.transaction() as connection:
        if attempt.ready and attempt.account_id is not None:
            changed = await customers.gateway_is_ready(connection, customer.id, attempt.gateway_id, attempt.account_id)
            if changed is not None:
                await audit.append(
                    connection, actor, "gateway.ready", customer.id, after={"cf_gateway_id": attempt.gateway_id}
                )
        else:
            await customers.gateway_failed(connection, customer.id, attempt.error, attempt.account_id)
    return attempt


async def _provision(
    context: ControlContext,
    management: Gateways,
    attempt: _Attempt,
    *,
    preferred: str | None,
    is_new: bool = False,
) -> None:
    """Make the gateway in the first account that takes it; says in `attempt` how it went, within the wait.

    `is_new`: there is no customer yet whose row would tell that the gateway may exist.
    """
    try:
        async with asyncio.timeout(PROVISION_WAIT_S):
            for account in await _with_room(context, preferred):
                leftover = Leftover(account.id, attempt.gateway_id)
                if is_new:
                    async with context.database.connection() as connection:
                        await customers.note_leftover(connection, leftover, context.clock.now() + _UNFINISHED)
                if await _made_in(account, management, attempt):
                    return
                if is_new:
                    async with context.database.connection() as connection:
                        await customers.forget_leftover(connection, leftover)
    except TimeoutError:
        attempt.error = f"Cloudflare did not answer within {PROVISION_WAIT_S:.0f} seconds"


async def _made_in(account: Account, management: Gateways, attempt: _Attempt) -> bool:
    """False: this account is full, go on with the next. Otherwise the attempt is over, well or not."""
    attempt.account_id = account.id
    try:
        await management.ensure(account.id, attempt.gateway_id)
    except ManagementError as error:
        if error.quota:
            attempt.account_id = None  # it is certain that there is none
            return False
        attempt.error = str(error)
        return True
    attempt.ready = True
    return True


async def _with_room(context: ControlContext, preferred: str | None) -> Sequence[Account]:
    """Accounts to try, in order: where an earlier try may have left the gateway, then those not full."""
    async with context.database.connection() as connection:
        taken = await customers.gateways_by_account(connection, [account.id for account in context.accounts])
    return [
        *(account for account in context.accounts if account.id == preferred),
        *(
            account
            for account in context.accounts
            if account.id != preferred and taken.get(account.id, 0) < account.capacity
        ),
    ]
