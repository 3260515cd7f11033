"""What every command needs: the settings, the control plane's rooms without a server, and who acts."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final

from tollhouse import settings
from tollhouse.control.callers import Person
from tollhouse.foundation import logs
from tollhouse.foundation.ids import CustomerId, UserId
from tollhouse.settings import Settings

if TYPE_CHECKING:
    from tollhouse.control.context import ControlContext

OPERATOR: Final = "command line"


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Hand the settings to a command, with logging set up."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        read = settings.load()
        logs.configure(read.log_format, read.log_level)
        command(read, *args, **kwargs)

    return wrapped


def with_control(read: Settings, work: "Callable[[ControlContext], Coroutine[Any, Any, None]]") -> None:
    """Run work that needs the control plane's rooms but no server."""
    from tollhouse.opening.control import open_control  # half a second, which `--help` has no use for

    async def run(url: str) -> None:
        async with open_control(read, url) as context:
            await work(context)

    with with_database(read) as url:
        asyncio.run(run(url))


@contextlib.contextmanager
def with_database(read: Settings) -> Iterator[str]:
    """The URL of the database, migrated; an embedded one is stopped at the end."""
    from tollhouse.db import server  # migrating takes a second to load, and workers have no use for it

    settings.make_data_dir(read)
    with server.running(read.database_url, read.data_dir) as url:
        yield url


def operator(customer_id: str) -> Person:
    """Whoever may run commands on this machine acts as an admin; the audit log says that it was a command."""
    return Person(
        user_id=UserId(OPERATOR),
        customer_id=CustomerId(customer_id),
        email="",
        name=OPERATOR,
        role="admin",
        team_ids=frozenset(),
        via="session",
        credential_id="",
    )
