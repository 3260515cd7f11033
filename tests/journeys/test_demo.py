"""One command as a stranger types it: the demo starts, its snippets work, it stops cleanly and finds its data."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from stage import free_port
from waiting import eventually

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("CF_", "TOLLHOUSE_", "DATABASE_"))}


class Demo:
    """`tollhouse serve --demo` in a directory of its own."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = data_dir
        self.told = CLEAN | {"TOLLHOUSE_DATA_DIR": str(data_dir), "TOLLHOUSE_PORT": str(port)}
        self.said = b""

    async def start(self) -> dict[str, Any]:
        """Until it has printed everything."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tollhouse", "serve", "--demo", env=self.told, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout
        self.said = await asyncio.wait_for(self.process.stdout.readuntil(b"Stop with Ctrl-C"), 60)
        demo: dict[str, Any] = json.loads((self.data_dir / "demo.json").read_text())
        return demo

    async def clear_away(self) -> None:
        """Whatever a failed test left running."""
        if self.process.returncode is None:
            self.process.kill()
        for pid in self._left_behind():
            os.kill(pid, signal.SIGKILL)

    def _left_behind(self) -> Iterator[int]:
        """Processes that name our directory: an emulator, a server of the database."""
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.data_dir) in part for part in process.info["cmdline"] or ()):
                yield process.pid

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)


async def _refused_start(**told: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tollhouse", "serve", "--demo", env=CLEAN | told,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    lines = errors.decode().strip().splitlines()
    assert len(lines) == 1, errors.decode()
    assert lines[0].startswith("tollhouse: ")
    return lines[0]


@pytest.fixture
async def demo(place: Path) -> AsyncIterator[Demo]:
    started = Demo(place, free_port())
    yield started
    await started.clear_away()


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tollhouse-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "data"


async def test_the_demo_from_first_start_to_last(demo: Demo, place: Path) -> None:
    told = await demo.start()
    assert set(told) == {
        "base_url", "dashboard_url", "email", "password", "api_token", "customer_id", "virtual_key", "team_key",
        "emulator_url", "trace_secret",
    }  # fmt: skip
    assert stat.S_IMODE((place / "demo.json").stat().st_mode) == 0o600
    await _pasted_snippets_work(demo.said.decode())
    await _everything_it_names_works(told)
    assert "another demo" in await _refused_start(TOLLHOUSE_DATA_DIR=str(place), TOLLHOUSE_PORT=str(free_port()))
    assert await demo.end(signal.SIGINT) == 0
    await _nothing_is_left(told)

    again = await demo.start()
    assert {name: again[name] for name in ("virtual_key", "api_token", "customer_id", "password", "base_url")} == {
        name: told[name] for name in ("virtual_key", "api_token", "customer_id", "password", "base_url")
    }
    await _everything_it_names_works(again)
    assert await demo.end(signal.SIGTERM) == 0


async def _pasted_snippets_work(said: str) -> None:
    curl = re.search(r"^  curl -s .*?^    -d .*?$", said, re.MULTILINE | re.DOTALL)
    python = re.search(r"^  python3 - <<'PY'\n(.*?)^PY$", said, re.MULTILINE | re.DOTALL)
    assert curl
    assert python
    shell = await asyncio.create_subprocess_exec("bash", "-c", curl[0], stdout=asyncio.subprocess.PIPE)
    answer, _ = await shell.communicate()
    assert json.loads(answer)["choices"]
    script = await asyncio.create_subprocess_exec(sys.executable, "-c", python[1], stdout=asyncio.subprocess.PIPE)
    printed, _ = await script.communicate()
    assert script.returncode == 0
    assert printed.strip()


async def _everything_it_names_works(told: dict[str, Any]) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    async with httpx.AsyncClient(base_url=told["base_url"], timeout=30) as client:
        calls_before = (await client.get(f"{told['emulator_url']}/_emulator/book")).json()["calls"]
        token = {"Authorization": f"Bearer {told['api_token']}"}
        spent_before = await _spent(client, token, ("Demo key", "Research team"))
        made_before = {span["span_id"] for span in await _spans(client, token)}
        for raw_key in (told["virtual_key"], told["team_key"]):
            answer = await client.post(
                "/v1/ai/chat/completions", json=body, headers={"Authorization": f"Bearer {raw_key}"}
            )
            assert answer.status_code == 200, answer.text
        signed_in = await client.post("/v1/login", json={"email": told["email"], "password": told["password"]})
        assert signed_in.status_code == 200, signed_in.text
        keys = (await client.get("/v1/ai/keys/customer", headers=token)).json()["keys"]
        assert len(keys) >= 5
        me = (await client.get("/v1/me", headers=token)).json()
        assert me["customer"]["id"] == told["customer_id"]
        assert (await client.get(told["dashboard_url"])).status_code == 200
        book = (await client.get(f"{told['emulator_url']}/_emulator/book")).json()
        assert book["calls"] == calls_before + 2
        await _reaches_the_book(client, token, made_before, spent_before)


async def _reaches_the_book(
    client: httpx.AsyncClient, token: dict[str, str], made_before: set[str], spent_before: float
) -> None:
    """What a worker holds in its journal is in the reports and in the sums a moment later."""

    async def two_more_spans() -> bool:
        return [span["name"] for span in await _spans(client, token) if span["span_id"] not in made_before] == [
            "chat gpt-4o-mini"
        ] * 2

    async def more_is_spent() -> bool:
        return await _spent(client, token, ("Demo key", "Research team")) > spent_before

    await eventually(two_more_spans, "two calls left no two spans")
    await eventually(more_is_spent, "two calls cost nothing")


async def _spans(client: httpx.AsyncClient, token: dict[str, str]) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = (await client.get("/v1/traces", headers=token)).json()["spans"]
    return spans


async def _spent(client: httpx.AsyncClient, token: dict[str, str], names: tuple[str, ...]) -> float:
    """In all, to the nano-dollar: the calls of the past are no more in it than they were."""
    keys = (await client.get("/v1/ai/keys/customer", headers=token)).json()["keys"]
    details = [
        (await client.get(f"/v1/ai/keys/{key['hash']}/details", headers=token)).json()
        for key in keys
        if key["name"] in names
    ]
    return sum(float(each["balance"]["spent_usd"]) for each in details)


async def _nothing_is_left(told: dict[str, Any]) -> None:
    async with httpx.AsyncClient() as client:
        for url in (told["base_url"], told["emulator_url"]):
            with pytest.raises(httpx.ConnectError):
                await client.get(url)


async def test_a_killed_demo_starts_again_with_the_same_book(demo: Demo) -> None:
    told = await demo.start()
    await _everything_it_names_works(told)
    demo.process.kill()
    await demo.process.wait()
    again = await demo.start()
    assert again["emulator_url"] == told["emulator_url"]
    await _everything_it_names_works(again)
    assert await demo.end(signal.SIGTERM) == 0


async def test_a_taken_port_is_one_line(place: Path) -> None:
    from tollhouse import serving

    with serving.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        said = await _refused_start(TOLLHOUSE_DATA_DIR=str(place), TOLLHOUSE_PORT=str(port))
    assert f"port {port} on 127.0.0.1 is in use" in said


async def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    said = await _refused_start(TOLLHOUSE_DATA_DIR=str(tmp_path / "file" / "data"), TOLLHOUSE_PORT="0")
    assert "cannot make the data directory" in said


async def test_a_half_made_database_is_one_line(place: Path) -> None:
    (place / "postgres").mkdir(parents=True)
    (place / "postgres" / "PG_VERSION").write_text("18")
    assert "half-made" in await _refused_start(TOLLHOUSE_DATA_DIR=str(place), TOLLHOUSE_PORT="0")


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"TOLLHOUSE_PORT": "many"}, "TOLLHOUSE_PORT"),
        ({"CF_API_BASE": "not a url"}, "CF_API_BASE"),
        ({"TOLLHOUSE_REGISTRATION": "maybe"}, "TOLLHOUSE_REGISTRATION"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:9/none", "TOLLHOUSE_PORT": "0"}, "cannot connect to the database"),
        ({"TOLLHOUSE_HOST": "203.0.113.7", "TOLLHOUSE_PORT": "0"}, "cannot listen"),
    ],
)
async def test_a_bad_setting_is_one_line_that_names_it(place: Path, told: dict[str, str], named: str) -> None:
    assert named in await _refused_start(**({"TOLLHOUSE_DATA_DIR": str(place)} | told))
