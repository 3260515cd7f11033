"""The command line. Every command says in one line what went wrong and ends with status 1; no tracebacks.

A command is loaded when it is called: what serves takes seconds to import, and `--help` needs none of it.
"""

import importlib
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

import click

from tollhouse import __version__
from tollhouse.foundation.errors import StartupError, TollhouseError


class _Entry(NamedTuple):
    """Where a command is, and what it does in a few words; without words it is not shown."""

    module: str
    name: str
    summary: str = ""


_COMMANDS: Final[Mapping[str, _Entry]] = {
    "serve": _Entry("serve", "serve", "Run the gateway and the control plane."),
    "worker": _Entry("worker", "worker"),
    "annex": _Entry("annex", "annex"),
    "emulator": _Entry("serve", "emulator", "Run a local Cloudflare AI Gateway with a provider behind it."),
    "migrate": _Entry("installation", "migrate", "Bring the database to this version's schema."),
    "config": _Entry("installation", "config", "Show every setting with its value; secrets are masked."),
    "doctor": _Entry("installation", "doctor_command", "Say what is configured, reachable and wrong."),
    "openapi": _Entry("installation", "openapi", "Print the description of the REST API."),
    "keys": _Entry("keys", "keys_group", "Make, list and disable virtual keys."),
    "import": _Entry("imports", "import_group", "Bring keys over from another gateway."),
    "gateways": _Entry("keys", "gateways", "Cloudflare gateways of customers."),
    "secrets": _Entry("secrets", "secrets_group", "Rotate the master key that seals customers' provider keys."),
    "billing": _Entry("billing", "billing_group", "Usage that did not get to Stripe: list, retry, close."),
    "ledger": _Entry("ledger", "ledger_group", "Look at the book, prove that it is right, correct it."),
}


class _Commands(click.Group):
    """Knows its commands by name and loads the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"tollhouse.commands.{entry.module}"), entry.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items() if entry.summary])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tollhouse")
def commands() -> None:
    """Tollhouse: an AI gateway whose budgets hold."""


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
