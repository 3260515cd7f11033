"""How a customer comes to have its account at Stripe, where its invoices will be, and how Stripe hears of changes.

An account that cannot be made at registration is made by `tend` (a loop), which first looks whether an earlier try has
made it. Before an account is made for a customer that is not there yet, that customer is written down as *left over*;
this goes when its row comes. What stays left over is removed by `remove_leftovers`, whatever died in between. Any
number of workers may do all of it. The account of a customer that ends stays at Stripe, for the sake of its invoices.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tollhouse.billing.accounts import BillingError, Payer
from tollhouse.control import audit
from tollhouse.control.callers import Actor
from tollhouse.control.context import BillingAccounts, ControlContext
from tollhouse.control.customers import billing as rows
from tollhouse.control.customers.billing import BillingStanding, Due, LeftoverAccount
from tollhouse.control.customers.service import Customer
from tollhouse.control.onboarding.patience import DISCARD_WAIT_S, UNFINISHED, one_round
from tollhouse.db.pool import CONNECTION_ERRORS, Connection
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.logs import get_logger

_FIRST_ROUND: Final = 0

log = get_logger(__name__)


@dataclass(slots=True)
class Opening:
    """The first try at an account. Written while it runs, so that whoever is interrupted knows what may exist."""

    payer: Payer
    account_id: str | None = None
    failure: BillingError | None = None

    def standing(self, tried_at: datetime) -> BillingStanding:
        """As the customer's row has it. Words that Stripe refused are not kept: nothing was made by them."""
        told, failure = self.payer, self.failure
        if failure is None:
            return BillingStanding(self.account_id, told.name, told.email, tried_at=tried_at)
        name, email = (None, None) if failure.refused else (told.name, told.email)
        next_round = _FIRST_ROUND + failure.settled
        return BillingStanding(None, name, email, next_round, attempts=1, tried_at=tried_at, error=str(failure))


# For a customer that is not there yet ----------------------------------------------------------------------


async def make_for_new(context: ControlContext, opening: Opening) -> None:
    """One try; `opening` says how it went."""
    if context.billing is None:
        return
    payer = opening.payer
    leftover = LeftoverAccount(payer.customer_id, payer.email)
    async with context.database.connection() as connection:
        await rows.note_leftover(connection, leftover, context.clock.now() + UNFINISHED)
    try:
        opening.account_id = await context.billing.make(payer, _FIRST_ROUND)
    except BillingError as error:
        opening.failure = error
        log.warning("a billing account is made later", customer=payer.customer_id, error=str(error))


async def discard(context: ControlContext, opening: Opening) -> None:
    """Remove what a failed registration has left at Stripe, now if that works, else later.

    An account whose making was not answered may come yet: it is looked for later. A commit whose answer was lost may
    have happened: whether the customer's row took the account over decides.
    """
    if context.billing is None or opening.account_id is None:
        return
    customer_id = opening.payer.customer_id
    try:
        async with asyncio.timeout(DISCARD_WAIT_S):
            async with context.database.transaction() as connection:
                if not await rows.claim_leftover_of(connection, customer_id, context.clock.now()):
                    return
            await context.billing.delete(opening.account_id)
            async with context.database.connection() as connection:
                await rows.forget_leftover(connection, customer_id)
    except (BillingError, TollhouseError, *CONNECTION_ERRORS) as error:
        log.warning("an account of a failed registration is removed later", customer=customer_id, error=str(error))


# Leftovers -------------------------------------------------------------------------------------------------


async def leave(context: ControlContext, connection: Connection, customer: Customer) -> None:
    """The customer ends with this transaction. Its account is kept for usage that is not billed yet.

    An account that somebody may just be making is left over.
    """
    standing = customer.billing
    if standing.account_id is not None:
        await rows.keep_ended(connection, customer.id, standing.account_id)
    elif standing.email is not None:
        leftover = LeftoverAccount(customer.id, standing.email)
        await rows.note_leftover(connection, leftover, context.clock.now() + UNFINISHED)


async def remove_leftovers(context: ControlContext) -> int:
    """Remove accounts that belong to nobody; returns how many. Safe on any number of workers at once."""
    if context.billing is None:
        return 0
    removed = 0
    async for leftover in one_round(context, rows.claim_leftover):
        try:
            removed += await _remove(context, context.billing, leftover)
        except BillingError as error:
            log.warning("a left over account could not be removed", customer=leftover.customer_id, error=str(error))
            async with context.database.connection() as connection:
                await rows.leftover_failed(connection, leftover.customer_id, str(error))
            if error.away:
                break
    return removed


async def _remove(context: ControlContext, billing: BillingAccounts, leftover: LeftoverAccount) -> int:
    found = await billing.find(leftover.customer_id, leftover.email)
    for account_id in found:
        await billing.delete(account_id)
    async with context.database.connection() as connection:
        await rows.forget_leftover(connection, leftover.customer_id)
    return len(found)


# In the background -----------------------------------------------------------------------------------------


async def tend(context: ControlContext) -> int:
    """Make accounts that are missing and tell Stripe what has changed; returns of how many customers.

    Safe on any number of workers at once. When Stripe is away, the rest waits for the next round.
    """
    if context.billing is None:
        return 0
    tended = 0
    async for due in one_round(context, rows.claim_due):
        try:
            await _tell(context, context.billing, due)
            tended += 1
        except BillingError as error:
            await _failed(context, due, error)
            if error.away:
                break
    return tended


async def _tell(context: ControlContext, billing: BillingAccounts, due: Due) -> None:
    if due.account_id is None:
        await _made(context, due.payer, await _found_or_made(billing, due))
        return
    await billing.tell(due.account_id, due.payer)
    async with context.database.connection() as connection:
        await rows.is_told(connection, due.account_id, due.payer)


async def _found_or_made(billing: BillingAccounts, due: Due) -> str:
    """The account that an earlier try has made, whose answer nobody heard or wrote down, or a new one."""
    found = await billing.find(due.payer.customer_id, due.payer.email)
    return found[0] if found else await billing.make(due.payer, due.round)


async def _made(context: ControlContext, payer: Payer, account_id: str) -> None:
    async with context.database.transaction() as connection:
        if await rows.is_made(connection, payer.customer_id, account_id):
            actor = Actor(payer.customer_id, "billing")
            after = {"stripe_customer_id": account_id}
            await audit.append(connection, actor, "billing_account.made", payer.customer_id, after=after)


async def _failed(context: ControlContext, due: Due, error: BillingError) -> None:
    log.warning("a billing account is tended to later", customer=due.payer.customer_id, error=str(error))
    async with context.database.connection() as connection:
        await rows.failed(connection, due, error)
