"""Databases for tests: copies of a migrated template, used again once they are as empty as it is.

Making one takes a tenth of a second and deleting its files as long again; emptying one takes a few milliseconds. One
whose tables are not the template's any more is left alone. Partitions of days that were opened in it stay.
"""

import contextlib
from typing import Final

import psycopg
from psycopg import sql

from making import create_database, with_database

_SHAPE: Final = """
SELECT md5(string_agg(shape, ' ' ORDER BY shape)) FROM (
    SELECT c.relname || ':' || c.relkind::text || coalesce(string_agg(a.attname, ',' ORDER BY a.attnum), '') AS shape
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relkind IN ('r', 'p', 'v', 'S')
    GROUP BY c.oid, c.relkind
    UNION ALL SELECT 'function ' || md5(string_agg(p.prosrc, ' ' ORDER BY p.oid::regprocedure::text))
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || string_agg(t.tgname::text || t.tgenabled::text, ' ' ORDER BY t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND NOT c.relispartition
) AS shapes
"""
_TABLES: Final = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'alembic_version'
"""
_SEQUENCES: Final = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
"""
_OTHERS: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Databases:
    """Copies of one template on one server."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        self._shape: str | None = None
        self._emptying: sql.Composed | None = None

    def take(self) -> str:
        """The URL of an empty, migrated database that nobody else uses."""
        return self._free.pop() if self._free else create_database(self._server, self._template)

    def give_back(self, url: str) -> None:
        """Also one that its test has dropped."""
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_OTHERS)
            if self._is_as_made(connection):
                self._empty(connection)
                self._free.append(url)

    def _is_as_made(self, connection: psycopg.Connection) -> bool:
        if self._shape is None:
            with psycopg.connect(with_database(self._server, self._template)) as template:
                self._shape = _shape(template)
        return _shape(connection) == self._shape

    def _empty(self, connection: psycopg.Connection) -> None:
        """Every row gone, also those that triggers protect, and every sequence at its beginning."""
        if self._emptying is None:  # all are of one shape, and forty requests to the server take their time
            self._emptying = _emptying(connection)
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(self._emptying)


def _shape(connection: psycopg.Connection) -> str:
    row = connection.execute(_SHAPE).fetchone()
    assert row is not None
    return str(row[0])


def _emptying(connection: psycopg.Connection) -> sql.Composed:
    """All that empties such a database, as one text."""
    return sql.SQL("; ").join(
        sql.SQL(each).format(sql.Identifier(row[0]))
        for each, names in (("DELETE FROM {}", _TABLES), ("ALTER SEQUENCE {} RESTART", _SEQUENCES))
        for row in connection.execute(names).fetchall()
    )
