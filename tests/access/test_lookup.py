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
from tollhouse.foundation.money import Nanos
from tollhouse.foundation.secrets import new_raw_key
from tollhouse.ledger.budgets import Scope, set_budget
from waiting import until


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
    clock.advance(lookup.BELIEVED_DEAF_S + 0.01)
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


async def test_with_notices_a_permit_is_believed_longer_and_asked_for_again_in_the_background(
    database: Database, permits: PermitLookup, counting: CountingDatabase, clock: ManualClock
) -> None:
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    permits.begin_to_hear()
    await permits.find(made.raw_key)
    clock.advance(lookup.ASKED_AGAIN_AFTER_S - 0.1)
    await permits.find(made.raw_key)
    assert counting.asked == 1
    clock.advance(0.2)
    assert await permits.find(made.raw_key) is not None
    await until(lambda: not permits._asking)
    assert counting.asked == 2
    clock.advance(lookup.ASKED_AGAIN_AFTER_S - 0.1)
    await permits.find(made.raw_key)
    assert counting.asked == 2


async def test_a_notice_makes_every_permit_of_the_customer_be_asked_for_anew(
    database: Database, permits: PermitLookup, counting: CountingDatabase, clock: ManualClock
) -> None:
    async with database.connection() as connection:
        customer_id = await customer(connection)
        made = await key(connection, customer_id)
        permits.begin_to_hear()
        await permits.find(made.raw_key)
        await connection.execute("UPDATE ai_gateway_keys SET disabled = true")
    permits.customer_changed("somebody else")
    clock.advance(0.01)
    assert (before := await permits.find(made.raw_key)) is not None
    assert not before.disabled
    permits.customer_changed(customer_id)
    clock.advance(0.01)
    assert (after := await permits.find(made.raw_key)) is not None
    assert after.disabled
    await permits.find(made.raw_key)
    assert counting.asked == 2


async def test_the_memory_of_changes_is_bounded(permits: PermitLookup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "REMEMBERED_KEYS", 3)
    for number in range(10):
        permits.customer_changed(str(number))
    assert len(permits._changed) <= 3


async def test_who_hears_again_forgets_what_may_have_changed_meanwhile(
    database: Database, permits: PermitLookup, counting: CountingDatabase
) -> None:
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    permits.begin_to_hear()
    await permits.find(made.raw_key)
    permits.cease_to_hear()
    permits.begin_to_hear()
    await permits.find(made.raw_key)
    assert counting.asked == 2


async def test_while_the_database_is_away_known_keys_stay_known_for_a_while(
    database: Database, counting: CountingDatabase, clock: ManualClock
) -> None:
    permits = PermitLookup(counting, clock, outage_ttl_s=60)  # type: ignore[arg-type]
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    await permits.find(made.raw_key)
    counting.away = True
    for _ in range(5):
        clock.advance(10)
        assert await permits.find(made.raw_key) is not None
    with pytest.raises(Unavailable):
        await permits.find(new_raw_key())
    clock.advance(10)
    with pytest.raises(Unavailable):
        await permits.find(made.raw_key)


async def test_a_database_that_does_not_answer_holds_up_one_call_and_not_the_next(
    database: Database, counting: CountingDatabase, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "_PATIENCE_S", 0.01)
    permits = PermitLookup(counting, clock, outage_ttl_s=60)  # type: ignore[arg-type]
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    await permits.find(made.raw_key)
    answers = asyncio.Event()

    async def hang(_connection: Connection, _key_hash: str) -> None:
        await answers.wait()

    monkeypatch.setattr(lookup, "read_permit", hang)
    clock.advance(5)
    assert await permits.find(made.raw_key) is not None
    waits: list[object] = []
    monkeypatch.setattr(asyncio, "wait", lambda *_args, **_named: waits.append(1))
    asked = counting.asked
    for _ in range(3):
        assert await permits.find(made.raw_key) is not None
    assert counting.asked == asked
    clock.advance(1)
    assert await permits.find(made.raw_key) is not None
    assert waits == []
    answers.set()


async def test_a_database_that_is_away_is_asked_once_a_second_and_nobody_waits(
    database: Database, counting: CountingDatabase, clock: ManualClock
) -> None:
    permits = PermitLookup(counting, clock, outage_ttl_s=60)  # type: ignore[arg-type]
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
    await permits.find(made.raw_key)
    clock.advance(5)
    counting.away, counting.asked = True, 0
    for _ in range(20):
        assert await permits.find(made.raw_key) is not None
    assert counting.asked == 1
    clock.advance(1)
    for _ in range(20):
        assert await permits.find(made.raw_key) is not None
        await asyncio.sleep(0)
    assert counting.asked == 2
    counting.away = False
    async with database.connection() as connection:
        await connection.execute("UPDATE ai_gateway_keys SET disabled = true")
    clock.advance(1)
    assert await permits.find(made.raw_key) is not None
    await until(lambda: not permits._asking)
    found = await permits.find(made.raw_key)
    assert found is not None
    assert found.disabled


async def test_an_old_permit_is_asked_for_again_and_the_answer_counts(
    database: Database, counting: CountingDatabase, clock: ManualClock
) -> None:
    permits = PermitLookup(counting, clock, outage_ttl_s=60)  # type: ignore[arg-type]
    async with database.connection() as connection:
        made = await key(connection, await customer(connection))
        await permits.find(made.raw_key)
        await connection.execute("UPDATE ai_gateway_keys SET disabled = true")
    clock.advance(5)
    permit = await permits.find(made.raw_key)
    assert permit is not None
    assert permit.disabled


async def test_the_budgets_of_a_permit_are_those_of_its_scopes(database: Database, permits: PermitLookup) -> None:
    async with database.connection() as connection:
        customer_id = await customer(connection)
        owner = await user(connection, customer_id)
        made = await key(connection, customer_id, "1.0000", user_id=owner)
        await key(connection, customer_id, "1.0000")
        for scope in (Scope("user", owner), Scope("customer", customer_id), Scope("user", "somebody else")):
            await set_budget(connection, customer_id, scope, Nanos(5), None)
        rows = await connection.fetch("SELECT budget_id, scope_kind, scope_id FROM ledger_budgets ORDER BY 1")
    permit = await permits.find(made.raw_key)
    assert permit is not None
    mine = [row["budget_id"] for row in rows if row["scope_id"] in (made.key_id, owner, customer_id)]
    assert [budget.id for budget in permit.budgets] == mine
    assert len(mine) == 3
    assert {budget.models for budget in permit.budgets} == {""}


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
