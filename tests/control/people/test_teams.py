"""Teams: made, renamed, filled and deleted by those who may."""

from control.house import House, Member, refusal
from making import ManualClock, customer, key
from tollhouse.foundation.ids import CustomerId, new_id


async def _team(manager: Member, name: str = "Research") -> str:
    made = await manager.api.post("/v1/teams", json={"name": name})
    assert made.status_code == 201
    team_id: str = made.json()["team"]["id"]
    return team_id


async def test_a_team_from_its_making_to_its_end(house: House, acme: CustomerId, manager: Member) -> None:
    team_id = await _team(manager)
    member = await house.member(acme)
    put = await manager.api.put(f"/v1/teams/{team_id}/members/{member.id}", json={"role": "lead"})
    assert [(each["user_id"], each["role"]) for each in put.json()["team"]["members"]] == [(member.id, "lead")]
    renamed = await manager.api.patch(f"/v1/teams/{team_id}", json={"name": "Search"})
    assert renamed.json()["team"]["name"] == "Search"
    async with house.context.database.connection() as connection:
        made = await key(connection, acme, team_id=team_id)  # type: ignore[arg-type]
    assert (await manager.api.get(f"/v1/teams/{team_id}")).json()["team"]["keys"] == 1
    assert (await manager.api.delete(f"/v1/teams/{team_id}/members/{member.id}")).status_code == 204
    assert (await manager.api.delete(f"/v1/teams/{team_id}")).status_code == 204
    assert refusal(await manager.api.get(f"/v1/teams/{team_id}"))[0] == 404
    assert refusal(await (await house.visitor(made.raw_key)).get("/v1/ai/models")) == (403, "key_disabled")
    actions = [row["action"] for row in await house.fetch("SELECT action FROM audit_log ORDER BY id")]
    assert [action for action in actions if action.startswith("team.")] == [
        "team.create", "team.add_member", "team.update", "team.remove_member", "team.delete",
    ]  # fmt: skip


async def test_a_name_is_taken_once(manager: Member) -> None:
    await _team(manager)
    other = await _team(manager, "Sales")
    assert refusal(await manager.api.post("/v1/teams", json={"name": "Research"})) == (409, "team_exists")
    assert refusal(await manager.api.patch(f"/v1/teams/{other}", json={"name": "Research"})) == (409, "team_exists")


async def test_a_member_sees_own_teams_and_a_lead_runs_them(house: House, acme: CustomerId, manager: Member) -> None:
    mine, other = await _team(manager), await _team(manager, "Sales")
    lead, member, stranger = [await house.member(acme) for _ in range(3)]
    await manager.api.put(f"/v1/teams/{mine}/members/{lead.id}", json={"role": "lead"})
    assert (await lead.api.put(f"/v1/teams/{mine}/members/{member.id}", json={})).status_code == 200
    assert [team["id"] for team in (await member.api.get("/v1/teams")).json()["teams"]] == [mine]
    assert len((await manager.api.get("/v1/teams")).json()["teams"]) == 2
    assert (await lead.api.patch(f"/v1/teams/{mine}", json={"name": "Lab"})).status_code == 200
    for person, team_id in ((member, mine), (lead, other), (stranger, mine)):
        for method, path, body in (
            ("PATCH", f"/v1/teams/{team_id}", {"name": "x"}),
            ("PUT", f"/v1/teams/{team_id}/members/{stranger.id}", {}),
            ("DELETE", f"/v1/teams/{team_id}/members/{lead.id}", None),
            ("DELETE", f"/v1/teams/{team_id}", None),
        ):
            assert refusal(await person.api.request(method, path, json=body)) == (403, "forbidden"), path
    assert refusal(await stranger.api.get(f"/v1/teams/{mine}")) == (403, "forbidden")
    assert refusal(await member.api.post("/v1/teams", json={"name": "x"})) == (403, "forbidden")


async def test_a_lead_makes_and_unmakes_no_lead(house: House, acme: CustomerId, manager: Member) -> None:
    team_id = await _team(manager)
    lead, member = [await house.member(acme) for _ in range(2)]
    await manager.api.put(f"/v1/teams/{team_id}/members/{lead.id}", json={"role": "lead"})
    place = f"/v1/teams/{team_id}/members"
    assert refusal(await lead.api.put(f"{place}/{member.id}", json={"role": "lead"})) == (403, "forbidden")
    assert refusal(await lead.api.put(f"{place}/{lead.id}", json={"role": "member"})) == (403, "forbidden")
    assert refusal(await lead.api.delete(f"{place}/{lead.id}")) == (403, "forbidden")


async def test_a_lead_finds_whom_to_add_by_how_they_begin_and_nobody_else(
    house: House, acme: CustomerId, manager: Member
) -> None:
    """Name and address of a few people: not members of the team, not disabled ones, not those of other customers."""
    mine, other = await _team(manager), await _team(manager, "Sales")
    async with house.context.database.connection() as connection:
        elsewhere = await customer(connection, "Other")
    lead, wanted, off, namesake = [await house.member(each) for each in (acme, acme, acme, elsewhere)]
    await manager.api.put(f"/v1/teams/{mine}/members/{lead.id}", json={"role": "lead"})
    for person, name in ((lead, "Robin Lead"), (wanted, "Kim Robinson"), (off, "Robin Gone"), (namesake, "Robin Else")):
        await house.fetch(
            "UPDATE users SET name = $2, email = $3, disabled = $4 WHERE id = $1 RETURNING id",
            person.id, name, f"{name.replace(' ', '.').lower()}@example.com", person is off,
        )  # fmt: skip

    async def found(who: Member, text: str, team_id: str = mine) -> list[dict[str, str]]:
        answer = await who.api.get(f"/v1/teams/{team_id}/candidates", params={"search": text})
        assert answer.status_code == 200, answer.text
        people: list[dict[str, str]] = answer.json()["people"]
        return people

    whole = [{"id": wanted.id, "name": "Kim Robinson", "email": "kim.robinson@example.com"}]
    for text in ("rob", "KIM", "kim rob", "Kim.Robinson@e", " robin "):
        assert await found(lead, text) == whole, text
    for text in ("", "k", "obinson", "inson", "example", "%", "__", "'", "kim rob%"):
        assert await found(lead, text) == [], text
    assert {person["name"] for person in await found(manager, "robin", other)} == {"Kim Robinson", "Robin Lead"}
    for person, team_id in ((lead, other), (wanted, mine)):
        answer = await person.api.get(f"/v1/teams/{team_id}/candidates", params={"search": "robin"})
        assert refusal(answer) == (403, "forbidden")


async def test_who_asks_for_people_again_and_again_must_wait(
    house: House, acme: CustomerId, manager: Member, clock: ManualClock
) -> None:
    """The list of all people cannot be read letter by letter in a moment; others are not kept waiting by that."""
    mine, other = await _team(manager), await house.member(acme, "manager")
    for _ in range(15):
        await house.member(acme)
    path = f"/v1/teams/{mine}/candidates?search=member"
    assert len((await manager.api.get(path)).json()["people"]) == 10
    for _ in range(59):
        assert (await manager.api.get(path)).status_code == 200
    answer = await manager.api.get(path)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= 60
    assert (await other.api.get(path)).status_code == 200
    clock.advance(61)
    assert (await manager.api.get(path)).status_code == 200


async def test_a_membership_counts_at_the_next_request(house: House, acme: CustomerId, manager: Member) -> None:
    team_id, member = await _team(manager), await house.member(acme)
    path = f"/v1/ai/keys/team/{team_id}"
    assert refusal(await member.api.post(path, json={"name": "k"})) == (403, "forbidden")
    await manager.api.put(f"/v1/teams/{team_id}/members/{member.id}", json={})
    assert (await member.api.post(path, json={"name": "k"})).status_code == 201
    await manager.api.delete(f"/v1/teams/{team_id}/members/{member.id}")
    assert refusal(await member.api.post(path, json={"name": "k"})) == (403, "forbidden")


async def test_what_is_of_other_customers_does_not_exist(house: House, acme: CustomerId, manager: Member) -> None:
    async with house.context.database.connection() as connection:
        other = await customer(connection, "Other")
    stranger = await house.member(other)
    theirs, mine = await house.team(other, stranger), await _team(manager)
    for team_id in (theirs, new_id(), "x"):
        for method, path in (
            ("GET", f"/v1/teams/{team_id}"),
            ("GET", f"/v1/teams/{team_id}/candidates?search=manager"),
            ("PATCH", f"/v1/teams/{team_id}"),
            ("DELETE", f"/v1/teams/{team_id}"),
            ("PUT", f"/v1/teams/{team_id}/members/{manager.id}"),
            ("DELETE", f"/v1/teams/{team_id}/members/{manager.id}"),
        ):
            answer = await manager.api.request(method, path, json={"name": "x"} if method == "PATCH" else {})
            assert answer.status_code == 404, path
    for user_id in (stranger.id, new_id(), "x"):
        place = f"/v1/teams/{mine}/members/{user_id}"
        assert refusal(await manager.api.put(place, json={}))[0] == 404
        assert refusal(await manager.api.delete(place))[0] == 404
