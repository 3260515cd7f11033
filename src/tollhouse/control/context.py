"""What the control plane is given when it is built. Nothing here reads settings or opens anything."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tollhouse.billing.accounts import Payer
from tollhouse.billing.metering import Report
from tollhouse.catalog.models import Catalog
from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.call_logs import GatewayLogs
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.sealing import Keyrings
from tollhouse.foundation.secrets import Secret


class Gateways(Protocol):
    """What we ask of Cloudflare; `tollhouse.cloudflare.management` has it. All raise ManagementError."""

    async def ensure(self, account_id: str, gateway_id: str) -> None:
        """The gateway exists and is set up as it must be. Safe to repeat, also after an unclear failure."""
        ...

    async def delete(self, account_id: str, gateway_id: str) -> None: ...

    async def logs(self, account_id: str, gateway_id: str, since: datetime, until: datetime) -> GatewayLogs: ...


class BillingAccounts(Protocol):
    """What we ask of Stripe; `tollhouse.billing.stripe` has it. All end soon, and raise BillingError."""

    async def make(self, payer: Payer, round_: int) -> str:
        """The id of the payer's account. Repeated with the same payer and round, it is the same account."""
        ...

    async def find(self, customer_id: CustomerId, email: str) -> list[str]:
        """Ids of the accounts that were made for the customer under this address, the oldest first."""
        ...

    async def tell(self, account_id: str, payer: Payer) -> None:
        """The account has the payer's name and address."""
        ...

    async def delete(self, account_id: str) -> None:
        """The account is gone, whether it was there or not."""
        ...


class MeterReports(Protocol):
    """How we hear what Stripe's meters did not count; `tollhouse.billing.stripe_meters` has it."""

    async def read_report(self, body: bytes, signature: str | None) -> Report | None:
        """None: it is about something else. Raises NotGenuine and BillingError."""
        ...


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The identity provider that people may sign in at. `issuer` has no slash at the end; `name` is for a button."""

    issuer: str
    client_id: str
    client_secret: Secret
    name: str


@dataclass(frozen=True, slots=True)
class ControlContext:
    """One per process. `management` None: gateways are not provisioned and customers stay without one.

    `billing` None: the same for accounts at Stripe.
    """

    database: Database
    clock: Clock
    catalog: Catalog
    management: Gateways | None
    accounts: tuple[Account, ...]
    gateway_prefix: str
    registration_open: bool
    session_lifetime: timedelta
    cookie_secure: bool
    after_key_change: Callable[[str], None]
    """Told the hash of a key that was changed or deleted, so that this process forgets its permit at once."""
    keyrings: Keyrings
    """What customers' provider keys are sealed with."""
    header_keyrings: Keyrings
    """What the headers of their exporters are sealed with."""
    billing: BillingAccounts | None = None
    meter_reports: MeterReports | None = None
    """None: reports of Stripe's meters cannot be read, because nobody told us their secret."""
    public_url: str | None = None
    """Where people reach this installation, without a slash at the end; None: as their request says."""
    allow_private_webhooks: bool = False
    """Whether a webhook may go to private addresses, and over plain http to this machine."""
    single_sign_on: SingleSignOn | None = None
    """None: people sign in with passwords only."""
