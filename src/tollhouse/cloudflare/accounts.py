"""The pool of Cloudflare accounts. An account holds few gateways (20 on the paid plan), so there may be several."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tollhouse.cloudflare.names import is_account_id
from tollhouse.foundation.secrets import Secret

GATEWAYS_ON_PAID_PLAN: Final = 20


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `management_token` may change gateways; `run_token` may only call through them."""

    id: str
    management_token: Secret
    run_token: Secret
    capacity: int = GATEWAYS_ON_PAID_PLAN

    def __post_init__(self) -> None:
        if not is_account_id(self.id):
            raise ValueError(f"{self.id!r} is not a Cloudflare account id")


def account_with_room(accounts: Iterable[Account], used: Mapping[str, int]) -> Account | None:
    """The account with the most room left; `used` counts gateways by account id. None: all are full."""
    open_accounts = [account for account in accounts if used.get(account.id, 0) < account.capacity]
    return max(open_accounts, key=lambda account: account.capacity - used.get(account.id, 0), default=None)
