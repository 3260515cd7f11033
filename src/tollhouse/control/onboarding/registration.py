"""A customer comes to be whole, or not at all.

Its account at Stripe is made first, then its gateway, then customer, first admin and session in one transaction. What
cannot be made elsewhere does not stop it: the customer is there, and the rest is tried again later.
"""

from dataclasses import dataclass

import asyncpg

from tollhouse.billing.accounts import Payer
from tollhouse.cloudflare.names import gateway_id_for
from tollhouse.control import audit
from tollhouse.control.callers import Actor
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import service as customers
from tollhouse.control.customers.billing import UNBILLED
from tollhouse.control.customers.service import Customer, GatewayStanding
from tollhouse.control.onboarding import billing_accounts, gateways
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import sessions, users
from tollhouse.control.people.sessions import NewSession, actor_of
from tollhouse.control.people.users import User
from tollhouse.foundation.errors import Forbidden
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.secrets import Secret


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


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """What a customer that is not there yet is given outside of our database."""

    account: billing_accounts.Opening
    gateway: gateways.Attempt


async def register(context: ControlContext, passwords: Passwords, given: Registration) -> Registered:
    """Raises Forbidden when registration is closed, Conflict for a known e-mail; then nothing was made."""
    if not context.registration_open:
        raise Forbidden("registration is closed on this installation", code="registration_closed")
    async with context.database.connection() as connection:
        await customers.refuse_known_email(connection, given.email)
    password_hash = await passwords.hash(given.password)
    customer_id = CustomerId(new_id())
    elsewhere = _Elsewhere(
        billing_accounts.Opening(Payer(customer_id, given.name, given.billing_email or given.email)),
        gateways.Attempt(gateway_id_for(customer_id, context.gateway_prefix)),
    )
    written = False
    try:
        await billing_accounts.make_for_new(context, elsewhere.account)
        await gateways.make_for_new(context, elsewhere.gateway)
        registered = await _write(context, customer_id, given, password_hash, elsewhere)
        written = True
    finally:  # also when cancelled
        if not written:
            await billing_accounts.discard(context, elsewhere.account)
            await gateways.discard(context, customer_id, elsewhere.gateway)
    return registered


async def _write(
    context: ControlContext,
    customer_id: CustomerId,
    given: Registration,
    password_hash: str,
    elsewhere: _Elsewhere,
) -> Registered:
    """Customer, first admin and session, all or nothing."""
    now = context.clock.now()
    try:
        async with context.database.transaction() as connection:
            customer = await customers.insert(
                connection,
                customer_id,
                given.name,
                given.email,
                billing_email=given.billing_email,
                gateway=GatewayStanding() if context.management is None else elsewhere.gateway.standing(now),
                billing=UNBILLED if context.billing is None else elsewhere.account.standing(now),
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
