"""What operators and customers see of calls in their own tools: `/metrics`, and spans at a collector."""

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from control.exporters.collector import collecting
from intake.sending import PROTOBUF, Made, request
from making import connected, user
from metrics.test_families import Samples, samples_of
from stage import Served, Stage, emulated, environment, free_port, open_stage
from test_supervisor import Together, together
from tollhouse.foundation.ids import new_id
from tollhouse.traces.exports import exporters
from tollhouse.traces.exports.exporters import Headers, Terms
from waiting import eventually, until

TOKEN = "metrics-token-0123456789"
MODEL = "gpt-4o-mini"
HELLO: Any = [{"role": "user", "content": "a very private prompt"}]


async def scrape(url: str, **headers: str) -> Samples:
    answer = await _asked(url, **({"Authorization": f"Bearer {TOKEN}"} | headers))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return samples_of(answer.text)


async def _asked(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.request(method, f"{url}/metrics", headers=headers)


def summed(seen: Samples, name: str, **labels: str) -> float:
    return sum(value for (each, has), value in seen.items() if each == name and labels.items() <= dict(has).items())


async def test_calls_are_counted_and_their_spans_arrive(embedded_url: str, data_dir: Path) -> None:
    async with (
        collecting() as collector,
        connected(embedded_url) as database,
        open_stage(
            database, embedded_url, data_dir, metrics_token=TOKEN, allow_private_webhooks=True
        ) as stage,
    ):  # fmt: skip
        key = await stage.key("1.0000")
        await _exporter(stage, key.raw_key, collector.url)
        client = stage.client(key.raw_key)
        for _ in range(2):
            await client.chat.completions.create(model=MODEL, messages=HELLO)
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        assert [chunk async for chunk in stream]
        with pytest.raises(openai.AuthenticationError):
            await stage.client("aig_unknown").chat.completions.create(model=MODEL, messages=HELLO)
        entries = await stage.booked(3)
        await until(lambda: len(collector.spans) >= 3)
        assert stage.house is not None
        await _workers_alive(stage.url, 1)
        text = (await _asked(stage.url, Authorization=f"Bearer {TOKEN}")).text
        seen = await scrape(stage.url)
        assert summed(seen, "tollhouse_calls_total") == 3
        assert summed(seen, "tollhouse_calls_total", provider="openai", outcome="completed", entry="exact") == 3
        assert summed(seen, "tollhouse_refusals_total", code="invalid_api_key", status="401") == 1
        assert summed(seen, "tollhouse_overhead_seconds_count") == 3
        assert summed(seen, "tollhouse_first_byte_seconds_count", stream="true") == 1
        assert summed(seen, "tollhouse_call_seconds_count", stream="false") == 2
        cost = sum(entry["cost_nanos"] for entry in entries) / 1e9
        assert summed(seen, "tollhouse_cost_usd_total") == pytest.approx(cost)
        assert summed(seen, "tollhouse_exporters_sent_spans") == 3
        assert summed(seen, "tollhouse_database_up") == 1
        assert summed(seen, "tollhouse_journal_bytes") > 0
        assert summed(seen, "tollhouse_ledger_live_workers") == 1
        secrets = (key.raw_key, key.key_id, key.key_hash, "private", MODEL, TOKEN, str(entries[0]["customer_id"]))
        assert [secret for secret in secrets if secret in text] == []
        assert {span.name for span in collector.spans} == {f"chat {MODEL}"}
        assert b"private" not in b"".join(request.SerializeToString() for request in collector.requests)


async def test_what_the_other_doors_did_is_counted(embedded_url: str, data_dir: Path) -> None:
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, metrics_token=TOKEN) as stage,
        httpx.AsyncClient(base_url=stage.url, timeout=30) as client,
    ):
        headers = {"Authorization": f"Bearer {(await stage.key()).raw_key}", "Content-Type": PROTOBUF}
        for spans in ([Made(), Made()], [Made(), Made(trace_id=b"short")], [Made(span_id=b"")]):
            await client.post("/v1/traces", content=request(*spans).SerializeToString(), headers=headers)
        headers["Authorization"] = "Bearer aig_unknown"
        assert (await client.post("/v1/traces", content=b"", headers=headers)).status_code == 401
        assert (await client.get("/v1/health")).status_code == 200
        assert (await client.get("/v1/nothing")).status_code == 404
        seen = await scrape(stage.url)
    assert summed(seen, "tollhouse_spans_total", result="stored") == 3
    assert summed(seen, "tollhouse_spans_total", result="rejected") == 2
    for plane, status, times in (("spans", 200, 2), ("spans", 400, 1), ("spans", 401, 1), ("control", 404, 1)):
        assert summed(seen, "tollhouse_answers_total", plane=plane, status=str(status)) == times
    assert summed(seen, "tollhouse_answers_total", plane="control", status="200") >= 1


async def test_a_kill_costs_no_span(embedded_url: str, data_dir: Path, tmp_path: Path) -> None:
    """What was booked, or only written down, when the process died reaches the collector from its successor."""
    async with collecting() as collector, emulated() as emulator, connected(embedded_url) as database:
        told = environment(emulator.url, embedded_url, data_dir, allow_private_webhooks=True)
        served = Served(told, free_port(), tmp_path / "log")
        await served.start()
        stage = Stage(served.url, emulator, database)
        key = await stage.key("1.0000")
        await _exporter(stage, key.raw_key, collector.url)
        async with stage.client(key.raw_key, timeout=20) as client:
            for _ in range(5):
                await client.chat.completions.create(model=MODEL, messages=HELLO)
        await served.kill()
        async with database.connection() as connection:  # its claim runs out
            await connection.execute("UPDATE trace_exporters SET claimed_until = NULL")
        await served.start()
        await until(lambda: len({span.span_id for span in collector.spans}) >= 5)
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT span_id FROM receipts")
        assert {span.span_id.hex() for span in collector.spans} == {row["span_id"] for row in rows}
        assert await served.stop() == 0


async def test_the_door_is_for_who_has_the_token(embedded_url: str, data_dir: Path) -> None:
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, metrics_token=TOKEN) as stage,
    ):
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = await _asked(stage.url, **wrong)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await _asked(stage.url, "POST", Authorization=f"Bearer {TOKEN}")).status_code == 405
        accept = "application/openmetrics-text; version=1.0.0"
        answer = await _asked(stage.url, Authorization=f"Bearer {TOKEN}", Accept=accept)
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")


async def test_without_a_token_there_is_no_door(stage: Stage) -> None:
    assert (await _asked(stage.url)).status_code == 404


async def test_two_workers_are_one_house(embedded_url: str, data_dir: Path) -> None:
    async with emulated() as emulator, connected(embedded_url) as database:
        told = environment(emulator.url, embedded_url, data_dir, metrics_token=TOKEN)
        async with together(told, "--workers", "2") as house:
            await house.start(b"\n")
            stage = Stage(house.url, emulator, database)
            raw_key = (await stage.key("1.0000")).raw_key
            for asleep in house.workers:  # so each of them answers alone
                asleep.suspend()
                await _call(stage, raw_key)
                asleep.resume()
            assert summed(await scrape(house.url), "tollhouse_calls_total") == 2
            await _both_alive(house)
            house.workers[0].kill()
            await _call(stage, raw_key)
            assert summed(await scrape(house.url), "tollhouse_calls_total") == 3


async def _call(stage: Stage, raw_key: str) -> None:
    """On a connection of its own: whoever is awake takes it."""
    async with stage.client(raw_key, timeout=20, max_retries=2) as client:
        await client.chat.completions.create(model=MODEL, messages=HELLO)


async def _both_alive(house: Together) -> None:
    """Each has told how it stands."""
    await _workers_alive(house.url, 2)
    assert sum(name == "process_resident_memory_bytes" for name, _ in await scrape(house.url)) == 2


async def _workers_alive(url: str, count: int) -> None:
    async def so_many() -> bool:
        return (await scrape(url))["tollhouse_workers", ()] >= count

    await eventually(so_many)


async def _exporter(stage: Stage, raw_key: str, url: str) -> None:
    async with stage.database.connection() as connection:
        customer_id = await connection.fetchval("SELECT customer_id FROM ai_gateway_keys LIMIT 1")
        by = await user(connection, customer_id, "admin")
        terms = Terms("x", url, "protobuf", "gzip", enabled=True, include_content=False)
        await exporters.insert(connection, customer_id, new_id(), terms, Headers(), by)
