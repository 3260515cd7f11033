"""The two keys that the benchmark calls with, made as the control plane makes them, in a database of their own."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bench.upstream import MODEL

from tollhouse.access import keys
from tollhouse.access.keys import KeyTerms
from tollhouse.db import pool
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.money import usd_to_nanos
from tollhouse.ledger import budgets
from tollhouse.ledger.budgets import Scope

ACCOUNT: Final = "bench"
_BUDGET_USD: Final = Decimal(999_000)


@dataclass(frozen=True, slots=True)
class Keys:
    """Raw keys. `limited`: budgets on key and customer, and an allow-list. `unlimited`: none of them."""

    limited: str
    unlimited: str


async def seed(database_url: str) -> Keys:
    """Two customers with ready gateways and a key each. The database must be migrated."""
    database = await pool.connect(database_url, size=2)
    try:
        async with database.transaction() as connection:
            return Keys(limited=await _limited(connection), unlimited=await _unlimited(connection))
    finally:
        await database.close()


async def _limited(connection: Connection) -> str:
    customer = await _customer(connection)
    terms = KeyTerms("limited", _BUDGET_USD, "monthly", (MODEL,))
    made = await keys.create(connection, customer, terms)
    limit = usd_to_nanos(_BUDGET_USD)
    for scope in (Scope("key", made.key_id), Scope("customer", customer)):
        await budgets.set_budget(connection, customer, scope, limit, "monthly")
    return made.raw_key


async def _unlimited(connection: Connection) -> str:
    customer = await _customer(connection)
    made = await keys.create(connection, customer, KeyTerms("unlimited"))
    await budgets.set_budget(connection, customer, Scope("key", made.key_id), None, None)
    return made.raw_key


async def _customer(connection: Connection) -> CustomerId:
    customer = CustomerId(new_id())
    await connection.execute(
        "INSERT INTO customers (id, name, email, gateway_state, cf_gateway_id, cf_account_id)"
        " VALUES ($1, 'Bench', $2, 'ready', $3, $4)",
        customer,
        f"{customer}@example.com",
        f"tollhouse-{customer}",
        ACCOUNT,
    )
    return customer
