"""`tollhouse billing`: usage of all customers that did not get to Stripe, and what an operator does about it."""

from typing import Final

import click

from tollhouse.commands.terminal import operator, with_control, with_settings
from tollhouse.control.billing import service
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.foundation.ids import is_uuid
from tollhouse.foundation.money import exact_usd_string
from tollhouse.settings import Settings
from tollhouse.usage import dead_letters
from tollhouse.usage.dead_letters import DeadLetter

MOST_LETTERS: Final = 10_000


@click.group("billing")
def billing_group() -> None:
    """Usage that did not get to Stripe. docs/operating.md says what each kind of dead letter asks for."""


@billing_group.command("dead-letters")
@click.option("--most", type=click.IntRange(1, MOST_LETTERS), default=100, show_default=True)
@with_settings
def list_letters(read: Settings, most: int) -> None:
    """List the dead letters of all customers, newest first."""

    async def work(context: ControlContext) -> None:
        async with context.database.connection() as connection:
            found = await dead_letters.of_all(connection, most=most)
        for letter in found:
            click.echo(_line(letter))
        if not found:
            click.echo("there are no dead letters")

    with_control(read, work)


@billing_group.command("retry")
@click.argument("entry_id")
@click.option("--may-count-twice", is_flag=True, help="Needed for uncertain ones: look at Stripe first.")
@with_settings
def retry(read: Settings, entry_id: str, *, may_count_twice: bool) -> None:
    """Send one again."""

    async def work(context: ControlContext) -> None:
        person = await _for_customer_of(context, entry_id)
        await service.retry(context, person, entry_id, may_count_twice=may_count_twice)
        click.echo(f"{entry_id} waits to be sent")

    with_control(read, work)


@billing_group.command("close")
@click.argument("entry_id")
@click.option("--reason", required=True, help="How it was billed; the audit log keeps it.")
@with_settings
def close(read: Settings, entry_id: str, reason: str) -> None:
    """Say that one is billed: it was found at Stripe, or billed by hand."""
    if not 3 <= len(reason) <= 500 or not reason.isprintable():
        raise click.BadParameter("must have 3 to 500 characters in one line", param_hint="--reason")

    async def work(context: ControlContext) -> None:
        person = await _for_customer_of(context, entry_id)
        letter = await service.close(context, person, entry_id, reason)
        click.echo(f"{entry_id} is closed; it was {letter.kind}, {exact_usd_string(letter.cost)} USD")

    with_control(read, work)


async def _for_customer_of(context: ControlContext, entry_id: str) -> Person:
    """The operator, acting for the customer whose dead letter it is; raises NotFound."""
    async with context.database.connection() as connection:
        customer_id = await dead_letters.customer_of(connection, entry_id) if is_uuid(entry_id) else None
    if customer_id is None:
        raise service.no_such_letter()
    return operator(customer_id)


def _line(letter: DeadLetter) -> str:
    maybe = "" if letter.first_tried_at is None else f"  maybe sent {letter.first_tried_at:%Y-%m-%dT%H:%M:%SZ}"
    return (
        f"{letter.entry_id}  {letter.kind:<9}  {letter.customer_id}  {letter.occurred_at:%Y-%m-%dT%H:%M:%SZ}  "
        f"{exact_usd_string(letter.cost)} USD{maybe}  {letter.reason or ''}"
    )
