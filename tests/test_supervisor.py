"""`serve --workers`: real processes that die, come back, and end together."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest

from campaigns.nodes import is_worker
from making import connected
from stage import Stage, emulated, environment, free_port
from tollhouse import serving, settings, supervisor
from tollhouse.foundation.errors import StartupError
from tollhouse.supervisor import Crew, Supervisor, pause_s
from waiting import PATIENCE_S, until

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("CF_", "TOLLHOUSE_", "DATABASE_"))}
MODEL = "gpt-4o-mini"


class Together:
    """`tollhouse serve` with more than one worker."""

    def __init__(self, told: dict[str, str], *words: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._told = CLEAN | told | {"TOLLHOUSE_PORT": str(self.port), "TOLLHOUSE_LOG_FORMAT": "json"}
        self._words = words
        self.workers: list[psutil.Process] = []

    async def start(self, last_words: bytes) -> str:
        """Until it has said where it listens."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tollhouse", "serve", *self._words, env=self._told,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout
        said = await asyncio.wait_for(self.process.stdout.readuntil(last_words), 60)
        self.workers = self.alive()
        return said.decode()

    def alive(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if is_worker(child)]

    async def healthy(self) -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            assert (await client.get(f"{self.url}/v1/health")).status_code == 200

    async def end(self, number: signal.Signals) -> tuple[int, str]:
        """Status and log."""
        self.process.send_signal(number)
        said, log = await asyncio.wait_for(self.process.communicate(), 60)
        assert said == b""
        return self.process.returncode or 0, log.decode()

    async def clear_away(self) -> None:
        """Whatever a failed test left running. Workers have our pipe: it ends when they do."""
        for process in (*self.workers, *([] if self.process.returncode is not None else self.alive())):
            if process.is_running():
                process.kill()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


@asynccontextmanager
async def together(told: dict[str, str], *words: str) -> AsyncIterator[Together]:
    house = Together(told, *(words or ("--workers", "2")))
    try:
        yield house
    finally:
        await house.clear_away()


async def test_two_workers_answer_one_dies_and_comes_back_and_a_stop_ends_all(
    embedded_url: str, data_dir: Path
) -> None:
    async with together({"DATABASE_URL": embedded_url, "TOLLHOUSE_DATA_DIR": str(data_dir)}) as house:
        said = await house.start(b"\n")
        assert said.count("is listening on") == 1
        first, second = house.workers
        for asleep in (first, second):  # so each of them answers alone once
            asleep.suspend()
            await house.healthy()
            asleep.resume()

        first.kill()
        for _ in range(20):
            await house.healthy()
        await until(lambda: len(house.alive()) == 2)
        assert first.pid not in {worker.pid for worker in house.alive()}
        house.workers = house.alive()
        await until(lambda: len(list((data_dir / "workers").iterdir())) == 2)
        second.suspend()
        await house.healthy()
        second.resume()

        status, log = await house.end(signal.SIGTERM)
        assert status == 0
        assert not any(worker.is_running() for worker in house.workers)
        ended = [json.loads(line) for line in log.splitlines() if "started again" in line]
        assert [(line["worker"] in (1, 2), line["status"]) for line in ended] == [(True, -signal.SIGKILL)]


async def test_the_logs_of_a_worker_name_it(embedded_server: str, embedded_url: str, data_dir: Path) -> None:
    """A database that is gone is something every worker complains about."""
    async with together(environment("http://127.0.0.1:9", embedded_url, data_dir)) as house:
        await house.start(b"\n")
        with psycopg.connect(embedded_server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {urlsplit(embedded_url).path[1:]} WITH (FORCE)")
        line = await asyncio.wait_for(_first_event(house), 30)
        assert json.loads(line)["worker"] in (1, 2)


async def _first_event(house: Together) -> bytes:
    """The first line of our own; libraries write in a form of theirs."""
    assert house.process.stderr
    async for line in house.process.stderr:
        if line.startswith(b"{"):
            return line
    raise AssertionError("the log ended")


async def _begin_stream(stage: Stage, stack: Any, *, delay_ms: int) -> Any:
    """A stream past its first chunk."""
    await stage.emulator.script(model=MODEL, chunk_delay_ms=delay_ms, completion_tokens=40)
    made = await stage.key("5.0000")
    client = await stack.enter_async_context(stage.client(made.raw_key))
    asked: Any = [{"role": "user", "content": "Count the coins, please."}]
    stream = await client.chat.completions.create(model=MODEL, messages=asked, stream=True, max_tokens=40)
    await anext(stream.__aiter__())
    return stream


@pytest.mark.parametrize("how", ["the supervisor is killed", "the supervisor is stopped"])
async def test_calls_in_flight_are_finished_when_the_house_ends(embedded_url: str, data_dir: Path, how: str) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connected(embedded_url))
        emulator = await stack.enter_async_context(emulated())
        house = await stack.enter_async_context(together(environment(emulator.url, embedded_url, data_dir)))
        await house.start(b"\n")
        stage = Stage(house.url, emulator, database)
        stream = await _begin_stream(stage, stack, delay_ms=25)
        house.process.send_signal(signal.SIGKILL if "killed" in how else signal.SIGTERM)
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert await asyncio.wait_for(house.process.wait(), 60) == (-signal.SIGKILL if "killed" in how else 0)
        await until(lambda: not any(worker.is_running() for worker in house.workers))
        await stage.assert_books_agree()


async def test_a_second_signal_does_not_wait_for_calls(embedded_url: str, data_dir: Path) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connected(embedded_url))
        emulator = await stack.enter_async_context(emulated())
        house = await stack.enter_async_context(together(environment(emulator.url, embedded_url, data_dir)))
        await house.start(b"\n")
        await _begin_stream(Stage(house.url, emulator, database), stack, delay_ms=60_000)
        house.process.send_signal(signal.SIGTERM)
        await until(lambda: len(house.alive()) == 1)  # one is done, the other has a call of 40 minutes
        status, _ = await house.end(signal.SIGTERM)
        assert status == 128 + signal.SIGTERM
        assert not any(worker.is_running() for worker in house.workers)


async def test_what_keeps_a_worker_from_starting_is_one_line(embedded_url: str, data_dir: Path, tmp_path: Path) -> None:
    bad = tmp_path / "prices.json"
    bad.write_text('{"models": [{"provider": "openai"}]}')
    told = {"DATABASE_URL": embedded_url, "TOLLHOUSE_DATA_DIR": str(data_dir), "TOLLHOUSE_PRICE_OVERRIDES": str(bad)}
    async with together(told) as house:
        house.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tollhouse", "serve", *house._words, env=house._told,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, errors = await asyncio.wait_for(house.process.communicate(), 60)
        assert (house.process.returncode, said) == (1, b"")
        lines = errors.decode().strip().splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("tollhouse: ")
        assert str(bad) in lines[0]


async def test_a_demo_with_two_workers() -> None:
    with tempfile.TemporaryDirectory(prefix="tollhouse-demo-", ignore_cleanup_errors=True) as folder:
        told = {"TOLLHOUSE_DATA_DIR": f"{folder}/data", "TOLLHOUSE_WORKERS": "2"}
        async with together(told, "--demo") as house:
            said = await house.start(b"Stop with Ctrl-C; calls in flight are finished first.\n\n")
            assert said.count("Tollhouse is running") == 1
            assert len(house.workers) == 2
            demo = json.loads(Path(folder, "data/demo.json").read_text())
            body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
            async with httpx.AsyncClient(timeout=30) as client:
                for _ in range(4):
                    answer = await client.post(
                        f"{demo['base_url']}/v1/ai/chat/completions",
                        json=body,
                        headers={"Authorization": f"Bearer {demo['virtual_key']}", "Connection": "close"},
                    )
                    assert answer.status_code == 200, answer.text
            assert (await house.end(signal.SIGINT))[0] == 0
            with pytest.raises(httpx.ConnectError):
                httpx.get(demo["emulator_url"])


# Deaths at the start, with a worker that is a line of shell --------------------------------------------------


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Makes what runs instead of a worker, and the file in which it counts its starts."""
    starts = tmp_path / "starts"

    def make(line: str) -> Path:
        script = tmp_path / "worker"
        script.write_text(f"#!/bin/sh\necho x >> {starts}\n{line}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        return starts

    yield make
    loop = asyncio.get_event_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def crew(size: int = 1, shutdown_s: float = 5) -> Crew:
    return Crew(size, serving.listen("127.0.0.1", 0), CLEAN, shutdown_s)


async def test_a_worker_that_never_comes_to_serve_ends_the_house(worker: Callable[[str], Path]) -> None:
    starts = worker("exit 3")
    with pytest.raises(StartupError, match=r"worker 1 ended 4 times before it could serve \(status 3\)"):
        await Supervisor(crew(), lambda: None).run()
    assert starts.read_text().count("x") == 4


async def test_a_house_that_was_complete_once_goes_on_trying(worker: Callable[[str], Path]) -> None:
    """A reason to end that comes later (the database is away just now) is waited out."""
    starts = worker("echo ready\necho the database is away\nexit 1")
    announced: list[None] = []
    running = asyncio.create_task(Supervisor(crew(), lambda: announced.append(None)).run())
    await until(lambda: starts.exists() and starts.read_text().count("x") >= 5)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert announced == [None]


async def test_a_worker_that_does_not_stop_in_time_is_killed(
    worker: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_LAST_BOOKINGS_S", 0.2)
    worker("trap '' TERM\necho ready\nwhile :; do sleep 0.05; done")
    ready = asyncio.Event()
    running = asyncio.create_task(Supervisor(crew(shutdown_s=0.2), ready.set).run())
    await asyncio.wait_for(ready.wait(), PATIENCE_S)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, PATIENCE_S)


def test_a_worker_is_started_again_at_once_unless_it_dies_again_and_again() -> None:
    assert [pause_s(deaths) for deaths in range(10)] == [0, 0, 0, 0.25, 0.5, 1, 2, 4, 5, 5]


def test_a_process_that_is_told_the_environment_of_settings_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("CF_", "TOLLHOUSE_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CF_AI_GATEWAY_API_TOKEN", "cloudflare-secret")
    monkeypatch.setenv("TOLLHOUSE_PORT", "1234")
    monkeypatch.setenv("TOLLHOUSE_COOKIE_SECURE", "true")
    monkeypatch.setenv("TOLLHOUSE_PRICE_OVERRIDES", "prices.json")
    read = settings.load()
    for name, value in settings.environment_of(read).items():
        monkeypatch.setenv(name, value)
    assert settings.load() == read
