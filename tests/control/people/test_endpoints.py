"""Signing in, signing out, who am I, and API tokens."""

import asyncio
from http.cookies import SimpleCookie

import httpx
import pytest

from control.house import PASSWORD, House, refusal
from making import ManualClock, customer
from tollhouse.control.callers import Actor
from tollhouse.control.people import teams, tokens, users
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import CustomerId, TeamId, UserId, new_id


async def _sign_in(house: House, email: str, password: str = PASSWORD) -> httpx.Response:
    visitor = await house.visitor()
    return await visitor.post("/v1/login", json={"email": email, "password": password})


# Signing in ------------------------------------------------------------------------------------------------


async def test_a_wrong_password_and_an_unknown_address_are_told_the_same(house: House) -> None:
    await house.register("ann@example.com")
    wrong = await _sign_in(house, "ann@example.com", "not the password")
    unknown = await _sign_in(house, "bob@example.com")
    assert refusal(wrong) == (401, "invalid_credentials")
    assert wrong.json() == unknown.json()
    assert "set-cookie" not in wrong.headers


async def test_somebody_without_a_password_cannot_sign_in(house: House, acme: CustomerId) -> None:
    async with house.context.database.connection() as connection:
        await users.create_user(connection, Actor(acme, "test"), "bob@example.com", "Bob", "member", password_hash=None)
    assert refusal(await _sign_in(house, "bob@example.com")) == (401, "invalid_credentials")


async def test_a_disabled_account_is_told_so_only_with_the_right_password(house: House) -> None:
    await house.register("ann@example.com")
    async with house.context.database.connection() as connection:
        await connection.execute("UPDATE users SET disabled = true")
    assert refusal(await _sign_in(house, "ann@example.com")) == (403, "user_disabled")
    assert refusal(await _sign_in(house, "ann@example.com", "not the password"))[0] == 401


async def test_guessing_is_slowed_for_one_address_and_account(house: House, clock: ManualClock) -> None:
    """Tries that run at the same time count too; a different account is not slowed; waiting helps."""
    await house.register("ann@example.com")
    await house.register("bob@example.com")
    answers = await asyncio.gather(*(_sign_in(house, "ANN@example.com", "guess") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 2
    slowed = await _sign_in(house, "ann@example.com")
    assert refusal(slowed) == (429, "rate_limited")
    assert slowed.headers["retry-after"] == "300"
    assert (await _sign_in(house, "bob@example.com")).status_code == 200
    clock.advance(300)
    assert (await _sign_in(house, "ann@example.com")).status_code == 200


@pytest.mark.parametrize("password", ["\\u0000", "\\ud800", "x" * 1025])
async def test_what_is_no_text_is_no_password(house: House, password: str) -> None:
    visitor = await house.visitor()
    body = f'{{"email": "ann@example.com", "password": "{password}"}}'
    answer = await visitor.post("/v1/login", content=body, headers={"Content-Type": "application/json"})
    assert refusal(answer) == (422, "invalid_field")
    assert answer.json()["error"]["param"] == "password"


async def test_each_sign_in_has_a_session_of_its_own(house: House) -> None:
    await house.register("ann@example.com")
    first, second = [await _sign_in(house, " Ann@Example.com ") for _ in range(2)]
    assert first.status_code == 200
    assert first.headers["set-cookie"] != second.headers["set-cookie"]
    assert first.json()["user"]["email"] == "ann@example.com"
    assert first.json()["session"]["expires_at"] == "2026-12-07T12:00:00Z"
    assert first.json()["session"]["csrf_token"] != second.json()["session"]["csrf_token"]


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house: House) -> None:
    await house.register("ann@example.com")
    secure = await _sign_in(house, "ann@example.com")
    morsel = SimpleCookie(secure.headers["set-cookie"])["__Host-tollhouse_session"]
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, True, "lax")
    assert (morsel["path"], morsel["max-age"], morsel["domain"]) == ("/", str(14 * 86_400), "")
    plain = await _sign_in(house.but(cookie_secure=False), "ann@example.com")
    assert not SimpleCookie(plain.headers["set-cookie"])["tollhouse_session"]["secure"]


async def test_only_a_hash_of_the_session_is_kept(house: House) -> None:
    browser = await house.register("ann@example.com")
    raw = browser.headers["Cookie"].partition("=")[2]
    everything = await house.fetch("SELECT s::text FROM sessions s UNION ALL SELECT a::text FROM audit_log a")
    assert everything
    assert all(raw not in row["s"] and PASSWORD not in row["s"] for row in everything)


async def test_signing_out_ends_this_session_for_good_and_no_other(house: House) -> None:
    browser = await house.register("ann@example.com")
    answer = await _sign_in(house, "ann@example.com")
    other = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    left = await browser.post("/v1/logout")
    assert left.status_code == 204
    assert '__Host-tollhouse_session=""' in left.headers["set-cookie"]
    assert refusal(await browser.get("/v1/me")) == (401, "not_signed_in")
    assert (await (await house.visitor()).get("/v1/me", headers=other)).status_code == 200


async def test_sessions_that_ended_are_forgotten_at_the_next_sign_in(house: House, clock: ManualClock) -> None:
    browser = await house.register("ann@example.com")
    await browser.post("/v1/logout")
    await _sign_in(house, "ann@example.com")
    clock.advance(14 * 86_400)
    await _sign_in(house, "ann@example.com")
    assert len(await house.fetch("SELECT 1 FROM sessions")) == 1


async def test_coming_and_going_is_in_the_audit_log(house: House) -> None:
    browser = await house.register("ann@example.com")
    await browser.post("/v1/logout")
    rows = await house.fetch("SELECT action, actor, address FROM audit_log ORDER BY id")
    ann = (await house.fetch("SELECT id FROM users"))[0]["id"]
    assert [(row["action"], row["actor"] == ann) for row in rows] == [
        ("customer.register", False),
        ("user.create", False),
        ("session.open", True),
        ("session.close", True),
    ]
    assert {row["address"] for row in rows} == {"127.0.0.1"}


# Who am I --------------------------------------------------------------------------------------------------


async def test_me_says_role_customer_and_teams(house: House, acme: CustomerId) -> None:
    manager = await house.member(acme, "manager")
    team_id = await house.team(acme, manager)
    answer = (await manager.api.get("/v1/me")).json()
    assert answer["user"]["id"] == manager.id
    assert (answer["user"]["role"], answer["user"]["disabled"]) == ("manager", False)
    assert answer["customer"] == {"id": acme, "name": "Acme"}
    assert answer["teams"] == [{"id": team_id, "name": team_id, "role": "member"}]


# API tokens ------------------------------------------------------------------------------------------------


async def test_a_token_is_shown_once_and_opens_until_it_is_deleted(house: House) -> None:
    browser = await house.register("ann@example.com")
    made = (await browser.post("/v1/tokens", json={"name": "ci"})).json()
    raw = made["raw_token"]
    holder = await house.visitor(raw)
    assert (await holder.get("/v1/me")).json()["user"]["email"] == "ann@example.com"
    listed = await browser.get("/v1/tokens")
    assert [token["id"] for token in listed.json()["tokens"]] == [made["token"]["id"]]
    assert raw not in listed.text
    assert made["token"]["display"] == f"{raw[:8]}...{raw[-4:]}"
    assert (await browser.delete(f"/v1/tokens/{made['token']['id']}")).status_code == 204
    assert refusal(await holder.get("/v1/me")) == (401, "invalid_api_key")


async def test_a_token_ends_when_it_expires(house: House, clock: ManualClock) -> None:
    browser = await house.register("ann@example.com")
    given = {"name": "ci", "expires_at": "2026-11-23T13:00:00Z"}
    holder = await house.visitor((await browser.post("/v1/tokens", json=given)).json()["raw_token"])
    assert (await holder.get("/v1/me")).status_code == 200
    clock.advance(3600)
    assert refusal(await holder.get("/v1/me")) == (401, "invalid_api_key")


async def test_a_token_cannot_make_tokens(house: House, acme: CustomerId) -> None:
    """One that leaks must not be able to make itself permanent."""
    member = await house.member(acme)
    assert refusal(await member.api.post("/v1/tokens", json={"name": "more"})) == (403, "session_required")


async def test_a_token_is_deleted_by_its_owner_or_an_admin(house: House, acme: CustomerId) -> None:
    owner, colleague, manager, admin = [
        await house.member(acme, role) for role in ("member", "member", "manager", "admin")
    ]
    token_id = (await owner.api.get("/v1/tokens")).json()["tokens"][0]["id"]
    for other in (colleague, manager):
        assert refusal(await other.api.delete(f"/v1/tokens/{token_id}")) == (403, "forbidden")
    assert (await admin.api.delete(f"/v1/tokens/{token_id}")).status_code == 204
    assert refusal(await admin.api.delete(f"/v1/tokens/{token_id}")) == (404, "not_found")


async def test_a_token_can_leave_by_its_own_hand_and_logging_out_leaves_it(house: House, acme: CustomerId) -> None:
    member = await house.member(acme)
    assert (await member.api.post("/v1/logout")).status_code == 204
    token_id = (await member.api.get("/v1/tokens")).json()["tokens"][0]["id"]
    assert (await member.api.delete(f"/v1/tokens/{token_id}")).status_code == 204
    assert (await member.api.get("/v1/me")).status_code == 401


async def test_tokens_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    browser = await house.register("ann@example.com")
    assert (await browser.post("/v1/tokens", json={"name": "one"})).status_code == 201
    assert refusal(await browser.post("/v1/tokens", json={"name": "two"})) == (409, "too_many_tokens")


async def test_tokens_are_in_the_audit_log_without_themselves(house: House) -> None:
    browser = await house.register("ann@example.com")
    made = (await browser.post("/v1/tokens", json={"name": "ci"})).json()
    await browser.delete(f"/v1/tokens/{made['token']['id']}")
    rows = await house.fetch("SELECT * FROM audit_log WHERE action LIKE 'token.%' ORDER BY id")
    assert [row["action"] for row in rows] == ["token.create", "token.delete"]
    assert {row["subject"] for row in rows} == {made["token"]["id"]}
    assert made["raw_token"] not in str(rows)


# What the demo and later routes build on ---------------------------------------------------------------------


async def test_an_address_belongs_to_one_person_in_any_case(house: House, acme: CustomerId) -> None:
    actor = Actor(acme, "test")
    async with house.context.database.connection() as connection:
        await users.create_user(connection, actor, "bob@example.com", "Bob", "member", password_hash=None)
        with pytest.raises(Conflict, match="registered"):
            await users.create_user(connection, actor, "BOB@example.com", "Bob", "admin", password_hash=None)


async def test_a_team_has_one_name_and_only_people_of_its_customer(house: House, acme: CustomerId) -> None:
    actor = Actor(acme, "test")
    async with house.context.database.connection() as connection:
        other = await customer(connection, "Other")
        stranger = (await house.member(other)).id
        friend = (await house.member(acme)).id
        made = await teams.create_team(connection, actor, "Research")
        with pytest.raises(Conflict, match="name"):
            await teams.create_team(connection, actor, "Research")
        await teams.add_member(connection, actor, made.id, friend)
        await teams.add_member(connection, actor, made.id, friend, "lead")
        for team_id, user_id in (
            (made.id, stranger),
            (TeamId(new_id()), friend),
            (made.id, UserId(new_id())),
        ):
            with pytest.raises(NotFound):
                await teams.add_member(connection, actor, team_id, user_id)
        with pytest.raises(NotFound):
            await teams.add_member(connection, Actor(other, "test"), made.id, stranger)
    assert await house.fetch("SELECT user_id, role FROM team_members") == [{"user_id": friend, "role": "lead"}]
