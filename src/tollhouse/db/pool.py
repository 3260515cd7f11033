"""The pool of connections, one a process. Every statement has a timeout; every wait for a connection too."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from tollhouse.foundation.errors import StartupError, Unavailable
from tollhouse.foundation.processor import give_way

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:  # generic only for the type checker
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection | PoolConnectionProxy

_STATEMENT_TIMEOUT_MS: Final = "15000"
_LOCK_TIMEOUT_MS: Final = "5000"
_TRY_AGAIN_AFTER_S: Final = 0.4

# What a lost or starting server looks like from here; a caller may try again.
CONNECTION_ERRORS: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)

# Everything a statement may end with that is no fault of its caller: no connection, a lost one, a server's refusal.
DATABASE_FAILURES: Final = (*CONNECTION_ERRORS, Unavailable, asyncpg.PostgresError)


class _Stateless(asyncpg.Connection):
    """A connection that needs no cleaning between users: nobody sets anything on a session or listens on it.

    asyncpg would send a reset after every use, one round trip more on every statement.
    """

    def get_reset_query(self) -> str:
        return ""


class Database:
    """Owns the pool. `connection()` for one statement, `transaction()` for several that belong together."""

    def __init__(self, pool: Pool, *, wait_s: float) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._try_again_at = 0.0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection from the pool; raises Unavailable when the database cannot be reached in time.

        Whoever could not connect has found that out for all: for a moment nobody else tries. Making a connection is
        work, and many ask while a database is away.
        """
        now = time.monotonic()
        if now < self._try_again_at and not self._pool.get_idle_size():
            raise unreachable()
        try:
            connection = await self._pool.acquire(timeout=self._wait_s)
        except CONNECTION_ERRORS as cause:
            self._try_again_at = time.monotonic() + _TRY_AGAIN_AFTER_S
            raise unreachable() from cause
        try:
            yield connection
        finally:
            await self._pool.release(connection, timeout=5)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing: commits when the block ends, rolls back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @contextlib.asynccontextmanager
    async def searching(self) -> AsyncIterator[Connection]:
        """A transaction for statements with many optional conditions: each is planned for what is asked this time.

        A plan for whatever may be asked reads everything there is.
        """
        async with self.transaction() as connection:
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            yield connection

    @property
    def standing(self) -> tuple[int, int]:
        """How many connections are open, and how many of them idle."""
        return self._pool.get_size(), self._pool.get_idle_size()

    async def close(self) -> None:
        """Wait, bounded, for connections in use, then close them all."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=10)
        except TimeoutError:
            self._pool.terminate()


def unreachable() -> Unavailable:
    """What a caller is told when no connection can be had or the one in use was lost."""
    return Unavailable(
        "the database cannot be reached right now; try again shortly",
        code="database_unavailable",
        retry_after_s=2,
    )


async def connect(url: str, *, size: int, wait_s: float = 2.0) -> Database:
    """Open the pool; raises StartupError with one clear line when the server refuses or is too old."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=10,
            command_timeout=20,
            init=_prepare,
            connection_class=_Stateless,
            server_settings={
                "application_name": "tollhouse",
                "timezone": "UTC",
                "statement_timeout": _STATEMENT_TIMEOUT_MS,
                "lock_timeout": _LOCK_TIMEOUT_MS,
                "idle_in_transaction_session_timeout": _STATEMENT_TIMEOUT_MS,
                "jit": "off",
            },
        )
    except (*CONNECTION_ERRORS, asyncpg.PostgresError, ValueError) as cause:
        raise StartupError(f"cannot connect to the database: {cause}. Check DATABASE_URL.") from cause
    return Database(pool, wait_s=wait_s)


def _as_jsonb(value: object) -> bytes:
    """With the version of the format before it. A batch of rows has hundreds of these."""
    give_way()
    return b"\x01" + msgspec.json.encode(value)


async def _prepare(connection: Connection) -> None:
    """JSON goes in and out as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=_as_jsonb,
        decoder=lambda raw: msgspec.json.decode(raw[1:]),
        format="binary",
    )
