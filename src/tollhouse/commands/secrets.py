"""`tollhouse secrets`: what seals the secrets that are kept for customers."""

import sys

import click

from tollhouse import settings
from tollhouse.commands.terminal import with_control, with_settings
from tollhouse.control.context import ControlContext
from tollhouse.control.provider_keys import rotation
from tollhouse.control.provider_keys.rotation import Rotation
from tollhouse.opening.control import master_keys_of
from tollhouse.settings import Settings


@click.group("secrets")
def secrets_group() -> None:
    """Rotate the master key that seals customers' provider keys."""


@secrets_group.command("rotate")
@click.option("--new", is_flag=True, help="First make a new master key, at the top of the key file.")
@with_settings
def rotate(read: Settings, new: bool) -> None:
    """Wrap the data keys of all kept secrets anew, under the current master key.

    Safe while calls are made, to be stopped, and to be repeated. Ends with status 1 if there are secrets that do not
    open. With TOLLHOUSE_SECRET_KEY: start every node with a new one there and the former one in
    TOLLHOUSE_FORMER_SECRET_KEYS, rotate, then start every node without the former one.
    """
    settings.make_data_dir(read)
    if new:
        keys = master_keys_of(read)
        keys.renew()
        click.echo(f"a new master key is at the top of {keys.file}")

    async def work(context: ControlContext) -> None:
        _say(await rotation.rotate(context.database, context.keyrings.latest()))

    with_control(read, work)


def _say(done: Rotation) -> None:
    for key in done.unreadable:
        where = f"customer {key.customer_id}, provider {key.provider}, master key {key.envelope.master_key_id}"
        click.echo(f"cannot be opened: {where}")
    click.echo(f"{done.rewrapped} rewrapped, {done.current} already current, {len(done.unreadable)} cannot be opened")
    if done.unreadable:
        sys.exit(1)
