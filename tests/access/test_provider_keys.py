"""Provider keys as rows: one for each provider of a customer, swapped only as seen, and told to permits."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from making import ManualClock, customer, key, master_keys, user
from tollhouse.access import lookup, provider_keys
from tollhouse.access.lookup import PermitLookup
from tollhouse.access.provider_keys import ProviderKey
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId, UserId
from tollhouse.foundation.secrets import Secret
from waiting import PATIENCE_S

SETTINGS = {"credential_mode": "pass-through"}
SECRET = Secret("sk-tenant-0123456789")


async def put(connection: Connection, customer_id: CustomerId, provider: str = "openai") -> ProviderKey:
    envelope = master_keys().keyring().seal(SECRET, customer_id, provider)
    return await provider_keys.put(connection, customer_id, provider, envelope, "6789", await _maker(connection))


async def _maker(connection: Connection) -> UserId:
    return await user(connection, await customer(connection))


async def test_a_key_replaces_the_one_that_was_there(connection: Connection) -> None:
    mine, theirs = await customer(connection), await customer(connection)
    first, other = await put(connection, mine), await put(connection, theirs)
    await connection.execute("UPDATE provider_keys SET created_at = created_at - interval '1 day'")
    second, more = await put(connection, mine), await put(connection, mine, "groq")
    assert second.created_at - first.created_at < timedelta(hours=1)
    assert second.created_by_user_id != first.created_by_user_id
    assert second.envelope != first.envelope
    assert await provider_keys.of_customer(connection, mine) == [more, second]
    assert await provider_keys.find(connection, mine, "openai") == second
    assert await provider_keys.lock(connection, mine, "openai") == second
    assert await provider_keys.find(connection, mine, "grok") is None
    assert await provider_keys.lock(connection, mine, "grok") is None
    assert await provider_keys.delete(connection, mine, "openai") == second
    assert await provider_keys.delete(connection, mine, "openai") is None
    left = await provider_keys.find(connection, theirs, "openai")
    assert left is not None
    assert left.envelope == other.envelope


async def test_pages_hold_every_row_once(connection: Connection) -> None:
    made = [
        await put(connection, customer_id, provider)
        for customer_id in [await customer(connection) for _ in range(3)]
        for provider in ("groq", "openai")
    ]
    seen: list[ProviderKey] = []
    while page := await provider_keys.page(connection, seen[-1] if seen else None, 4):
        seen += page
    assert seen == sorted(made, key=lambda one: (one.customer_id, one.provider))


async def test_only_what_was_seen_is_swapped(connection: Connection) -> None:
    customer_id = await customer(connection)
    seen = await put(connection, customer_id)
    ring = master_keys("current master key", current="next").keyring()
    rewrapped = ring.rewrap(seen.envelope, customer_id, "openai")
    assert await provider_keys.rewrap(connection, seen, rewrapped)
    assert not await provider_keys.rewrap(connection, seen, rewrapped)
    fresh = await put(connection, customer_id)
    assert not await provider_keys.rewrap(connection, seen, rewrapped)
    assert await provider_keys.find(connection, customer_id, "openai") == fresh


async def test_keys_end_with_their_customer_and_outlive_whoever_stored_them(connection: Connection) -> None:
    customer_id = await customer(connection)
    made = await put(connection, customer_id)
    await connection.execute("DELETE FROM users WHERE id = $1", made.created_by_user_id)
    [left] = await provider_keys.of_customer(connection, customer_id)
    assert left.created_by_user_id is None
    await connection.execute("DELETE FROM customers WHERE id = $1", customer_id)
    assert await provider_keys.find(connection, customer_id, "openai") is None


async def test_a_permit_carries_them_only_where_they_pay(database: Database) -> None:
    permits = PermitLookup(database, ManualClock())
    async with database.connection() as connection:
        paying, another = await customer(connection, settings=SETTINGS), await customer(connection)
        made = {(await put(connection, paying, name)).provider for name in ("openai", "groq")}
        await put(connection, another)
        without = await customer(connection, settings=SETTINGS)
        keys = [await key(connection, customer_id) for customer_id in (paying, another, without)]
    mine, others, none = [await permits.find(one.raw_key) for one in keys]
    assert mine is not None
    assert others is not None
    assert none is not None
    assert mine.credential_mode == "pass-through"
    assert mine.provider_keys.keys() == made
    for provider, envelope in mine.provider_keys.items():
        assert master_keys().keyring().open(envelope, paying, provider) == SECRET
    assert others.provider_keys == none.provider_keys == {}


async def test_every_change_is_told_and_no_other(database_url: str, database: Database) -> None:
    """Stored, replaced, rewrapped, deleted: whoever remembers permits hears of it; not of a user who leaves."""
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    await listener.add_listener(lookup.NOTICES, lambda *notice: heard.put_nowait(notice[3]))
    try:
        async with database.connection() as connection:
            customer_id = await customer(connection)
            await put(connection, customer_id)
            seen = await put(connection, customer_id)
            rewrapped = (
                master_keys("current master key", current="next").keyring().rewrap(seen.envelope, customer_id, "openai")
            )
            await provider_keys.rewrap(connection, seen, rewrapped)
            await connection.execute("DELETE FROM users WHERE id = $1", seen.created_by_user_id)
            await provider_keys.delete(connection, customer_id, "openai")
            await connection.execute("SELECT pg_notify($1, 'the end')", lookup.NOTICES)
        told = []
        async with asyncio.timeout(PATIENCE_S):
            while (text := await heard.get()) != "the end":
                told.append(text)
        assert told == [customer_id] * 4
    finally:
        await listener.close()


@pytest.mark.parametrize("provider", ["", "Open AI", "x" * 65])
async def test_a_name_that_is_no_slug_is_not_stored(connection: Connection, provider: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await put(connection, await customer(connection), provider)
