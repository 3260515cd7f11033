"""Brings a database to this version's schema, and says plainly when it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from tollhouse.foundation.errors import StartupError

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_OLDEST_SERVER: Final = 15


def upgrade(url: str) -> str:
    """Run what is missing, under a lock; returns the revision. Raises StartupError with one clear line."""
    _check_server(url)
    return _run(url, lambda config: command.upgrade(config, "head"))


def downgrade(url: str, revision: str) -> str:
    """Go back to `revision` (`base` empties the database). For development."""
    return _run(url, lambda config: command.downgrade(config, revision))


def print_sql() -> None:
    """Print the whole schema as SQL for a DBA to run by hand."""
    command.upgrade(_config("postgresql://"), "head", sql=True)


def head() -> str:
    """The newest revision this version knows."""
    revision = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    if revision is None:
        raise StartupError("this installation has no migrations; install it again")
    return revision


def current(url: str) -> str | None:
    """The revision a database is at; None if it was never migrated."""
    with _connect(url) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def _check_server(url: str) -> None:
    with _connect(url) as connection:
        major = connection.info.server_version // 10_000
        half_made = connection.execute(
            "SELECT to_regclass('alembic_version') IS NULL AND to_regclass('customers') IS NOT NULL"
        ).fetchone()
    if major < _OLDEST_SERVER:
        raise StartupError(f"the database is PostgreSQL {major}; Tollhouse needs {_OLDEST_SERVER} or newer")
    if half_made == (True,):
        raise StartupError(
            "the database has a `customers` table that Tollhouse did not make (no alembic_version beside it); "
            "point DATABASE_URL at an empty database"
        )


def _connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    try:
        return psycopg.connect(url, connect_timeout=10)
    except psycopg.Error as cause:
        reason = str(cause).splitlines()[0]
        raise StartupError(f"cannot connect to the database at {_where(url)}: {reason}") from cause


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'its socket'}{parts.path}"


def _run(url: str, action: Callable[[Config], None]) -> str:
    try:
        action(_config(url))
    except CommandError as cause:
        raise StartupError(
            f"the database is at a schema this version does not know ({cause}); install the version that made it"
        ) from cause
    except DBAPIError as cause:
        reason = str(cause.orig).splitlines()[0]
        raise StartupError(f"the schema could not be brought up to date, nothing was changed: {reason}") from cause
    return current(url) or "base"


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("sqlalchemy.url", "postgresql://")
    config.attributes["url"] = make_url(url).set(drivername="postgresql+psycopg")
    return config
