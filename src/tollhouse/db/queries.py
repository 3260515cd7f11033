"""A room's statements: `queries.sql` beside it, loaded by name through aiosql.

A statement states its reason above its name. Rooms call `queries.name(conn, ...)` and turn the records into
their own types in one place; nothing outside a room sees a record.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosql

Statement = Callable[..., Any]
"""Takes the connection first. `name`: rows by `async for`; `name^`: a row; `name$`: a value; `name!`: a command."""


class Queries:
    """The named statements of one `queries.sql`; an unknown name raises AttributeError at import of its user."""

    def __init__(self, path: Path) -> None:
        self._statements = aiosql.from_path(path, "asyncpg", mandatory_parameters=False)

    def __getattr__(self, name: str) -> Statement:
        statement: Statement = getattr(self._statements, name)
        return statement


def load(module_file: str) -> Queries:
    """Load `queries.sql` from the folder of the calling module: `load(__file__)`."""
    return Queries(Path(module_file).with_name("queries.sql"))
