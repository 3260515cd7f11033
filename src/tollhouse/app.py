"""The only builder: from settings to a running house. Opens everything in order and closes it the other way round."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from tollhouse.access.rates import Rates
from tollhouse.catalog.models import load as load_catalog
from tollhouse.cloudflare.upstream import UpstreamPool
from tollhouse.control.context import ControlContext
from tollhouse.control.exporters.delivery import Exports
from tollhouse.control.webhooks.delivery import Deliveries
from tollhouse.db import partitions, pool
from tollhouse.foundation.asgi import Receive, Scope, Send
from tollhouse.foundation.clock import SystemClock
from tollhouse.gateway.asgi import CHAT_PATH, Gateway
from tollhouse.gateway.counts import Counts
from tollhouse.gateway.journey import Prices, Road
from tollhouse.intake.asgi import TRACES_PATH, Intake
from tollhouse.ledger import crashpoints
from tollhouse.ledger.crashpoints import crash_at
from tollhouse.ledger.worker import open_worker
from tollhouse.metrics.gauges import Gauges, Sources
from tollhouse.opening.control import context_of
from tollhouse.opening.hearing import known_of, notices_of
from tollhouse.opening.intake import intake_of
from tollhouse.opening.loops import Loop, chores_of
from tollhouse.opening.metrics import metrics_of, tallies_of
from tollhouse.opening.road import keep_prices, ledger_terms, road_of, upstream_of
from tollhouse.opening.stripe import meters_of
from tollhouse.settings import Settings, make_data_dir
from tollhouse.tallies.answers import Counted, Door
from tollhouse.tallies.cells import Tally

if TYPE_CHECKING:
    from tollhouse.billing.stripe_meters import StripeMeters
    from tollhouse.control.api import ControlPlane
    from tollhouse.metrics.asgi import Metrics

METRICS_PATH: Final = "/metrics"
LAST_BOOKINGS_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class House:
    """A running process: its application, its planes, its way out, and the loop that must not end."""

    application: "Application"
    control: ControlContext
    road: Road
    intake: Intake
    upstream: UpstreamPool
    counts: Counts
    loops: "asyncio.Task[None]"


class Application:
    """The ASGI entry: chat calls take the road, spans go to the intake, everything else to the control plane."""

    def __init__(
        self,
        gateway: Gateway,
        intake: Door,
        control: Door,
        metrics: "Metrics | None" = None,
    ) -> None:
        self.intake = intake
        self.control = control
        self._gateway = gateway
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == CHAT_PATH:
            await self._gateway(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == TRACES_PATH and scope["method"] == "POST":
            await self.intake(scope, receive, send)
        elif self._metrics is not None and scope["type"] == "http" and scope["path"] == METRICS_PATH:
            await self._metrics(scope, receive, send)
        else:
            await self.control(scope, receive, send)


@contextlib.asynccontextmanager
async def open_house(settings: Settings, database_url: str) -> AsyncIterator[House]:
    """Everything one process runs but its socket. What a dead predecessor held is charged before we serve."""
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        database = await pool.connect(database_url, size=settings.database_pool_size)
        stack.push_async_callback(database.close)
        catalog = load_catalog(settings.price_overrides, datetime.now(UTC).date())
        make_data_dir(settings)
        await partitions.open_days(database)
        point = crash_at(settings.crash_point) if settings.crash_point else crashpoints.none
        worker = await open_worker(ledger_terms(settings), database, clock, point)
        stack.push_async_callback(worker.close, LAST_BOOKINGS_S)
        upstream = upstream_of(settings)
        stack.push_async_callback(upstream.close)
        known = known_of(settings, database, clock)
        stack.callback(known.cease_to_hear)
        deliveries = Deliveries(database, clock, private=settings.allow_private_webhooks)
        notices = notices_of(database_url, worker.keeper, known, deliveries)
        meters = await _opened_meters(settings, stack)
        control = await context_of(settings, database, clock, catalog, known.permits, stack, meters)
        control.keyrings.keyring()  # master keys that cannot be read stop the start
        exports = Exports(database, clock, control.header_keyrings, private=settings.allow_private_webhooks)
        prices = Prices(catalog)
        rates = Rates(settings.data_dir.resolve() / "rates", worker.slot.number)
        stack.callback(rates.close)
        tally = Tally(tallies_of(settings), worker.slot.number)
        stack.callback(tally.close)
        counts = Counts(tally)
        road = road_of(settings, worker, upstream, known.permits, prices, control, clock, point, rates, counts)
        intake = intake_of(settings, database_url, database, known, clock, tally)
        own: list[Loop] = [worker.keeper.run, worker.janitor.run, notices.run, intake.office.run, deliveries.run]
        own += [exports.run, Gauges(tally, Sources(worker.keeper, upstream, database, intake.room)).run]
        chores: list[Loop] = [partial(keep_prices, settings, prices), *chores_of(settings, control, meters)]
        loops = asyncio.create_task(_run_loops(*own, *chores))
        stack.push_async_callback(_cancel, loops)
        metrics = metrics_of(settings, database, clock)
        doors = Counted(intake, tally, "spans"), Counted(_control_plane(control), tally, "control")
        application = Application(Gateway(road, clock, counts), *doors, metrics)
        yield House(application, control, road, intake, upstream, counts, loops)


def _control_plane(control: ControlContext) -> "ControlPlane":
    """Late: FastAPI with all routes takes most of a second to load, and commands without a server do not need it."""
    from tollhouse.control.api import ControlPlane
    from tollhouse.control.dashboard.built import read_site

    plane = ControlPlane(control, read_site())
    plane.warm()
    return plane


async def _opened_meters(settings: Settings, stack: contextlib.AsyncExitStack) -> "StripeMeters | None":
    meters = meters_of(settings)
    if meters is not None:
        stack.push_async_callback(meters.aclose)
    return meters


async def _run_loops(*loops: Loop) -> None:
    """Ends only by an error or by being cancelled; then all loops end. Cancelled at once, none begins."""
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(loop())


async def _cancel(loops: "asyncio.Task[None]") -> None:
    loops.cancel()
    await asyncio.wait([loops])
