"""Waiting for what is about to happen: one patience for all tests, long enough for a machine that is busy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_S = 60.0
_LOOK_AGAIN_S = 0.01

Seen = TypeVar("Seen")


async def eventually(look: Callable[[], Awaitable[Seen]], but: str = "it never came true") -> Seen:
    """The first thing that `look` sees and that counts as true; `but` is what a test that waits in vain says.

    Errors of `look` are errors of the test: who expects some catches them.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (seen := await look()):
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        raise AssertionError(f"{but}, in {PATIENCE_S:g} s") from None
    return seen


async def until(true: Callable[[], object], but: str = "it never came true") -> None:
    """The same for something that is at hand and need not be asked for."""

    async def look() -> bool:
        return bool(true())

    await eventually(look, but)
