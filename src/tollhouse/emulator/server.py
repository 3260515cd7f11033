"""Serving the emulator with uvicorn, on a protocol that can close a connection without an answer."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tollhouse.emulator.app import create
from tollhouse.emulator.wire import DROP_EXTENSION
from tollhouse.emulator.world import EmulatorConfig
from tollhouse.foundation.errors import StartupError

GRACE_S: Final = 2
KEEP_ALIVE_S: Final = 120
"""Longer than callers keep idle connections: whoever closes first must not be the one who is called."""
_BACKLOG: Final = 2048


class _DroppingProtocol(HttpToolsProtocol):
    """Offers each request a way to close its connection: servers die without saying so, ASGI cannot."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {DROP_EXTENSION: {"close": self.transport.close}}


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(config: EmulatorConfig, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is being answered, for at most `GRACE_S`.

    `started` gets the base URL once the port is open; port 0 takes a free one. Raises StartupError when the port is
    taken or the state file is not ours.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(config, host, port) as url:
            started(url)
            await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def running(config: EmulatorConfig, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve inside this event loop for as long as the block lasts; gives the base URL."""
    with closing(create(config)) as emulator, closing(_listen(host, port)) as listener:
        server = _Server(_uvicorn_config(emulator))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


def _listen(host: str, port: int) -> socket.socket:
    """Connections are accepted by the kernel from here on, so the URL is good before the server's first tick."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio does not switch Nagle's algorithm off and every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as cause:
        listener.close()
        raise StartupError(f"the emulator cannot listen on {host} port {port}: {cause.strerror}") from cause
    return listener


def _uvicorn_config(emulator: Callable[..., object]) -> uvicorn.Config:
    return uvicorn.Config(
        emulator,
        http=_DroppingProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=_BACKLOG,
    )
