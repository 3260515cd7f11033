"""A house with an open door for spans, one for each module of tests."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from intake.sending import SECRET, Door
from making import TEMPLATE, connected, create_database
from stage import Stage, open_stage
from tollhouse.db.pool import Database

SMALL: dict[str, Any] = {
    "ingest_max_body_bytes": 1 << 20,
    "ingest_max_decoded_bytes": 4 << 20,
    "ingest_max_spans": 500,
    "ingest_max_inflight_bytes": 16 << 20,
    "public_url": "https://tollhouse.example",
}


@pytest.fixture(scope="module")
async def stage(embedded_template: str) -> AsyncIterator[Stage]:
    url = create_database(embedded_template, TEMPLATE)
    with tempfile.TemporaryDirectory() as place:
        async with (
            connected(url) as database,
            open_stage(database, url, Path(place), told={"TRACE_INGEST_SECRET": SECRET}, **SMALL) as opened,
        ):
            yield opened


@pytest.fixture(scope="module")
async def embedded_database(embedded_template: str) -> AsyncIterator[Database]:
    """One for a whole module here: these tests look only at what they wrote."""
    async with connected(create_database(embedded_template, TEMPLATE)) as database:
        yield database


@pytest.fixture(scope="module")
def door(stage: Stage) -> Door:
    return Door(stage.url, stage.database)
