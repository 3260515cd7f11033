"""The server: a process that says where it listens, stops when told, and loses nothing when killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from emulator.emulated import ACCOUNT, CALL, FLAT, GATEWAY, TOKEN, Emulated, call_headers
from tollhouse.emulator.app import EmulatorConfig, create
from tollhouse.emulator.server import running, serve
from tollhouse.foundation.errors import StartupError

PROGRAM = """
import asyncio, sys
from pathlib import Path
from emulator.emulated import ACCOUNT, TOKEN, Prices
from tollhouse.emulator.app import EmulatorConfig
from tollhouse.emulator.server import serve

config = EmulatorConfig({ACCOUNT: frozenset({TOKEN})}, Prices(), state_file=Path(sys.argv[1]))
asyncio.run(serve(config, "127.0.0.1", 0, lambda url: print(url, flush=True)))
print("stopped", flush=True)
"""


@asynccontextmanager
async def process(state: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    tests = Path(__file__).parent.parent
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(state),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(tests)},
    )
    assert running.stdout is not None
    url = (await running.stdout.readline()).decode().strip()
    try:
        async with httpx.AsyncClient(base_url=url, headers=call_headers()) as client:
            yield running, client
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def with_gateway(client: httpx.AsyncClient) -> None:
    made = await client.post(
        f"/client/v4/accounts/{ACCOUNT}/ai-gateway/gateways",
        json=FLAT | {"id": GATEWAY},
        headers={"authorization": f"Bearer {TOKEN}"},
    )
    assert made.is_success


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    async with process(tmp_path / "state") as (running, client):
        assert (await client.get("/_emulator/health")).json() == {"status": "ok"}
        running.send_signal(number)
        assert await running.wait() == 0
        assert running.stdout is not None
        assert await running.stdout.read() == b"stopped\n"


async def test_a_stop_waits_for_the_answer_under_way(tmp_path: Path) -> None:
    async with process(tmp_path / "state") as (running, client):
        await with_gateway(client)
        await client.post("/_emulator/script", json={"chunk_delay_ms": 5, "completion_tokens": 20})
        async with client.stream("POST", Emulated.path(), json=CALL | {"stream": True}) as answer:
            running.send_signal(signal.SIGTERM)
            text = (await answer.aread()).decode()
        assert text.endswith("data: [DONE]\n\n")
        assert await running.wait() == 0


async def test_a_call_without_end_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    """And is in the book, since the provider bills what it was asked for."""
    state = tmp_path / "state"
    async with process(state) as (running, client):
        await with_gateway(client)
        await client.post("/_emulator/script", json={"chunk_delay_ms": 60_000})
        async with client.stream("POST", Emulated.path(), json=CALL | {"stream": True}):
            running.send_signal(signal.SIGTERM)
            assert await running.wait() == 0
    async with process(state) as (_, client):
        assert (await client.get("/_emulator/book")).json()["calls"] == 1


async def test_a_kill_loses_no_answered_call(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with process(state) as (running, client):
        await with_gateway(client)
        for _ in range(25):
            assert (await client.post(Emulated.path(), json=CALL)).is_success
        book = (await client.get("/_emulator/book")).json()
        running.kill()
        await running.wait()
    async with process(state) as (_, client):
        assert (await client.get("/_emulator/book")).json() == book
        assert (await client.post(Emulated.path(), json=CALL)).is_success
    assert book["calls"] == 25


async def test_a_taken_port_is_one_clear_line(config: EmulatorConfig) -> None:
    async with running(config) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(StartupError, match=f"port {port}"):
            await serve(config, "127.0.0.1", port, lambda _: None)


async def test_it_listens_on_ipv6_too(config: EmulatorConfig) -> None:
    async with running(config, "::1") as url, httpx.AsyncClient() as client:
        assert url.startswith("http://[::1]:")
        assert (await client.get(f"{url}/_emulator/health")).is_success


async def test_a_request_that_never_ends_leaves_nothing_behind(emulated: Emulated) -> None:
    """The caller announces a body and leaves: no answer, no call, nothing in flight."""
    host, port = str(emulated.client.base_url).removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {Emulated.path()} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    book = await emulated.book()
    assert (book["calls"], book["in_flight"]) == (0, 0)


async def test_a_long_body_arrives_whole(emulated: Emulated) -> None:
    long = {"model": "nobody-knows-it", "messages": [{"role": "user", "content": "x" * 1_000_000}]}
    usage = (await emulated.call(long)).json()["usage"]
    assert usage["prompt_tokens"] == 250_000 + 4 + 3


async def test_a_body_beyond_all_measure_is_refused(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollhouse.emulator.wire.MAX_BODY_BYTES", 1 << 20)
    answer = await emulated.client.post(Emulated.path(), content=b"x" * (3 << 20), headers=call_headers())
    assert answer.status_code == 413


async def test_it_speaks_http_only(config: EmulatorConfig) -> None:
    async def nothing() -> dict[str, object]:
        return {}

    async def nowhere(message: object) -> None:
        return

    with pytest.raises(RuntimeError, match="HTTP only"):
        await create(config)({"type": "lifespan"}, nothing, nowhere)
