"""No raw key, no tenant's `Authorization` and no prompt gets out of the road: not upstream, not into logs or rows."""

from pathlib import Path
from typing import Any

import httpx
import openai
import psycopg
import pytest

from making import connected
from stage import TOKEN, Served, Stage, emulated, environment, free_port

CANARY = "canary-prompt-7d1f"
MODEL = "gpt-4o-mini"


def _dump(url: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        rows = [connection.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in names]
    return "\n".join(row[0] for table in rows for row in table)


async def test_keys_and_prompts_stay_inside(embedded_url: str, data_dir: Path, tmp_path: Path) -> None:
    async with connected(embedded_url) as database, emulated() as emulator:
        told = environment(emulator.url, embedded_url, data_dir, log_level="debug")
        served = Served(told, free_port(), tmp_path / "log")
        await served.start()
        stage = Stage(served.url, emulator, database)
        made = await stage.key("5.0000")
        wrong = "aig_" + "f" * 32
        asked: Any = [{"role": "user", "content": CANARY}]
        client = stage.client(made.raw_key, default_headers={"x-api-key": "sk-tenant-secret-1", "cookie": "a=b"})
        await client.chat.completions.create(model=MODEL, messages=asked)
        async for _ in await client.chat.completions.create(model=MODEL, messages=asked, stream=True):
            pass
        await stage.emulator.script(model=MODEL, cut_after_chunks=2)
        with pytest.raises(openai.APIError):
            async for _ in await client.chat.completions.create(model=MODEL, messages=asked, stream=True):
                pass
        with pytest.raises(openai.AuthenticationError):
            await stage.client(wrong).chat.completions.create(model=MODEL, messages=asked)
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="no such model", messages=asked)
        async with httpx.AsyncClient() as plain:
            await plain.post(f"{served.url}/v1/login", json={"email": "a@b.c", "password": "hunter2-hunter2"})
            await plain.get(f"{served.url}/v1/me", headers={"Authorization": f"Bearer {made.raw_key}"})
        await stage.booked(3)
        received = await emulator.calls()
        book = await emulator.settled_book()
        assert await served.stop() == 0

    assert book["leaks"] == []
    assert len(received) == 3
    for request in received:
        heads = str(request["headers"]).lower()
        assert "'authorization'" not in heads
        assert "cf-aig-authorization" in heads
        assert "sk-tenant" not in heads
        assert "cookie" not in heads
        assert "x-api-key" not in heads
    seen_upstream, logged, stored = str(received), served.log.read_text(), _dump(embedded_url)
    assert CANARY in seen_upstream  # the look-out itself works
    for secret in (made.raw_key, wrong, "sk-tenant-secret-1", "hunter2-hunter2"):
        assert secret not in seen_upstream
        assert secret not in logged
        assert secret not in stored
    for place in (logged, stored):
        assert CANARY not in place
        assert TOKEN not in place
    assert made.key_hash in stored
