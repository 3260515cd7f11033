"""Permits: believed briefly, asked for once, and never for what cannot be a key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from making import ManualClock, customer, key, user
from tollhouse.access import lookup
from tollhouse.access.keys import KeyTerms
from tollhouse.access.lookup import PermitLookup
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.secrets import new_raw_key


class CountingDatabase:
    """The real database, counting how often it is asked."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked = 0
        self.away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        async with self.database.connection() as connection:
            yield connection


@pytest.fixture
def counting(database: Database) -> CountingDatabase:
    return CountingDatabase(database)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def permits(counting: CountingDatabase, clock: ManualClock) -> PermitLookup:
    return PermitLookup(counting, clock)  # type: ignore[arg-type]


async def test_a_permit_tells_everything_the_road_asks(database: Database, permits: PermitLookup) -> None:
    async with database.connection() as connection:
        customer_id = await customer(connection)
        owner = await user(connection, customer_id)
        terms = KeyTerms("mine", allowed_models=("a", "b"), max_output_tokens=7, bound_policy="clamp")
        made = await key(connection, customer_id, user_id=owner, terms=terms)
    permit = await permits.find(made.raw_key)
    assert permit is not None
    assert (permit.key_id, permit.customer_id, permit.user_id, permit.team_id) == (
        made.key_id,
        customer_id,
        owner,
        None,
    )
    assert (permit.allowed_models, permit.max_output_tokens, permit.bound_policy) == (("a", "b"), 7, "clamp")
    assert (permit.gateway_state, permit.gateway_id, permit.account_id) == (
        "ready",
        f"tollhouse-{customer_id}",
        "acct",
    )
    assert permit.credential_mode == "unified"
    assert not permit.disabled
    assert not permit.expired(ManualClock().now())


async def test_the_database_is_asked_once_while_a_permit_is_believed(
    database: Database, permits: PermitLookup, counting: CountingDatabase, clock: ManualClock
) -> None:
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    found = await asyncio.gather(*(permits.find(made.raw_key) for _ in range(50)))
    assert None not in found
    await permits.find(made.raw_key)
    assert counting.asked == 1
    clock.advance(lookup.BELIEVED_S + 0.01)
    await permits.find(made.raw_key)
    assert counting.asked == 2


async def test_a_forgotten_permit_is_asked_for_anew(
    database: Database, permits: PermitLookup, counting: CountingDatabase
) -> None:
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    await permits.find(made.raw_key)
    permits.forget(made.key_hash)
    permits.forget("never heard of")
    await permits.find(made.raw_key)
    assert counting.asked == 2


async def test_a_disabled_key_or_owner_is_noticed_within_a_second(
    database: Database, permits: PermitLookup, clock: ManualClock
) -> None:
    async with database.connection() as connection:
        customer_id = await customer(connection)
        owner = await user(connection, customer_id)
        made = await key(connection, customer_id, user_id=owner)
        assert (before := await permits.find(made.raw_key)) is not None
        assert not before.disabled
        await connection.execute("UPDATE users SET disabled = true")
    clock.advance(1)
    after = await permits.find(made.raw_key)
    assert after is not None
    assert after.disabled


async def test_one_wrong_key_costs_one_look_up(permits: PermitLookup, counting: CountingDatabase) -> None:
    wrong = new_raw_key()
    for _ in range(20):
        assert await permits.find(wrong) is None
    assert counting.asked == 1


@pytest.mark.parametrize("raw", ["", "aig_", "sk-something", "aig_" + "0" * 33, "x" * 36])
async def test_what_cannot_be_a_key_never_reaches_the_database(
    permits: PermitLookup, counting: CountingDatabase, raw: str
) -> None:
    assert await permits.find(raw) is None
    assert counting.asked == 0


async def test_without_a_database_nobody_becomes_anonymous_and_the_next_ask_tries_again(
    database: Database, permits: PermitLookup, counting: CountingDatabase
) -> None:
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    counting.away = True
    with pytest.raises(Unavailable):
        await permits.find(made.raw_key)
    counting.away = False
    assert await permits.find(made.raw_key) is not None


async def test_one_caller_who_gives_up_does_not_take_the_others_along(
    database: Database, permits: PermitLookup
) -> None:
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    first, second = (asyncio.create_task(permits.find(made.raw_key)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None


async def test_memory_is_bounded(permits: PermitLookup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "REMEMBERED_KEYS", 3)
    for _ in range(10):
        await permits.find(new_raw_key())
    assert len(permits._known) == 3


def test_a_permit_expires_at_its_moment() -> None:
    from dataclasses import replace

    from tollhouse.access.permits import Permit

    clock = ManualClock()
    permit = Permit(*[None] * 14)  # type: ignore[arg-type]
    assert not permit.expired(clock.now())
    assert replace(permit, expires_at=clock.now()).expired(clock.now())
