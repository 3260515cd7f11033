"""`tollhouse secrets`: what seals the secrets that are kept for customers."""

import sys

import click

from tollhouse import settings
from tollhouse.access.provider_keys import ProviderKey
from tollhouse.commands.terminal import with_control, with_settings
from tollhouse.control.context import ControlContext
from tollhouse.control.exporters import rotation as exporters
from tollhouse.control.provider_keys import rotation as provider_keys
from tollhouse.control.rewrapping import Rotation
from tollhouse.foundation.sealing import Envelope
from tollhouse.opening.control import master_keys_of
from tollhouse.settings import Settings
from tollhouse.traces.exports.exporters import Sealed


@click.group("secrets")
def secrets_group() -> None:
    """Rotate the master key that seals customers' provider keys and the headers of their exporters."""


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
        keys = await provider_keys.rotate(context.database, context.keyrings.latest())
        _say(keys, await exporters.rotate(context.database, context.header_keyrings.latest()))

    with_control(read, work)


def _say(keys: Rotation[ProviderKey], headers: Rotation[Sealed]) -> None:
    for key in keys.unreadable:
        _say_unreadable(f"customer {key.customer_id}, provider {key.provider}", key.envelope)
    for one in headers.unreadable:
        _say_unreadable(f"customer {one.customer_id}, trace exporter {one.id}", one.envelope)
    unreadable = len(keys.unreadable) + len(headers.unreadable)
    rewrapped, current = keys.rewrapped + headers.rewrapped, keys.current + headers.current
    click.echo(f"{rewrapped} rewrapped, {current} already current, {unreadable} cannot be opened")
    if unreadable:
        sys.exit(1)


def _say_unreadable(where: str, envelope: Envelope) -> None:
    click.echo(f"cannot be opened: {where}, master key {envelope.master_key_id}")
