"""`tollhouse import`: keys of other gateways."""

import csv
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import SecretStr

from tollhouse.commands.terminal import OPERATOR, with_control, with_settings
from tollhouse.control.callers import Actor
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import service as customers
from tollhouse.control.imports import openrouter, service
from tollhouse.control.imports.openrouter import Source
from tollhouse.control.imports.service import Imported
from tollhouse.db import pool
from tollhouse.db.pool import Database
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret
from tollhouse.settings import Settings


@click.group("import")
def import_group() -> None:
    """Bring keys over from another gateway."""


@import_group.command("openrouter")
@click.option("--customer", required=True, help="The customer that gets the keys, by id.")
@click.option("--file", "dump", type=click.Path(path_type=Path, exists=True), help="A dump: JSON as the API gives it.")
@click.option("--table", is_flag=True, help='Read the old table "OpenRouterKey" or openrouter_keys.')
@click.option("--database", help="Where that table is; none: Tollhouse's own database.")
@click.option("--api", is_flag=True, help="Ask OpenRouter; its management key is in OPENROUTER_MANAGEMENT_KEY.")
@click.option("--api-base", default=openrouter.BASE_URL, show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the new raw keys here; they exist nowhere else.")
@click.option("--drop", is_flag=True, help="Drop the old table afterwards.")
@with_settings
def import_openrouter(
    read: Settings,
    customer: str,
    dump: Path | None,
    table: bool,
    database: str | None,
    api: bool,
    api_base: str,
    dry_run: bool,
    out: Path | None,
    drop: bool,
) -> None:
    """Make OpenRouter's keys anew: names, owners, limits and resets. Safe to repeat."""
    if (dump is not None) + table + api != 1:
        raise click.UsageError("say where the keys are: one of --file, --table, --api")
    if not dry_run and out is None:
        raise click.UsageError("say with --out where the new raw keys go, or look first with --dry-run")

    async def work(context: ControlContext) -> None:
        async with context.database.connection() as connection:
            await customers.get(connection, CustomerId(customer))
        asked = _Asked(dump, database, api_base, read.openrouter_management_key)
        sources = await _sources(context, asked, table=table)
        async with context.database.transaction() as connection:
            steps = await service.plan(connection, CustomerId(customer), sources, context.clock.now())
            for line in service.lines_of(steps):
                click.echo(line)
            if not dry_run and out is not None:
                made = await service.carry_out(connection, Actor(CustomerId(customer), OPERATOR), steps)
                if made:
                    _write(out, made)
        if drop and table and not dry_run:
            await _drop(context, database)

    with_control(read, work)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where the keys are."""

    dump: Path | None
    database: str | None
    api_base: str
    management_key: SecretStr | None


async def _sources(context: ControlContext, asked: _Asked, *, table: bool) -> list[Source]:
    if asked.dump is not None:
        try:
            return openrouter.read_all(json.loads(asked.dump.read_text()))
        except (ValueError, OSError) as cause:
            raise StartupError(f"{asked.dump} is not readable as JSON: {cause}") from cause
    if table:
        async with _where_the_table_is(context, asked.database) as database, database.connection() as connection:
            return await openrouter.from_table(connection)
    if asked.management_key is None:
        raise StartupError("set OPENROUTER_MANAGEMENT_KEY to a management key of OpenRouter")
    return await openrouter.from_api(Secret(asked.management_key.get_secret_value()), asked.api_base)


async def _drop(context: ControlContext, url: str | None) -> None:
    async with _where_the_table_is(context, url) as database, database.transaction() as connection:
        if await openrouter.drop_table(connection):
            click.echo("the old table was dropped")


@asynccontextmanager
async def _where_the_table_is(context: ControlContext, url: str | None) -> AsyncIterator[Database]:
    """Our own database, or another that is closed again."""
    if url is None:
        yield context.database
        return
    other = await pool.connect(url, size=1)
    try:
        yield other
    finally:
        await other.close()


def _write(out: Path, made: Sequence[Imported]) -> None:
    """Before the keys are committed: who cannot write them down must not make them."""
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as cause:
        raise StartupError(f"{out} cannot be written, nothing was imported: {cause.strerror}") from cause
    with os.fdopen(descriptor, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "openrouter_hash", "raw_key"))
        writer.writerows((each.step.source.name, each.step.source.hash, each.raw_key.reveal()) for each in made)
