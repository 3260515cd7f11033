"""A room's statements: `queries.sql` beside it, loaded by name through aiosql.

A statement states its reason above its name. Rooms call `queries.name(conn, ...)` and turn the records into
their own types in one place; nothing outside a room sees a record.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import aiosql
from aiosql.adapters.asyncpg import AsyncPGAdapter

Statement = Callable[..., Any]
"""Takes the connection first. `name`: rows by `async for`; `name^`: a row; `name$`: a value; `name!`: a command."""


class _OnConnections(AsyncPGAdapter):
    """aiosql's adapter for callers that always hand over a connection.

    The original also takes a pool, and finds out which it was given by listing the object's attributes: more work
    than the statement itself on the road of a call.
    """

    def _values(self, query_name: str, parameters: Any) -> list[Any]:
        values: list[Any] = self.maybe_order_params(query_name, parameters)  # type: ignore[no-untyped-call]
        return values

    async def select(
        self, conn: Any, query_name: str, sql: str, parameters: Any, _record: Any = None
    ) -> AsyncIterator[Any]:
        for row in await conn.fetch(sql, *self._values(query_name, parameters)):
            yield row

    async def select_one(self, conn: Any, query_name: str, sql: str, parameters: Any, _record: Any = None) -> Any:
        return await conn.fetchrow(sql, *self._values(query_name, parameters))

    async def select_value(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.fetchval(sql, *self._values(query_name, parameters))

    async def insert_update_delete(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.execute(sql, *self._values(query_name, parameters))


class Queries:
    """The named statements of one `queries.sql`; an unknown name raises AttributeError at import of its user."""

    def __init__(self, path: Path) -> None:
        self._statements = aiosql.from_path(path, cast("Any", _OnConnections), mandatory_parameters=False)

    def __getattr__(self, name: str) -> Statement:
        statement: Statement = getattr(self._statements, name)
        return statement


def load(module_file: str) -> Queries:
    """Load `queries.sql` from the folder of the calling module: `load(__file__)`."""
    return Queries(Path(module_file).with_name("queries.sql"))
