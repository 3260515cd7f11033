"""Streams that break, stall, lie or lose their reader: the money is right and the reader is told the truth."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from making import connected
from stage import Stage, open_stage

MODEL = "gpt-4o-mini"
HELLO: Any = [{"role": "user", "content": "Tell me about the bridge and its keeper."}]


@pytest.fixture
async def client(stage: Stage) -> AsyncOpenAI:
    return stage.client((await stage.key("5.0000")).raw_key)


async def read(client: AsyncOpenAI, **more: Any) -> list[Any]:
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, **more)
    return [chunk async for chunk in stream]


async def raw_stream(stage: Stage, raw_key: str, **more: Any) -> bytes:
    body = {"model": MODEL, "messages": HELLO, "stream": True} | more
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            f"{stage.url}/v1/ai/chat/completions", json=body, headers={"Authorization": f"Bearer {raw_key}"}
        )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return answer.content


async def test_a_reader_who_leaves_after_five_chunks_is_charged_what_the_provider_bills(
    stage: Stage, client: AsyncOpenAI
) -> None:
    await stage.emulator.script(model=MODEL, times=8, chunk_delay_ms=5, completion_tokens=60)

    async def leave_early() -> None:
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        for _ in range(5):
            await anext(stream.__aiter__())
        await stream.close()

    await asyncio.gather(*(leave_early() for _ in range(8)))
    await stage.assert_books_agree()
    entries = await stage.entries()
    assert [(entry["kind"], entry["cost_nanos"] > 0) for entry in entries] == [("exact", True)] * 8


async def test_a_reader_who_leaves_before_the_first_byte_is_charged_too(stage: Stage, client: AsyncOpenAI) -> None:
    await stage.emulator.script(model=MODEL, times=2, latency_ms=400)
    for stream in (False, True):
        with pytest.raises(openai.APITimeoutError):
            await client.with_options(timeout=0.1).chat.completions.create(model=MODEL, messages=HELLO, stream=stream)
    await stage.assert_books_agree()
    assert [entry["kind"] for entry in await stage.entries()] == ["exact", "exact"]


async def test_a_stream_that_is_cut_ends_in_an_error_event_without_done_and_is_in_doubt(stage: Stage) -> None:
    await stage.emulator.script(model=MODEL, cut_after_chunks=4)
    made = await stage.key("5.0000")
    said = await raw_stream(stage, made.raw_key)
    assert b"[DONE]" not in said
    last = json.loads(said.strip().splitlines()[-1].removeprefix(b"data: "))
    assert last["error"]["code"] == "upstream_broken"
    entry = (await stage.booked(1))[0]
    book = await stage.emulator.settled_book()
    assert (entry["kind"], entry["cost_nanos"]) == ("in_doubt", entry["reserved_nanos"])
    assert entry["cost_nanos"] >= book["true_cost_nanos"] > 0


async def test_the_sdk_sees_a_cut_as_an_error(stage: Stage, client: AsyncOpenAI) -> None:
    await stage.emulator.script(model=MODEL, cut_after_chunks=4)
    with pytest.raises(openai.APIError, match="cut short"):
        await read(client)


@pytest.mark.parametrize("usage", ["missing", "null", "negative", "huge"])
async def test_a_complete_stream_without_usable_usage_is_estimated_within_its_hold(
    stage: Stage, client: AsyncOpenAI, usage: str
) -> None:
    await stage.emulator.script(model=MODEL, usage=usage)
    assert await read(client)
    entry = (await stage.booked(1))[0]
    book = await stage.emulator.settled_book()
    assert entry["kind"] == "estimated"
    assert book["true_cost_nanos"] <= entry["cost_nanos"] <= entry["reserved_nanos"]


async def test_explicit_zero_is_believed(stage: Stage, client: AsyncOpenAI) -> None:
    await stage.emulator.script(model=MODEL, usage="zero")
    await read(client)
    entry = (await stage.booked(1))[0]
    assert (entry["kind"], entry["cost_nanos"]) == ("exact", 0)


@pytest.mark.parametrize("usage", ["twice", "early"])
async def test_usage_in_odd_places_is_counted_once_and_not_shown(stage: Stage, client: AsyncOpenAI, usage: str) -> None:
    await stage.emulator.script(model=MODEL, usage=usage)
    chunks = await read(client)
    assert {chunk.usage for chunk in chunks} == {None}
    await stage.assert_books_agree()


async def test_an_error_event_is_passed_on_and_leaves_the_call_in_doubt(stage: Stage) -> None:
    await stage.emulator.script(model=MODEL, error_event_after_chunks=3)
    made = await stage.key("5.0000")
    said = await raw_stream(stage, made.raw_key)
    assert b'"error"' in said
    assert (await stage.booked(1))[0]["kind"] == "in_doubt"


async def test_a_stream_without_done_but_with_usage_is_exact(stage: Stage, client: AsyncOpenAI) -> None:
    await stage.emulator.script(model=MODEL, no_done=True)
    assert await read(client)
    await stage.assert_books_agree()
    assert (await stage.entries())[0]["kind"] == "exact"


async def test_a_connection_is_used_again_after_a_stream(stage: Stage, client: AsyncOpenAI) -> None:
    assert stage.house
    pool = stage.house.upstream
    for _ in range(3):
        await read(client)
    assert (pool.open, pool.in_use) == (1, 0)


async def test_an_answer_that_a_guardrail_buffered_becomes_a_stream(stage: Stage, client: AsyncOpenAI) -> None:
    await stage.emulator.script(model=MODEL, times=2, json_for_stream=True)
    chunks = await read(client)
    assert chunks[0].choices[0].delta.content
    assert chunks[-1].usage is None
    with_usage = await read(client, stream_options={"include_usage": True})
    assert with_usage[-1].usage.completion_tokens > 0
    await stage.assert_books_agree()


async def test_a_server_error_of_the_provider_passes_through_and_is_in_doubt(stage: Stage, client: AsyncOpenAI) -> None:
    await stage.emulator.script(model=MODEL, status=500, body={"error": {"message": "oops"}})
    with pytest.raises(openai.InternalServerError, match="oops"):
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    entry = (await stage.booked(1))[0]
    assert (entry["kind"], entry["cost_nanos"]) == ("in_doubt", entry["reserved_nanos"])


async def test_a_provider_that_never_answers_is_a_504_in_doubt(embedded_url: str, data_dir: Any) -> None:
    limits: Any = {"first_byte_timeout_s": 0.5}
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, **limits) as stage,
    ):
        await stage.emulator.script(model=MODEL, hang=True)
        with pytest.raises(openai.InternalServerError) as caught:
            await stage.client((await stage.key("5.0000")).raw_key).chat.completions.create(model=MODEL, messages=HELLO)
        assert (caught.value.status_code, caught.value.code) == (504, "upstream_timeout")
        assert (await stage.booked(1))[0]["kind"] == "in_doubt"


async def test_a_stream_that_stalls_after_its_reader_left_is_given_up_in_doubt(
    embedded_url: str, data_dir: Any
) -> None:
    limits: Any = {"drain_s": 0.3}
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, **limits) as stage,
    ):
        await stage.emulator.script(model=MODEL, chunk_delay_ms=100, completion_tokens=100)
        client = stage.client((await stage.key("5.0000")).raw_key)
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        await anext(stream.__aiter__())
        await stream.close()
        assert (await stage.booked(1))[0]["kind"] == "in_doubt"


async def test_an_unreachable_gateway_costs_nothing_and_leaves_no_entry(embedded_url: str, data_dir: Any) -> None:
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, max_body_bytes=1 << 20) as stage,
    ):
        assert stage.house
        client = stage.client((await stage.key("5.0000")).raw_key)
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    # The same database, with a house whose Cloudflare is gone.
    async with connected(embedded_url) as database:
        from stage import Emulated, environment, settings_from
        from tollhouse import app, serving

        told = environment("http://127.0.0.1:9", embedded_url, data_dir)
        listener = serving.listen("127.0.0.1", 0)
        async with app.open_house(settings_from(told), embedded_url) as house:
            server = serving.make_server(house.application, max_header_bytes=32768, shutdown_s=5)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            alone = Stage(f"http://127.0.0.1:{listener.getsockname()[1]}", Emulated("http://x"), database)
            key = (await database_key(alone)).raw_key
            with pytest.raises(openai.InternalServerError) as caught:
                await alone.client(key).chat.completions.create(model=MODEL, messages=HELLO)
            assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
            assert len(await alone.booked(1)) == 1
            server.stop()
            await task


async def database_key(stage: Stage) -> Any:
    from making import customer, key

    async with stage.database.transaction() as connection:
        return await key(connection, await customer(connection), "5.0000")


async def test_receipts_and_spans_tell_the_same_story(stage: Stage, client: AsyncOpenAI) -> None:
    await read(client)
    await stage.emulator.script(model=MODEL, cut_after_chunks=2)
    with pytest.raises(openai.APIError):
        await read(client)
    await stage.booked(2)
    async with stage.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT r.outcome, r.cost_nanos, s.cost_nanos AS span_cost, s.status, e.cost_nanos AS booked, s.attributes"
            " FROM receipts r JOIN telemetry_spans s USING (trace_id, span_id)"
            " JOIN ledger_entries e ON e.call_id = r.call_id ORDER BY r.started_at"
        )
    assert [row["outcome"] for row in rows] == ["completed", "broken"]
    assert [row["status"] for row in rows] == [1, 2]
    for row in rows:
        assert row["cost_nanos"] == row["span_cost"] == row["booked"]
        assert row["attributes"]["gen_ai.operation.name"] == "chat"
        assert row["attributes"]["gen_ai.request.model"] == MODEL
