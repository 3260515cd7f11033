"""The only builder: from settings to a running house. Opens everything in order and closes it the other way round."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tollhouse.access.lookup import PermitLookup
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.models import load as load_catalog
from tollhouse.cloudflare.management import Account, GatewayManagement
from tollhouse.cloudflare.upstream import PoolLimits, UpstreamPool
from tollhouse.control import api, onboarding
from tollhouse.control.context import ControlContext
from tollhouse.db import migrate, partitions, pool
from tollhouse.db.embedded import EmbeddedPostgres
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.secrets import Secret
from tollhouse.gateway.asgi import CHAT_PATH, Gateway
from tollhouse.gateway.caller import Receive, Scope, Send
from tollhouse.gateway.forward import Tokens
from tollhouse.gateway.journey import Prices, Road, RoadLimits
from tollhouse.gateway.recovery import Slot, Sweeper, take_identity
from tollhouse.gateway.relay import Drains, Relay
from tollhouse.gateway.settle import Settler
from tollhouse.ledger import holds
from tollhouse.settings import Settings

PROVISION_EVERY_S: Final = 5.0
LOOK_AT_DAY_S: Final = 10.0
LAST_BOOKINGS_S: Final = 10.0
_MAX_UPSTREAM_HEADER_BYTES: Final = 64 << 10
_UPSTREAM_KEEPALIVE_S: Final = 60.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """A running process: its application, its control context, its way out, and the loop that must not end."""

    application: "Application"
    control: ControlContext
    upstream: UpstreamPool
    loops: "asyncio.Task[None]"


class Application:
    """The ASGI entry: chat calls take the road, everything else goes to the control plane."""

    def __init__(self, gateway: Gateway, control: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self._gateway = gateway
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == CHAT_PATH:
            await self._gateway(scope, receive, send)
        else:
            await self._control(scope, receive, send)


@contextlib.contextmanager
def database_server(settings: Settings) -> Iterator[str]:
    """The URL of the database, migrated; starts the embedded server when no other is configured."""
    if settings.database_url is not None:
        migrate.upgrade(settings.database_url)
        yield settings.database_url
        return
    make_data_dir(settings)
    server = EmbeddedPostgres(settings.data_dir.resolve())
    try:
        migrate.upgrade(server.url)
        yield server.url
    finally:
        server.stop()


def make_data_dir(settings: Settings) -> None:
    """The data directory, or one clear line why not."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise StartupError(f"cannot make the data directory {settings.data_dir}: {cause.strerror}") from cause


@contextlib.asynccontextmanager
async def open_house(settings: Settings, database_url: str) -> AsyncIterator[House]:
    """Everything one process runs but its socket. What a dead predecessor held is charged before we serve."""
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        database = await pool.connect(database_url, size=settings.database_pool_size)
        stack.push_async_callback(database.close)
        catalog = load_catalog(settings.price_overrides, datetime.now(UTC).date())
        await partitions.open_days(database)
        sweeper = await _sweeper(settings, database, clock, stack)
        upstream = _upstream_pool(settings)
        stack.push_async_callback(upstream.close)
        settler = Settler(database, clock)
        stack.push_async_callback(settler.close, LAST_BOOKINGS_S)
        permits = PermitLookup(database, clock)
        control = await _control_context(settings, database, clock, catalog, permits, stack)
        prices = Prices(catalog)
        drains = Drains(most=settings.max_drains, seconds=settings.drain_s, clock=clock)
        road = Road(
            permits=permits,
            prices=prices,
            database=database,
            owner=sweeper.owner,
            pool=upstream,
            tokens=Tokens({account.id: account.run_token for account in control.accounts}),
            default_account=settings.cf_account_id,
            relay=Relay(drains, clock),
            settler=settler,
            clock=clock,
            limits=_road_limits(settings),
        )
        loops = asyncio.create_task(
            _run_loops(
                sweeper.run(), _provision(control), _keep_prices(settings, prices), partitions.keep_open(database)
            )
        )
        stack.push_async_callback(_cancel, loops)
        yield House(Application(Gateway(road, clock), api.build(control)), control, upstream, loops)


@contextlib.asynccontextmanager
async def open_control(settings: Settings, database_url: str) -> AsyncIterator[ControlContext]:
    """The control plane's context without a server, for commands."""
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        database = await pool.connect(database_url, size=4)
        stack.push_async_callback(database.close)
        catalog = load_catalog(settings.price_overrides, datetime.now(UTC).date())
        permits = PermitLookup(database, clock)
        yield await _control_context(settings, database, clock, catalog, permits, stack)


async def _sweeper(
    settings: Settings, database: Database, clock: SystemClock, stack: contextlib.AsyncExitStack
) -> Sweeper:
    """Take an identity, charge what its former holder left, and say goodbye at the end."""
    make_data_dir(settings)
    slot = Slot(settings.data_dir.resolve())
    stack.callback(slot.release)
    owner = await take_identity(database, slot)
    sweeper = Sweeper(database, clock, owner, silent_s=settings.worker_silent_s, every_s=settings.sweep_every_s)
    await sweeper.sweep()
    stack.push_async_callback(_retire, database, sweeper)
    return sweeper


async def _retire(database: Database, sweeper: Sweeper) -> None:
    with contextlib.suppress(*pool.DATABASE_FAILURES):
        async with database.connection() as connection:
            await holds.retire(connection, sweeper.owner)


def accounts_of(settings: Settings) -> tuple[Account, ...]:
    """The Cloudflare accounts that gateways can be made in; empty without credentials."""
    if settings.cf_account_id is None or settings.cf_api_token is None:
        return ()
    token = Secret(settings.cf_api_token.get_secret_value())
    return (Account(settings.cf_account_id, token, token, settings.gateways_per_account),)


async def _control_context(
    settings: Settings,
    database: Database,
    clock: SystemClock,
    catalog: Catalog,
    permits: PermitLookup,
    stack: contextlib.AsyncExitStack,
) -> ControlContext:
    accounts = accounts_of(settings)
    management = None
    if accounts:
        management = await stack.enter_async_context(GatewayManagement(str(settings.cf_api_base).rstrip("/"), accounts))
    return ControlContext(
        database=database,
        clock=clock,
        catalog=catalog,
        management=management,
        accounts=accounts,
        gateway_prefix=settings.gateway_prefix,
        registration_open=settings.registration == "open",
        session_lifetime=timedelta(hours=settings.session_hours),
        cookie_secure=settings.cookie_secure,
        after_key_change=permits.forget,
    )


def _upstream_pool(settings: Settings) -> UpstreamPool:
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


async def _provision(control: ControlContext) -> None:
    """Heal gateways that could not be made at registration."""
    while True:
        try:
            await onboarding.provision_pending(control)
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: it must not die of one bad turn
            _log.warning("provisioning gateways failed; trying again", error=repr(error))
        await asyncio.sleep(PROVISION_EVERY_S)


async def _keep_prices(settings: Settings, prices: Prices) -> None:
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


async def _run_loops(*loops: Coroutine[Any, Any, None]) -> None:
    """Ends only by an error or by being cancelled; then all loops end."""
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(loop)


async def _cancel(loops: "asyncio.Task[None]") -> None:
    loops.cancel()
    await asyncio.wait([loops])
