"""The demo's past: the same every time, written once, and one truth in every book."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from databases import Databases
from making import connected
from stage import Stage, demo_in, open_stage
from tollhouse.demo.cast import KEYS
from tollhouse.demo.customer import Demo
from tollhouse.demo.days import DAYS, past_calls
from tollhouse.demo.history import write_history
from tollhouse.foundation.ids import CustomerId
from tollhouse.ledger import verification

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def stage(embedded_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    url = embedded_databases.take()
    async with connected(url) as database, open_stage(database, url, tmp_path_factory.mktemp("demo")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def demo(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return await demo_in(stage, tmp_path_factory.mktemp("place"))


@pytest.mark.parametrize("role", [role for role in KEYS if role.habit], ids=lambda role: role.terms.name)
def test_a_key_did_the_same_whenever_it_is_asked(role: Any) -> None:
    calls = past_calls(role.terms.name, role.habit, NOON)
    assert calls == past_calls(role.terms.name, role.habit, NOON)
    assert len(calls) > 20
    assert [call.at for call in calls] == sorted(call.at for call in calls)
    assert all(NOON - timedelta(days=DAYS) < call.at and call.end <= NOON for call in calls)


async def test_the_book_is_right(stage: Stage, demo: Demo) -> None:
    found = await verification.verify(stage.database)
    assert found.entries > 2_000
    assert found.flaws == []


async def test_ledger_receipts_spans_and_reports_say_the_same(stage: Stage, demo: Demo) -> None:
    async with stage.database.connection() as connection:
        entries = await _sums(connection, "SELECT count(*), sum(cost_nanos) FROM ledger_entries")
        receipts = await _sums(connection, "SELECT count(*), sum(cost_nanos) FROM receipts")
        spans = await _sums(connection, "SELECT count(*), sum(cost_nanos) FROM telemetry_spans WHERE source = 'proxy'")
        days = await _sums(
            connection,
            "SELECT sum(calls), sum(cost_nanos) FROM rollup_days r JOIN rollup_groups g ON g.id = r.group_id"
            " WHERE g.source = 'proxy'",
        )
    assert entries == receipts == spans == days


async def _sums(connection: Any, statement: str) -> tuple[int, int]:
    row = await connection.fetchrow(statement)
    return int(row[0]), int(row[1])


async def test_the_provider_says_the_same_of_every_call_that_is_certain(stage: Stage, demo: Demo) -> None:
    book = await stage.emulator.book()
    true = {row["call_id"]: row["true_cost_nanos"] for row in book["by_call"]}
    entries = await stage.entries()
    assert true.keys() == {entry["call_id"] for entry in entries}
    wrong = {
        entry["call_id"]: (entry["cost_nanos"], true[entry["call_id"]])
        for entry in entries
        if entry["kind"] != "in_doubt" and entry["cost_nanos"] != true[entry["call_id"]]
    }
    assert wrong == {}
    doubtful = [entry for entry in entries if entry["kind"] == "in_doubt"]
    assert 3 < len(doubtful) < 60


async def test_a_key_is_exhausted_others_are_near_and_all_of_it_is_shown(stage: Stage, demo: Demo) -> None:
    token = {"Authorization": f"Bearer {demo.api_token}"}
    async with httpx.AsyncClient(base_url=stage.url, headers=token, timeout=30) as client:
        keys = {key["name"]: key for key in (await client.get("/v1/ai/keys/customer")).json()["keys"]}
        traces = (await client.get("/v1/traces/search", params={"vendor": "anthropic"})).json()["traces"]
    assert keys["Evaluation run"]["state"] == "exhausted"
    assert keys["Old prototype"]["state"] == "disabled"
    assert keys["Workshop"]["expires_at"] is not None
    assert 11 < float(keys["Nightly reports"]["spend_usd"]) < 12
    assert any(trace["spans"] > 4 for trace in traces)


async def test_keys_and_people_are_as_old_as_what_they_did(stage: Stage, demo: Demo) -> None:
    async with stage.database.connection() as connection:
        odd = await connection.fetch(
            "SELECT k.name FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id"
            " WHERE u.created_at > k.created_at"
            " OR k.last_used_at IS DISTINCT FROM (SELECT max(started_at) FROM receipts WHERE key_id = k.id)"
        )
        used = await connection.fetchval("SELECT last_used_at FROM ai_gateway_keys WHERE name = 'Old prototype'")
    assert odd == []
    assert datetime.now(UTC) - used > timedelta(days=1)


async def test_it_is_written_once(stage: Stage, demo: Demo) -> None:
    assert stage.house is not None
    before = (await stage.emulator.book())["calls"]
    assert await write_history(stage.house.control, CustomerId(demo.customer_id), stage.emulator.url) == 0
    assert (await stage.emulator.book())["calls"] == before


async def test_the_provider_takes_a_past_call_once(stage: Stage) -> None:
    call = {
        "call_id": "once", "gateway": "g", "provider": "openai", "model": "gpt-4o-mini", "status": 200,
        "usage": {"input": 1000, "output": 100}, "metadata": {}, "at_ms": 1_795_435_200_000,
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=stage.emulator.url) as client:
        first = await client.post("/_emulator/past", json={"calls": [call]})
        again = await client.post("/_emulator/past", json={"calls": [call]})
        wrong = await client.post("/_emulator/past", json={"calls": [{"call_id": "x"}]})
    assert first.json() == again.json()
    assert wrong.status_code == 400
