"""The road of calls, from settings: the ledger's worker, the way upstream, the road itself, its prices day by day."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from tollhouse.access.lookup import PermitLookup
from tollhouse.access.rates import Rates
from tollhouse.catalog.models import load as load_catalog
from tollhouse.cloudflare.upstream import PoolLimits, UpstreamPool
from tollhouse.control.context import ControlContext
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import usd_to_nanos
from tollhouse.gateway.counts import Counts
from tollhouse.gateway.credentials import Credentials, ProviderKeys, Tokens
from tollhouse.gateway.journey import Prices, Road, RoadLimits
from tollhouse.gateway.relay import Drains, Relay
from tollhouse.gateway.settle import Settler, tell
from tollhouse.ledger.crashpoints import CrashPoint
from tollhouse.ledger.keeper import Cadence
from tollhouse.ledger.purse import Terms
from tollhouse.ledger.segments import JournalLimits
from tollhouse.ledger.worker import Worker, WorkerTerms
from tollhouse.settings import Settings

LOOK_AT_DAY_S: Final = 10.0
_MAX_UPSTREAM_HEADER_BYTES: Final = 64 << 10
_UPSTREAM_KEEPALIVE_S: Final = 60.0

_log = get_logger(__name__)


def ledger_terms(settings: Settings) -> WorkerTerms:
    """How this process keeps its part of the ledger. Raises StartupError for sizes that do not fit together."""
    return WorkerTerms(
        data_dir=settings.data_dir.resolve(),
        till=Terms(
            ahead_s=settings.lease_ahead_s,
            max_lease=usd_to_nanos(settings.lease_max_usd),
            idle_s=settings.lease_idle_s,
            wait_s=settings.hold_wait_s,
            outage_ttl_s=settings.outage_ttl_s,
        ),
        journal=_journal_limits(settings),
        cadence=Cadence(sync_s=settings.journal_sync_s, strict=settings.journal_sync == "strict"),
        silent_s=settings.worker_silent_s,
        sweep_every_s=settings.sweep_every_s,
        tell=tell,
    )


def _journal_limits(settings: Settings) -> JournalLimits:
    try:
        return JournalLimits(settings.journal_segment_bytes, settings.journal_max_bytes, settings.journal_keep_s)
    except ValueError as cause:
        raise StartupError(f"TOLLHOUSE_JOURNAL_MAX_BYTES is not usable: {cause}") from cause


def road_of(
    settings: Settings,
    worker: Worker,
    upstream: UpstreamPool,
    permits: PermitLookup,
    prices: Prices,
    control: ControlContext,
    clock: Clock,
    point: CrashPoint,
    rates: Rates,
    counts: Counts,
) -> Road:
    drains = Drains(most=settings.max_drains, seconds=settings.drain_s, clock=clock)
    return Road(
        permits=permits,
        prices=prices,
        keeper=worker.keeper,
        pool=upstream,
        credentials=_credentials(control, clock),
        default_account=next((account.id for account in control.accounts), None),
        rates=rates,
        relay=Relay(drains, clock),
        settler=Settler(worker.keeper, clock, counts, _server(settings)),
        clock=clock,
        limits=_road_limits(settings),
        point=point,
    )


def _server(settings: Settings) -> tuple[str, int] | None:
    """Where calls are sent, for their spans."""
    host, port = settings.cf_gateway_base.host, settings.cf_gateway_base.port
    return None if host is None or port is None else (host, port)


def _credentials(control: ControlContext, clock: Clock) -> Credentials:
    tokens = Tokens({account.id: account.run_token for account in control.accounts})
    return Credentials(tokens, ProviderKeys(control.keyrings, clock))


def upstream_of(settings: Settings) -> UpstreamPool:
    return UpstreamPool(
        str(settings.cf_gateway_base).rstrip("/"),
        limits=PoolLimits(
            max_connections=settings.upstream_connections,
            max_waiting=settings.upstream_waiting,
            connect_timeout_s=settings.connect_timeout_s,
            first_byte_timeout_s=settings.first_byte_timeout_s,
            idle_timeout_s=settings.idle_timeout_s,
            keepalive_s=_UPSTREAM_KEEPALIVE_S,
            max_header_bytes=_MAX_UPSTREAM_HEADER_BYTES,
        ),
    )


def _road_limits(settings: Settings) -> RoadLimits:
    return RoadLimits(
        max_body_bytes=settings.max_body_bytes,
        body_timeout_s=settings.body_timeout_s,
        call_max_s=settings.call_max_s,
        default_max_output_tokens=settings.default_max_output_tokens,
    )


async def keep_prices(settings: Settings, prices: Prices) -> None:
    """Prices have dates: take the new day's catalog soon after midnight UTC."""
    day = datetime.now(UTC).date()
    while True:
        await asyncio.sleep(LOOK_AT_DAY_S)
        today = datetime.now(UTC).date()
        if today != day:
            try:
                prices.catalog = await asyncio.to_thread(load_catalog, settings.price_overrides, today)
            except StartupError as error:
                _log.error("the prices of the day could not be read; yesterday's stay in force", error=str(error))
            day = today
