"""The eleven routes of `/v1/ai/keys`: refusals first, then exact money, then races."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from control.house import House, Member, refusal
from making import ManualClock, book_of, customer, key
from tollhouse.access import keys
from tollhouse.access.keys import KeyTerms
from tollhouse.access.lookup import read_permit
from tollhouse.control import audit
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import Conflict
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, new_id
from tollhouse.foundation.secrets import sha256_hex
from tollhouse.ledger import budgets
from waiting import eventually

KEYS = "/v1/ai/keys"


@dataclass(frozen=True)
class Office:
    """A customer: two members of one team, one of none, a manager, an admin; and another customer's admin."""

    id: CustomerId
    owner: Member
    teammate: Member
    colleague: Member
    manager: Member
    admin: Member
    stranger: Member
    team_id: TeamId


@pytest.fixture
async def office(house: House) -> Office:
    return await _office(house)


async def _office(house: House) -> Office:
    async with house.context.database.connection() as connection:
        acme, other = await customer(connection), await customer(connection, "Other")
    roles = ("member", "member", "member", "manager", "admin")
    owner, teammate, colleague, manager, admin = [await house.member(acme, role) for role in roles]
    team_id = await house.team(acme, owner, teammate)
    return Office(acme, owner, teammate, colleague, manager, admin, await house.member(other, "admin"), team_id)


async def _made(who: Member, path: str = "/user", **fields: object) -> dict[str, Any]:
    answer = await who.api.post(KEYS + path, json={"name": "key"} | fields)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def _key(who: Member, key_hash: str) -> dict[str, Any]:
    answer = await who.api.get(f"{KEYS}/{key_hash}/details")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["key"]
    return shown


async def _listed(who: Member, path: str) -> list[str]:
    answer = await who.api.get(KEYS + path)
    assert answer.status_code == 200, answer.text
    return [each["hash"] for each in answer.json()["keys"]]


async def _spend(connection: Connection, office: Office, key_id: str, nanos: int, *, held: int = 0) -> None:
    """What the road does: hold and settle, and hold once more if asked."""
    book = await book_of(connection, office.id, KeyId(key_id))
    await book.spend(nanos)
    if held:
        await book.reserve(held)


# Roles -----------------------------------------------------------------------------------------------------


async def test_lists_are_for_those_they_concern(house: House, office: Office) -> None:
    own = (await _made(office.owner))["key"]["hash"]
    of_team = (await _made(office.teammate, f"/team/{office.team_id}"))["key"]["hash"]
    of_colleague = (await _made(office.colleague))["key"]["hash"]
    for boss in (office.manager, office.admin):
        assert await _listed(boss, "/customer") == [of_colleague, of_team, own]
        assert await _listed(boss, f"/user/{office.owner.id}") == [of_team, own]
        assert await _listed(boss, "/user") == []
    assert await _listed(office.owner, "/user") == [of_team, own]
    assert await _listed(office.owner, f"/user/{office.owner.id}") == [of_team, own]
    assert await _listed(office.teammate, "/user") == [of_team]
    assert refusal(await office.owner.api.get(f"{KEYS}/customer")) == (403, "forbidden")
    assert refusal(await office.owner.api.get(f"{KEYS}/user/{office.teammate.id}")) == (403, "forbidden")
    assert await _listed(office.stranger, "/customer") == []


async def test_members_make_keys_for_themselves_and_bosses_for_everybody(office: Office) -> None:
    body = {"name": "key", "user_id": office.owner.id}
    assert (await office.owner.api.post(f"{KEYS}/user", json=body)).status_code == 201
    assert refusal(await office.colleague.api.post(f"{KEYS}/user", json=body)) == (403, "forbidden")
    for boss in (office.manager, office.admin):
        shown = (await boss.api.post(f"{KEYS}/user", json=body)).json()["key"]
        assert (shown["user_id"], shown["created_by_user_id"]) == (office.owner.id, boss.id)
    stranger = {"name": "key", "user_id": office.stranger.id}
    for member in (office.owner, office.admin):
        assert refusal(await member.api.post(f"{KEYS}/user", json=stranger)) == (404, "not_found")


async def test_a_team_s_keys_are_made_by_its_members_and_bosses(office: Office) -> None:
    for member in (office.owner, office.teammate, office.manager, office.admin):
        shown = (await _made(member, f"/team/{office.team_id}"))["key"]
        assert (shown["team_id"], shown["user_id"], shown["owner"]) == (office.team_id, None, None)
    path = f"{KEYS}/team/{office.team_id}"
    assert refusal(await office.colleague.api.post(path, json={"name": "key"})) == (403, "forbidden")
    assert refusal(await office.stranger.api.post(path, json={"name": "key"})) == (404, "not_found")
    body = {"name": "key", "user_id": office.owner.id}
    assert refusal(await office.admin.api.post(path, json=body)) == (422, "unknown_field")


async def test_keys_are_deleted_on_their_own_route_by_those_who_may(office: Office) -> None:
    own = (await _made(office.owner))["key"]["hash"]
    of_team = (await _made(office.owner, f"/team/{office.team_id}"))["key"]["hash"]
    not_here = [
        (office.owner, f"/user/{of_team}"),
        (office.owner, f"/team/{office.team_id}/{own}"),
        (office.admin, f"/team/{new_id()}/{of_team}"),
        (office.owner, f"/user/{'0' * 64}"),
        (office.owner, f"/user/{own.upper()}"),
        (office.stranger, f"/{own}"),
    ]
    for member, path in not_here:
        assert refusal(await member.api.delete(KEYS + path)) == (404, "key_not_found")
    not_theirs = [
        (office.teammate, f"/user/{own}"),
        (office.colleague, f"/team/{office.team_id}/{of_team}"),
        (office.owner, f"/{own}"),
    ]
    for member, path in not_theirs:
        assert refusal(await member.api.delete(KEYS + path)) == (403, "forbidden")
    for member, path in ((office.owner, f"/user/{own}"), (office.teammate, f"/team/{office.team_id}/{of_team}")):
        assert (await member.api.delete(KEYS + path)).json() == {"deleted": True}
        assert refusal(await member.api.delete(KEYS + path)) == (404, "key_not_found")


@pytest.mark.parametrize("boss", ["manager", "admin"])
async def test_bosses_delete_any_key_by_any_fitting_route(house: House, office: Office, boss: str) -> None:
    member: Member = getattr(office, boss)
    async with house.context.database.connection() as connection:
        of_customer = (await key(connection, office.id)).key_hash
    for path in (
        f"/user/{(await _made(office.owner))['key']['hash']}",
        f"/{(await _made(office.owner))['key']['hash']}",
        f"/{of_customer}",
    ):
        assert (await member.api.delete(KEYS + path)).status_code == 200
    assert await _listed(member, "/customer") == []


async def test_details_and_changes_are_for_those_who_may(office: Office) -> None:
    own = (await _made(office.owner))["key"]["hash"]
    from_boss = (await _made(office.manager, user_id=office.owner.id))["key"]["hash"]
    of_team = (await _made(office.owner, f"/team/{office.team_id}"))["key"]["hash"]
    see = {
        own: {office.owner, office.manager, office.admin},
        from_boss: {office.owner, office.manager, office.admin},
        of_team: {office.owner, office.teammate, office.manager, office.admin},
    }
    change = {
        own: {office.owner, office.manager, office.admin},
        from_boss: {office.manager, office.admin},
        of_team: {office.owner, office.manager, office.admin},
    }
    everyone = (office.owner, office.teammate, office.colleague, office.manager, office.admin)
    for key_hash in (own, from_boss, of_team):
        for member in everyone:
            shown = await member.api.get(f"{KEYS}/{key_hash}/details")
            assert shown.status_code == (200 if member in see[key_hash] else 403)
            changed = await member.api.patch(f"{KEYS}/{key_hash}", json={"name": "new"})
            assert changed.status_code == (200 if member in change[key_hash] else 403)


async def test_a_member_who_left_the_team_has_no_more_of_its_keys(house: House, office: Office) -> None:
    of_team = (await _made(office.owner, f"/team/{office.team_id}"))["key"]["hash"]
    async with house.context.database.connection() as connection:
        await connection.execute("DELETE FROM team_members WHERE user_id = $1", office.owner.id)
    assert await _listed(office.owner, "/user") == []
    assert refusal(await office.owner.api.patch(f"{KEYS}/{of_team}", json={"name": "mine"})) == (403, "forbidden")


# What is refused -------------------------------------------------------------------------------------------

BAD_TERMS = [
    ("budget_usd", "0.00001"),
    ("budget_usd", "0.01000"[:-1] + "1"),
    ("budget_usd", "1000000"),
    ("budget_usd", 1000000),
    ("budget_usd", 999999.99999),
    ("budget_usd", "-1"),
    ("budget_usd", -0.0001),
    ("budget_usd", "1e2"),
    ("budget_usd", "+1"),
    ("budget_usd", " 1"),
    ("budget_usd", "1,5"),
    ("budget_usd", "NaN"),
    ("budget_usd", "\u0661"),
    ("budget_usd", "9" * 5000),
    ("budget_usd", ""),
    ("budget_usd", True),
    ("budget_usd", [1]),
    ("budget_reset", "hourly"),
    ("budget_reset", ""),
    ("allowed_models", "gpt-4o"),
    ("allowed_models", ["gpt 4o"]),
    ("allowed_models", ["g*t"]),
    ("allowed_models", [""]),
    ("allowed_models", ["**"]),
    ("allowed_models", ["x" * 201]),
    ("allowed_models", ["x" * 200 + "*"]),
    ("allowed_models", ["gpt\u0000"]),
    ("allowed_models", [None]),
    ("allowed_models", ["m"] * 501),
    ("max_output_tokens", 0),
    ("max_output_tokens", 10**10),
    ("max_output_tokens", "5"),
    ("max_output_tokens", 1.5),
    ("max_output_tokens", True),
    ("bound_policy", "loose"),
    ("expires_at", "tomorrow"),
    ("expires_at", "2030-01-01T00:00:00"),
    ("expires_at", "2030-01-01"),
    ("expires_at", "0001-01-01T00:00:00+14:00"),
    ("expires_at", "9999-12-31T23:59:59-12:00"),
    ("expires_at", 1893456000),
    ("expires_at", ""),
    ("spend_usd", "0"),
    ("customer_id", "other"),
    ("team_id", "other"),
    ("key_hash", "0" * 64),
]


@pytest.fixture(scope="module")
async def busy_office(busy_house: House) -> Office:
    return await _office(busy_house)


@pytest.mark.parametrize(("field", "value"), BAD_TERMS)
async def test_terms_that_cannot_be_are_a_422_and_change_nothing(
    busy_office: Office, field: str, value: object
) -> None:
    member = busy_office.owner
    made = (await _made(member, budget_usd="1"))["key"]
    listed = await _listed(member, "/user")
    for answer in (
        await member.api.post(f"{KEYS}/user", json={"name": "key", field: value}),
        await member.api.patch(f"{KEYS}/{made['hash']}", json={field: value}),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["param"].partition(".")[0] == field
    assert await _key(member, made["hash"]) == made
    assert await _listed(member, "/user") == listed


@pytest.mark.parametrize("field", ["name", "disabled", "bound_policy"])
async def test_what_is_never_null_cannot_be_made_null(office: Office, field: str) -> None:
    made = (await _made(office.owner))["key"]
    answer = await office.owner.api.patch(f"{KEYS}/{made['hash']}", json={field: None})
    assert refusal(answer) == (422, "invalid_field")


async def test_an_owner_cannot_be_changed(office: Office) -> None:
    made = (await _made(office.owner))["key"]
    body = {"user_id": office.colleague.id}
    assert refusal(await office.admin.api.patch(f"{KEYS}/{made['hash']}", json=body)) == (422, "unknown_field")


# Making ----------------------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_kept_as_a_hash(house: House, office: Office) -> None:
    made = await _made(office.owner)
    raw, shown = made["raw_key"], made["key"]
    assert shown["hash"] == sha256_hex(raw)
    assert shown["display"] == f"{raw[:8]}...{raw[-4:]}"
    for answer in (
        await office.owner.api.get(f"{KEYS}/user"),
        await office.owner.api.get(f"{KEYS}/{shown['hash']}/details"),
        await office.owner.api.patch(f"{KEYS}/{shown['hash']}", json={"name": "new"}),
    ):
        assert raw not in answer.text
    for table in ("ai_gateway_keys", "audit_log"):
        assert raw not in str(await house.fetch(f"SELECT * FROM {table}"))


async def test_a_key_without_terms_is_open_and_counted_all_the_same(house: House, office: Office) -> None:
    shown = (await _made(office.owner))["key"]
    assert shown == shown | {
        "name": "key",
        "user_id": office.owner.id,
        "team_id": None,
        "owner": {"email": f"{office.owner.id}@example.com", "name": "Member"},
        "team_name": None,
        "budget_usd": None,
        "budget_reset": None,
        "spend_usd": "0.0000",
        "held_usd": "0.0000",
        "remaining_usd": None,
        "resets_at": None,
        "spend_reset_at": None,
        "allowed_models": [],
        "max_output_tokens": None,
        "bound_policy": "clamp_if_unset",
        "disabled": False,
        "expires_at": None,
        "last_used_at": None,
        "state": "active",
    }
    async with house.context.database.connection() as connection:
        await _spend(connection, office, shown["id"], 12_345_000)
    assert (await _key(office.owner, shown["hash"]))["spend_usd"] == "0.0123"


@pytest.mark.parametrize(
    ("given", "shown", "nanos"),
    [
        ("0.01", "0.0100", 10_000_000),
        (0.01, "0.0100", 10_000_000),
        (0.1, "0.1000", 100_000_000),
        (3, "3.0000", 3_000_000_000),
        ("0", "0.0000", 0),
        (-0.0, "0.0000", 0),
        ("999999.9999", "999999.9999", 999_999_999_900_000),
        (999999.9999, "999999.9999", 999_999_999_900_000),
        ("1.50000000", "1.5000", 1_500_000_000),
    ],
)
async def test_a_budget_is_exact_however_it_is_written(
    busy_house: House, busy_office: Office, given: object, shown: str, nanos: int
) -> None:
    made = (await _made(busy_office.owner, budget_usd=given, budget_reset="monthly"))["key"]
    assert (made["budget_usd"], made["remaining_usd"], made["budget_reset"]) == (shown, shown, "monthly")
    async with busy_house.context.database.connection() as connection:
        balance = (await budgets.balances(connection, busy_office.id, "key", [made["id"]]))[made["id"]]
    assert balance.limit == nanos
    assert balance.resets_at is not None
    assert made["resets_at"] == made["spend_reset_at"] == balance.resets_at.isoformat().replace("+00:00", "Z")


async def test_every_term_reaches_the_road(house: House, office: Office) -> None:
    terms = {
        "allowed_models": ["openai/gpt-4o-mini", "claude-*", "openai/gpt-4o-mini", "@cf/meta/*"],
        "max_output_tokens": 512,
        "bound_policy": "strict",
        "expires_at": "2030-01-01T01:00:00+01:00",
    }
    made = await _made(office.owner, f"/team/{office.team_id}", **terms)
    async with house.context.database.connection() as connection:
        permit = await read_permit(connection, sha256_hex(made["raw_key"]))
    assert permit is not None
    assert permit.allowed_models == ("openai/gpt-4o-mini", "claude-*", "@cf/meta/*")
    assert (permit.max_output_tokens, permit.bound_policy) == (512, "strict")
    assert permit.expires_at is not None
    assert permit.expires_at.isoformat() == "2030-01-01T00:00:00+00:00"
    assert (permit.team_id, permit.customer_id) == (office.team_id, office.id)
    assert made["key"]["team_name"] == office.team_id


async def test_a_budget_may_reset_without_a_limit(office: Office) -> None:
    """Then spend is counted by period, and nothing is refused."""
    made = (await _made(office.owner, budget_reset="daily"))["key"]
    assert (made["budget_usd"], made["remaining_usd"]) == (None, None)
    assert made["resets_at"] is not None


# Looking ---------------------------------------------------------------------------------------------------


async def test_money_comes_from_the_ledger_and_not_from_the_projection(house: House, office: Office) -> None:
    made = (await _made(office.owner, budget_usd="1"))["key"]
    async with house.context.database.connection() as connection:
        await _spend(connection, office, made["id"], 250_000_001, held=100_000_000)
        await connection.execute("UPDATE ai_gateway_keys SET spend_usd = 77")
    found = (await office.owner.api.get(f"{KEYS}/{made['hash']}/details")).json()
    assert (found["key"]["spend_usd"], found["key"]["held_usd"]) == ("0.2500", "0.1000")
    assert (found["key"]["remaining_usd"], found["key"]["state"]) == ("0.6500", "active")
    assert found["balance"] == {
        "limit_usd": "1.000000000",
        "spent_usd": "0.250000001",
        "held_usd": "0.100000000",
        "in_doubt_usd": "0.000000000",
        "remaining_usd": "0.649999999",
        "resets_at": None,
    }
    assert found["recent_calls"] == []
    assert found["key"]["last_used_at"] is not None
    assert (await office.admin.api.get(f"{KEYS}/customer")).json()["keys"][0] == found["key"]


async def test_the_state_says_why_a_key_is_closed(house: House, office: Office, clock: ManualClock) -> None:
    """Money that is only held leaves a key active: it comes back."""
    held = (await _made(office.owner, budget_usd="1"))["key"]
    spent = (await _made(office.owner, budget_usd="1"))["key"]
    async with house.context.database.connection() as connection:
        await _spend(connection, office, held["id"], 1, held=999_999_999)
        await _spend(connection, office, spent["id"], 1_000_000_000)
    assert (await _key(office.owner, held["hash"]))["state"] == "active"
    assert (await _key(office.owner, spent["hash"]))["state"] == "exhausted"
    assert (await _made(office.owner, budget_usd="0"))["key"]["state"] == "exhausted"
    for change, state in (
        ({"expires_at": clock.now().isoformat()}, "expired"),
        ({"disabled": True}, "disabled"),
        ({"disabled": False, "expires_at": None, "budget_usd": None}, "active"),
    ):
        changed = await office.owner.api.patch(f"{KEYS}/{spent['hash']}", json=change)
        assert changed.json()["key"]["state"] == state


async def test_a_key_whose_owner_is_gone_belongs_to_the_customer(house: House, office: Office) -> None:
    """Its budget still holds, and bosses still see it."""
    own = (await _made(office.owner, budget_usd="1"))["key"]["hash"]
    async with house.context.database.connection() as connection:
        await connection.execute("DELETE FROM users WHERE id = $1", office.owner.id)
    shown = await _key(office.admin, own)
    assert (shown["owner"], shown["user_id"], shown["created_by_user_id"]) == (None, None, None)
    assert shown["remaining_usd"] == "1.0000"
    assert refusal(await office.colleague.api.get(f"{KEYS}/{own}/details")) == (403, "forbidden")
    assert (await office.admin.api.delete(f"{KEYS}/{own}")).status_code == 200


async def test_a_key_that_nobody_opened_an_account_for_does_not_break_the_list(house: House, office: Office) -> None:
    made = (await _made(office.owner))["key"]
    async with house.context.database.connection() as connection:
        await connection.execute("DELETE FROM ledger_accounts")
        await connection.execute("DELETE FROM ledger_budgets")
    assert (await _key(office.owner, made["hash"]))["spend_usd"] == "0.0000"


# Changing --------------------------------------------------------------------------------------------------


async def test_what_is_absent_stays_and_null_means_none(house: House, office: Office) -> None:
    made = (
        await _made(
            office.owner,
            budget_usd="5",
            budget_reset="weekly",
            allowed_models=["gpt-4o"],
            max_output_tokens=9,
            bound_policy="clamp",
            expires_at="2030-01-01T00:00:00Z",
        )
    )["key"]
    url = f"{KEYS}/{made['hash']}"
    renamed = (await office.owner.api.patch(url, json={"name": "new"})).json()["key"]
    assert renamed == made | {"name": "new"}
    emptied = {"budget_usd": None, "budget_reset": None, "allowed_models": None}
    emptied |= {"max_output_tokens": None, "expires_at": None}
    opened = (await office.owner.api.patch(url, json=emptied)).json()["key"]
    assert opened == renamed | emptied | {
        "allowed_models": [],
        "remaining_usd": None,
        "resets_at": None,
        "spend_reset_at": None,
    }
    async with house.context.database.connection() as connection:
        balance = (await budgets.balances(connection, office.id, "key", [made["id"]]))[made["id"]]
    assert (balance.limit, balance.reset) == (None, None)


async def test_a_new_limit_counts_what_was_spent(house: House, office: Office) -> None:
    made = (await _made(office.owner, budget_usd="1"))["key"]
    async with house.context.database.connection() as connection:
        await _spend(connection, office, made["id"], 400_000_000)
    for limit, remaining, state in (
        ("0.5", "0.1000", "active"),
        ("0.4", "0.0000", "exhausted"),
        ("2", "1.6000", "active"),
    ):
        changed = (await office.owner.api.patch(f"{KEYS}/{made['hash']}", json={"budget_usd": limit})).json()
        assert (changed["key"]["remaining_usd"], changed["key"]["state"]) == (remaining, state)
        assert changed["key"]["spend_usd"] == "0.4000"
    async with house.context.database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_every_change_tells_this_process_at_once(house: House, office: Office) -> None:
    """After the commit: whoever reads the permit anew finds the change."""
    told: list[str] = []
    telling = house.but(after_key_change=told.append)
    raw = office.owner.api.headers["Authorization"].partition(" ")[2]
    api = await telling.visitor(raw)
    first, second = [(await _made(office.owner))["key"]["hash"] for _ in range(2)]
    await api.patch(f"{KEYS}/{first}", json={"disabled": True})
    await api.delete(f"{KEYS}/user/{second}")
    refused = await api.patch(f"{KEYS}/{second}", json={"disabled": True})
    assert (told, refused.status_code) == ([first, second], 404)


async def test_a_deleted_key_keeps_its_book(house: House, office: Office) -> None:
    made = (await _made(office.owner, budget_usd="1"))["key"]
    async with house.context.database.connection() as connection:
        await _spend(connection, office, made["id"], 400_000_000, held=1)
        await office.owner.api.delete(f"{KEYS}/user/{made['hash']}")
        balance = (await budgets.balances(connection, office.id, "key", [made["id"]]))[made["id"]]
        assert (balance.spent, balance.held) == (400_000_000, 1)
        assert await budgets.audit(connection) == []


# The audit log ---------------------------------------------------------------------------------------------


async def test_every_change_has_its_line_and_nothing_else_has(house: House, office: Office) -> None:
    made = (await _made(office.owner, budget_usd="1"))["key"]
    url = f"{KEYS}/{made['hash']}"
    await office.manager.api.patch(url, json={"budget_usd": "2.5", "disabled": True, "name": "key"})
    await office.manager.api.patch(url, json={})
    await office.manager.api.patch(url, json={"disabled": True})
    await office.colleague.api.patch(url, json={"disabled": False})
    await office.colleague.api.delete(f"{KEYS}/user/{made['hash']}")
    await office.admin.api.delete(url)
    lines = await house.fetch("SELECT * FROM audit_log WHERE action LIKE 'key.%' ORDER BY id")
    assert [(line["action"], line["actor"]) for line in lines] == [
        ("key.create", office.owner.id),
        ("key.update", office.manager.id),
        ("key.delete", office.admin.id),
    ]
    assert {(line["subject"], line["customer_id"], line["address"]) for line in lines} == {
        (made["hash"], office.id, "127.0.0.1")
    }
    created, updated, deleted = lines
    assert (created["before"], created["after"]["budget_usd"]) == (None, "1.0000")
    assert created["after"]["user_id"] == office.owner.id
    assert updated["before"] == {"budget_usd": "1.0000", "disabled": False}
    assert updated["after"] == {"budget_usd": "2.5000", "disabled": True}
    assert (deleted["before"]["budget_usd"], deleted["after"]) == ("2.5000", None)


async def test_without_its_line_nothing_is_changed(
    house: House, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (await _made(office.owner, budget_usd="1"))["key"]

    async def full(*_: object, **__: object) -> None:
        raise Conflict("no more paper")

    monkeypatch.setattr(audit, "append", full)
    url = f"{KEYS}/{made['hash']}"
    for answer in (
        await office.owner.api.post(f"{KEYS}/user", json={"name": "key"}),
        await office.owner.api.patch(url, json={"budget_usd": "9", "name": "new"}),
        await office.admin.api.delete(url),
    ):
        assert answer.status_code == 409
    assert await _listed(office.owner, "/user") == [made["hash"]]
    assert await _key(office.owner, made["hash"]) == made


# Races -----------------------------------------------------------------------------------------------------


async def test_changes_at_the_same_time_all_arrive(office: Office) -> None:
    """Each sees what the others did: nobody's field is overwritten by what somebody read before."""
    made = (await _made(office.owner, budget_usd="1"))["key"]
    url = f"{KEYS}/{made['hash']}"
    changes: list[dict[str, object]] = [
        {"name": "new"},
        {"budget_usd": "2"},
        {"allowed_models": ["gpt-4o"]},
        {"max_output_tokens": 7},
    ]
    answers = await asyncio.gather(*(office.owner.api.patch(url, json=change) for change in changes))
    assert [answer.status_code for answer in answers] == [200] * 4
    shown = await _key(office.owner, made["hash"])
    assert (shown["name"], shown["budget_usd"], shown["remaining_usd"]) == ("new", "2.0000", "2.0000")
    assert (shown["allowed_models"], shown["max_output_tokens"]) == (["gpt-4o"], 7)


async def test_a_change_and_a_settlement_wait_for_each_other_without_deadlock(house: House, office: Office) -> None:
    """A settlement has the budget and then writes the key. A change that already had the key would be in its way."""
    made = (await _made(office.owner, budget_usd="1"))["key"]
    url = f"{KEYS}/{made['hash']}"
    async with house.context.database.transaction() as settling:
        await settling.execute("SELECT 1 FROM ledger_budgets WHERE scope_id = $1 FOR UPDATE", made["id"])
        changing = asyncio.create_task(office.owner.api.patch(url, json={"budget_usd": "2", "name": "new"}))
        await _until_somebody_waits(house)
        await settling.execute("SET LOCAL lock_timeout = '500ms'")
        await settling.execute("UPDATE ai_gateway_keys SET last_used_at = now() WHERE id = $1", made["id"])
    answer = await changing
    assert (answer.status_code, answer.json()["key"]["budget_usd"]) == (200, "2.0000")


async def test_a_key_that_is_deleted_meanwhile_is_not_changed(house: House, office: Office) -> None:
    made = (await _made(office.owner, budget_usd="1"))["key"]
    async with house.context.database.transaction() as deleting:
        await deleting.execute("DELETE FROM ai_gateway_keys")
        changing = asyncio.create_task(office.owner.api.patch(f"{KEYS}/{made['hash']}", json={"budget_usd": "2"}))
        await _until_somebody_waits(house)
    assert refusal(await changing) == (404, "key_not_found")
    async with house.context.database.connection() as connection:
        balance = (await budgets.balances(connection, office.id, "key", [made["id"]]))[made["id"]]
    assert balance.limit == 1_000_000_000


async def test_a_key_that_others_keep_changing_is_a_409(
    house: House, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (await _made(office.owner))["key"]
    lock = keys.lock

    async def always_other(*arguments: Any) -> Any:
        found = await lock(*arguments)
        return found and replace(found, terms=KeyTerms("somebody else's"))

    monkeypatch.setattr(keys, "lock", always_other)
    answer = await office.owner.api.patch(f"{KEYS}/{made['hash']}", json={"name": "new"})
    assert refusal(answer) == (409, "key_busy")


async def test_a_team_that_vanishes_takes_no_key(house: House, office: Office) -> None:
    """The team is held while its key is made: either the key is in it, or there is no team."""
    async with house.context.database.transaction() as deleting:
        await deleting.execute("DELETE FROM teams WHERE id = $1", office.team_id)
        making = asyncio.create_task(office.admin.api.post(f"{KEYS}/team/{office.team_id}", json={"name": "key"}))
        await _until_somebody_waits(house)
    assert refusal(await making) == (404, "not_found")


async def _until_somebody_waits(house: House) -> None:
    statement = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await eventually(lambda: house.fetch(statement), "no statement waits for a lock")


async def test_openai_style_clients_get_json_from_every_refusal(office: Office) -> None:
    answer: httpx.Response = await office.owner.api.post(f"{KEYS}/user", json={})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["type"] == "invalid_request_error"
