"""The command line. Every command says in one line what went wrong and ends with status 1; no tracebacks."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click
import structlog
import uvloop

from tollhouse import __version__, app, demo, doctor, serving, settings, supervisor
from tollhouse.access.keys import KeyTerms
from tollhouse.commands.ledger import ledger_group
from tollhouse.commands.terminal import OPERATOR, operator, with_control, with_settings
from tollhouse.control import onboarding
from tollhouse.control.callers import Actor
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import service as customers
from tollhouse.control.keys import service as keys
from tollhouse.control.keys.service import Owner
from tollhouse.db import migrate as migrations
from tollhouse.foundation.errors import StartupError, TollhouseError
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import MAX_KEY_BUDGET_USD, usd_string
from tollhouse.settings import Settings

_LAST_WORDS_S: Final = 15.0


def main() -> None:
    """The entry point of `tollhouse`."""
    try:
        commands(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (StartupError, TollhouseError) as error:
        click.echo(f"tollhouse: {error}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tollhouse")
def commands() -> None:
    """Tollhouse: an AI gateway whose budgets hold."""


# Serving -------------------------------------------------------------------------------------------------


@commands.command()
@click.option("--demo", "as_demo", is_flag=True, help="Seed a demo customer; emulate Cloudflare if there is none.")
@click.option(
    "--workers", type=click.IntRange(1, settings.MOST_WORKERS), help="Processes that share the port. [default: 1]"
)
@with_settings
def serve(read: Settings, as_demo: bool, workers: int | None) -> None:
    """Run the gateway and the control plane."""
    # Until the loop has its own handlers: a stop during the start leaves through the same doors.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app.make_data_dir(read)
    listener = serving.listen(read.host, read.port)
    size = workers or read.workers
    with contextlib.closing(listener), app.database_server(read) as url:
        if size > 1:
            asyncio.run(_supervise(read, url, listener, size, as_demo=as_demo))
        else:
            uvloop.run(_serve_demo(read, url, listener) if as_demo else _serve(read, url, listener, _say_where))


async def _serve_demo(read: Settings, url: str, listener: socket.socket) -> None:
    async with _with_cloudflare(read) as (complete, emulator_url):

        async def announce(house: app.House, address: str) -> None:
            click.echo(demo.welcome(await demo.prepare(house.control, read, address, emulator_url)))

        await _serve(complete, url, listener, announce)


async def _supervise(read: Settings, url: str, listener: socket.socket, size: int, *, as_demo: bool) -> None:
    """Several processes; what is done once for all of them is done here, before they start."""
    address = _address(read, listener)
    async with contextlib.AsyncExitStack() as stack:
        told, welcome = read, _where(address)
        if as_demo:
            told, emulator_url = await stack.enter_async_context(_with_cloudflare(read))
            async with app.open_control(told, url) as control:
                welcome = demo.welcome(await demo.prepare(control, read, address, emulator_url))
        environment = os.environ | settings.environment_of(told) | {"DATABASE_URL": url}
        crew = supervisor.Crew(size, listener, environment, told.shutdown_s)
        await supervisor.Supervisor(crew, lambda: click.echo(welcome)).run()


@contextlib.asynccontextmanager
async def _with_cloudflare(read: Settings) -> AsyncIterator[tuple[Settings, str | None]]:
    """The settings of a demo: as they are with real credentials, else with an emulator beside us."""
    if app.accounts_of(read):
        yield read, None
        return
    emulated = demo.EmulatorProcess(read.data_dir.resolve())
    try:
        await emulated.start()
        yield demo.with_emulator(read, emulated), emulated.url
    finally:
        await emulated.stop()


async def _serve(
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
        await announce(house, _address(read, listener))
        exchanges = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.wait([exchanges, house.loops], return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.stop()
            await exchanges
            await server.last_words(_LAST_WORDS_S)
        if house.loops.done():
            house.loops.result()


async def _say_where(_house: app.House, address: str) -> None:
    click.echo(_where(address))


def _where(address: str) -> str:
    return f"Tollhouse {__version__} is listening on {address}"


def _address(read: Settings, listener: socket.socket) -> str:
    host = "127.0.0.1" if read.host in ("0.0.0.0", "::") else read.host  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


@commands.command(hidden=True)
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
            uvloop.run(_serve(read, read.database_url or "", listener, _say_ready, leash))
    except StartupError as error:
        click.echo(str(error))
        sys.exit(1)


async def _say_ready(_house: app.House, _address: str) -> None:
    click.echo(supervisor.READY)


@commands.command()
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


commands.add_command(ledger_group)


# Database and settings -----------------------------------------------------------------------------------


@commands.command()
@click.option("--sql", is_flag=True, help="Print the SQL instead of running it.")
@with_settings
def migrate(read: Settings, sql: bool) -> None:
    """Bring the database to this version's schema."""
    if sql:
        migrations.print_sql()
        return
    with app.database_server(read) as url:
        click.echo(f"The database is at revision {migrations.current(url)}.")


@commands.command()
@with_settings
def config(read: Settings) -> None:
    """Show every setting with its value; secrets are masked."""
    rows = settings.describe(read)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")


@commands.command("doctor")
@with_settings
def doctor_command(read: Settings) -> None:
    """Say what is configured, what is reachable and what is wrong."""
    findings = doctor.examine(read)
    for finding in findings:
        click.echo(finding.line())
    if any(finding.wrong for finding in findings):
        sys.exit(1)


# Keys and gateways ---------------------------------------------------------------------------------------


@commands.group("keys")
def keys_group() -> None:
    """Make, list and disable virtual keys."""


@keys_group.command("create")
@click.option("--customer", required=True, help="The customer's id.")
@click.option("--name", required=True)
@click.option("--budget-usd", help="For example 25.00; none: no limit.")
@click.option("--reset", type=click.Choice(["daily", "weekly", "monthly"]))
@click.option("--model", "models", multiple=True, help="Allowed model; repeat for more; none: all.")
@with_settings
def keys_create(
    read: Settings, customer: str, name: str, budget_usd: str | None, reset: Any, models: tuple[str, ...]
) -> None:
    """Make a key of the customer's own and print it, this once."""
    terms = KeyTerms(name, _dollars(budget_usd), reset, models)

    async def work(context: ControlContext) -> None:
        async with context.database.transaction() as connection:
            await customers.get(connection, CustomerId(customer))
            issued = await keys.issue(connection, Actor(CustomerId(customer), OPERATOR), Owner(), terms)
        click.echo(issued.raw_key)

    with_control(read, work)


@keys_group.command("list")
@click.option("--customer", required=True, help="The customer's id.")
@with_settings
def keys_list(read: Settings, customer: str) -> None:
    """List a customer's keys: hash, name, state, spend, limit."""

    async def work(context: ControlContext) -> None:
        for account in await keys.of_customer(context.database, operator(customer)):
            limit = "no limit" if account.balance.limit is None else f"of {usd_string(account.balance.limit)}"
            state = account.state(context.clock.now())
            spent = usd_string(account.balance.spent)
            click.echo(f"{account.key.key_hash}  {state:<9}  {spent} {limit} USD  {account.key.terms.name}")

    with_control(read, work)


@keys_group.command("disable")
@click.option("--customer", required=True, help="The customer's id.")
@click.argument("key_hash")
@with_settings
def keys_disable(read: Settings, customer: str, key_hash: str) -> None:
    """Disable a key; running workers refuse it within a second."""

    async def work(context: ControlContext) -> None:
        await keys.change(context, operator(customer), key_hash, lambda terms: replace(terms, disabled=True))
        click.echo("disabled")

    with_control(read, work)


@commands.group()
def gateways() -> None:
    """Cloudflare gateways of customers."""


@gateways.command("provision")
@with_settings
def gateways_provision(read: Settings) -> None:
    """Make the gateways that are still missing."""
    if not app.accounts_of(read):
        raise StartupError("Cloudflare is not configured: set CF_ACCOUNT_ID and CF_AI_GATEWAY_API_TOKEN")

    async def work(context: ControlContext) -> None:
        click.echo(f"{await onboarding.provision_pending(context)} gateways made")

    with_control(read, work)


def _dollars(text: str | None) -> Decimal | None:
    try:
        dollars = None if text is None else Decimal(text).quantize(Decimal("0.0001"))
    except InvalidOperation as cause:
        raise click.BadParameter(f"{text!r} is not an amount of US dollars", param_hint="--budget-usd") from cause
    if dollars is not None and not 0 <= dollars <= MAX_KEY_BUDGET_USD:
        raise click.BadParameter(f"a budget is between 0 and {MAX_KEY_BUDGET_USD}", param_hint="--budget-usd")
    return dollars
