"""The only builder: from settings to a running house. Opens everything in order and closes it the other way round."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tollhouse.access.lookup import NOTICES as PERMIT_NOTICES
from tollhouse.access.lookup import PermitLookup
from tollhouse.access.provider_keys import PURPOSE as PROVIDER_KEYS
from tollhouse.access.rates import Rates
from tollhouse.access.shelf import NOTICES as KEY_NOTICES
from tollhouse.access.shelf import Shelf
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.models import load as load_catalog
from tollhouse.cloudflare.accounts import Account, read_pool
from tollhouse.cloudflare.management import GatewayManagement
from tollhouse.cloudflare.upstream import PoolLimits, UpstreamPool
from tollhouse.control import api
from tollhouse.control.context import ControlContext, SingleSignOn
from tollhouse.control.onboarding import billing_accounts, gateways
from tollhouse.control.webhooks.delivery import Deliveries
from tollhouse.db import partitions, pool
from tollhouse.db.notices import Notices
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import usd_to_nanos
from tollhouse.foundation.secrets import Secret
from tollhouse.gateway.asgi import CHAT_PATH, Gateway
from tollhouse.gateway.caller import Receive, Scope, Send
from tollhouse.gateway.credentials import Credentials, ProviderKeys, Tokens
from tollhouse.gateway.journey import Prices, Road, RoadLimits
from tollhouse.gateway.relay import Drains, Relay
from tollhouse.gateway.settle import Settler, tell
from tollhouse.ledger import crashpoints, seals
from tollhouse.ledger.crashpoints import CrashPoint, crash_at
from tollhouse.ledger.crossings import NOTICES as CROSSING_NOTICES
from tollhouse.ledger.keeper import NOTICES as LEDGER_NOTICES
from tollhouse.ledger.keeper import Cadence, Keeper
from tollhouse.ledger.purse import Terms
from tollhouse.ledger.segments import JournalLimits
from tollhouse.ledger.worker import Worker, WorkerTerms, open_worker
from tollhouse.master_keys import MasterKeys
from tollhouse.settings import Settings
from tollhouse.traces import retention, rollups

if TYPE_CHECKING:
    from tollhouse.billing.stripe import StripeAccounts

TEND_EVERY_S: Final = 5.0
LOOK_AT_DAY_S: Final = 10.0
LAST_BOOKINGS_S: Final = 10.0
_MAX_UPSTREAM_HEADER_BYTES: Final = 64 << 10
_UPSTREAM_KEEPALIVE_S: Final = 60.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """A running process: its application, its two planes, its way out, and the loop that must not end."""

    application: "Application"
    control: ControlContext
    road: Road
    upstream: UpstreamPool
    loops: "asyncio.Task[None]"


class Application:
    """The ASGI entry: chat calls take the road, everything else goes to the control plane."""

    def __init__(self, gateway: Gateway, control: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self.control = control
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == CHAT_PATH:
            await self._gateway(scope, receive, send)
        else:
            await self.control(scope, receive, send)


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
        point = crash_at(settings.crash_point) if settings.crash_point else crashpoints.none
        worker = await open_worker(_ledger_terms(settings), database, clock, point)
        stack.push_async_callback(worker.close, LAST_BOOKINGS_S)
        upstream = _upstream_pool(settings)
        stack.push_async_callback(upstream.close)
        shelf = Shelf(database, clock)
        stack.callback(shelf.cease_to_hear)
        permits = PermitLookup(database, clock, outage_ttl_s=settings.outage_ttl_s, shelf=shelf)
        deliveries = Deliveries(database, clock, private=settings.allow_private_webhooks)
        notices = _notices(database_url, worker.keeper, permits, shelf, deliveries)
        control = await _control_context(settings, database, clock, catalog, permits, stack)
        control.keyrings.keyring()  # master keys that cannot be read stop the start
        prices = Prices(catalog)
        rates = Rates(settings.data_dir.resolve() / "rates", worker.slot.number)
        stack.callback(rates.close)
        road = _road(settings, worker, upstream, permits, prices, control, clock, point, rates)
        loops = asyncio.create_task(
            _run_loops(
                worker.keeper.run,
                worker.janitor.run,
                notices.run,
                deliveries.run,
                partial(seals.keep_sealed, database),
                partial(_tend, control, gateways.provision_pending, gateways.remove_leftovers),
                partial(_tend, control, billing_accounts.tend, billing_accounts.remove_leftovers),
                partial(_keep_prices, settings, prices),
                partial(partitions.keep_open, database),
                partial(rollups.keep_folded, database),
                partial(retention.keep_trimmed, database, settings.trace_retention_days),
            )
        )
        stack.push_async_callback(_cancel, loops)
        yield House(Application(Gateway(road, clock), api.build(control)), control, road, upstream, loops)


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


def _ledger_terms(settings: Settings) -> WorkerTerms:
    make_data_dir(settings)
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


def _notices(database_url: str, keeper: Keeper, permits: PermitLookup, shelf: Shelf, deliveries: Deliveries) -> Notices:
    """What happens elsewhere: to keys and what they depend on, to budgets, to their thresholds."""

    def began() -> None:
        permits.begin_to_hear()
        shelf.begin_to_hear()

    def ceased() -> None:
        permits.cease_to_hear()
        shelf.cease_to_hear()

    channels = {
        LEDGER_NOTICES: keeper.hear,
        PERMIT_NOTICES: permits.customer_changed,
        KEY_NOTICES: shelf.key_made,
        CROSSING_NOTICES: deliveries.wake,
    }
    return Notices(database_url, channels, began=began, ceased=ceased)


def accounts_of(settings: Settings) -> tuple[Account, ...]:
    """The Cloudflare accounts that gateways can be made in: the environment's, then the file's; perhaps none."""
    accounts = _account_of_environment(settings)
    if settings.cf_accounts_file is not None:
        accounts += read_pool(settings.cf_accounts_file, settings.gateways_per_account)
    if len({account.id for account in accounts}) < len(accounts):
        raise StartupError(f"an account stands twice in {settings.cf_accounts_file}, or is CF_ACCOUNT_ID, too")
    return accounts


def _account_of_environment(settings: Settings) -> tuple[Account, ...]:
    if settings.cf_account_id is None or settings.cf_api_token is None:
        return ()
    token = Secret(settings.cf_api_token.get_secret_value())
    return (Account(settings.cf_account_id, token, token, settings.gateways_per_account),)


def single_sign_on_of(settings: Settings) -> SingleSignOn | None:
    """The identity provider, if there is one. Raises StartupError when only a part of it is set."""
    issuer, client_id, secret = settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret
    if issuer is None and client_id is None and secret is None:
        return None
    if issuer is None or client_id is None or secret is None or not secret.get_secret_value():
        raise StartupError(
            "single sign-on needs TOLLHOUSE_OIDC_ISSUER, TOLLHOUSE_OIDC_CLIENT_ID and TOLLHOUSE_OIDC_CLIENT_SECRET"
        )
    return SingleSignOn(str(issuer).rstrip("/"), client_id, Secret(secret.get_secret_value()), settings.oidc_name)


def billing_of(settings: Settings) -> "StripeAccounts | None":
    """Accounts at Stripe; None without its key. Whoever asks for them closes them."""
    if settings.stripe_secret_key is None:
        return None
    # Late: Stripe's library takes a quarter of a second to load, and installations without a key never need it.
    from tollhouse.billing.stripe import StripeAccounts

    key = Secret(settings.stripe_secret_key.get_secret_value())
    return StripeAccounts(str(settings.stripe_api_base).rstrip("/"), key)


def master_keys_of(settings: Settings) -> MasterKeys:
    """The keys that seal what is kept for customers; nothing is read or made yet."""
    return MasterKeys(
        PROVIDER_KEYS,
        settings.data_dir.resolve(),
        secret=None if settings.secret_key is None else Secret(settings.secret_key.get_secret_value()),
        former=settings.former_keys(),
    )


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
    billing = billing_of(settings)
    if billing is not None:
        stack.push_async_callback(billing.aclose)
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
        billing=billing,
        keyrings=master_keys_of(settings),
        public_url=None if settings.public_url is None else str(settings.public_url).rstrip("/"),
        allow_private_webhooks=settings.allow_private_webhooks,
        single_sign_on=single_sign_on_of(settings),
    )


def _road(
    settings: Settings,
    worker: Worker,
    upstream: UpstreamPool,
    permits: PermitLookup,
    prices: Prices,
    control: ControlContext,
    clock: SystemClock,
    point: CrashPoint,
    rates: Rates,
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
        settler=Settler(worker.keeper, clock),
        clock=clock,
        limits=_road_limits(settings),
        point=point,
    )


def _credentials(control: ControlContext, clock: SystemClock) -> Credentials:
    tokens = Tokens({account.id: account.run_token for account in control.accounts})
    return Credentials(tokens, ProviderKeys(control.keyrings, clock))


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


async def _tend(control: ControlContext, *rounds: Callable[[ControlContext], Awaitable[int]]) -> None:
    """What could not be made elsewhere at registration, and what is there and belongs to nobody."""
    while True:
        try:
            for tend in rounds:
                await tend(control)
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: it must not die of one bad turn
            _log.warning("a round in the background failed; trying again", of=rounds[0].__module__, error=repr(error))
        await asyncio.sleep(TEND_EVERY_S)


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


async def _run_loops(*loops: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Ends only by an error or by being cancelled; then all loops end. Cancelled at once, none begins."""
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(loop())


async def _cancel(loops: "asyncio.Task[None]") -> None:
    loops.cancel()
    await asyncio.wait([loops])
