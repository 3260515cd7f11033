"""Keys as rows: what goes in comes out, the raw key is nowhere, another customer's key does not exist."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from making import customer, key, team, user
from tollhouse.access import keys
from tollhouse.access.keys import KeyTerms
from tollhouse.db.pool import Connection, Database

FULL = KeyTerms(
    name="everything set",
    budget_usd=Decimal("12.5000"),
    budget_reset="monthly",
    allowed_models=("gpt-4o", "anthropic/*"),
    max_output_tokens=1234,
    bound_policy="strict",
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
)


async def test_terms_come_back_as_they_went_in(connection: Connection) -> None:
    customer_id = await customer(connection)
    owner = await user(connection, customer_id)
    made = await keys.create(connection, customer_id, FULL, user_id=owner, created_by=owner)
    found = await keys.find(connection, customer_id, made.key_hash)
    assert found is not None
    assert found.terms == FULL
    assert (found.id, found.user_id, found.team_id, found.created_by_user_id) == (
        made.key_id,
        owner,
        None,
        owner,
    )
    assert (found.owner_name, found.spend_usd) == ("Member", Decimal("0.0000"))


async def test_the_raw_key_is_not_stored(connection: Connection) -> None:
    customer_id = await customer(connection)
    made = await key(connection, customer_id)
    rows = await connection.fetch("SELECT row_to_json(k)::text AS row FROM ai_gateway_keys k")
    assert all(made.raw_key not in row["row"] for row in rows)
    assert made.raw_key.startswith("aig_")
    assert len(made.raw_key) == 36


async def test_a_key_of_another_customer_does_not_exist(connection: Connection) -> None:
    mine, theirs = await customer(connection), await customer(connection)
    made = await key(connection, theirs)
    assert await keys.find(connection, mine, made.key_hash) is None
    assert await keys.lock(connection, mine, made.key_hash) is None
    assert await keys.of_customer(connection, mine) == []


async def test_update_writes_every_term(connection: Connection) -> None:
    customer_id = await customer(connection)
    made = await key(connection, customer_id)
    async with connection.transaction():
        locked = await keys.lock(connection, customer_id, made.key_hash)
        assert locked is not None
        changed = await keys.update(connection, locked, replace(FULL, disabled=True))
    found = await keys.find(connection, customer_id, made.key_hash)
    assert found is not None
    assert found.terms == changed.terms == replace(FULL, disabled=True)


async def test_a_deleted_key_is_gone(connection: Connection) -> None:
    customer_id = await customer(connection)
    made = await key(connection, customer_id)
    found = await keys.find(connection, customer_id, made.key_hash)
    assert found is not None
    await keys.delete(connection, found)
    assert await keys.find(connection, customer_id, made.key_hash) is None


async def test_a_user_sees_own_keys_and_those_of_own_teams(connection: Connection) -> None:
    customer_id = await customer(connection)
    me, other = await user(connection, customer_id), await user(connection, customer_id)
    ours, theirs = await team(connection, customer_id, me), await team(connection, customer_id, other)
    expected = {
        (await key(connection, customer_id, user_id=me)).key_id,
        (await key(connection, customer_id, team_id=ours)).key_id,
    }
    await key(connection, customer_id, user_id=other)
    await key(connection, customer_id, team_id=theirs)
    assert {found.id for found in await keys.of_user(connection, customer_id, me)} == expected
    assert len(await keys.of_customer(connection, customer_id)) == 4


async def test_a_key_of_a_user_and_a_team_at_once_is_refused(database: Database) -> None:
    import asyncpg

    async with database.connection() as connection:
        customer_id = await customer(connection)
        me = await user(connection, customer_id)
        ours = await team(connection, customer_id, me)
        with pytest.raises(asyncpg.CheckViolationError):
            await keys.create(connection, customer_id, KeyTerms("both"), user_id=me, team_id=ours)
