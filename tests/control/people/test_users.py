"""People: listed, changed, removed; an admin is always left."""

import asyncio
from typing import Any

from control.house import PASSWORD, House, Member, refusal
from making import customer, key
from tollhouse.foundation.ids import CustomerId, new_id


async def test_people_are_listed_by_name_with_their_teams_and_keys_page_by_page(
    house: House, acme: CustomerId, admin: Member
) -> None:
    members = [await house.member(acme) for _ in range(4)]
    team_id = await house.team(acme, members[1])
    named = [(admin, "zoe"), *zip(members, ("Émile", "bob", "Bob", "Ada"), strict=True)]
    for member, name in named:
        assert (await admin.api.patch(f"/v1/users/{member.id}", json={"name": name})).status_code == 200
    async with house.context.database.connection() as connection:
        await key(connection, acme, user_id=members[1].id)
    seen: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = (await admin.api.get("/v1/users", params={"limit": "2"} | more)).json()
        seen += answer["users"]
        if answer["next_cursor"] is None:
            break
        more = {"cursor": answer["next_cursor"]}
    names = [each["name"].lower() for each in seen]
    assert len({each["id"] for each in seen}) == len(named)
    assert [name for name in names if name != "émile"] == ["ada", "bob", "bob", "zoe"]
    bob = next(each for each in seen if each["id"] == members[1].id)
    assert (bob["teams"], bob["keys"]) == ([{"id": team_id, "name": team_id}], 1)
    in_team = (await admin.api.get("/v1/users", params={"team_id": team_id})).json()["users"]
    assert [each["id"] for each in in_team] == [members[1].id]


async def test_people_are_found_by_name_address_role_and_state(house: House, acme: CustomerId, admin: Member) -> None:
    member = await house.member(acme)
    await admin.api.patch(f"/v1/users/{member.id}", json={"name": "50% Bob_", "disabled": True})
    for wanted in ({"search": "50% bob_"}, {"role": "member"}, {"disabled": True}):
        found = (await admin.api.get("/v1/users", params=wanted)).json()["users"]
        assert [each["id"] for each in found] == [member.id], wanted
    assert (await admin.api.get("/v1/users", params={"search": "5_%"})).json()["users"] == []
    assert refusal(await admin.api.get("/v1/users", params={"cursor": "x"})) == (400, "invalid_cursor")
    assert refusal(await admin.api.get("/v1/users", params={"search": "\0"})) == (422, "invalid_field")


async def test_a_new_role_counts_at_once_and_ends_the_sessions(house: House) -> None:
    ann = await house.register("ann@example.com")
    acme = (await ann.get("/v1/me")).json()["customer"]["id"]
    invited = (await ann.post("/v1/invitations", json={"email": "bob@example.com", "role": "manager"})).json()
    accepted = await (await house.visitor()).post(
        "/v1/invitations/accept", json={"token": invited["raw_token"], "password": PASSWORD}
    )
    bob = await house.visitor()
    bob.headers["Cookie"] = accepted.headers["set-cookie"].partition(";")[0]
    bob_id = accepted.json()["user"]["id"]
    assert (await bob.get("/v1/users")).status_code == 200
    changed = await ann.patch(f"/v1/users/{bob_id}", json={"role": "member"})
    assert changed.json()["user"]["role"] == "member"
    assert refusal(await bob.get("/v1/me")) == (401, "not_signed_in")
    rows = await house.fetch(
        "SELECT before, after FROM audit_log WHERE action = 'user.update' AND customer_id = $1", acme
    )
    assert [(row["before"], row["after"]) for row in rows] == [({"role": "manager"}, {"role": "member"})]


async def test_members_and_managers_change_nobody_else_and_no_role(house: House, acme: CustomerId) -> None:
    member, manager, other = [await house.member(acme, role) for role in ("member", "manager", "member")]
    for person in (member, manager):
        assert refusal(await person.api.patch(f"/v1/users/{other.id}", json={"name": "x"})) == (403, "forbidden")
        assert refusal(await person.api.patch(f"/v1/users/{person.id}", json={"role": "admin"})) == (403, "forbidden")
        assert refusal(await person.api.delete(f"/v1/users/{other.id}")) == (403, "forbidden")
        assert (await person.api.patch(f"/v1/users/{person.id}", json={"name": "Me"})).status_code == 200


async def test_one_admin_is_always_left(house: House, acme: CustomerId) -> None:
    first, second = [await house.member(acme, "admin") for _ in range(2)]
    answers = await asyncio.gather(
        first.api.patch(f"/v1/users/{second.id}", json={"role": "member"}),
        second.api.patch(f"/v1/users/{first.id}", json={"disabled": True}),
        first.api.delete(f"/v1/users/{second.id}"),
    )
    assert all(answer.status_code in (200, 204, 401, 403, 404, 409) for answer in answers)
    left = await house.fetch("SELECT id FROM users WHERE role = 'admin' AND NOT disabled")
    assert len(left) == 1
    last = first if left[0]["id"] == first.id else second
    assert refusal(await last.api.delete(f"/v1/users/{last.id}")) == (409, "last_admin")
    assert refusal(await last.api.patch(f"/v1/users/{last.id}", json={"disabled": True})) == (409, "last_admin")
    assert refusal(await last.api.patch(f"/v1/users/{last.id}", json={"role": "manager"})) == (409, "last_admin")


async def test_the_keys_of_somebody_removed_open_nothing_any_more(
    house: House, acme: CustomerId, admin: Member
) -> None:
    member = await house.member(acme)
    async with house.context.database.connection() as connection:
        made = await key(connection, acme, user_id=member.id)
    assert (await admin.api.delete(f"/v1/users/{member.id}")).status_code == 204
    assert refusal(await member.api.get("/v1/me")) == (401, "invalid_api_key")
    assert refusal(await (await house.visitor(made.raw_key)).get("/v1/ai/models")) == (403, "key_disabled")
    kept = (await admin.api.get("/v1/ai/keys/customer")).json()["keys"]
    assert [(each["user_id"], each["disabled"]) for each in kept] == [(None, True)]


async def test_people_of_other_customers_do_not_exist(house: House, admin: Member) -> None:
    async with house.context.database.connection() as connection:
        other = await customer(connection, "Other")
    stranger = await house.member(other)
    for user_id in (stranger.id, new_id(), "x", "%00"):
        assert (await admin.api.get(f"/v1/users/{user_id}")).status_code == 404
        assert (await admin.api.patch(f"/v1/users/{user_id}", json={"name": "x"})).status_code == 404
        assert (await admin.api.delete(f"/v1/users/{user_id}")).status_code == 404
        assert (await admin.api.post(f"/v1/users/{user_id}/password-reset")).status_code == 404
