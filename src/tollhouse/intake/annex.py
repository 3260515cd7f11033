"""An office in a process of its own: spans by the thousand take much work, and calls to models must not wait for it.

The process is this program once more (`tollhouse annex`), started when the first parcel comes. It lets others have the
processor first, and it ends when its side of the socket closes, however we went. If it dies, whoever waited for it is
told to come again, and the next parcel starts another: nothing is answered 200 that is not stored, and what was stored
twice counts once.
"""

import asyncio
import contextlib
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.logs import get_logger
from tollhouse.intake.office import Outcome, Parcel
from tollhouse.intake.parcels import Handed, Told, framed, next_of

MOST_WAITING: Final = 1_000
"""Parcels; their bytes are bounded by the door's room before."""
PAUSE_S: Final = 1.0
"""Before another is started in place of one that died."""
_END_S: Final = 10.0
_told: Final = msgspec.msgpack.Decoder(Told)
_log = get_logger(__name__)


@dataclass(slots=True)
class _Life:
    """One process and what it has been handed."""

    process: Process
    writer: asyncio.StreamWriter
    waiting: "dict[int, asyncio.Future[Outcome]]" = field(default_factory=dict)
    listening: "asyncio.Task[None] | None" = None


class Annex:
    """Owns the process. `environment` is whole: settings, database, and what the machine says."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._life: _Life | None = None
        self._starting = asyncio.Lock()
        self._number = 0
        self._not_before = 0.0

    def full(self) -> bool:
        return self._life is not None and len(self._life.waiting) >= MOST_WAITING

    @property
    def process_id(self) -> int | None:
        """Of the process that works now, if one does."""
        return None if self._life is None else self._life.process.pid

    async def take(self, parcel: Parcel) -> Outcome:
        life = await self._living()
        self._number += 1
        number = self._number
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        life.waiting[number] = answer
        try:
            with contextlib.suppress(ConnectionError):  # whoever listens finds out, and tells all
                life.writer.write(framed(Handed(number, parcel)))
                await life.writer.drain()
            return await answer
        finally:
            life.waiting.pop(number, None)

    async def run(self) -> None:
        """Until cancelled; then the process ends, too."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if self._life is not None:
                await _end(self._life)

    async def _living(self) -> _Life:
        async with self._starting:
            if self._life is None:
                if time.monotonic() < self._not_before:
                    raise _gone()
                self._life = await self._start()
            return self._life

    async def _start(self) -> _Life:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tollhouse", "annex", "--socket", str(theirs.fileno())]
            # Not in a session of its own: Linux shares processors out between sessions first ("autogroup"), and only
            # within one does it count who lets others go first.
            process = await asyncio.create_subprocess_exec(
                *command, env=self._environment, pass_fds=(theirs.fileno(),), stdin=DEVNULL
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        life = _Life(process, writer)
        life.listening = asyncio.create_task(self._listen(life, reader))
        return life

    async def _listen(self, life: _Life, reader: asyncio.StreamReader) -> None:
        """Until it is gone; then all who wait hear so."""
        try:
            while (told := await next_of(reader, _told)) is not None:
                _hand_on(life, told)
        finally:
            self._life = None
            self._not_before = time.monotonic() + PAUSE_S
            for answer in life.waiting.values():
                if not answer.done():
                    answer.set_exception(_gone())
            life.writer.close()
        _log.warning("the process that stores spans ended", status=await life.process.wait())


def _hand_on(life: _Life, told: Told) -> None:
    answer = life.waiting.get(told.number)
    if answer is None or answer.done():  # whoever asked has hung up
        return
    if told.outcome is not None:
        answer.set_result(told.outcome)
    elif told.refused is not None:
        answer.set_exception(told.refused.error())


async def _end(life: _Life) -> None:
    """What it was handed is let go: nobody waits for it any more. Whoever does not go is killed."""
    if life.listening is not None:
        life.listening.cancel()
        await asyncio.wait([life.listening])
    try:
        await asyncio.wait_for(life.process.wait(), _END_S)
    except TimeoutError:
        life.process.kill()
        await life.process.wait()


def _gone() -> Unavailable:
    return Unavailable("Spans cannot be stored at this moment. Try again shortly.", code="busy", retry_after_s=1)
