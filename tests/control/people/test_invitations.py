"""Invitations: a link that works once, for the address and the role that it was made for."""

import asyncio

import httpx
import pytest

from control.house import PASSWORD, House, Member, refusal
from making import ManualClock, customer
from tollhouse.control.people import invitations
from tollhouse.foundation.ids import CustomerId, new_id


async def _invite(person: Member, email: str = "bob@example.com", **fields: object) -> dict[str, str]:
    answer = await person.api.post("/v1/invitations", json={"email": email} | fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


async def _accept(house: House, raw: str, **fields: object) -> httpx.Response:
    return await (await house.visitor()).post(
        "/v1/invitations/accept", json={"token": raw, "password": PASSWORD} | fields
    )


async def test_from_the_link_to_being_one_of_the_people(house: House, acme: CustomerId, admin: Member) -> None:
    team_id = await house.team(acme)
    made = await _invite(admin, role="manager", team_ids=[team_id, team_id])
    assert made["link"] == f"http://tollhouse.test/invitation#token={made['raw_token']}"
    seen = await (await house.visitor()).post("/v1/invitations/look", json={"token": made["raw_token"]})
    assert {"customer_name": "Acme", "email": "bob@example.com", "name": "bob", "role": "manager"}.items() <= (
        seen.json().items()
    )
    accepted = await _accept(house, made["raw_token"], name="Robert")
    assert accepted.status_code == 201
    assert (accepted.json()["user"]["role"], accepted.json()["user"]["name"]) == ("manager", "Robert")
    bob = await house.visitor()
    bob.headers["Cookie"] = accepted.headers["set-cookie"].partition(";")[0]
    me = (await bob.get("/v1/me")).json()
    assert (me["customer"]["id"], [team["id"] for team in me["teams"]]) == (acme, [team_id])
    assert (await admin.api.get("/v1/invitations")).json()["invitations"] == []
    signed_in = await (await house.visitor()).post("/v1/login", json={"email": "bob@example.com", "password": PASSWORD})
    assert signed_in.status_code == 200


async def test_a_link_works_once_also_for_two_at_once(house: House, admin: Member) -> None:
    raw = (await _invite(admin))["raw_token"]
    answers = await asyncio.gather(*(_accept(house, raw) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    assert refusal(await _accept(house, raw)) == (400, "invalid_token")


async def test_a_link_ends_with_its_time_with_a_new_one_and_when_it_is_taken_back(
    house: House, admin: Member, clock: ManualClock
) -> None:
    old, new = await _invite(admin), await _invite(admin, "BOB@example.com")
    assert refusal(await _accept(house, old["raw_token"])) == (400, "invalid_token")
    listed = (await admin.api.get("/v1/invitations")).json()["invitations"]
    assert [each["state"] for each in listed] == ["open"]
    clock.advance(7 * 86_400)
    assert refusal(await _accept(house, new["raw_token"])) == (400, "invalid_token")
    assert (await admin.api.get("/v1/invitations")).json()["invitations"][0]["state"] == "expired"
    other = await _invite(admin, "eve@example.com")
    path = f"/v1/invitations/{(await admin.api.get('/v1/invitations')).json()['invitations'][0]['id']}"
    assert (await admin.api.delete(path)).status_code == 204
    assert refusal(await admin.api.delete(path))[0] == 404
    assert refusal(await _accept(house, other["raw_token"])) == (400, "invalid_token")


@pytest.mark.parametrize("token", ["", "x", "thi_" + "0" * 64, "thr_" + "0" * 64])
async def test_what_is_no_invitation_is_told_so(busy_house: House, token: str) -> None:
    assert refusal(await _accept(busy_house, token)) == (400, "invalid_token")


async def test_managers_invite_members_only(house: House, acme: CustomerId, admin: Member) -> None:
    manager, member = await house.member(acme, "manager"), await house.member(acme)
    await _invite(manager)
    answer = await manager.api.post("/v1/invitations", json={"email": "eve@example.com", "role": "manager"})
    assert refusal(answer) == (403, "forbidden")
    assert refusal(await member.api.get("/v1/invitations")) == (403, "forbidden")
    assert refusal(await member.api.post("/v1/invitations", json={"email": "e@example.com"})) == (403, "forbidden")
    await _invite(admin, "eve@example.com", role="admin")
    newest = (await manager.api.get("/v1/invitations")).json()["invitations"][0]
    assert refusal(await manager.api.delete(f"/v1/invitations/{newest['id']}")) == (403, "forbidden")


async def test_known_addresses_strange_teams_and_too_many_are_refused(
    house: House, acme: CustomerId, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.register("ann@example.com")
    taken = await admin.api.post("/v1/invitations", json={"email": "ANN@example.com"})
    assert refusal(taken) == (409, "email_taken")
    async with house.context.database.connection() as connection:
        theirs = await house.team(await customer(connection, "Other"))
    for team_id in (theirs, new_id(), "x"):
        answer = await admin.api.post("/v1/invitations", json={"email": "b@example.com", "team_ids": [team_id]})
        assert refusal(answer) == (404, "not_found")
    monkeypatch.setattr(invitations, "MOST_OPEN", 1)
    await _invite(admin)
    second = await admin.api.post("/v1/invitations", json={"email": "c@example.com"})
    assert refusal(second) == (409, "too_many_invitations")


async def test_a_team_that_is_gone_keeps_nobody_out(house: House, acme: CustomerId, admin: Member) -> None:
    team_id = await house.team(acme)
    raw = (await _invite(admin, team_ids=[team_id]))["raw_token"]
    await admin.api.delete(f"/v1/teams/{team_id}")
    assert (await _accept(house, raw)).status_code == 201


async def test_an_address_that_registered_meanwhile_is_a_conflict(house: House, admin: Member) -> None:
    raw = (await _invite(admin))["raw_token"]
    await house.register("bob@example.com")
    assert refusal(await _accept(house, raw)) == (409, "email_taken")


async def test_the_secret_is_shown_once_and_kept_nowhere(house: House, admin: Member) -> None:
    raw = (await _invite(admin))["raw_token"]
    assert raw not in (await admin.api.get("/v1/invitations")).text
    rows = await house.fetch("SELECT i::text AS row FROM invitations i UNION ALL SELECT a::text FROM audit_log a")
    assert all(raw not in row["row"] for row in rows)


async def test_guessing_is_slowed_for_an_address(house: House) -> None:
    visitor = await house.visitor()
    answers = [await visitor.post("/v1/invitations/look", json={"token": "thi_guess"}) for _ in range(101)]
    assert [answer.status_code for answer in answers] == [400] * 100 + [429]
