"""How a customer comes to have its Cloudflare gateway, and how that goes.

A gateway that cannot be made at registration is tried again by `provision_pending` (a loop) or `provision_now` (an
admin). Its id follows from the customer's, and making one is idempotent, so any number of workers may try. Before a
gateway is made for a customer that is not there yet, its name is written down as *left over*; that goes when the
customer's row comes. What stays left over, also of a customer that ended, is removed by `remove_leftovers`, whatever
died in between.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.management import ManagementError
from tollhouse.cloudflare.names import gateway_id_for
from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person
from tollhouse.control.context import ControlContext, Gateways
from tollhouse.control.customers import service as customers
from tollhouse.control.customers.service import Customer, GatewayStanding, Leftover
from tollhouse.control.onboarding.patience import DISCARD_WAIT_S, UNFINISHED, one_round
from tollhouse.control.permissions import require
from tollhouse.db.pool import CONNECTION_ERRORS, Connection
from tollhouse.foundation.errors import BadGateway, Conflict, TollhouseError
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.logs import get_logger

PROVISION_WAIT_S: Final = 10.0
_NO_ROOM: Final = "no Cloudflare account of the pool has room for another gateway"

log = get_logger(__name__)


@dataclass(slots=True)
class Attempt:
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


# For a customer that is not there yet ----------------------------------------------------------------------


async def make_for_new(context: ControlContext, attempt: Attempt) -> None:
    """One try, within the wait; `attempt` says how it went."""
    if context.management is not None:
        await _provision(context, context.management, attempt, preferred=None, is_new=True)


async def discard(context: ControlContext, customer_id: CustomerId, attempt: Attempt) -> None:
    """Remove what a failed registration may have left at Cloudflare, now if that works, else later.

    A commit whose answer was lost may have happened: without certainty that there is no row, the gateway stays. The
    customer's row then took it off the leftovers.
    """
    if context.management is None or attempt.account_id is None:
        return
    leftover = Leftover(attempt.account_id, attempt.gateway_id)
    try:
        async with asyncio.timeout(DISCARD_WAIT_S):
            async with context.database.connection() as connection:
                if await customers.find(connection, customer_id) is not None:
                    return
            await _remove(context, context.management, leftover)
    except (ManagementError, TollhouseError, *CONNECTION_ERRORS) as error:
        log.warning("a gateway of a failed registration is removed later", gateway=leftover, error=str(error))


# Leftovers -------------------------------------------------------------------------------------------------


async def leave(context: ControlContext, connection: Connection, customer: Customer) -> None:
    """The customer ends with this transaction: its gateway is left over."""
    now = context.clock.now()
    gateway_id = customer.gateway.gateway_id or gateway_id_for(customer.id, context.gateway_prefix)
    for account_id, due_at in _where_left(context, customer, now):
        await customers.note_leftover(connection, Leftover(account_id, gateway_id), due_at)


def _where_left(context: ControlContext, customer: Customer, now: datetime) -> list[tuple[str, datetime]]:
    """Accounts that have the customer's gateway, or may: somebody may be making it at this moment."""
    standing = customer.gateway
    if standing.state == "ready" and standing.account_id is not None:
        return [(standing.account_id, now)]
    if standing.state == "none" or context.management is None:
        return []
    return [(account.id, now + UNFINISHED) for account in context.accounts]


async def remove_leftovers(context: ControlContext) -> int:
    """Remove gateways that belong to nobody; returns how many. Safe on any number of workers at once."""
    if context.management is None:
        return 0
    removed = 0
    async for leftover in one_round(context, customers.claim_leftover):
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


# Tried again -----------------------------------------------------------------------------------------------


async def provision_pending(context: ControlContext) -> int:
    """Try the gateways that are due; returns how many became ready. Safe on any number of workers at once."""
    if context.management is None:
        return 0
    made = 0
    async for customer in one_round(context, customers.claim_due):
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


async def _heal(context: ControlContext, management: Gateways, customer: Customer, actor: Actor) -> Attempt:
    """One try for a customer that was claimed, written down either way."""
    attempt = Attempt(gateway_id_for(customer.id, context.gateway_prefix))
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
    attempt: Attempt,
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
                        await customers.note_leftover(connection, leftover, context.clock.now() + UNFINISHED)
                if await _made_in(account, management, attempt):
                    return
                if is_new:
                    async with context.database.connection() as connection:
                        await customers.forget_leftover(connection, leftover)
    except TimeoutError:
        attempt.error = f"Cloudflare did not answer within {PROVISION_WAIT_S:.0f} seconds"


async def _made_in(account: Account, management: Gateways, attempt: Attempt) -> bool:
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
