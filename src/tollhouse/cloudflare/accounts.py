"""The pool of Cloudflare accounts. An account holds few gateways (20 on the paid plan), so there may be several.

Beside the account of the environment there may be a JSON file with more of them:

    [{"id": "0123...", "token": "..."},
     {"id": "4567...", "management_token": "...", "run_token": "...", "capacity": 100}]

`management_token` may change gateways, `run_token` only calls through them; one `token` may do both.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from tollhouse.cloudflare.names import is_account_id
from tollhouse.foundation.errors import UNREADABLE, StartupError
from tollhouse.foundation.secrets import Secret

GATEWAYS_ON_PAID_PLAN: Final = 20
MOST_ACCOUNTS: Final = 1000


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


_Token = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,1000}\Z")]


class _Entry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    token: _Token | None = None
    management_token: _Token | None = None
    run_token: _Token | None = None
    capacity: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None


_Entries = Annotated[list[_Entry], msgspec.Meta(max_length=MOST_ACCOUNTS)]


def read_pool(path: Path, capacity: int) -> tuple[Account, ...]:
    """The accounts of a file, in its order; `capacity` for those that name none. Raises StartupError."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=_Entries)
        return tuple(_account(entry, capacity) for entry in entries)
    except OSError as cause:
        raise StartupError(f"the accounts in {path} cannot be read: {cause.strerror}") from cause
    except (*UNREADABLE, ValueError) as cause:
        raise StartupError(f"the accounts in {path} are not usable: {cause}") from None


def _account(entry: _Entry, capacity: int) -> Account:
    management, run = entry.management_token or entry.token, entry.run_token or entry.token
    if management is None or run is None:
        raise ValueError(f"account {entry.id!r} needs a `token`, or a `management_token` and a `run_token`")
    return Account(entry.id, Secret(management), Secret(run), entry.capacity or capacity)
