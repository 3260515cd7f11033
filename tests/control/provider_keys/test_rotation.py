"""Rewrapping: repeated, interrupted, beside others who write, and with rows that do not open."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from making import customer, master_keys, user
from tollhouse.access import provider_keys
from tollhouse.access.provider_keys import ProviderKey
from tollhouse.control import rewrapping
from tollhouse.control.provider_keys.rotation import rotate
from tollhouse.control.rewrapping import Rotation
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.sealing import Keyring
from tollhouse.foundation.secrets import Secret

BEFORE = master_keys().keyring()
AFTER = master_keys("current master key", current="next").keyring()
ALONE = master_keys(current="next").keyring()
PROVIDERS = ("groq", "mistral", "openai")

Rewrap = Callable[[Connection, ProviderKey, Any], Coroutine[Any, Any, bool]]


async def _put(connection: Connection, customer_id: CustomerId, provider: str, secret: str, ring: Keyring) -> None:
    maker = await connection.fetchval("SELECT id FROM users LIMIT 1")
    envelope = ring.seal(Secret(secret), customer_id, provider)
    await provider_keys.put(connection, customer_id, provider, envelope, secret[-4:], maker)


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrapping, "BATCH", 2)


@pytest.fixture
async def acme(embedded_database: Database) -> CustomerId:
    async with embedded_database.connection() as connection:
        customer_id = await customer(connection)
        await user(connection, customer_id)
        for provider in PROVIDERS:
            await _put(connection, customer_id, provider, f"sk-{provider}", BEFORE)
    return customer_id


async def _secrets(database: Database, ring: Keyring) -> dict[str, str]:
    async with database.connection() as connection:
        rows = await provider_keys.page(connection, None, 100)
    return {row.provider: ring.open(row.envelope, row.customer_id, row.provider).reveal() for row in rows}


def _counts(done: Rotation[ProviderKey]) -> tuple[int, int, int]:
    return done.rewrapped, done.current, len(done.unreadable)


async def test_afterwards_the_new_master_key_alone_opens_all(embedded_database: Database, acme: CustomerId) -> None:
    sealed = await _fetch(embedded_database, "SELECT sealed FROM provider_keys ORDER BY provider")
    assert _counts(await rotate(embedded_database, AFTER)) == (3, 0, 0)
    assert await _secrets(embedded_database, ALONE) == {provider: f"sk-{provider}" for provider in PROVIDERS}
    assert await _fetch(embedded_database, "SELECT sealed FROM provider_keys ORDER BY provider") == sealed
    assert _counts(await rotate(embedded_database, AFTER)) == (0, 3, 0)
    assert _counts(await rotate(embedded_database, ALONE)) == (0, 3, 0)


async def _fetch(database: Database, query: str) -> list[Any]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_nothing_to_rotate_is_no_mistake(embedded_database: Database) -> None:
    assert _counts(await rotate(embedded_database, AFTER)) == (0, 0, 0)


async def test_two_at_once_do_it_once(embedded_database: Database, acme: CustomerId) -> None:
    one, two = await asyncio.gather(rotate(embedded_database, AFTER), rotate(embedded_database, AFTER))
    assert one.rewrapped + two.rewrapped == 3
    assert one.current + two.current == 3
    assert len(await _secrets(embedded_database, ALONE)) == 3


async def test_killed_in_the_middle_every_key_opens_and_the_rest_is_done_later(
    embedded_database: Database, acme: CustomerId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_after_one(rewrap: Rewrap) -> Rewrap:
        async def rewrap_or_die(connection: Connection, seen: ProviderKey, envelope: Any) -> bool:
            if seen.provider != "groq":
                raise Killed
            return await rewrap(connection, seen, envelope)

        return rewrap_or_die

    with monkeypatch.context() as patched:
        patched.setattr(provider_keys, "rewrap", kill_after_one(provider_keys.rewrap))
        with pytest.raises(Killed):
            await rotate(embedded_database, AFTER)
    assert len(await _secrets(embedded_database, AFTER)) == 3
    assert _counts(await rotate(embedded_database, AFTER)) == (2, 1, 0)
    assert len(await _secrets(embedded_database, ALONE)) == 3


@pytest.mark.parametrize("ring", [BEFORE, AFTER], ids=["by one who knows the former key only", "by one who knows both"])
async def test_what_is_stored_meanwhile_is_kept(
    embedded_database: Database, acme: CustomerId, monkeypatch: pytest.MonkeyPatch, ring: Keyring
) -> None:
    """Between the look and the swap somebody puts another key, and takes one away."""
    genuine = provider_keys.rewrap
    raced: set[str] = set()

    async def overtaken(connection: Connection, seen: ProviderKey, envelope: Any) -> bool:
        if seen.provider not in raced:
            raced.add(seen.provider)
            async with embedded_database.connection() as another:
                if seen.provider == "mistral":
                    await provider_keys.delete(another, acme, "mistral")
                else:
                    await _put(another, acme, seen.provider, f"sk-newer-{seen.provider}", ring)
        return await genuine(connection, seen, envelope)

    monkeypatch.setattr(provider_keys, "rewrap", overtaken)
    done = await rotate(embedded_database, AFTER)
    assert _counts(done) == ((2, 0, 0) if ring is BEFORE else (0, 2, 0))
    assert await _secrets(embedded_database, ALONE) == {"groq": "sk-newer-groq", "openai": "sk-newer-openai"}


async def test_under_load_of_those_who_store_nothing_is_lost(embedded_database: Database, acme: CustomerId) -> None:
    async def store(turn: int) -> None:
        async with embedded_database.connection() as connection:
            for provider in PROVIDERS:
                await _put(connection, acme, provider, f"sk-{provider}-{turn}", AFTER if turn % 2 else BEFORE)

    async def store_all() -> None:
        for turn in range(20):
            await store(turn)

    await asyncio.gather(store_all(), *(rotate(embedded_database, AFTER) for _ in range(5)))
    await rotate(embedded_database, AFTER)
    assert await _secrets(embedded_database, ALONE) == {provider: f"sk-{provider}-19" for provider in PROVIDERS}


async def test_rows_that_do_not_open_are_named_and_left(embedded_database: Database, acme: CustomerId) -> None:
    stranger = master_keys(current="lost").keyring()
    async with embedded_database.connection() as connection:
        await _put(connection, acme, "groq", "sk-groq", stranger)
        await connection.execute("UPDATE provider_keys SET wrapped = $1 WHERE provider = 'mistral'", bytes(60))
        before = await connection.fetch("SELECT * FROM provider_keys WHERE provider <> 'openai' ORDER BY provider")
    done = await rotate(embedded_database, AFTER)
    assert _counts(done) == (1, 0, 2)
    assert [(key.provider, key.envelope.master_key_id) for key in done.unreadable] == [
        ("groq", stranger.current_id),
        ("mistral", BEFORE.current_id),
    ]
    async with embedded_database.connection() as connection:
        after = await connection.fetch("SELECT * FROM provider_keys WHERE provider <> 'openai' ORDER BY provider")
    assert after == before
