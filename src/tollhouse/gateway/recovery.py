"""What a dead process left behind: its holds become entries in doubt, with a receipt and a span each.

The worker's identity is a directory that it locks. Whoever gets the lock knows that the former holder is dead,
takes a new epoch, and charges what the old one left at once; on other machines a silent worker is charged after
a while. Money is never given back here: the calls may have been sent.
"""

import asyncio
import fcntl
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import WorkerId, new_id
from tollhouse.foundation.logs import get_logger
from tollhouse.gateway.records import records_of_swept
from tollhouse.ledger import holds
from tollhouse.ledger.holds import Owner
from tollhouse.traces import spans
from tollhouse.usage import receipts

MAX_SLOTS: Final = 256
SWEPT_AT_ONCE: Final = 500

_log = get_logger(__name__)


class Slot:
    """A worker's identity on this machine: `<data_dir>/workers/<n>`, locked while we live."""

    def __init__(self, data_dir: Path) -> None:
        self._lock, path = _first_free(data_dir / "workers")
        self.worker_id = WorkerId(_identity(path / "id"))

    def release(self) -> None:
        self._lock.close()


class Sweeper:
    """Says that this worker lives and charges what dead ones left. `owner` is who we are."""

    def __init__(self, database: Database, clock: Clock, owner: Owner, *, silent_s: float, every_s: float) -> None:
        self.owner = owner
        self._database = database
        self._clock = clock
        self._silent_after = timedelta(seconds=silent_s)
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled: heartbeat and sweep. A database that is away is waited out."""
        while True:
            try:
                await self.beat()
                await self.sweep()
            except DATABASE_FAILURES as error:
                _log.warning("the sweep could not run; trying again", error=repr(error))
            await asyncio.sleep(self._every_s)

    async def beat(self) -> None:
        """Raises StartupError if another process took our identity: we must not serve on."""
        async with self._database.connection() as connection:
            if not await holds.heartbeat(connection, self.owner):
                raise StartupError("another process has taken this worker's identity; is the data directory shared?")

    async def sweep(self) -> int:
        """Charge all that nobody will settle; returns how many calls that were."""
        total = 0
        while True:
            async with self._database.transaction() as connection:
                swept = await holds.sweep(connection, self._silent_after, most=SWEPT_AT_ONCE)
                records = [records_of_swept(call, self._clock.now()) for call in swept]
                if records:
                    await receipts.write(connection, [receipt for receipt, _ in records])
                    await spans.write(connection, [span for _, span in records])
            total += len(swept)
            if len(swept) < SWEPT_AT_ONCE:
                break
        if total:
            _log.warning("calls charged in doubt: their process ended before their outcome was known", calls=total)
        return total


async def take_identity(database: Database, slot: Slot) -> Owner:
    """A new epoch for this worker; what its former epochs hold is charged by the next sweep."""
    async with database.connection() as connection:
        return await holds.register(connection, slot.worker_id)


def _first_free(folder: Path) -> tuple[IO[str], Path]:
    for number in range(MAX_SLOTS):
        path = folder / str(number)
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return lock, path
    raise StartupError(f"all {MAX_SLOTS} worker slots in {folder} are in use")


def _identity(path: Path) -> str:
    """The slot's lasting name; written whole or not at all."""
    if path.exists():
        return path.read_text().strip()
    draft = path.with_suffix(".new")
    draft.write_text(new_id())
    draft.replace(path)
    return path.read_text().strip()
