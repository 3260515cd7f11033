"""One book for all the small tests of a module: emptied before each, which is faster than making a database."""

from collections.abc import AsyncIterator

import pytest

from making import TEMPLATE, connected, create_database
from tollhouse.db.pool import Connection, Database

# What is emptied is append-only otherwise: the triggers are told to look away.
EMPTY = """
    SET session_replication_role = replica;
    DELETE FROM ledger_entries; DELETE FROM ledger_dead_letters; DELETE FROM ledger_events;
    DELETE FROM ledger_leases; DELETE FROM ledger_marks; DELETE FROM ledger_workers;
    DELETE FROM ledger_accounts; DELETE FROM ledger_budgets; DELETE FROM ai_gateway_keys; DELETE FROM customers;
    RESET session_replication_role
"""


@pytest.fixture(scope="module")
async def shelf(embedded_template: str) -> AsyncIterator[Database]:
    """A database for all tests of a module that take `empty_book`."""
    async with connected(create_database(embedded_template, TEMPLATE)) as database:
        yield database


@pytest.fixture
async def empty_book(shelf: Database) -> AsyncIterator[Connection]:
    """A connection to a book in which nothing stands."""
    async with shelf.connection() as connection:
        await connection.execute(EMPTY)
        yield connection
