"""A control plane on a database of its own, spoken to over ASGI; people come with an API token each."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

import stripe_double
from control.house import House, Member, ScriptedGateways, account
from making import TEMPLATE, ManualClock, connected, create_database, customer, master_keys
from stripe_double import StripeDouble
from tollhouse.billing.stripe import StripeAccounts
from tollhouse.catalog import models
from tollhouse.catalog.models import Catalog
from tollhouse.control.context import ControlContext
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return models.load(None, datetime(2026, 11, 23, tzinfo=UTC).date())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gateways() -> ScriptedGateways:
    return ScriptedGateways()


@pytest.fixture
async def house(
    embedded_database: Database, clock: ManualClock, catalog: Catalog, gateways: ScriptedGateways
) -> AsyncIterator[House]:
    """On a database of its own."""
    async with AsyncExitStack() as stack:
        yield House(_context(embedded_database, clock, catalog, gateways), stack)


@pytest.fixture(scope="module")
async def busy_house(embedded_template: str, catalog: Catalog) -> AsyncIterator[House]:
    """Shared by the tests of a module, for the many that do not care who else is in it: refusals, mostly."""
    async with (
        connected(create_database(embedded_template, TEMPLATE)) as database,
        AsyncExitStack() as stack,
    ):
        yield House(_context(database, ManualClock(), catalog, ScriptedGateways()), stack)


@pytest.fixture
async def stripe() -> AsyncIterator[StripeDouble]:
    async with stripe_double.running() as double:
        yield double


@pytest.fixture
async def billed(house: House, stripe: StripeDouble) -> AsyncIterator[House]:
    """The house with accounts at Stripe. Nothing is tried twice in one go, so that each fault is seen."""
    async with StripeAccounts(stripe.url, Secret(stripe_double.SECRET), retries=0) as accounts:
        yield house.but(billing=accounts)


@pytest.fixture
async def acme(house: House) -> CustomerId:
    """A customer with nobody in it."""
    async with house.context.database.connection() as connection:
        return await customer(connection)


@pytest.fixture
async def admin(house: House, acme: CustomerId) -> Member:
    return await house.member(acme, "admin")


@pytest.fixture
async def manager(house: House, acme: CustomerId) -> Member:
    return await house.member(acme, "manager")


def _context(database: Database, clock: ManualClock, catalog: Catalog, gateways: ScriptedGateways) -> ControlContext:
    return ControlContext(
        database=database,
        clock=clock,
        catalog=catalog,
        management=gateways,
        accounts=(account("first", 20), account("second", 20)),
        gateway_prefix="tollhouse-",
        registration_open=True,
        session_lifetime=timedelta(days=14),
        cookie_secure=True,
        after_key_change=lambda _key_hash: None,
        keyrings=master_keys(),
        header_keyrings=master_keys(),
    )
