"""`tollhouse keys` and `tollhouse gateways`: from the command line what people do over REST."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from tollhouse.access.keys import KeySearch, KeyTerms
from tollhouse.commands.terminal import OPERATOR, operator, with_control, with_settings
from tollhouse.control.callers import Actor
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import service as customers
from tollhouse.control.keys import many
from tollhouse.control.keys import service as keys
from tollhouse.control.keys.service import Owner
from tollhouse.control.onboarding.gateways import provision_pending
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import MAX_KEY_BUDGET_USD, usd_string
from tollhouse.opening.control import accounts_of
from tollhouse.settings import Settings


@click.group("keys")
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
        page = await many.search(context.database, operator(customer), KeySearch(), context.clock.now())
        for account in page.accounts:
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


@click.group()
def gateways() -> None:
    """Cloudflare gateways of customers."""


@gateways.command("provision")
@with_settings
def gateways_provision(read: Settings) -> None:
    """Make the gateways that are still missing."""
    if not accounts_of(read):
        raise StartupError("Cloudflare is not configured: set CF_ACCOUNT_ID and CF_AI_GATEWAY_API_TOKEN")

    async def work(context: ControlContext) -> None:
        click.echo(f"{await provision_pending(context)} gateways made")

    with_control(read, work)


def _dollars(text: str | None) -> Decimal | None:
    try:
        dollars = None if text is None else Decimal(text).quantize(Decimal("0.0001"))
    except InvalidOperation as cause:
        raise click.BadParameter(f"{text!r} is not an amount of US dollars", param_hint="--budget-usd") from cause
    if dollars is not None and not 0 <= dollars <= MAX_KEY_BUDGET_USD:
        raise click.BadParameter(f"a budget is between 0 and {MAX_KEY_BUDGET_USD}", param_hint="--budget-usd")
    return dollars
