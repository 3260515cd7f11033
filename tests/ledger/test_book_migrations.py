"""Money survives the change from holds to leases, and the way back is open."""

import psycopg
import pytest

from making import create_database
from tollhouse.db import migrate
from tollhouse.foundation.ids import new_call_id

FIRST_FORM = "0001"

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def at_first_form(embedded_server: str) -> str:
    """A database as the first form of the ledger made it, by way of the newest."""
    url = create_database(embedded_server, "template0")
    migrate.upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT ledger_register('w')")
        for slot in ("main", "daily"):
            connection.execute("SELECT ledger_set_budget('c', 'key', 'k', 700, 'daily', %s, '')", [slot])
    migrate.downgrade(url, FIRST_FORM)
    return url


def _hold(connection: Connection, amount: int) -> str:
    call_id = new_call_id()
    connection.execute(
        "SELECT ledger_reserve(%s, 'w', 1, '{key}', '{k}', %s, %s, '1 hour', 'c', 'k', NULL, NULL, 'p', 'm', 'v')",
        [call_id, amount, amount],
    )
    return call_id


def _settle(connection: Connection, call_id: str, cost: int) -> None:
    connection.execute(
        "SELECT ledger_settle(ARRAY[%s]::uuid[], ARRAY[now()::date], '{exact}', ARRAY[%s]::bigint[])",
        [call_id, cost],
    )


def _rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query.encode()).fetchall()


def test_what_was_spent_and_limited_stays(at_first_form: str) -> None:
    with psycopg.connect(at_first_form) as connection:
        connection.execute("SELECT ledger_set_budget('c', 'key', 'k', 1000, NULL)")
        _settle(connection, _hold(connection, 300), 200)
        assert _rows(connection, "SELECT * FROM ledger_audit") == []
    migrate.upgrade(at_first_form)
    with psycopg.connect(at_first_form) as connection:
        assert _rows(connection, "SELECT * FROM ledger_audit") == []
        assert _rows(
            connection,
            "SELECT slot, model_pattern, b.limit_nanos, thresholds, spent_nanos, leased_nanos, fired"
            " FROM ledger_budgets b JOIN ledger_accounts USING (budget_id, period_seq)",
        ) == [("main", "", 1000, [50, 80, 95], 200, 0, 0)]
        assert _rows(connection, "SELECT ledger_register('w')") == [(2,)]
    migrate.downgrade(at_first_form, FIRST_FORM)
    with psycopg.connect(at_first_form) as connection:
        _settle(connection, _hold(connection, 800), 100)
        assert _rows(connection, "SELECT spent_nanos, held_nanos FROM ledger_accounts") == [(300, 0)]


def test_holds_that_are_open_are_charged_in_full_and_flagged(at_first_form: str) -> None:
    """Nobody is left to settle them, and nobody knows whether they were sent."""
    with psycopg.connect(at_first_form) as connection:
        connection.execute("SELECT ledger_set_budget('c', 'key', 'k', 1000, NULL)")
        calls = {_hold(connection, 300), _hold(connection, 20)}
    migrate.upgrade(at_first_form)
    with psycopg.connect(at_first_form) as connection:
        assert _rows(connection, "SELECT * FROM ledger_audit") == []
        assert _rows(connection, "SELECT spent_nanos FROM ledger_accounts") == [(320,)]
        entries = _rows(connection, "SELECT entry_id::text, kind, cost_nanos = reserved_nanos FROM ledger_entries")
        assert {(str(entry), kind, whole) for entry, kind, whole in entries} == {
            (call, "in_doubt", True) for call in calls
        }
