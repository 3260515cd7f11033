"""A customer that ends leaves its book and nothing else; a gateway that belongs to nobody is removed."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from control.house import House, ScriptedGateways, refusal, refused, registration
from making import ManualClock, book_of
from tollhouse.control.customers import service as customers
from tollhouse.control.onboarding.gateways import remove_leftovers
from tollhouse.foundation.ids import CustomerId
from waiting import until

DELETE = "/v1/customers/me/delete"
REGISTER = "/v1/customers/register"


async def test_keys_and_people_are_out_at_once_and_the_book_stays(house: House, gateways: ScriptedGateways) -> None:
    ann = await house.register("ann@example.com")
    made = (await ann.post("/v1/ai/keys/user", json={"name": "k"})).json()
    acme = CustomerId((await ann.get("/v1/me")).json()["customer"]["id"])
    async with house.context.database.connection() as connection:
        await (await book_of(connection, acme, made["key"]["id"])).spend(1000)
    assert refusal(await ann.post(DELETE, json={"name": "acme"})) == (409, "name_differs")
    assert (await ann.post(DELETE, json={"name": "Acme"})).status_code == 204
    assert refusal(await ann.get("/v1/me")) == (401, "not_signed_in")
    assert refusal(await (await house.visitor(made["raw_key"])).get("/v1/ai/models")) == (401, "invalid_api_key")
    assert len(await house.fetch("SELECT 1 FROM ledger_entries")) == 1
    assert len(await house.fetch("SELECT 1 FROM audit_log WHERE action = 'customer.delete'")) == 1
    assert await house.fetch("SELECT 1 FROM users UNION ALL SELECT 1 FROM ai_gateway_keys") == []
    assert gateways.existing
    assert await remove_leftovers(house.context) == 1
    assert gateways.existing == set()
    assert await house.fetch("SELECT 1 FROM leftover_gateways") == []
    assert (await (await house.visitor()).post(REGISTER, json=registration("ann@example.com"))).status_code == 201


async def test_a_gateway_that_cannot_be_removed_is_tried_again_later_and_later(
    house: House, gateways: ScriptedGateways, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await house.register("ann@example.com")
    await ann.post(DELETE, json={"name": "Acme"})
    delete = gateways.delete

    async def down(_account_id: str, _gateway_id: str) -> None:
        raise refused(503, "down for a moment")

    monkeypatch.setattr(gateways, "delete", down)
    assert await remove_leftovers(house.context) == 0
    left = (await house.fetch("SELECT attempts, error, due_at FROM leftover_gateways"))[0]
    assert (left["attempts"], left["due_at"]) == (1, clock.now() + timedelta(minutes=1))
    assert "down for a moment" in left["error"]
    monkeypatch.setattr(gateways, "delete", delete)
    assert await remove_leftovers(house.context) == 0
    clock.advance(60)
    assert await remove_leftovers(house.context) == 1


async def test_a_death_between_gateway_and_rows_leaves_a_gateway_that_is_removed(
    house: House, gateways: ScriptedGateways, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill -9 undoes nothing: neither does this one, whose tidying up fails too."""

    async def lost(*_: object, **__: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async def dead(_account_id: str, _gateway_id: str) -> None:
        raise refused(503, "dead")

    with monkeypatch.context() as patched:
        patched.setattr(customers, "insert", lost)
        patched.setattr(gateways, "delete", dead)
        answer = await (await house.visitor()).post(REGISTER, json=registration("ann@example.com"))
        assert answer.status_code == 503
    assert len(gateways.existing) == 1
    assert await remove_leftovers(house.context) == 0, "somebody may still be at work on it"
    clock.advance(600)
    assert await remove_leftovers(house.context) == 1
    assert gateways.existing == set()


async def test_a_registration_that_went_well_leaves_nothing_over(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    await house.register("ann@example.com")
    assert await house.fetch("SELECT 1 FROM leftover_gateways") == []
    clock.advance(3600)
    assert await remove_leftovers(house.context) == 0
    assert gateways.deleted == []


async def test_accounts_that_are_full_leave_nothing_over_and_leftovers_take_room(
    house: House, gateways: ScriptedGateways
) -> None:
    gateways.full = {"first"}
    await house.register("ann@example.com")
    assert await house.fetch("SELECT 1 FROM leftover_gateways") == []
    async with house.context.database.connection() as connection:
        await connection.execute(
            "INSERT INTO leftover_gateways (account_id, gateway_id, due_at) SELECT 'second', 'x' || n, now() "
            "FROM generate_series(1, 19) n"
        )
        taken = await customers.gateways_by_account(connection, ["first", "second"])
    assert taken == {"second": 20}


async def test_a_gateway_that_is_being_made_while_its_customer_ends_is_removed_too(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    gateways.troubles = [refused(503, "down")]
    ann = await house.register("ann@example.com")
    gateways.pause = asyncio.Event()
    making = asyncio.create_task(ann.post("/v1/customers/me/gateway"))
    await until(lambda: len(gateways.asked) >= 2)
    assert (await ann.post(DELETE, json={"name": "Acme"})).status_code == 204
    gateways.pause.set()
    await making
    assert len(gateways.existing) == 1
    clock.advance(600)
    assert await remove_leftovers(house.context) == 2
    assert gateways.existing == set()


async def test_only_admins_end_a_customer_and_never_by_a_narrow_token(house: House) -> None:
    ann = await house.register("ann@example.com")
    acme = CustomerId((await ann.get("/v1/me")).json()["customer"]["id"])
    manager = await house.member(acme, "manager")
    assert refusal(await manager.api.post(DELETE, json={"name": "Acme"})) == (403, "forbidden")
    narrow = (await ann.post("/v1/tokens", json={"name": "t", "scopes": ["customer:write"]})).json()["raw_token"]
    holder = await house.visitor(narrow)
    assert refusal(await holder.post(DELETE, json={"name": "Acme"})) == (403, "scope_missing")
