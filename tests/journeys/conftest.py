"""Stages for journeys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from making import connected
from stage import Stage, open_stage


@pytest.fixture
async def stage(embedded_url: str, data_dir: Path) -> AsyncIterator[Stage]:
    """A house on the embedded server."""
    async with connected(embedded_url) as database, open_stage(database, embedded_url, data_dir) as opened:
        yield opened


@pytest.fixture
async def any_stage(database_url: str, data_dir: Path) -> AsyncIterator[Stage]:
    """The same, once on each server."""
    async with connected(database_url) as database, open_stage(database, database_url, data_dir) as opened:
        yield opened
