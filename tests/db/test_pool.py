"""Connections from the pool, and what everybody learns from one who could not have any."""

import asyncio
from typing import Any

import pytest

from tollhouse.db import pool
from tollhouse.db.pool import Database
from tollhouse.foundation.errors import Unavailable


class Pool:
    """asyncpg's, as far as it is used: refuses connections as long as it is told to."""

    def __init__(self) -> None:
        self.refuses = True
        self.tried = 0
        self.idle = 0

    def get_idle_size(self) -> int:
        return self.idle

    async def acquire(self, *, timeout: float) -> object:
        self.tried += 1
        if self.refuses:
            raise ConnectionRefusedError
        return object()

    async def release(self, _connection: object, *, timeout: float) -> None:
        """Nothing is kept."""


async def ask(database: Database) -> None:
    async with database.connection():
        pass


async def test_who_cannot_connect_spares_others_the_attempt_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    asyncpgs: Any = Pool()
    database = Database(asyncpgs, wait_s=1)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await ask(database)
    assert asyncpgs.tried == 1
    monkeypatch.setattr(pool, "_TRY_AGAIN_AFTER_S", 0.0)
    asyncpgs.idle, asyncpgs.refuses = 1, False
    await ask(database)
    assert asyncpgs.tried == 2


async def test_after_a_moment_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_TRY_AGAIN_AFTER_S", 0.01)
    asyncpgs: Any = Pool()
    database = Database(asyncpgs, wait_s=1)
    with pytest.raises(Unavailable):
        await ask(database)
    asyncpgs.refuses = False
    await asyncio.sleep(0.02)
    await ask(database)
