"""How one worker stands at the moment, written into its cells about once a second, for whoever is scraped."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from tollhouse.cloudflare.upstream import UpstreamPool
from tollhouse.db.pool import Database
from tollhouse.ledger.keeper import Keeper
from tollhouse.tallies.cells import Tally

EVERY_S: Final = 1.0


class Room(Protocol):
    """What requests with spans take at this moment (`intake.capacity.Room`)."""

    taken: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What is looked at."""

    keeper: Keeper
    upstream: UpstreamPool
    database: Database
    spans: Room


class Gauges:
    """Owns one worker's gauges."""

    def __init__(self, tally: Tally, sources: Sources, now: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._sources = sources
        self._now = now
        self._flushed = -1
        self._flushed_at = now()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = self._now() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.renew(lag_s=max(self._now() - due, 0.0))

    def renew(self, *, lag_s: float = 0.0) -> None:
        """`lag_s`: how much later than it should the event loop came to this."""
        for name, value in (self._standing() | {"loop_lag_us": int(lag_s * 1e6)}).items():
            self._tally.values[self._tally.gauge(name)] = value
        self._tally.beat(time.time())

    def _standing(self) -> dict[str, int]:
        keeper, upstream = self._sources.keeper, self._sources.upstream
        size, idle = self._sources.database.standing
        return {
            "calls_open": len(keeper.till.open),
            "calls_waiting": keeper.till.waiting,
            "journal_bytes": keeper.journal.size_bytes,
            "journal_unbooked_bytes": keeper.journal.unacked_bytes,
            "unflushed_records": keeper.unflushed,
            "untold_records": keeper.untold,
            "flush_age_us": int(self._flush_age_s() * 1e6),
            "upstream_open": upstream.open,
            "upstream_in_use": upstream.in_use,
            "upstream_waiting": upstream.waiting,
            "database_open": size,
            "database_in_use": size - idle,
            "ingest_bytes": self._sources.spans.taken,
        }

    def _flush_age_s(self) -> float:
        """For how long records wait to be booked without any being booked; 0: none waits."""
        keeper, now = self._sources.keeper, self._now()
        if keeper.unflushed == 0 or keeper.flushed != self._flushed:
            self._flushed, self._flushed_at = keeper.flushed, now
        return now - self._flushed_at
