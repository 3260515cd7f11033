"""The processes of a campaign: nodes of Tollhouse and the emulated Cloudflare behind them."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
import psutil

from stage import ACCOUNT, TOKEN, Emulated, free_port

STARTS_WITHIN_S: Final = 60.0
_STOPS_WITHIN_S: Final = 120.0
_OURS: Final = ("CF_", "TOLLHOUSE_", "DATABASE_", "STRIPE_")
_CLEAN: Final = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


class _Process:
    """A command of ours as a process of its own, with a log."""

    def __init__(self, told: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._told = dict(told)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    def words(self) -> list[str]:
        """The command and its options."""
        raise NotImplementedError

    async def begin(self, more: Mapping[str, str] | None = None) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tollhouse", *self.words(), env=_CLEAN | self._told | dict(more or {}),
                stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip

    async def answers(self, url: str) -> None:
        """Until it does."""
        async with asyncio.timeout(STARTS_WITHIN_S), httpx.AsyncClient(timeout=5) as client:
            while True:
                assert not self.ended, self.log.read_text()
                try:
                    if (await client.get(url)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)

    async def wait(self) -> int:
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), _STOPS_WITHIN_S)

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return await self.wait()

    def signal(self, number: signal.Signals) -> None:
        if not self.ended:
            os.kill(self.pid, number)

    async def clear_away(self) -> None:
        if not self.ended:
            self.signal(signal.SIGKILL)
            await self.wait()


class EmulatorProcess(_Process):
    """`tollhouse emulator`. Its state file is the whole book, however long the campaign."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = state
        super().__init__({"CF_ACCOUNT_ID": ACCOUNT, "CF_AI_GATEWAY_API_TOKEN": TOKEN}, folder / "emulator.log")

    def words(self) -> list[str]:
        return ["emulator", "--port", str(self.port), "--state", str(self.state), "--quota", "10000"]

    async def ready(self) -> Emulated:
        await self.answers(f"{self.url}/_emulator/health")
        return Emulated(self.url)


class Node(_Process):
    """`tollhouse serve --workers N` with a data directory of its own and a port that stays.

    `workers` may be changed between a stop and a start.
    """

    def __init__(self, name: str, told: Mapping[str, str], folder: Path, workers: int) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = folder / name
        self.workers = workers
        place = {
            "TOLLHOUSE_PORT": str(self.port),
            "TOLLHOUSE_DATA_DIR": str(self.data_dir),
            "TOLLHOUSE_LOG_FORMAT": "json",
        }
        super().__init__({**told, **place}, folder / f"{name}.log")

    def words(self) -> list[str]:
        return ["serve", "--workers", str(self.workers)]

    async def start(self, **more: str) -> None:
        await self.begin(more)
        await self.ready()

    async def ready(self) -> None:
        await self.answers(f"{self.url}/v1/health")

    def working(self) -> list[psutil.Process]:
        """The processes that serve."""
        try:
            parent = psutil.Process(self.pid)
            if self.workers == 1:
                return [parent]
            return [child for child in parent.children() if is_worker(child)]
        except psutil.NoSuchProcess:
            return []


def is_worker(process: psutil.Process) -> bool:
    """Of a supervisor's children: whether it serves, and lives."""
    try:
        return "worker" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
