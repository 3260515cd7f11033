"""The schema goes up and down on every server we support, and odd databases are told what they are."""

import psycopg
import pytest

from making import create_database
from tollhouse.db import migrate
from tollhouse.foundation.errors import StartupError


@pytest.fixture(params=["embedded_server", "outside_server"])
def empty(request: pytest.FixtureRequest) -> str:
    return create_database(request.getfixturevalue(request.param), "template0")


def _objects(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
            " + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)"
            " + (SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace)"
        ).fetchone()
    assert row
    return int(row[0])


def test_up_down_and_up_again(empty: str) -> None:
    assert migrate.current(empty) is None
    assert migrate.upgrade(empty) == migrate.head()
    full = _objects(empty)
    assert migrate.downgrade(empty, "base") == "base"
    left = _objects(empty)  # Alembic's own table: its class, index and two types
    assert left <= 4
    assert migrate.upgrade(empty) == migrate.upgrade(empty) == migrate.head()
    assert _objects(empty) == full


def test_the_printed_sql_makes_the_same_schema(empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    migrate.print_sql()
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(capsys.readouterr().out.encode())
    assert migrate.current(empty) == migrate.head()
    assert migrate.upgrade(empty) == migrate.head()


def test_somebody_elses_tables_are_not_touched(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE customers (id int)")
    with pytest.raises(StartupError, match="did not make"):
        migrate.upgrade(empty)


def test_a_schema_from_the_future_is_named(empty: str) -> None:
    migrate.upgrade(empty)
    with psycopg.connect(empty) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartupError, match="does not know"):
        migrate.upgrade(empty)


def test_a_failed_migration_changes_nothing_and_says_why(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE receipts (id int)")
    before = _objects(empty)
    with pytest.raises(StartupError, match=r"nothing was changed.*receipts"):
        migrate.upgrade(empty)
    assert _objects(empty) == before


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/x", "postgresql://nobody@/x?host=/nonexistent"])
def test_a_server_that_is_not_there_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(StartupError) as caught:
        migrate.upgrade(url)
    assert "cannot connect to the database" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_database_that_was_never_written_has_no_revision(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
    assert migrate.current(empty) is None
