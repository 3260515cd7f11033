"""Customers' own keys for providers, as rows. What they hold is sealed before it comes here, and opened elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, UserId
from tollhouse.foundation.sealing import Envelope

PURPOSE: Final = "tollhouse: provider keys"
"""What their master keys are derived for. Their owner is the customer's id and the provider's slug."""

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A key as stored. `display`: enough of it to know it again."""

    customer_id: CustomerId
    provider: str
    envelope: Envelope
    display: str
    created_at: datetime
    created_by_user_id: UserId | None


async def put(
    connection: Connection, customer_id: CustomerId, provider: str, envelope: Envelope, display: str, created_by: UserId
) -> ProviderKey:
    """Store it in the place of whatever is there."""
    row = await _sql.put_provider_key(
        connection,
        customer_id=customer_id,
        provider=provider,
        sealed=envelope.sealed,
        wrapped=envelope.wrapped,
        master_key_id=envelope.master_key_id,
        display=display,
        created_by_user_id=created_by,
    )
    return _key(row)


async def find(connection: Connection, customer_id: CustomerId, provider: str) -> ProviderKey | None:
    row = await _sql.provider_key(connection, customer_id=customer_id, provider=provider)
    return None if row is None else _key(row)


async def lock(connection: Connection, customer_id: CustomerId, provider: str) -> ProviderKey | None:
    """The key, until the transaction ends."""
    row = await _sql.provider_key_for_update(connection, customer_id=customer_id, provider=provider)
    return None if row is None else _key(row)


async def of_customer(connection: Connection, customer_id: CustomerId) -> list[ProviderKey]:
    """By the names of their providers."""
    return [_key(row) async for row in _sql.provider_keys_of(connection, customer_id=customer_id)]


async def delete(connection: Connection, customer_id: CustomerId, provider: str) -> ProviderKey | None:
    """What was deleted; None if there was none."""
    row = await _sql.delete_provider_key(connection, customer_id=customer_id, provider=provider)
    return None if row is None else _key(row)


async def page(connection: Connection, after: ProviderKey | None, most: int) -> list[ProviderKey]:
    """Of all customers, in an order that stays; `after`: the last one of the page before."""
    customer_id, provider = ("", "") if after is None else (after.customer_id, after.provider)
    rows = _sql.provider_keys_after(connection, customer_id=customer_id, provider=provider, most=most)
    return [_key(row) async for row in rows]


async def rewrap(connection: Connection, seen: ProviderKey, envelope: Envelope) -> bool:
    """Store the same secret with its data key wrapped anew; False if it is not as it was seen any more."""
    swapped: bool | None = await _sql.rewrap_provider_key(
        connection,
        customer_id=seen.customer_id,
        provider=seen.provider,
        sealed=seen.envelope.sealed,
        seen_wrapped=seen.envelope.wrapped,
        wrapped=envelope.wrapped,
        master_key_id=envelope.master_key_id,
    )
    return swapped is True


def _key(row: Mapping[str, Any]) -> ProviderKey:
    return ProviderKey(
        customer_id=CustomerId(row["customer_id"]),
        provider=row["provider"],
        envelope=Envelope(row["sealed"], row["wrapped"], row["master_key_id"]),
        display=row["display"],
        created_at=row["created_at"],
        created_by_user_id=cast("UserId | None", row["created_by_user_id"]),
    )
