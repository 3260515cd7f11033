"""One process that serves, until it is told to stop. Loads nothing that only its supervisor or a demo needs."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import click
import structlog
import uvloop

from tollhouse import app, serving, supervisor
from tollhouse.commands.terminal import with_settings
from tollhouse.foundation.errors import StartupError
from tollhouse.settings import Settings

_LAST_WORDS_S: Final = 15.0


@click.command(hidden=True)
@click.option("--number", type=int, required=True)
@click.option("--listener", "descriptor", type=int, required=True)
@click.option("--leash", type=int, required=True)
@with_settings
def worker(read: Settings, number: int, descriptor: int, leash: int) -> None:
    """One of the processes of `serve --workers`; speaks to its supervisor on standard output."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    structlog.contextvars.bind_contextvars(worker=number)
    try:
        with contextlib.closing(serving.inherited(descriptor)) as listener:
            uvloop.run(run_house(read, read.database_url or "", listener, _say_ready, leash))
    except StartupError as error:
        click.echo(str(error))
        sys.exit(1)


async def _say_ready(_house: app.House, _address: str) -> None:
    click.echo(supervisor.READY)


async def run_house(
    read: Settings,
    url: str,
    listener: socket.socket,
    announce: Callable[[app.House, str], Coroutine[Any, Any, None]],
    leash: int | None = None,
) -> None:
    """Until a signal, a leash that is let go, or a loop that cannot go on; calls in flight are finished and booked."""
    async with app.open_house(read, url) as house:
        serving.settle_memory()
        server = serving.make_server(
            house.application, max_header_bytes=read.max_header_bytes, shutdown_s=read.shutdown_s
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        if leash is not None:
            server.stop_when_let_go(leash)
        # The socket is open: whoever calls meanwhile waits for a moment, and finds everything that was announced.
        await announce(house, address_of(read, listener))
        exchanges = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.wait([exchanges, house.loops], return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.stop()
            await exchanges
            await server.last_words(_LAST_WORDS_S)
        if house.loops.done():
            house.loops.result()


def address_of(read: Settings, listener: socket.socket) -> str:
    host = "127.0.0.1" if read.host in ("0.0.0.0", "::") else read.host  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
