"""A whole Tollhouse on a stage: the emulated Cloudflare, a house on a real socket, and clients that know neither.

`open_stage` runs everything in the test's own event loop; `Served` runs `tollhouse serve` as a process that can be
killed. The emulator's book is the truth that both are compared with.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from openai import AsyncOpenAI

from making import customer, key
from tollhouse import app, serving
from tollhouse.access.keys import KeyTerms, NewKey
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.models import load as load_catalog
from tollhouse.cloudflare.management import Account, GatewayManagement
from tollhouse.db.pool import Database
from tollhouse.demo.customer import Demo, prepare
from tollhouse.emulator.server import running
from tollhouse.emulator.world import EmulatorConfig
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret
from tollhouse.ledger import budgets
from tollhouse.settings import Settings
from waiting import eventually

ACCOUNT = "acct"
TOKEN = "cloudflare-test-token-0123456789"


@cache
def catalog() -> Catalog:
    return load_catalog(None, datetime.now(UTC).date())


class Emulated:
    """The emulator's controls, for a test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.AsyncClient(base_url=f"{url}/_emulator", timeout=30)

    async def book(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self._client.get("/book", params={"detail": "calls"})).json()
        return answer

    async def calls(self) -> list[dict[str, Any]]:
        """The data plane's requests as they were received, bodies included."""
        seen = (await self._client.get("/requests", params={"body": "1"})).json()["requests"]
        return [request for request in seen if request["path"].startswith("/v1/")]

    async def script(self, **order: Any) -> None:
        answer = await self._client.post("/script", json=order)
        assert answer.status_code == 200, answer.text

    async def settled_book(self) -> dict[str, Any]:
        """The book once nothing is in flight any more: a provider bills after its caller has left."""

        async def settled() -> dict[str, Any]:
            book = await self.book()
            return {} if book["in_flight"] else book

        return await eventually(settled, "calls stay in flight at the emulator")

    async def aclose(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def emulated(**config: Any) -> AsyncIterator[Emulated]:
    world = EmulatorConfig(accounts={ACCOUNT: frozenset({TOKEN})}, catalog=catalog(), gateway_quota=10_000, **config)
    async with running(world) as url:
        controls = Emulated(url)
        try:
            yield controls
        finally:
            await controls.aclose()


def environment(emulator_url: str, database_url: str, data_dir: Path, **more: object) -> dict[str, str]:
    """What `tollhouse serve` is told; names are those of the settings, for example `call_max_s`."""
    told = {
        "CF_ACCOUNT_ID": ACCOUNT,
        "CF_AI_GATEWAY_API_TOKEN": TOKEN,
        "CF_API_BASE": f"{emulator_url}/client/v4",
        "CF_GATEWAY_BASE": f"{emulator_url}/v1",
        "DATABASE_URL": database_url,
        "TOLLHOUSE_DATA_DIR": str(data_dir),
        "TOLLHOUSE_PORT": "0",
        "TOLLHOUSE_SWEEP_EVERY_S": "0.2",
    }
    return told | {f"TOLLHOUSE_{name.upper()}": str(value) for name, value in more.items()}


def settings_from(told: Mapping[str, str]) -> Settings:
    """Settings as the environment would give them, without touching the environment."""
    fields: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias if isinstance(field.validation_alias, str) else f"TOLLHOUSE_{name.upper()}"
        if alias in told:
            fields[alias if isinstance(field.validation_alias, str) else name] = told[alias]
    return Settings(**fields)


@dataclass
class Stage:
    """Everything a journey needs. `url` is where clients connect."""

    url: str
    emulator: Emulated
    database: Database
    house: app.House | None = None

    def client(self, raw_key: str, **options: Any) -> AsyncOpenAI:
        """The real SDK; it tries nothing twice unless told to."""
        return AsyncOpenAI(base_url=f"{self.url}/v1/ai", api_key=raw_key, **({"max_retries": 0} | options))

    async def customer(self, **columns: Any) -> CustomerId:
        """A customer whose gateway exists at the emulator."""
        async with self.database.transaction() as connection:
            customer_id = await customer(connection, cf_account_id=ACCOUNT, **columns)
        await make_gateway(self.emulator.url, f"tollhouse-{customer_id}")
        return customer_id

    async def key(self, usd: str | None = None, *, terms: KeyTerms | None = None) -> NewKey:
        """A key of a fresh customer."""
        customer_id = await self.customer()
        async with self.database.transaction() as connection:
            return await key(connection, customer_id, usd, terms=terms)

    async def entries(self) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM ledger_entries ORDER BY created_at")
        return [dict(row) | {"call_id": str(row["call_id"])} for row in rows]

    async def booked(self, calls: int) -> list[dict[str, Any]]:
        """The entries, once there are as many as expected and everything that was written down is in the book."""
        if self.house is not None:
            await self.house.road.keeper.drained()

        async def all_are_there() -> bool:
            return len(await self.entries()) >= calls

        await eventually(all_are_there, f"not {calls} entries")
        return await self.entries()

    async def assert_books_agree(self) -> None:
        """The ledger equals the provider's book, call by call and to the nano-dollar, and the audit is empty."""
        book = await self.emulator.settled_book()
        entries = await self.booked(book["calls"])
        true = {row["call_id"]: row["true_cost_nanos"] for row in book["by_call"]}
        mine = {entry["call_id"]: entry["cost_nanos"] for entry in entries}
        assert len(mine) == len(entries)
        assert {call_id: mine.get(call_id) for call_id in true} == true
        assert {call_id: cost for call_id, cost in mine.items() if call_id not in true and cost} == {}
        async with self.database.connection() as connection:
            assert await budgets.audit(connection) == []


async def make_gateway(emulator_url: str, gateway_id: str) -> None:
    account = Account(ACCOUNT, Secret(TOKEN), Secret(TOKEN), 10_000)
    async with GatewayManagement(f"{emulator_url}/client/v4", (account,)) as management:
        await management.ensure(ACCOUNT, gateway_id)


@asynccontextmanager
async def open_stage(
    database: Database,
    database_url: str,
    data_dir: Path,
    *,
    world: dict[str, Any] | None = None,
    told: Mapping[str, str] | None = None,
    **more: object,
) -> AsyncIterator[Stage]:
    """House and emulator in this event loop; the work on spans, too, unless `ingest_process` says otherwise.

    `told`: more of the environment, by its whole names.
    """
    more = {"ingest_process": False} | more
    async with emulated(**(world or {})) as emulator:
        read = settings_from(environment(emulator.url, database_url, data_dir, **more) | dict(told or {}))
        listener = serving.listen("127.0.0.1", 0)
        async with app.open_house(read, database_url) as house:
            server = serving.make_server(house.application, max_header_bytes=read.max_header_bytes, shutdown_s=5)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield Stage(f"http://127.0.0.1:{listener.getsockname()[1]}", emulator, database, house)
            finally:
                server.stop()
                await task
                await server.last_words(5)


async def demo_in(stage: Stage, place: Path) -> Demo:
    """The demo's customer with its past, in this house; what it writes down lies at `place`."""
    assert stage.house is not None
    settings = settings_from(environment(stage.emulator.url, "", place))
    return await prepare(stage.house.control, settings, stage.url, stage.emulator.url)


class Served:
    """`tollhouse serve` as a process of its own, on a port that stays the same over restarts."""

    def __init__(self, told: Mapping[str, str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._told = dict(told) | {"TOLLHOUSE_PORT": str(port), "TOLLHOUSE_LOG_FORMAT": "json"}
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tollhouse", "serve", env=os.environ | self._told, stdout=log, stderr=log
            )
        async with httpx.AsyncClient() as client:
            await eventually(lambda: self._healthy(client), "it does not start")

    async def _healthy(self, client: httpx.AsyncClient) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log.read_text()
        with contextlib.suppress(httpx.HTTPError):
            return (await client.get(f"{self.url}/v1/health")).status_code == 200
        return False

    async def kill(self) -> None:
        """kill -9: no goodbye of any kind."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), 60)


def free_port() -> int:
    with serving.listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])
