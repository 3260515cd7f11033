"""Several processes as one house: workers on one listening socket, started again when they die, stopped together.

A worker is this program once more (`tollhouse worker`), by exec: it shares the socket, the settings and a leash. The
leash is a pipe that closes when we are gone, however we went; then the workers finish their calls and go too. On its
standard output a worker says `ready` once it serves, or why it cannot. What workers own together lies in the
database and in their slots; nothing is kept here.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import get_logger

READY: Final = "ready"
STEADY_S: Final = 5.0
"""A worker that lived so long did not die of its own start."""
QUICK_DEATHS_FORGIVEN: Final = 2
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0
_STILLBORN: Final = 4
_LAST_BOOKINGS_S: Final = 30.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Crew:
    """What the workers share. `environment` is whole; `shutdown_s` is what calls in flight get at a stop."""

    size: int
    listener: socket.socket
    environment: Mapping[str, str]
    shutdown_s: float


@dataclass(frozen=True, slots=True)
class _Life:
    """How one process of a worker went. `reason`: its own last words, if it had any."""

    served: bool
    seconds: float
    status: int
    reason: str | None


class Supervisor:
    """Owns the workers' processes from the first start to the last end."""

    def __init__(self, crew: Crew, announce: Callable[[], None]) -> None:
        """`announce` is called once, as soon as all workers serve."""
        self._crew = crew
        self._announce = announce
        self._leash, self._held_end = os.pipe()
        self._processes: dict[int, Process] = {}
        self._serving: set[int] = set()
        self._complete = False
        self._stopping = asyncio.Event()
        self._hard: int | None = None

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; a second one kills.

        Raises StartupError when a worker cannot start before the house was complete once.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        keepers = [asyncio.create_task(self._keep(number)) for number in range(1, self._crew.size + 1)]
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([*keepers, stop], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(keepers)
            await stop
        if self._hard is not None:
            sys.exit(128 + self._hard)
        failures = [error for keeper in keepers if (error := keeper.exception()) is not None]
        if failures:  # what keeps one worker from starting keeps the others, too
            raise failures[0]

    def _on_signal(self, number: int) -> None:
        if self._stopping.is_set():
            self._hard = number
            self._signal_all(signal.SIGKILL)
        self._stopping.set()

    async def _keep(self, number: int) -> None:
        """One worker and its successors, until the stop."""
        quick_deaths = 0
        while not self._stopping.is_set():
            life = await self._live(number)
            if self._stopping.is_set():
                return
            quick_deaths = quick_deaths + 1 if life.seconds < STEADY_S else 0
            if not self._complete and not life.served:
                _judge_start(number, life, quick_deaths)
            pause = pause_s(quick_deaths)
            _log.warning(
                "a worker ended and is started again", worker=number, status=life.status, reason=life.reason, in_s=pause
            )
            await self._stopped_within(pause)

    async def _live(self, number: int) -> _Life:
        """One process from its start to its end."""
        began = time.monotonic()
        process = await self._start(number)
        self._processes[number] = process
        try:
            if self._stopping.is_set():  # the stop came while it was being started
                process.terminate()
            served, reason = await self._listen(number, process)
            return _Life(served, time.monotonic() - began, await process.wait(), reason)
        finally:
            del self._processes[number]

    async def _start(self, number: int) -> Process:
        listener = self._crew.listener.fileno()
        command = [sys.executable, "-m", "tollhouse", "worker", "--number", str(number)]
        command += ["--listener", str(listener), "--leash", str(self._leash)]
        # A session of its own: Ctrl-C in the terminal is for us, and we say when workers stop.
        return await asyncio.create_subprocess_exec(
            *command,
            env=self._crew.environment,
            pass_fds=(listener, self._leash),
            start_new_session=True,
            stdin=DEVNULL,
            stdout=PIPE,
        )

    async def _listen(self, number: int, process: Process) -> tuple[bool, str | None]:
        """Read what a worker says until it ends: whether it served, and its reason if it could not go on."""
        served, reason = False, None
        assert process.stdout is not None  # noqa: S101 - it was asked for
        async for line in process.stdout:
            said = line.decode(errors="replace").strip()
            if said == READY:
                served = True
                self._count_in(number)
            elif said:
                reason = said
        return served, reason

    def _count_in(self, number: int) -> None:
        self._serving.add(number)
        if not self._complete and len(self._serving) == self._crew.size:
            self._complete = True
            self._announce()

    async def _stopped_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _end(self, keepers: list["asyncio.Task[None]"]) -> None:
        """All at once: no new calls, those in flight are finished; whoever does not end by then is killed."""
        self._stopping.set()
        self._crew.listener.close()
        self._signal_all(signal.SIGTERM)
        _, still = await asyncio.wait(keepers, timeout=self._crew.shutdown_s + _LAST_BOOKINGS_S)
        if still:
            _log.error("workers did not stop in time and are killed", workers=sorted(self._processes))
            self._signal_all(signal.SIGKILL)
            await asyncio.wait(keepers)
        os.close(self._held_end)
        os.close(self._leash)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(number)


def pause_s(quick_deaths: int) -> float:
    """How long to wait before the next start: not at all, unless a worker dies again and again within seconds."""
    beyond = quick_deaths - QUICK_DEATHS_FORGIVEN
    return 0.0 if beyond <= 0 else min(_FIRST_PAUSE_S * 2 ** (beyond - 1), _LONGEST_PAUSE_S)


def _judge_start(number: int, life: _Life, quick_deaths: int) -> None:
    """Before the house was complete, what keeps a worker from starting will keep its successor too."""
    if life.reason is not None:
        raise StartupError(life.reason)
    if quick_deaths >= _STILLBORN:
        raise StartupError(f"worker {number} ended {quick_deaths} times before it could serve (status {life.status})")
