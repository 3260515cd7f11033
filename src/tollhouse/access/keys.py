"""Virtual keys as rows: made, listed, changed, deleted. The raw key exists only in the answer that creates it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, cast

from tollhouse.access.permits import BoundPolicy
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId, new_id
from tollhouse.foundation.secrets import display, new_raw_key, sha256_hex

BudgetReset = Literal["daily", "weekly", "monthly"]

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What an owner may set on a key. `budget_usd` None: no limit; `allowed_models` empty: all."""

    name: str
    budget_usd: Decimal | None = None
    budget_reset: BudgetReset | None = None
    allowed_models: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    bound_policy: BoundPolicy = "clamp_if_unset"
    disabled: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored. `spend_usd` is the ledger's projection for the period that ends at `spend_reset_at`."""

    id: KeyId
    customer_id: CustomerId
    user_id: UserId | None
    team_id: TeamId | None
    key_hash: str
    display: str
    terms: KeyTerms
    spend_usd: Decimal
    spend_reset_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    created_by_user_id: UserId | None
    owner_email: str | None
    owner_name: str | None
    team_name: str | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with its raw form: shown once, kept nowhere."""

    key_id: KeyId
    key_hash: str
    raw_key: str


async def create(
    connection: Connection,
    customer_id: CustomerId,
    terms: KeyTerms,
    *,
    user_id: UserId | None = None,
    team_id: TeamId | None = None,
    created_by: UserId | None = None,
) -> NewKey:
    """Insert a key for a user, a team or neither. The caller opens its budget in the same transaction."""
    raw = new_raw_key()
    made = NewKey(KeyId(new_id()), sha256_hex(raw), raw)
    await _sql.insert_key(
        connection,
        id=made.key_id,
        customer_id=customer_id,
        user_id=user_id,
        team_id=team_id,
        key_hash=made.key_hash,
        display=display(raw),
        created_by_user_id=created_by,
        **_columns(terms),
    )
    return made


async def update(connection: Connection, key: Key, terms: KeyTerms) -> Key:
    """Write new terms. The caller read `key` with `lock` in the same transaction."""
    await _sql.update_key(
        connection, id=key.id, customer_id=key.customer_id, disabled=terms.disabled, **_columns(terms)
    )
    return replace(key, terms=terms)


async def delete(connection: Connection, key: Key) -> None:
    await _sql.delete_key(connection, id=key.id, customer_id=key.customer_id)


async def lock(connection: Connection, customer_id: CustomerId, key_hash: str) -> Key | None:
    """The key, locked until the transaction ends; None if this customer has no such key."""
    row = await _sql.key_for_update(connection, customer_id=customer_id, key_hash=key_hash)
    return None if row is None else _key(row)


async def find(connection: Connection, customer_id: CustomerId, key_hash: str) -> Key | None:
    row = await _sql.key_by_hash(connection, customer_id=customer_id, key_hash=key_hash)
    return None if row is None else _key(row)


async def of_customer(connection: Connection, customer_id: CustomerId) -> list[Key]:
    """All keys of a customer, newest first."""
    return [_key(row) async for row in _sql.keys_of_customer(connection, customer_id=customer_id)]


async def of_user(connection: Connection, customer_id: CustomerId, user_id: UserId) -> list[Key]:
    """A user's keys and the keys of the user's teams, newest first."""
    return [_key(row) async for row in _sql.keys_of_user(connection, customer_id=customer_id, user_id=user_id)]


def _columns(terms: KeyTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "budget_usd": terms.budget_usd,
        "budget_reset": terms.budget_reset,
        "allowed_models": list(terms.allowed_models) or None,
        "max_output_tokens": terms.max_output_tokens,
        "bound_policy": terms.bound_policy,
        "expires_at": terms.expires_at,
    }


def _key(row: Mapping[str, Any]) -> Key:
    return Key(
        id=KeyId(row["id"]),
        customer_id=CustomerId(row["customer_id"]),
        user_id=cast("UserId | None", row["user_id"]),
        team_id=cast("TeamId | None", row["team_id"]),
        key_hash=row["key_hash"],
        display=row["display"],
        terms=_terms(row),
        spend_usd=row["spend_usd"],
        spend_reset_at=row["spend_reset_at"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        created_by_user_id=cast("UserId | None", row["created_by_user_id"]),
        owner_email=row["owner_email"],
        owner_name=row["owner_name"],
        team_name=row["team_name"],
    )


def _terms(row: Mapping[str, Any]) -> KeyTerms:
    return KeyTerms(
        name=row["name"],
        budget_usd=row["budget_usd"],
        budget_reset=row["budget_reset"],
        allowed_models=tuple(row["allowed_models"] or ()),
        max_output_tokens=row["max_output_tokens"],
        bound_policy=row["bound_policy"],
        disabled=row["disabled"],
        expires_at=row["expires_at"],
    )
