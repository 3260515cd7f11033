"""One house and one Chromium for all tests of a process; a demo with a past where pages must not be empty."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
from playwright.async_api import Browser

from browser.visiting import PROVIDER_KEY, Account, Theme, Visitor, an_account, chromium_running, visiting
from databases import Databases
from making import connected
from stage import Stage, demo_in, open_stage
from tollhouse.control.dashboard.built import SITE
from tollhouse.demo.customer import Demo


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with chromium_running() as browser:
        yield browser


@pytest.fixture(scope="session")
async def stage(embedded_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A house whose pages are built; what it sends out may go to receivers of the tests."""
    assert (SITE / "index.html").is_file(), "the pages are not built: run the tests with `make test`, or `make pages`"
    url = embedded_databases.take()
    place, world = tmp_path_factory.mktemp("browser"), {"provider_keys": frozenset({PROVIDER_KEY})}
    async with (
        connected(url) as database,
        open_stage(database, url, place, world=world, allow_private_webhooks=True) as opened,
    ):
        yield opened


@pytest.fixture(scope="session")
async def demo(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Its customer stands in the house of all tests."""
    return await demo_in(stage, tmp_path_factory.mktemp("demo"))


class Arrive(Protocol):
    async def __call__(
        self, who: Account | None = None, *, width: int = 1280, theme: Theme = "light", script: str = ""
    ) -> Visitor: ...


@pytest.fixture
async def arrive(chromium: Browser, stage: Stage) -> AsyncIterator[Arrive]:
    """Somebody comes, signed in if it is told who. What their browsers complained of is judged at the end."""
    async with AsyncExitStack() as stack:

        async def come(
            who: Account | None = None, *, width: int = 1280, theme: Theme = "light", script: str = ""
        ) -> Visitor:
            came = visiting(chromium, stage, width=width, theme=theme, script=script)
            visitor = await stack.enter_async_context(came)
            if who is not None:
                await visitor.sign_in(who)
            return visitor

        yield come


@pytest.fixture
async def admin(stage: Stage) -> Account:
    """Of a fresh customer."""
    return await an_account(stage)
