"""The audit log is read by admins, a page at a time or as a file, and changed by nobody."""

import csv
import io
import json

import asyncpg
import pytest

from control.house import House, Member, refusal
from making import customer
from tollhouse.control.history import service
from tollhouse.foundation.ids import CustomerId


@pytest.fixture
async def admin(house: House, acme: CustomerId) -> Member:
    found = await house.member(acme, "admin")
    for name in ("=one", "two", "three"):
        await found.api.post("/v1/teams", json={"name": name})
    return found


async def test_lines_say_who_did_what_to_which_newest_first(house: House, admin: Member) -> None:
    page = (await admin.api.get("/v1/audit", params={"limit": 2})).json()
    assert [line["after"]["name"] for line in page["lines"]] == ["three", "two"]
    line = page["lines"][0]
    me = (await admin.api.get("/v1/me")).json()["user"]
    assert (line["actor"], line["actor_email"], line["action"]) == (admin.id, me["email"], "team.create")
    assert line["address"] == "127.0.0.1"
    older = (await admin.api.get("/v1/audit", params={"cursor": page["next_cursor"], "action": "team"})).json()
    assert [line["after"]["name"] for line in older["lines"]] == ["=one"]
    assert older["next_cursor"] is None


async def test_lines_are_found_by_kind_actor_subject_and_time(admin: Member) -> None:
    lines = (await admin.api.get("/v1/audit")).json()["lines"]
    subject, at = lines[0]["subject"], lines[0]["at"]
    for wanted, count in (
        ({"action": "team.create"}, 3), ({"action": "tea"}, 0), ({"subject": subject}, 1), ({"actor": admin.id}, 3),
        ({"actor": "nobody"}, 0), ({"since": at}, 1), ({"until": at}, len(lines) - 1),
    ):  # fmt: skip
        found = (await admin.api.get("/v1/audit", params=wanted)).json()["lines"]
        assert len(found) == count, wanted
    for wrong in ({"since": "yesterday"}, {"limit": 0}, {"cursor": 0}, {"cursor": "x"}, {"action": "\0"}):
        assert refusal(await admin.api.get("/v1/audit", params=wrong)) == (422, "invalid_field")


async def test_a_file_has_everything_page_after_page(admin: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 2)
    answer = await admin.api.get("/v1/audit/export", params={"action": "team"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [json.loads(row["after"])["name"] for row in rows] == ["three", "two", "=one"]
    lines = (await admin.api.get("/v1/audit/export", params={"format": "ndjson", "action": "team"})).text.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["team.create"] * 3
    assert refusal(await admin.api.get("/v1/audit/export", params={"format": "xml"})) == (422, "invalid_field")


async def test_only_admins_read_it_and_only_their_own(house: House, acme: CustomerId, admin: Member) -> None:
    for role in ("manager", "member"):
        person = await house.member(acme, role)
        assert refusal(await person.api.get("/v1/audit")) == (403, "forbidden")
        assert refusal(await person.api.get("/v1/audit/export")) == (403, "forbidden")
    async with house.context.database.connection() as connection:
        stranger = await house.member(await customer(connection, "Other"), "admin")
    assert {line["action"] for line in (await stranger.api.get("/v1/audit")).json()["lines"]} <= {"token.create"}


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
async def test_nobody_changes_a_line(house: House, admin: Member, statement: str) -> None:
    async with house.context.database.connection() as connection:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)
