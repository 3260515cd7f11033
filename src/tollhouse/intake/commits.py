"""Spans into PostgreSQL: those of requests that arrive together in one transaction, each answered after its commit.

While transactions run the next gathers, so a lone request waits for nobody and many share the price of a commit.
Where the database refuses what is in a batch, each of its requests is tried by itself: only the one that is refused
fails. Nothing is kept for later: a sender that was not answered sends again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from tollhouse.db.pool import CONNECTION_ERRORS, Connection, Database, unreachable
from tollhouse.foundation.errors import TollhouseError, Unavailable
from tollhouse.foundation.logs import get_logger
from tollhouse.intake import refusals
from tollhouse.traces.spans import Span

ROWS_AT_ONCE: Final = 1_000
AT_ONCE: Final = 2
"""Transactions: while the server works on one, the rows of the next are written down."""

Ingest = Callable[[Connection, Sequence[Span]], Awaitable[object]]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    spans: Sequence[Span]
    done: "asyncio.Future[None]"


class Commits:
    """Owns the queue of what waits for a commit."""

    def __init__(self, database: Database, ingest: Ingest, *, most_waiting: int) -> None:
        self._database = database
        self._ingest = ingest
        self._most_waiting = most_waiting
        self._queue: deque[_Waiting] = deque()
        self._rows = 0
        self._filled = asyncio.Event()

    def full(self) -> bool:
        """Whether as many rows wait as may."""
        return self._rows >= self._most_waiting

    async def commit(self, spans: Sequence[Span]) -> None:
        """When this returns they are stored. Raises Unavailable, or BadRequest for what the database refuses."""
        waiting = _Waiting(spans, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._rows += len(spans)
        self._filled.set()
        await waiting.done

    async def run(self) -> None:
        """Until cancelled; whoever still waits then is told to come again."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._store_what_comes())
        finally:
            for waiting in self._queue:
                _fail(waiting, unreachable())

    async def _store_what_comes(self) -> None:
        batch: list[_Waiting] = []
        try:
            while True:
                await self._filled.wait()
                batch = self._next()
                await self._store(batch)
        finally:
            for waiting in batch:
                _fail(waiting, unreachable())

    def _next(self) -> list[_Waiting]:
        """As many requests as fit into one transaction, at least one; those whose caller is gone are left out."""
        batch: list[_Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].spans) <= ROWS_AT_ONCE):
            waiting = self._queue.popleft()
            self._rows -= len(waiting.spans)
            if not waiting.done.done():
                batch.append(waiting)
                rows += len(waiting.spans)
        if not self._queue:
            self._filled.clear()
        return batch

    async def _store(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        try:
            await self._transaction([span for waiting in batch for span in waiting.spans])
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: each request hears what became of it
            await self._store_apart(batch, error)
        else:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_result(None)

    async def _store_apart(self, batch: list[_Waiting], error: Exception) -> None:
        if len(batch) == 1 or isinstance(error, (*CONNECTION_ERRORS, Unavailable)):
            for waiting in batch:
                _fail(waiting, _told(error))
            return
        for waiting in batch:
            await self._store([waiting])

    async def _transaction(self, spans: Sequence[Span]) -> None:
        async with self._database.transaction() as connection:
            await self._ingest(connection, spans)


def _fail(waiting: _Waiting, error: TollhouseError) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def _told(error: Exception) -> TollhouseError:
    if isinstance(error, TollhouseError):
        return error
    if isinstance(error, CONNECTION_ERRORS):
        return unreachable()
    if not isinstance(error, asyncpg.PostgresError):
        _log.error("spans could not be stored", error=repr(error))
        return refusals.internal_error()
    if (error.sqlstate or "")[:2] in _MAY_PASS:
        return unreachable()
    _log.warning("the database refused spans", error=type(error).__name__, sqlstate=error.sqlstate)
    return refusals.refused_by_database()


# Classes of SQLSTATE: rolled back for no fault of the rows, and no room on the server.
_MAY_PASS: Final = ("40", "53")
