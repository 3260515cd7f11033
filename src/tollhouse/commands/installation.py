"""Commands about this installation: its database, its settings, its API, and what is wrong with it.

What only one of them needs is imported there: it takes longer to load than the others take to run.
"""

import json
import sys
from pathlib import Path

import click

from tollhouse import settings
from tollhouse.commands.terminal import with_database, with_settings
from tollhouse.settings import Settings


@click.command()
@click.option("--sql", is_flag=True, help="Print the SQL instead of running it.")
@with_settings
def migrate(read: Settings, sql: bool) -> None:
    """Bring the database to this version's schema."""
    from tollhouse.db import migrate as migrations

    if sql:
        migrations.print_sql()
        return
    with with_database(read) as url:
        click.echo(f"The database is at revision {migrations.current(url)}.")


@click.command()
@with_settings
def config(read: Settings) -> None:
    """Show every setting with its value; secrets are masked."""
    rows = settings.describe(read)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")


@click.command("doctor")
@with_settings
def doctor_command(read: Settings) -> None:
    """Say what is configured, what is reachable and what is wrong."""
    from tollhouse import doctor

    findings = doctor.examine(read)
    for finding in findings:
        click.echo(finding.line())
    if any(finding.wrong for finding in findings):
        sys.exit(1)


@click.command("openapi")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file instead.")
def openapi(out: Path | None) -> None:
    """Print the description of the REST API (OpenAPI 3.1)."""
    from tollhouse.control import api

    text = json.dumps(api.description(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text)
