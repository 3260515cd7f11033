"""What the control plane works with, from settings: accounts, sign-in, keys that seal, and the context of it all."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tollhouse.access.lookup import PermitLookup
from tollhouse.access.provider_keys import PURPOSE as PROVIDER_KEYS
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.models import load as load_catalog
from tollhouse.cloudflare.accounts import Account, read_pool
from tollhouse.cloudflare.management import GatewayManagement
from tollhouse.control.context import ControlContext, SingleSignOn
from tollhouse.db import pool
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock, SystemClock
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.secrets import Secret
from tollhouse.master_keys import MasterKeys
from tollhouse.opening.stripe import billing_of
from tollhouse.settings import Settings
from tollhouse.traces.exports.exporters import PURPOSE as EXPORT_HEADERS

if TYPE_CHECKING:
    from tollhouse.billing.stripe_meters import StripeMeters


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


def master_keys_of(settings: Settings, purpose: str = PROVIDER_KEYS) -> MasterKeys:
    """The keys that seal what is kept for customers; nothing is read or made yet."""
    return MasterKeys(
        purpose,
        settings.data_dir.resolve(),
        secret=None if settings.secret_key is None else Secret(settings.secret_key.get_secret_value()),
        former=settings.former_keys(),
    )


@contextlib.asynccontextmanager
async def open_control(settings: Settings, database_url: str) -> AsyncIterator[ControlContext]:
    """The control plane's context without a server, for commands."""
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        database = await pool.connect(database_url, size=4)
        stack.push_async_callback(database.close)
        catalog = load_catalog(settings.price_overrides, datetime.now(UTC).date())
        permits = PermitLookup(database, clock)
        yield await context_of(settings, database, clock, catalog, permits, stack)


async def context_of(
    settings: Settings,
    database: Database,
    clock: Clock,
    catalog: Catalog,
    permits: PermitLookup,
    stack: contextlib.AsyncExitStack,
    meters: "StripeMeters | None" = None,
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
        meter_reports=None if settings.stripe_webhook_secret is None else meters,
        keyrings=master_keys_of(settings),
        header_keyrings=master_keys_of(settings, EXPORT_HEADERS),
        public_url=None if settings.public_url is None else str(settings.public_url).rstrip("/"),
        allow_private_webhooks=settings.allow_private_webhooks,
        single_sign_on=single_sign_on_of(settings),
    )
