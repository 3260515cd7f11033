"""The process beside a door for spans that does the work on them (`intake/annex.py`). Loads nothing else."""

import asyncio
import contextlib
import signal
import socket
from typing import Final

import click
import msgspec
import uvloop

from tollhouse import serving
from tollhouse.commands.terminal import with_settings
from tollhouse.db import pool
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.processor import give_way, step_back
from tollhouse.intake import refusals
from tollhouse.intake.office import OwnOffice
from tollhouse.intake.parcels import Handed, Refused, Told, framed, next_of
from tollhouse.opening.intake import own_office_of
from tollhouse.settings import Settings

_AFTER_OTHERS: Final = 10
"""Niceness: calls to models have the processor first; where they need all of it, a tenth is left for spans."""
_CONNECTIONS: Final = 4
_handed: Final = msgspec.msgpack.Decoder(Handed)
_log = get_logger(__name__)


@click.command(hidden=True)
@click.option("--socket", "descriptor", type=int, required=True)
@with_settings
def annex(read: Settings, descriptor: int) -> None:
    """One of the processes beside those that serve: stores spans until the one that started it is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they come to the whole group; we end when our socket does
        signal.signal(number, signal.SIG_IGN)
    step_back(_AFTER_OTHERS)
    with contextlib.closing(socket.socket(fileno=descriptor)) as theirs:
        uvloop.run(_work(read, theirs))


async def _work(read: Settings, theirs: socket.socket) -> None:
    async with contextlib.AsyncExitStack() as stack:
        database = await pool.connect(read.database_url or "", size=_CONNECTIONS)
        stack.push_async_callback(database.close)
        office = own_office_of(read, database, SystemClock())
        serving.settle_memory()
        reader, writer = await asyncio.open_unix_connection(sock=theirs)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(office.run())
            parcels: set[asyncio.Task[None]] = set()
            while (handed := await next_of(reader, _handed)) is not None:
                give_way()
                task = group.create_task(_one(office, handed, writer))
                parcels.add(task)
                task.add_done_callback(parcels.discard)
            for task in (running, *parcels):
                task.cancel()


async def _one(office: OwnOffice, handed: Handed, writer: asyncio.StreamWriter) -> None:
    told = await _told(office, handed)
    with contextlib.suppress(ConnectionError):  # the door is gone, and so are we in a moment
        writer.write(framed(told))
        await writer.drain()


async def _told(office: OwnOffice, handed: Handed) -> Told:
    try:
        return Told(handed.number, await office.take(handed.parcel), None)
    except TollhouseError as refusal:
        return Told(handed.number, None, Refused.of(refusal))
    except Exception as error:  # noqa: BLE001 - the last place where an error can become an answer
        _log.exception("a request with spans failed", error=type(error).__name__)
        return Told(handed.number, None, Refused.of(refusals.internal_error()))
