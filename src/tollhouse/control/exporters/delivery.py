"""The loop that sends what waits to where customers want it.

Every process runs it; each exporter is with one of them at a time, by a claim in the database that runs out if its
holder dies. Nothing is held while a receiver is slow: no transaction, no connection, and of the spans one batch for
each of a few exporters. So a dead receiver costs others nothing, and itself what is older than a day.
"""

import asyncio
from datetime import timedelta
from typing import Final

from tollhouse.control.exporters import sending
from tollhouse.control.exporters.sealed_headers import unseal
from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.sealing import Keyrings, SealError, UnknownMasterKey
from tollhouse.outbound.sending import Reply, Sender
from tollhouse.traces.exports import queue
from tollhouse.traces.exports.queue import Batch, Claimed

AT_ONCE: Final = 8
LOOK_EVERY_S: Final = 2.0
TIDY_EVERY_S: Final = 60.0
HOLD: Final = timedelta(seconds=60)
"""Much longer than a try lasts."""

_log = get_logger(__name__)


class Exports:
    """Owns one process's share of the sending."""

    def __init__(self, database: Database, clock: Clock, keyrings: Keyrings, *, private: bool) -> None:
        self._database = database
        self._clock = clock
        self._keyrings = keyrings
        self._private = private
        self._tidied_at = clock.monotonic()

    async def run(self) -> None:
        """Until cancelled."""
        sender = Sender(private=self._private, patience_s=sending.PATIENCE_S)
        try:
            while True:
                if not await self._turn(sender):
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await sender.close()

    async def send_due(self, sender: Sender) -> int:
        """One batch to each exporter whose turn it is, at most `AT_ONCE`; returns how many there were."""
        async with self._database.connection() as connection:
            due = await queue.claim(connection, most=AT_ONCE, hold=HOLD)
        async with asyncio.TaskGroup() as group:
            for exporter in due:
                group.create_task(self._serve_apart(sender, exporter))
        return len(due)

    async def _turn(self, sender: Sender) -> bool:
        """Whether there may be more at once."""
        try:
            await self._tidy_in_time()
            return await self.send_due(sender) > 0
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: it must not die of one bad turn
            _log.warning("sending spans to customers' endpoints failed; trying again", error=repr(error))
            return False

    async def _tidy_in_time(self) -> None:
        now = self._clock.monotonic()
        if now - self._tidied_at >= TIDY_EVERY_S:
            self._tidied_at = now
            async with self._database.transaction() as connection:
                await queue.tidy(connection)

    async def _serve_apart(self, sender: Sender, exporter: Claimed) -> None:
        """One that goes wrong leaves the others alone, and comes again when its claim has run out."""
        try:
            await self._serve(sender, exporter)
        except DATABASE_FAILURES as error:
            _log.warning("how an export went could not be written down", exporter_id=exporter.id, error=repr(error))

    async def _serve(self, sender: Sender, exporter: Claimed) -> None:
        async with self._database.connection() as connection:
            batch = await queue.oldest(connection, exporter)
        reply = await self._send(sender, exporter, batch)
        result = sending.judge(
            reply,
            exporter.terms,
            batch,
            failures=exporter.failures,
            batch_spans=exporter.batch_spans,
            now=self._clock.now(),
        )
        async with self._database.connection() as connection:
            await queue.note(connection, exporter, batch, result)
        if result.failed and exporter.failures == 0:  # once a row of failures: the API tells the rest
            _log.warning(
                "spans could not be exported",
                customer_id=exporter.customer_id,
                exporter_id=exporter.id,
                status=result.status,
                error=result.error,
            )

    async def _send(self, sender: Sender, exporter: Claimed, batch: Batch) -> Reply:
        if exporter.headers.envelope is None:
            return await sending.send(sender, exporter.terms, {}, batch)
        try:
            return await sending.send(sender, exporter.terms, self._headers(exporter), batch)
        except (SealError, StartupError):
            return Reply(None, "its headers cannot be opened here: store them anew, or ask your operator")

    def _headers(self, exporter: Claimed) -> dict[str, str]:
        envelope = exporter.headers.envelope
        assert envelope is not None  # noqa: S101 - asked before
        try:
            return unseal(self._keyrings.keyring(), envelope, exporter.customer_id, exporter.id)
        except UnknownMasterKey:  # another process may have made a new one
            return unseal(self._keyrings.latest(), envelope, exporter.customer_id, exporter.id)
