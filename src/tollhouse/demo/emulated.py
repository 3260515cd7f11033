"""The emulated Cloudflare beside a demo: a process of its own, as a provider would be.

It goes on when Tollhouse is killed, and the next start finds it and its book again.
"""

import asyncio
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import click
import httpx
from pydantic import HttpUrl, SecretStr

from tollhouse.catalog.models import load as load_catalog
from tollhouse.demo.files import write_private
from tollhouse.emulator.server import serve
from tollhouse.emulator.world import EmulatorConfig
from tollhouse.foundation.errors import StartupError
from tollhouse.settings import Settings

ACCOUNT: Final = "demo"
_GATEWAYS: Final = 1000
"""More than a real account has, so that nobody who tries things out runs into that limit."""
_READY_WITHIN_S: Final = 20.0
_POLL_S: Final = 0.05
_LOOK_AT_LEASH_S: Final = 10.0
_LET_GO_S: Final = 600.0


class EmulatorProcess:
    """The emulated Cloudflare beside a demo: found again if it runs, started if not, stopped with us."""

    def __init__(self, data_dir: Path) -> None:
        self._place = data_dir / "emulator.json"
        self._state = data_dir / "emulator.jsonl"
        self._log = data_dir / "emulator.log"
        self._token_file = data_dir / "emulator.token"
        self._leash = _hold_leash(data_dir / "demo.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._pid = 0

    async def start(self) -> None:
        """Until it answers; raises StartupError if it does not."""
        if await self._find_running():
            return
        self._place.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tollhouse", "emulator", "--port", "0", "--state", str(self._state)]
        command += ["--place", str(self._place), "--leash", self._leash.name, "--quota", str(_GATEWAYS)]
        environment = os.environ | {"CF_ACCOUNT_ID": ACCOUNT, "CF_AI_GATEWAY_API_TOKEN": self.token}
        # A session of its own: Ctrl-C in the terminal is for us, and we stop it when our calls are finished.
        # A log of its own as well: it must not keep our caller's pipe open when we are killed.
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                while not await self._find_running():
                    if self._process.poll() is not None:
                        raise StartupError(f"the emulated Cloudflare did not start; its own words are in {self._log}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as cause:
            raise StartupError(f"the emulated Cloudflare did not answer within {_READY_WITHIN_S:g} s") from cause

    @property
    def token(self) -> str:
        """The one token it accepts; made once per data directory."""
        if not self._token_file.exists():
            write_private(self._token_file, secrets.token_hex(24))
        return self._token_file.read_text()

    async def _find_running(self) -> bool:
        try:
            place = json.loads(self._place.read_text())
            async with httpx.AsyncClient(timeout=2) as client:
                answer = await client.get(f"{place['url']}/_emulator/health")
        except (OSError, ValueError, httpx.HTTPError):
            return False
        self.url, self._pid = place["url"], place["pid"]
        return answer.status_code == 200

    async def stop(self) -> None:
        """End it and wait until it has."""
        if self._pid:
            _signal(self._pid, signal.SIGTERM)
            await self._gone()
        self._leash.close()

    async def _gone(self) -> None:
        for _ in range(200):
            if self._process is not None and self._process.poll() is not None:
                return
            if self._process is None and not _alive(self._pid):
                return
            await asyncio.sleep(_POLL_S)
        _signal(self._pid, signal.SIGKILL)


def with_emulator(settings: Settings, emulator: EmulatorProcess) -> Settings:
    """The same settings, with the emulator as Cloudflare."""
    return settings.model_copy(
        update={
            "cf_account_id": ACCOUNT,
            "cf_api_token": SecretStr(emulator.token),
            "cf_api_base": HttpUrl(f"{emulator.url}/client/v4"),
            "cf_gateway_base": HttpUrl(f"{emulator.url}/v1"),
            "gateways_per_account": _GATEWAYS,
        }
    )


@dataclass(frozen=True, slots=True)
class EmulatorOrder:
    """What `tollhouse emulator` was asked to run. `place`: where to say so; `leash`: see `_end_when_let_go`."""

    account: str
    token: str
    host: str
    port: int
    quota: int
    state: Path | None
    place: Path | None
    leash: Path | None
    price_overrides: Path | None


async def run_emulator(order: EmulatorOrder) -> None:
    """Serve an emulated Cloudflare until SIGTERM or SIGINT."""

    def started(url: str) -> None:
        click.echo(f"The emulated Cloudflare is listening on {url}")
        if order.place is not None:
            write_private(order.place, json.dumps({"url": url, "pid": os.getpid()}))

    config = EmulatorConfig(
        accounts={order.account: frozenset({order.token})},
        catalog=load_catalog(order.price_overrides, datetime.now(UTC).date()),
        gateway_quota=order.quota,
        state_file=order.state,
    )
    watcher = None if order.leash is None else asyncio.create_task(_end_when_let_go(order.leash))
    try:
        await serve(config, order.host, order.port, started)
    finally:
        if watcher is not None:
            watcher.cancel()


async def _end_when_let_go(leash: Path) -> None:
    """End some minutes after nobody holds the lock: a killed demo may be started again and wants its book."""
    free_since = 0.0
    while True:
        await asyncio.sleep(_LOOK_AT_LEASH_S)
        free_since = free_since + _LOOK_AT_LEASH_S if _is_free(leash) else 0.0
        if free_since >= _LET_GO_S:
            os.kill(os.getpid(), signal.SIGTERM)


def _is_free(leash: Path) -> bool:
    try:
        with leash.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _hold_leash(path: Path) -> IO[str]:
    """A lock that says "a demo runs here"; the emulator ends some time after nobody holds it any more."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as cause:
        lock.close()
        raise StartupError(f"another demo runs in {path.parent}; stop it or set TOLLHOUSE_DATA_DIR") from cause
    return lock


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
