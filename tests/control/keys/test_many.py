"""Many keys: pages, tables, and one switch for all."""

import csv
import io
from typing import Any

import pytest

from control.house import House, Member, refusal
from making import book_of, customer, key
from tollhouse.access.keys import KeyTerms
from tollhouse.control.keys import many
from tollhouse.foundation.ids import CustomerId

KEYS = "/v1/ai/keys"


async def _made(person: Member, name: str, **fields: object) -> str:
    answer = await person.api.post(f"{KEYS}/user", json={"name": name} | fields)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["key"]["hash"]
    return made


async def _names(person: Member, **wanted: Any) -> list[str]:
    answer = await person.api.get(f"{KEYS}/customer", params=wanted)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["keys"]]


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "spend", "last_used"])
async def test_pages_follow_each_other_in_every_order(manager: Member, sort: str) -> None:
    for name in ("b", "ä 🪙", "c"):
        await _made(manager, name)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await manager.api.get(f"{KEYS}/customer", params={"limit": "1", "sort": sort} | cursor)).json()
        seen += [each["name"] for each in page["keys"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == await _names(manager, sort=sort)
    assert sorted(seen) == ["b", "c", "ä 🪙"]


async def test_a_cursor_of_another_order_or_none_of_ours_is_refused(manager: Member) -> None:
    for name in ("a", "b"):
        await _made(manager, name)
    page = (await manager.api.get(f"{KEYS}/customer", params={"limit": 1})).json()
    for cursor, sort in ((page["next_cursor"], "name"), ("x", "newest"), ("W10", "newest"), ("!" * 5000, "newest")):
        answer = await manager.api.get(f"{KEYS}/customer", params={"cursor": cursor, "sort": sort})
        assert refusal(answer) == (400, "invalid_cursor")


async def test_keys_are_found_by_state_owner_tag_and_text(house: House, acme: CustomerId, manager: Member) -> None:
    await _made(manager, "spent", budget_usd="0.01", tags=["prod", "team:x", "prod"])
    off = await _made(manager, "off")
    await manager.api.patch(f"{KEYS}/{off}", json={"disabled": True})
    key_id = (await house.fetch("SELECT id FROM ai_gateway_keys WHERE name = 'spent'"))[0]["id"]
    async with house.context.database.connection() as connection:
        await (await book_of(connection, acme, key_id)).spend(10_000_000)
    assert await _names(manager, state="exhausted") == ["spent"]
    assert await _names(manager, state="disabled") == ["off"]
    assert await _names(manager, state="active") == []
    assert await _names(manager, tag="team:x") == await _names(manager, search="PRO") == ["spent"]
    assert await _names(manager, user_id=manager.id, search=off[:10]) == ["off"]
    assert await _names(manager, sort="spend") == ["spent", "off"]
    for wanted in ({"state": "gone"}, {"sort": "hash"}, {"search": "\0"}, {"limit": 1001}, {"tag": "no spaces"}):
        assert refusal(await manager.api.get(f"{KEYS}/customer", params=wanted)) == (422, "invalid_field")


async def test_totals_are_of_all_keys_that_are_found(house: House, acme: CustomerId, manager: Member) -> None:
    for name, fields in (("spent", {"budget_usd": "0.01", "tags": ["prod"]}), ("free", {"tags": ["prod"]}), ("c", {})):
        await _made(manager, name, **fields)
    for name, nanos in (("spent", 10_000_000), ("free", 5)):
        key_id = (await house.fetch("SELECT id FROM ai_gateway_keys WHERE name = $1", name))[0]["id"]
        async with house.context.database.connection() as connection:
            await (await book_of(connection, acme, key_id)).spend(nanos)
    told = (await manager.api.get(f"{KEYS}/totals")).json()
    assert told == {"keys": 3, "spend_usd": "0.010000005", "by_state": {"exhausted": 1, "active": 2}}
    told = (await manager.api.get(f"{KEYS}/totals", params={"tag": "prod", "state": "active"})).json()
    assert told == {"keys": 1, "spend_usd": "0.000000005", "by_state": {"active": 1}}
    none = (await manager.api.get(f"{KEYS}/totals", params={"search": "nothing"})).json()
    assert none == {"keys": 0, "spend_usd": "0.000000000", "by_state": {}}


async def test_a_table_of_keys_is_safe_to_open(house: House, manager: Member) -> None:
    for name in ("=1+1", "+1", "-1", "@x", 'plain, with "quotes"'):
        await _made(manager, name, allowed_models=["openai/*", "gpt-4o"])
    answer = await manager.api.get(f"{KEYS}/export", params={"sort": "name"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "keys.csv" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == many.COLUMNS
    assert [row[2] for row in rows[1:]] == ["'+1", "'-1", "'=1+1", "'@x", 'plain, with "quotes"']
    assert rows[1][many.COLUMNS.index("allowed_models")] == "openai/* gpt-4o"
    assert "aig_" in rows[1][3]
    assert "..." in rows[1][3]


async def test_an_export_has_all_pages(manager: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "MOST_AT_ONCE", 2)
    for number in range(5):
        await _made(manager, f"key {number}")
    assert len((await manager.api.get(f"{KEYS}/export")).text.splitlines()) == 6
    monkeypatch.setattr(many, "MOST_EXPORTED", 3)
    assert len((await manager.api.get(f"{KEYS}/export")).text.splitlines()) == 5


async def test_many_keys_are_switched_together_and_workers_are_told(
    house: House, acme: CustomerId, manager: Member
) -> None:
    told: list[str] = []
    watched = house.but(after_key_change=told.append)
    async with house.context.database.connection() as connection:
        first, second = [await key(connection, acme, terms=KeyTerms(name)) for name in ("first", "second")]
        theirs = await key(connection, await customer(connection, "Other"))
    boss = await watched.member(acme, "manager")
    hashes = [first.key_hash, second.key_hash, first.key_hash, theirs.key_hash, "x"]
    answer = await boss.api.post(f"{KEYS}/switch", json={"hashes": hashes, "disabled": True})
    assert answer.json() == {
        "changed": [first.key_hash, second.key_hash], "unchanged": [], "missing": [theirs.key_hash, "x"],
    }  # fmt: skip
    assert sorted(told) == sorted([first.key_hash, second.key_hash])
    again = await boss.api.post(f"{KEYS}/switch", json={"hashes": [first.key_hash], "disabled": True})
    assert again.json() == {"changed": [], "unchanged": [first.key_hash], "missing": []}
    lines = await house.fetch("SELECT subject FROM audit_log WHERE action = 'key.update'")
    assert {line["subject"] for line in lines} == {first.key_hash, second.key_hash}
    assert refusal(await (await house.visitor(first.raw_key)).get("/v1/ai/models")) == (403, "key_disabled")
    assert (await (await house.visitor(theirs.raw_key)).get("/v1/ai/models")).status_code == 200
    member = await house.member(acme)
    for who, body, expected in (
        (member, {"hashes": ["x"], "disabled": True}, (403, "forbidden")),
        (boss, {"hashes": [], "disabled": True}, (422, "invalid_field")),
        (boss, {"hashes": ["x"] * 1001, "disabled": True}, (422, "invalid_field")),
    ):
        assert refusal(await who.api.post(f"{KEYS}/switch", json=body)) == expected
