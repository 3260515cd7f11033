"""A customer ends: its keys are dead at once, its gateway goes in the background.

The ledger stays, and so does its account at Stripe: there are its invoices. The audit log keeps the account's id.
"""

from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import service as customers
from tollhouse.control.onboarding import billing_accounts, gateways
from tollhouse.control.permissions import require
from tollhouse.foundation.errors import Conflict


async def end_customer(context: ControlContext, person: Person, name: str) -> None:
    """Raises Forbidden, and Conflict unless the customer's name is given, word for word."""
    require(person, "customer.delete")
    async with context.database.transaction() as connection:
        customer = await customers.lock(connection, person.customer_id)
        if name != customer.name:
            raise Conflict("to delete a customer, send its name, word for word", code="name_differs", param="name")
        await gateways.leave(context, connection, customer)
        await billing_accounts.leave(context, connection, customer)
        before = {"name": customer.name, "stripe_customer_id": customer.billing.account_id}
        await audit.append(connection, person.actor, "customer.delete", customer.id, before=before)
        await customers.delete(connection, customer.id)
