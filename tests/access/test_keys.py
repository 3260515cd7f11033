"""Keys as rows: what goes in comes out, the raw key is nowhere, another customer's key does not exist."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

import pytest

from making import customer, key, team, user
from tollhouse.access import keys
from tollhouse.access.keys import KeySearch, KeySort, KeyTerms
from tollhouse.access.permits import CallLimits
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import CustomerId

FULL = KeyTerms(
    name="everything set",
    budget_usd=Decimal("12.5000"),
    budget_reset="monthly",
    allowed_models=("gpt-4o", "anthropic/*"),
    max_output_tokens=1234,
    bound_policy="strict",
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    calls=CallLimits(requests_per_minute=60, tokens_per_minute=5_000_000_000, concurrent_calls=3),
    tags=("team:search", "prod"),
)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def listed(connection: Connection, customer_id: CustomerId, **wanted: Any) -> list[str]:
    """Names of what a search finds, in its order."""
    found = await keys.search(connection, customer_id, KeySearch(**wanted), NOW)
    return [each.key.terms.name for each in found]


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
    assert await listed(connection, mine) == []


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


async def test_when_a_key_was_used_last_can_be_told_by_its_own_customer_only(connection: Connection) -> None:
    mine, others = await customer(connection), await customer(connection, "Other")
    used, unused, theirs = [await key(connection, whose) for whose in (mine, mine, others)]
    await keys.date_last_use(connection, mine, {used.key_id: NOW, theirs.key_id: NOW})
    shown = [await keys.find(connection, whose, made.key_hash) for whose, made in ((mine, used), (mine, unused))]
    shown.append(await keys.find(connection, others, theirs.key_hash))
    assert [each and each.last_used_at for each in shown] == [NOW, None, None]


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
    assert len(await listed(connection, customer_id)) == 4


async def test_a_key_of_a_user_and_a_team_at_once_is_refused(database: Database) -> None:
    import asyncpg

    async with database.connection() as connection:
        customer_id = await customer(connection)
        me = await user(connection, customer_id)
        ours = await team(connection, customer_id, me)
        with pytest.raises(asyncpg.CheckViolationError):
            await keys.create(connection, customer_id, KeyTerms("both"), user_id=me, team_id=ours)


async def _shelf(connection: Connection) -> CustomerId:
    """Keys a to d: of a user, of a team, of nobody, and one that has ended; none was used but a."""
    customer_id = await customer(connection)
    owner = await user(connection, customer_id)
    ours = await team(connection, customer_id, owner)
    await key(connection, customer_id, user_id=owner, terms=KeyTerms("b", tags=("blue",)))
    await key(connection, customer_id, team_id=ours, terms=KeyTerms("A 10%_"))
    await key(connection, customer_id, terms=KeyTerms("d"))
    await key(connection, customer_id, terms=KeyTerms("c", expires_at=NOW))
    await connection.execute(
        "UPDATE ai_gateway_keys SET last_used_at = now(), disabled = name = 'd' WHERE name IN ('A 10%_', 'd')"
    )
    await key(connection, await customer(connection), terms=KeyTerms("somebody else's"))
    return customer_id


async def test_keys_are_found_by_what_is_written_on_them(connection: Connection) -> None:
    mine = await _shelf(connection)
    assert await listed(connection, mine) == ["c", "d", "A 10%_", "b"]
    assert await listed(connection, mine, text="10%_") == ["A 10%_"]
    assert await listed(connection, mine, text="0_%") == []
    assert await listed(connection, mine, text="MEMBER") == ["b"]
    assert await listed(connection, mine, text="blu") == await listed(connection, mine, tag="blue") == ["b"]
    assert await listed(connection, mine, tag="blu") == []
    assert await listed(connection, mine, user_id="x") == await listed(connection, mine, team_id="x") == []
    assert await listed(connection, mine, state="disabled") == ["d"]
    assert await listed(connection, mine, state="expired") == ["c"]
    assert await listed(connection, mine, state="exhausted", sort="name") == []
    assert await listed(connection, mine, state="active", sort="name") == ["A 10%_", "b"]


@pytest.mark.parametrize("sort", get_args(KeySort))
async def test_every_order_comes_page_by_page_without_gap_or_repetition(connection: Connection, sort: KeySort) -> None:
    mine = await _shelf(connection)
    whole = await listed(connection, mine, sort=sort)
    assert sorted(whole) == ["A 10%_", "b", "c", "d"]
    assert (
        whole[0] in {"newest": "c", "oldest": "b", "name": "A 10%_", "last_used": "A 10%_d", "spend": "A 10%_bcd"}[sort]
    )
    seen, after = [], None
    for _ in range(4):
        (found,) = await keys.search(connection, mine, KeySearch(sort=sort, after=after, most=1), NOW)
        seen.append(found.key.terms.name)
        after = found.place
    assert seen == whole
    assert await keys.search(connection, mine, KeySearch(sort=sort, after=after, most=1), NOW) == []
