"""Listens to the database's notices on a connection of its own. What may be missed must be asked for as well.

Whoever depends on them is told when they begin and cease to arrive, and believes what it knows for shorter meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg

from tollhouse.db.pool import CONNECTION_ERRORS
from tollhouse.foundation.logs import get_logger

Hear = Callable[[str], None]

_AGAIN_S: Final = 0.5
_ALIVE_EVERY_S: Final = 5.0

_log = get_logger(__name__)


class Notices:
    """Owns the listening connection. `hear`: by channel, what to do with a notice's text.

    `began` is called when notices begin to arrive, `ceased` when they do not any more.
    """

    def __init__(
        self, url: str, hear: Mapping[str, Hear], *, began: Callable[[], None], ceased: Callable[[], None]
    ) -> None:
        self._url = url
        self._hear = hear
        self._began = began
        self._ceased = ceased

    async def run(self) -> None:
        """Until cancelled. Notices sent while nobody listened are lost."""
        while True:
            try:
                await self._listen()
            except (asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
                _log.warning("notices of the database do not arrive; trying again", error=repr(error))
            finally:
                self._ceased()
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=10, command_timeout=_ALIVE_EVERY_S)
        try:
            for channel in self._hear:
                await connection.add_listener(channel, self._on_notice)
            self._began()
            while True:
                await asyncio.sleep(_ALIVE_EVERY_S)
                await connection.execute("SELECT 1")
        finally:
            connection.terminate()

    def _on_notice(self, _connection: object, _pid: int, channel: str, text: object) -> None:
        with contextlib.suppress(ValueError):
            self._hear[channel](str(text))
