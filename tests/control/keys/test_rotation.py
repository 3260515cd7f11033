"""A new secret: the key stays what it is, and the former secret works as long as it was given."""

import asyncio

from control.house import House, Member, refusal
from making import ManualClock, customer
from tollhouse.foundation.ids import CustomerId

KEYS = "/v1/ai/keys"


async def _opens(house: House, raw: str) -> int:
    return (await (await house.visitor(raw)).get("/v1/ai/models")).status_code


async def test_both_secrets_work_until_the_grace_is_over(house: House, acme: CustomerId, clock: ManualClock) -> None:
    owner = await house.member(acme)
    made = (await owner.api.post(f"{KEYS}/user", json={"name": "k", "budget_usd": "5", "tags": ["x"]})).json()
    rotated = await owner.api.post(f"{KEYS}/{made['key']['hash']}/rotate", json={"grace_s": 3600})
    assert rotated.status_code == 200
    new = rotated.json()
    assert new["raw_key"] != made["raw_key"]
    assert new["key"]["hash"] != made["key"]["hash"]
    assert new["former_ends_at"] == "2026-11-23T13:00:00Z"
    same = set(new["key"]) - {"hash", "display"}
    assert {name: new["key"][name] for name in same} == {name: made["key"][name] for name in same}
    assert [await _opens(house, raw) for raw in (made["raw_key"], new["raw_key"])] == [200, 200]
    assert (await owner.api.get(f"{KEYS}/{made['key']['hash']}/details")).status_code == 404
    clock.advance(3600)
    assert [await _opens(house, raw) for raw in (made["raw_key"], new["raw_key"])] == [403, 200]


async def test_without_grace_the_former_secret_ends_at_once_and_so_do_those_before_it(
    house: House, acme: CustomerId
) -> None:
    owner = await house.member(acme)
    first = (await owner.api.post(f"{KEYS}/user", json={"name": "k"})).json()
    second = (await owner.api.post(f"{KEYS}/{first['key']['hash']}/rotate", json={"grace_s": 60})).json()
    third = (await owner.api.post(f"{KEYS}/{second['key']['hash']}/rotate", json={})).json()
    raws = [made["raw_key"] for made in (first, second, third)]
    assert [await _opens(house, raw) for raw in raws] == [401, 401, 200]
    rows = await house.fetch("SELECT before, after FROM audit_log WHERE action = 'key.rotate' ORDER BY id")
    assert [row["before"]["hash"] for row in rows] == [first["key"]["hash"], second["key"]["hash"]]
    assert all(raw not in str(rows) for raw in raws)


async def test_a_disabled_key_stays_disabled_with_every_secret(house: House, acme: CustomerId) -> None:
    owner = await house.member(acme)
    made = (await owner.api.post(f"{KEYS}/user", json={"name": "k"})).json()
    new = (await owner.api.post(f"{KEYS}/{made['key']['hash']}/rotate", json={"grace_s": 60})).json()
    await owner.api.patch(f"{KEYS}/{new['key']['hash']}", json={"disabled": True})
    assert [await _opens(house, raw) for raw in (made["raw_key"], new["raw_key"])] == [403, 403]
    await owner.api.delete(f"{KEYS}/user/{new['key']['hash']}")
    assert [await _opens(house, raw) for raw in (made["raw_key"], new["raw_key"])] == [401, 401]


async def test_of_two_who_rotate_at_once_one_finds_no_such_key(house: House, acme: CustomerId) -> None:
    owner = await house.member(acme)
    made = (await owner.api.post(f"{KEYS}/user", json={"name": "k"})).json()
    path = f"{KEYS}/{made['key']['hash']}/rotate"
    answers = await asyncio.gather(*(owner.api.post(path, json={}) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 404]


async def test_whoever_holds_the_key_may_rotate_it_and_nobody_else(house: House, acme: CustomerId) -> None:
    owner, colleague, mate, manager = [
        await house.member(acme, role) for role in ("member", "member", "member", "manager")
    ]
    team_id = await house.team(acme, owner, mate)
    async with house.context.database.connection() as connection:
        stranger = await house.member(await customer(connection, "Other"), "admin")
    own = (await manager.api.post(f"{KEYS}/user", json={"name": "k", "user_id": owner.id})).json()["key"]["hash"]
    ours = (await owner.api.post(f"{KEYS}/team/{team_id}", json={"name": "k"})).json()["key"]["hash"]
    for who, key_hash, status in (
        (colleague, own, 403), (mate, own, 403), (colleague, ours, 403), (stranger, own, 404), (stranger, "x", 404),
        (owner, own, 200), (mate, ours, 200),
    ):  # fmt: skip
        answer: Member = who
        assert (await answer.api.post(f"{KEYS}/{key_hash}/rotate", json={})).status_code == status
    for grace in (-1, 30 * 86_400 + 1, "1", None, 1.5):
        assert refusal(await manager.api.post(f"{KEYS}/{own}/rotate", json={"grace_s": grace}))[0] == 422
