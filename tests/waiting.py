"""Waiting for what is about to happen: one patience for all tests, long enough for a machine that is busy."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_S = 60.0
_LOOK_AGAIN_S = 0.01

Seen = TypeVar("Seen")


async def eventually(look: Callable[[], Awaitable[Seen] | Seen], but: str = "it never came true") -> Seen:
    """The first thing that `look` sees and that counts as true; `but` is what a test that waits in vain says.

    Errors of `look` are errors of the test: who expects some catches them.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (seen := await _seen(look)):
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        raise AssertionError(f"{but}, in {PATIENCE_S:g} s") from None
    return seen


async def _seen(look: Callable[[], Awaitable[Seen] | Seen]) -> Seen:
    seen = look()
    return await seen if inspect.isawaitable(seen) else seen
