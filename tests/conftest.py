"""Servers that all tests share: the embedded PostgreSQL and, beside it, one of the system's packages.

A test that takes `database` runs on both; one that takes `embedded_database` needs only one. Each gets a database
of its own, copied from a migrated template.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from databases import Databases
from making import TEMPLATE, connected, with_database
from tollhouse.db import migrate
from tollhouse.db.embedded import EmbeddedPostgres
from tollhouse.db.pool import Connection, Database

MEASURED = ("access", "catalog", "control/keys", "gateway", "ledger")
"""Whose tests cover the rooms of `house/coverage_floor.py`. All others would only be slower for being measured."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    measured = tuple(here / room for room in MEASURED)
    for item in items:
        if not any(item.path.is_relative_to(room) for room in measured):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[str]:
    # Not below pytest's own folder: another session of it takes the right to enter away from the server's user.
    with tempfile.TemporaryDirectory(prefix="tollhouse-test-", ignore_cleanup_errors=True) as place:
        server = EmbeddedPostgres(Path(place))
        _without_waiting_for_the_disk(server.url)
        try:
            yield server.url
        finally:
            server.stop()


def _without_waiting_for_the_disk(server: str) -> None:
    """No test cuts the power of the shared server."""
    with psycopg.connect(server, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def outside_server() -> str:
    url = os.environ.get("TOLLHOUSE_TEST_OUTSIDE_URL")
    assert url, "no outside PostgreSQL: run the tests with `make test`, or set TOLLHOUSE_TEST_OUTSIDE_URL"
    return url


@pytest.fixture(scope="session")
def embedded_template(embedded_server: str) -> str:
    return _with_template(embedded_server)


@pytest.fixture(scope="session")
def outside_template(outside_server: str) -> str:
    return _with_template(outside_server)


@pytest.fixture(scope="session")
def embedded_databases(embedded_template: str) -> Databases:
    return Databases(embedded_template, TEMPLATE)


@pytest.fixture(scope="session")
def outside_databases(outside_template: str) -> Databases:
    return Databases(outside_template, TEMPLATE)


def _with_template(server: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate.upgrade(with_database(server, TEMPLATE))
    return server


@pytest.fixture
def embedded_url(embedded_databases: Databases) -> Iterator[str]:
    """An empty, migrated database on the embedded server."""
    url = embedded_databases.take()
    yield url
    embedded_databases.give_back(url)


@pytest.fixture
async def embedded_database(embedded_url: str) -> AsyncIterator[Database]:
    async with connected(embedded_url) as database:
        yield database


@pytest.fixture(params=["embedded", "outside"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty, migrated database, once on each server."""
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    url = databases.take()
    yield url
    databases.give_back(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connected(database_url) as database:
        yield database


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as connection:
        yield connection


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"
