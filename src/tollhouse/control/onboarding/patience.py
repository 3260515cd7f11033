"""How long the stories wait for others, and how much they do in one round."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from tollhouse.control.context import ControlContext
from tollhouse.db.pool import Connection

UNFINISHED: Final = timedelta(minutes=10)
"""By then a registration is over, or whoever worked on it is dead."""
DISCARD_WAIT_S: Final = 5.0
"""For tidying up while somebody waits for an answer; what is not done by then is done in the background."""
MOST_PER_ROUND: Final = 20

Due = TypeVar("Due")


async def one_round(
    context: ControlContext, claim: Callable[[Connection, datetime], Awaitable[Due | None]]
) -> AsyncIterator[Due]:
    """What is due, one thing after the other, each claimed before it is worked on."""
    for _ in range(MOST_PER_ROUND):
        async with context.database.transaction() as connection:
            due = await claim(connection, context.clock.now())
        if due is None:
            return
        yield due
