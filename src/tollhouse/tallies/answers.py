"""A door whose answers are counted by their status. For planes that keep no counts of their own."""

from collections.abc import Awaitable, Callable
from typing import Any

from tollhouse.tallies.cells import Tally

Door = Callable[[Any, Any, Any], Awaitable[None]]


class Counted:
    """An ASGI application, and how often it answered what. `plane` is one of few words."""

    def __init__(self, door: Door, tally: Tally, plane: str) -> None:
        self._door = door
        self._tally = tally
        self._plane = plane

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counting(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._tally.values[self._tally.counter("answers", self._plane, str(message["status"]))] += 1
            await send(message)

        await self._door(scope, receive, counting)
