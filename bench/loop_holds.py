"""How long an event loop serves nobody else, and where in the code it is held.

asyncio runs all that happens on a loop through `Handle._run`: a step of a task between two of its waits, bytes that
arrived, a timer. Each is timed from outside. uvloop's handles cannot be reached like this, so this is for asyncio's
own loop; the code between two waits is the same on both.

A thread that keeps the interpreter to itself holds up the loop without being on it. So the loop is also felt from
inside, by a task that wants a turn all the time.

The clock is the CPU time of our process, all threads: what other processes do on the machine is not in it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest import mock

_OURS: Final = "/tollhouse/"


@dataclass(frozen=True, slots=True)
class Hold:
    """One callback: how long it ran, and from which wait to which."""

    seconds: float
    place: str


@contextlib.contextmanager
def recorded(*, at_least_s: float) -> Iterator[list[Hold]]:
    """Every hold of the running loop from now on that is long enough, in order; the list grows until the end."""
    holds: list[Hold] = []
    run: Any = asyncio.Handle.__dict__["_run"]

    def timed(handle: Any) -> None:
        callback = handle._callback  # noqa: SLF001 - cleared by a cancelled handle, and there is no public name
        resumed = _place(callback)
        begun = time.process_time()
        run(handle)
        took = time.process_time() - begun
        if took >= at_least_s:
            holds.append(Hold(took, f"{resumed} -> {_place(callback)}" if _task_of(callback) else resumed))

    with mock.patch.object(asyncio.Handle, "_run", timed):
        yield holds


@contextlib.asynccontextmanager
async def felt(*, at_least_s: float) -> AsyncIterator[list[float]]:
    """Every time in seconds, long enough, that somebody who wanted a turn of the running loop had to wait for it."""
    stalls: list[float] = []
    feeler = asyncio.create_task(_feel(stalls, at_least_s))
    try:
        yield stalls
    finally:
        feeler.cancel()
        await asyncio.wait([feeler])


async def _feel(stalls: list[float], at_least_s: float) -> None:
    last = time.process_time()
    while True:
        await asyncio.sleep(0)
        now = time.process_time()
        if now - last >= at_least_s:
            stalls.append(now - last)
        last = now


def _place(callback: Any) -> str:
    """Where a task waits, or which callback it is and for whom."""
    task = _task_of(callback)
    if task is not None:
        return "end" if task.done() else _waits_in(task)
    owner = getattr(callback, "__self__", None)
    name = str(getattr(callback, "__qualname__", callback))
    if isinstance(owner, asyncio.Transport):
        return f"{type(owner.get_protocol()).__name__}: {name.rpartition('.')[2]}"
    return name


def _task_of(callback: Any) -> "asyncio.Task[Any] | None":
    owner = getattr(callback, "__self__", None)
    return owner if isinstance(owner, asyncio.Task) else None


def _waits_in(task: "asyncio.Task[Any]") -> str:
    """The innermost function of ours on the way to what the task waits for."""
    frames = list(_frames(task.get_coro()))
    ours = [frame for frame in frames if _is_ours(frame.f_code.co_filename)]
    if not frames:
        return "a library"
    code = (ours or frames)[-1].f_code
    return f"{Path(code.co_filename).stem}.{code.co_qualname}"


def _is_ours(file: str) -> bool:
    """Files of statements name themselves as code too; who runs them tells more."""
    return _OURS in file and file.endswith(".py")


def _frames(awaited: Any) -> Iterator[FrameType]:
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        if frame is not None:
            yield frame
        awaited = getattr(awaited, "cr_await", None)
