"""API tokens are found, believed for a moment, and no flood of invented ones reaches the database."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from access.test_lookup import CountingDatabase
from making import ManualClock, customer, team, user
from tollhouse.access import tokens
from tollhouse.access.shelf import LOOKS_PER_S, Shelf
from tollhouse.access.tokens import BELIEVED_S, TokenLookup
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.ids import UserId, new_id
from tollhouse.foundation.secrets import new_api_token, sha256_hex
from waiting import until


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def counting(embedded_database: Database) -> CountingDatabase:
    return CountingDatabase(embedded_database)


@pytest.fixture
def lookup(counting: CountingDatabase, clock: ManualClock) -> TokenLookup:
    return TokenLookup(counting, clock)  # type: ignore[arg-type]


async def _token(connection: Connection, user_id: UserId, scopes: list[str] | None = None) -> str:
    raw = new_api_token()
    await connection.execute(
        "INSERT INTO api_tokens (id, user_id, token_hash, display, name, scopes) VALUES ($1, $2, $3, 't', 't', $4)",
        new_id(),
        user_id,
        sha256_hex(raw),
        scopes,
    )
    return raw


async def test_a_token_is_its_owners_with_the_only_team(lookup: TokenLookup, embedded_database: Database) -> None:
    async with embedded_database.transaction() as connection:
        acme = await customer(connection)
        one, two = await user(connection, acme), await user(connection, acme, "admin")
        only = await team(connection, acme, one, two)
        await team(connection, acme, two)
        of_one = await _token(connection, one, ["traces:write"])
        of_two = await _token(connection, two)
    first, second = await lookup.find(of_one), await lookup.find(of_two)
    assert first is not None
    assert second is not None
    assert (first.customer_id, first.user_id, first.role, first.team_id) == (acme, one, "member", only)
    assert first.scopes == frozenset({"traces:write"})
    assert (second.role, second.team_id, second.scopes) == ("admin", None, None)


async def test_what_is_no_token_is_never_looked_up(lookup: TokenLookup, counting: CountingDatabase) -> None:
    assert await lookup.find("tht_short") is None
    assert await lookup.find("x" * 68) is None
    assert counting.asked == 0


async def test_a_token_is_believed_for_a_moment_or_until_its_customer_changes(
    lookup: TokenLookup, counting: CountingDatabase, clock: ManualClock, embedded_database: Database
) -> None:
    async with embedded_database.transaction() as connection:
        acme = await customer(connection)
        raw = await _token(connection, await user(connection, acme))
    for _ in range(5):
        assert await lookup.find(raw) is not None
    assert counting.asked == 1
    clock.advance(0.1)
    lookup.customer_changed(acme)
    clock.advance(0.1)
    for _ in range(3):
        assert await lookup.find(raw) is not None
    assert counting.asked == 2
    clock.advance(BELIEVED_S)
    async with embedded_database.connection() as connection:
        await connection.execute("DELETE FROM api_tokens")
    assert await lookup.find(raw) is None
    assert await lookup.find(raw) is None
    assert counting.asked == 3


async def test_an_expired_token_opens_nothing_though_it_is_remembered(
    lookup: TokenLookup, clock: ManualClock, embedded_database: Database
) -> None:
    async with embedded_database.transaction() as connection:
        raw = await _token(connection, await user(connection, await customer(connection)))
        await connection.execute("UPDATE api_tokens SET expires_at = $1", clock.now() + timedelta(seconds=1))
    assert await lookup.find(raw) is not None
    clock.advance(1)
    assert await lookup.find(raw) is None


async def test_the_memory_is_bounded(
    lookup: TokenLookup, counting: CountingDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    unknown = [new_api_token() for _ in range(5)]
    for raw in unknown:
        assert await lookup.find(raw) is None
    assert len(lookup._known) == 3
    for number in range(5):
        lookup.customer_changed(f"customer {number}")
    assert len(lookup._changed) <= 3


async def test_a_flood_of_invented_tokens_stops_at_the_shelf_and_new_ones_do_not(
    counting: CountingDatabase, clock: ManualClock, embedded_database: Database
) -> None:
    async with embedded_database.transaction() as connection:
        owner = await user(connection, await customer(connection))
        old = await _token(connection, owner)
    shelf = Shelf(counting, clock)  # type: ignore[arg-type]
    lookup = TokenLookup(counting, clock, shelf)  # type: ignore[arg-type]
    shelf.begin_to_hear()
    await until(lambda: shelf._sorted is not None)
    before = counting.asked
    for _ in range(200):
        assert await lookup.find(new_api_token()) is None
    assert counting.asked - before == LOOKS_PER_S
    async with embedded_database.connection() as connection:
        new = await _token(connection, owner)
    assert await lookup.find(old) is not None
    shelf.key_made(sha256_hex(new)[:16])
    assert await lookup.find(new) is not None
    shelf.cease_to_hear()


async def test_a_new_token_is_told_to_whoever_keeps_the_shelf(embedded_database: Database, embedded_url: str) -> None:
    """And a deleted one to whoever remembers what belongs to its customer."""
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    listener = await asyncpg.connect(embedded_url)
    for channel in ("tollhouse_keys", "tollhouse_permits"):
        await listener.add_listener(channel, lambda _c, _p, name, what: heard.put_nowait((name, what)))
    async with embedded_database.transaction() as connection:
        acme = await customer(connection)
        raw = await _token(connection, await user(connection, acme))
    assert await heard.get() == ("tollhouse_keys", sha256_hex(raw)[:16])
    async with embedded_database.connection() as connection:
        await connection.execute("DELETE FROM api_tokens")
    assert await heard.get() == ("tollhouse_permits", acme)
    await listener.close()


async def test_without_a_database_nobody_is_told_that_the_token_is_wrong(
    embedded_database: Database, clock: ManualClock
) -> None:
    await embedded_database.close()
    with pytest.raises(Unavailable):
        await TokenLookup(embedded_database, clock).find(new_api_token())
