"""`tollhouse serve`, and the emulated Cloudflare."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click
import uvloop

from tollhouse import __version__, app, demo, serving, settings, supervisor
from tollhouse.commands.terminal import with_database, with_settings
from tollhouse.commands.worker import address_of, run_house
from tollhouse.opening.control import accounts_of, open_control
from tollhouse.settings import Settings


@click.command()
@click.option("--demo", "as_demo", is_flag=True, help="Seed a demo customer; emulate Cloudflare if there is none.")
@click.option(
    "--workers", type=click.IntRange(1, settings.MOST_WORKERS), help="Processes that share the port. [default: 1]"
)
@with_settings
def serve(read: Settings, as_demo: bool, workers: int | None) -> None:
    """Run the gateway and the control plane."""
    # Until the loop has its own handlers: a stop during the start leaves through the same doors.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    settings.make_data_dir(read)
    listener = serving.listen(read.host, read.port)
    size = workers or read.workers
    with contextlib.closing(listener), with_database(read) as url:
        if size > 1:
            asyncio.run(_supervise(read, url, listener, size, as_demo=as_demo))
        else:
            uvloop.run(_serve_demo(read, url, listener) if as_demo else run_house(read, url, listener, _say_where))


async def _serve_demo(read: Settings, url: str, listener: socket.socket) -> None:
    async with _with_cloudflare(read) as (complete, emulator_url):

        async def announce(house: app.House, address: str) -> None:
            click.echo(demo.welcome(await demo.prepare(house.control, read, address, emulator_url)))

        await run_house(complete, url, listener, announce)


async def _supervise(read: Settings, url: str, listener: socket.socket, size: int, *, as_demo: bool) -> None:
    """Several processes; what is done once for all of them is done here, before they start."""
    address = address_of(read, listener)
    async with contextlib.AsyncExitStack() as stack:
        told, welcome = read, _where(address)
        if as_demo:
            told, emulator_url = await stack.enter_async_context(_with_cloudflare(read))
            async with open_control(told, url) as control:
                welcome = demo.welcome(await demo.prepare(control, read, address, emulator_url))
        environment = os.environ | settings.environment_of(told) | {"DATABASE_URL": url}
        crew = supervisor.Crew(size, listener, environment, told.shutdown_s)
        await supervisor.Supervisor(crew, lambda: click.echo(welcome)).run()


@contextlib.asynccontextmanager
async def _with_cloudflare(read: Settings) -> AsyncIterator[tuple[Settings, str | None]]:
    """The settings of a demo: as they are with real credentials, else with an emulator beside us."""
    if accounts_of(read):
        yield read, None
        return
    emulated = demo.EmulatorProcess(read.data_dir.resolve())
    try:
        await emulated.start()
        yield demo.with_emulator(read, emulated), emulated.url
    finally:
        await emulated.stop()


async def _say_where(_house: app.House, address: str) -> None:
    click.echo(_where(address))


def _where(address: str) -> str:
    return f"Tollhouse {__version__} is listening on {address}"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0: any free port.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep gateways and the book in this file.")
@click.option("--place", type=click.Path(path_type=Path), help="Write address and process id to this file.")
@click.option("--leash", type=click.Path(path_type=Path), help="End some minutes after nobody holds this lock.")
@click.option("--quota", type=click.IntRange(1), default=20, show_default=True, help="Gateways per account.")
@with_settings
def emulator(
    read: Settings, host: str, port: int, state: Path | None, place: Path | None, leash: Path | None, quota: int
) -> None:
    """Run a local Cloudflare AI Gateway with a deterministic provider behind it.

    It accepts CF_ACCOUNT_ID and CF_AI_GATEWAY_API_TOKEN; unset, they are `emulator` and `emulator-token`.
    """
    token = read.cf_api_token.get_secret_value() if read.cf_api_token else "emulator-token"
    account = read.cf_account_id or "emulator"
    order = demo.EmulatorOrder(account, token, host, port, quota, state, place, leash, read.price_overrides)
    uvloop.run(demo.run_emulator(order))
