"""Invented keys do not reach the database; keys that exist do, also those made a moment ago."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from access.test_lookup import CountingDatabase
from making import ManualClock, customer, key
from tollhouse.access import keys, shelf
from tollhouse.access.lookup import PermitLookup
from tollhouse.access.shelf import LOOKS_PER_S, Shelf
from tollhouse.db.pool import Database
from tollhouse.foundation.secrets import new_raw_key, sha256_hex
from waiting import until


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def counting(embedded_database: Database) -> CountingDatabase:
    return CountingDatabase(embedded_database)


@pytest.fixture
async def known(counting: CountingDatabase, clock: ManualClock) -> AsyncIterator[Shelf]:
    made = Shelf(counting, clock)  # type: ignore[arg-type]
    yield made
    made.cease_to_hear()


async def _loaded(known: Shelf) -> None:
    known.begin_to_hear()
    await until(lambda: known._sorted is not None)


async def test_a_flood_of_invented_keys_reaches_the_database_a_few_times_a_second(
    embedded_database: Database, counting: CountingDatabase, clock: ManualClock, known: Shelf
) -> None:
    async with embedded_database.connection() as connection:
        acme = await customer(connection)
        made = [await key(connection, acme) for _ in range(100)]
    await _loaded(known)
    permits = PermitLookup(counting, clock, shelf=known)  # type: ignore[arg-type]
    counting.asked = 0
    for _ in range(3):
        for _ in range(2000):
            assert await permits.find(new_raw_key()) is None
        clock.advance(1)
    assert LOOKS_PER_S * 3 - 3 <= counting.asked <= LOOKS_PER_S * 3
    counting.asked = 0
    for each in made:
        assert await permits.find(each.raw_key) is not None
    assert counting.asked == 100


async def test_until_it_is_read_and_while_nobody_hears_everything_is_looked_up(known: Shelf) -> None:
    unknown = sha256_hex(new_raw_key())
    assert all(known.admits(unknown) for _ in range(3 * LOOKS_PER_S))
    await _loaded(known)
    assert not all(known.admits(unknown) for _ in range(3 * LOOKS_PER_S))
    known.cease_to_hear()
    assert all(known.admits(unknown) for _ in range(3 * LOOKS_PER_S))


async def test_who_hears_nothing_more_while_it_is_being_read_closes_it(known: Shelf) -> None:
    known.begin_to_hear()
    known.cease_to_hear()
    await asyncio.sleep(0.05)
    assert known._sorted is None
    known.cease_to_hear()


async def test_a_new_key_is_on_it_when_its_notice_arrives_and_so_is_a_former_secret(
    embedded_database: Database, clock: ManualClock, known: Shelf
) -> None:
    await _loaded(known)
    unknown = sha256_hex(new_raw_key())
    while known.admits(unknown):
        pass
    known.key_made(unknown[:16])
    assert known.admits(unknown)
    async with embedded_database.transaction() as connection:
        acme = await customer(connection)
        made = await key(connection, acme)
        found = await keys.lock(connection, acme, made.key_hash)
        assert found is not None
        await keys.rotate(connection, found, clock.now(), clock.now().replace(year=2030))
    await _loaded(known)
    while known.admits(unknown):
        pass
    assert known.admits(made.key_hash)


async def test_a_database_that_is_away_is_asked_again(
    counting: CountingDatabase, known: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "_AGAIN_S", 0.01)
    counting.away = True
    known.begin_to_hear()
    await until(lambda: counting.asked >= 3)
    counting.away = False
    await until(lambda: known._sorted is not None)


async def test_the_database_tells_of_new_keys_and_new_secrets(embedded_url: str, embedded_database: Database) -> None:
    import asyncpg

    heard: list[object] = []
    listening = await asyncpg.connect(embedded_url)
    await listening.add_listener(shelf.NOTICES, lambda *told: heard.append(told[3]))
    async with embedded_database.transaction() as connection:
        acme = await customer(connection)
        made = await key(connection, acme)
        found = await keys.lock(connection, acme, made.key_hash)
        assert found is not None
        rotated = await keys.rotate(connection, found, found.created_at, found.created_at)
    await until(lambda: len(heard) >= 2)
    await listening.close()
    assert heard == [made.key_hash[:16], rotated.key_hash[:16]]
