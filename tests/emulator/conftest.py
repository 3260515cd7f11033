"""An emulator on a free port, in the tests' own loop."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest

from emulator.emulated import ACCOUNT, GATEWAY, OTHER, OTHER_TOKEN, TOKEN, Emulated, Prices
from making import ManualClock
from tollhouse.emulator.app import EmulatorConfig
from tollhouse.emulator.server import running

Start = Callable[..., Awaitable[Emulated]]

_CLOCK = ManualClock()


@pytest.fixture
def clock() -> ManualClock:
    """The clock of every emulator here; it only ever goes on."""
    return _CLOCK


@pytest.fixture(scope="session")
def config() -> EmulatorConfig:
    accounts = {ACCOUNT: frozenset({TOKEN}), OTHER: frozenset({OTHER_TOKEN})}
    return EmulatorConfig(accounts, Prices(), clock=_CLOCK)


@pytest.fixture(scope="session")
async def shared(config: EmulatorConfig) -> AsyncIterator[Emulated]:
    async with AsyncExitStack() as stack:
        yield await _open(stack, config)


@pytest.fixture
async def emulated(shared: Emulated) -> Emulated:
    """The usual emulator, as new, with one gateway."""
    await shared.client.post("/_emulator/reset", json={"gateways": True})
    await shared.gateway()
    return shared


@pytest.fixture
async def start(config: EmulatorConfig) -> AsyncIterator[Start]:
    """Starts emulators with a changed configuration; each has the usual gateway unless it remembers one."""
    async with AsyncExitStack() as stack:

        async def started(**changes: Any) -> Emulated:
            emulated = await _open(stack, replace(config, **changes))
            if not (await emulated.manage("GET", f"ai-gateway/gateways/{GATEWAY}")).is_success:
                await emulated.gateway()
            return emulated

        yield started


async def _open(stack: AsyncExitStack, config: EmulatorConfig) -> Emulated:
    url = await stack.enter_async_context(running(config))
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
    return Emulated(client, config)
