"""What the control plane is given when it is built. Nothing here reads settings or opens anything."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tollhouse.catalog.models import Catalog
from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.call_logs import GatewayLogs
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.sealing import Keyrings


class Gateways(Protocol):
    """What we ask of Cloudflare; `tollhouse.cloudflare.management` has it. All raise ManagementError."""

    async def ensure(self, account_id: str, gateway_id: str) -> None:
        """The gateway exists and is set up as it must be. Safe to repeat, also after an unclear failure."""
        ...

    async def delete(self, account_id: str, gateway_id: str) -> None: ...

    async def logs(self, account_id: str, gateway_id: str, since: datetime, until: datetime) -> GatewayLogs: ...


@dataclass(frozen=True, slots=True)
class ControlContext:
    """One per process. `management` None: gateways are not provisioned and customers stay without one."""

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
    public_url: str | None = None
    """Where people reach this installation, without a slash at the end; None: as their request says."""
    allow_private_webhooks: bool = False
    """Whether a webhook may go to private addresses, and over plain http to this machine."""
