"""kill -9 in the middle: every call that was forwarded has exactly one entry, and no key stays stuck."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from making import connected
from stage import ACCOUNT, Served, Stage, emulated, environment, free_port
from tollhouse.db.pool import Database
from tollhouse.ledger import budgets

MODEL = "gpt-4o-mini"
STREAMS = 32


async def start_streams(stage: Stage, raw_key: str) -> list[Any]:
    """All streams are past their first chunk and none is at its end."""
    await stage.emulator.script(model=MODEL, times=STREAMS, chunk_delay_ms=40, completion_tokens=100)
    client = stage.client(raw_key, http_client=httpx.AsyncClient(limits=httpx.Limits(max_connections=None)))

    async def begin(number: int) -> Any:
        asked: Any = [{"role": "user", "content": f"Stream number {number}, please."}]
        stream = await client.chat.completions.create(model=MODEL, messages=asked, stream=True, max_tokens=100)
        await anext(stream.__aiter__())
        return stream

    return list(await asyncio.gather(*(begin(number) for number in range(STREAMS))))


async def balances(database: Database) -> list[tuple[int, int]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT spent_nanos, leased_nanos FROM ledger_accounts")
    return [(row["spent_nanos"], row["leased_nanos"]) for row in rows]


async def test_killed_amid_32_streams_and_started_again(database_url: str, data_dir: Path, tmp_path: Path) -> None:
    async with connected(database_url) as database, emulated() as emulator:
        served = Served(environment(emulator.url, database_url, data_dir), free_port(), tmp_path / "log")
        await served.start()
        stage = Stage(served.url, emulator, database)
        made = await stage.key("5.0000")
        await stage.client(made.raw_key).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "before"}]
        )
        streams = await start_streams(stage, made.raw_key)
        await served.kill()
        assert len(streams) == STREAMS
        assert (await balances(database))[0][1] > 0

        await served.start()  # the successor charges what the dead process held before it serves
        assert [leased for _, leased in await balances(database)] == [0]
        book = await emulator.settled_book()
        entries = await stage.entries()
        true = {row["call_id"]: row["true_cost_nanos"] for row in book["by_call"]}
        booked = {entry["call_id"]: entry for entry in entries}
        assert len(booked) == len(entries) == len(true) == STREAMS + 1
        assert all(booked[call_id]["cost_nanos"] >= cost for call_id, cost in true.items())
        assert [entry["kind"] for entry in entries].count("in_doubt") == STREAMS
        async with database.connection() as connection:
            assert await budgets.audit(connection) == []
            receipts = await connection.fetch("SELECT outcome FROM receipts WHERE entry_kind = 'in_doubt'")
        assert [row["outcome"] for row in receipts] == ["lost"] * STREAMS

        answer = await stage.client(made.raw_key).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "after"}]
        )
        assert answer.choices
        assert await served.stop() == 0


async def test_killed_again_and_again_while_calls_come_in(embedded_url: str, data_dir: Path, tmp_path: Path) -> None:
    """At whatever point the process dies: entries cover the provider's book, none twice, the cap holds."""
    async with connected(embedded_url) as database, emulated() as emulator:
        served = Served(environment(emulator.url, embedded_url, data_dir), free_port(), tmp_path / "log")
        await served.start()
        stage = Stage(served.url, emulator, database)
        made = await stage.key("0.0200")
        done = asyncio.Event()

        async def caller(number: int) -> None:
            client = stage.client(made.raw_key)
            asked: Any = [{"role": "user", "content": f"Caller {number}."}]
            while not done.is_set():
                try:
                    await client.chat.completions.create(model=MODEL, messages=asked, max_tokens=30)
                except (openai.APIConnectionError, openai.APIStatusError):
                    await asyncio.sleep(0.02)

        callers = [asyncio.create_task(caller(number)) for number in range(8)]
        for _ in range(4):
            await asyncio.sleep(0.35)
            await served.kill()
            await served.start()
        done.set()
        await asyncio.gather(*callers)
        book = await emulator.settled_book()
        entries = {entry["call_id"]: entry["cost_nanos"] for entry in await stage.booked(book["calls"])}
        true = {row["call_id"]: row["true_cost_nanos"] for row in book["by_call"]}
        assert {call_id for call_id in true if entries.get(call_id, -1) < true[call_id]} == set()
        async with database.connection() as connection:
            assert await budgets.audit(connection) == []
        assert sum(true.values()) <= sum(entries.values()) <= 20_000_000
        assert await served.stop() == 0


async def test_a_stop_finishes_calls_in_flight(embedded_url: str, data_dir: Path, tmp_path: Path) -> None:
    async with connected(embedded_url) as database, emulated() as emulator:
        served = Served(environment(emulator.url, embedded_url, data_dir), free_port(), tmp_path / "log")
        await served.start()
        stage = Stage(served.url, emulator, database)
        streams = await start_streams(stage, (await stage.key("5.0000")).raw_key)
        stopping = asyncio.create_task(served.stop())

        async def finish(stream: Any) -> object:
            return [chunk.choices[0].finish_reason async for chunk in stream][-1]

        ends = await asyncio.gather(*(finish(stream) for stream in streams))
        assert len(ends) == STREAMS
        assert set(ends) <= {"stop", "length"}
        assert await stopping == 0
        await stage.assert_books_agree()


async def test_a_provider_account_without_a_token_costs_nothing(stage: Stage) -> None:
    """A row that names an account we have no token for: 503, nothing sent, nothing held."""
    async with stage.database.transaction() as connection:
        from making import customer, key

        made = await key(connection, await customer(connection, cf_account_id=f"{ACCOUNT}-other"), "1.0000")
    with pytest.raises(openai.InternalServerError) as caught:
        await stage.client(made.raw_key).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x"}]
        )
    assert (caught.value.status_code, caught.value.code) == (503, "gateway_not_ready")
    await stage.booked(0)
    assert await stage.entries() == []
