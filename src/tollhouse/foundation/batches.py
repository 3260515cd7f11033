"""Many callers, one writer: work that arrives while a batch is being written becomes the next batch.

There is no timer. An idle batcher writes a single item at once; under load the batches grow by themselves,
so the cost of a database commit is shared exactly when it matters.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Owns one writing task; `put` returns when the item's own batch was written.

    `write` gets 1..`max_batch` items and returns one result each, in order; if it raises, every waiter of that
    batch gets the exception. At most `max_waiting` items wait; a further `put` raises `asyncio.QueueFull`.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        max_batch: int,
        max_waiting: int,
    ) -> None:
        self._write = write
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Items accepted and not yet handed to `write`."""
        return len(self._waiting)

    async def put(self, item: Item) -> Result:
        if len(self._waiting) >= self._max_waiting:
            raise asyncio.QueueFull
        waiter: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, waiter))
        if self._writer is None:
            self._writer = asyncio.create_task(self._drain())
        return await waiter

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
            await self._write_batch(batch)
        self._writer = None

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to every waiter, who decides
            for _, waiter in batch:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        for (_, waiter), result in zip(batch, results, strict=True):
            if not waiter.done():
                waiter.set_result(result)
