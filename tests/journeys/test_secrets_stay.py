"""What is secret stays so: keys and prompts on the road; passwords, tokens and links of the control plane."""

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


PASSWORDS = ("correct-horse-battery-1", "correct-horse-battery-2", "wrong-horse-battery-3")
PROVIDER_KEY = "sk-of-the-customer-0123456789abcdef"


async def _typed_and_given(client: httpx.AsyncClient) -> list[str]:
    """Lives an admin's day; returns everything that was typed or shown once and must be nowhere afterwards."""
    terms = {"name": "Acme", "email": "admin@example.com", "password": PASSWORDS[0]}
    made = await client.post("/v1/customers/register", json=terms)
    assert made.status_code == 201, made.text
    await client.post("/v1/login", json={"email": "admin@example.com", "password": PASSWORDS[2]})
    me = (await client.get("/v1/me")).json()
    client.headers["X-CSRF-Token"] = me["csrf_token"]
    key = (await client.post("/v1/ai/keys/user", json={"name": "laptop", "budget_usd": "1"})).json()
    rotated = (await client.post(f"/v1/ai/keys/{key['key']['hash']}/rotate", json={"grace_s": 60})).json()
    token = (await client.post("/v1/tokens", json={"name": "script"})).json()
    invited = (await client.post("/v1/invitations", json={"email": "next@example.com"})).json()
    link = (await client.post(f"/v1/users/{me['user']['id']}/password-reset")).json()
    provider = await client.put("/v1/customers/me/provider-keys/openai", json={"secret": PROVIDER_KEY})
    assert provider.status_code == 200, provider.text
    changed = await client.post(
        "/v1/me/password", json={"current_password": PASSWORDS[0], "new_password": PASSWORDS[1]}
    )
    assert changed.status_code == 200, changed.text
    sessions = [cookie.value or "" for cookie in client.cookies.jar]
    secrets = [key["raw_key"], rotated["raw_key"], token["raw_token"], invited["raw_token"], link["raw_token"]]
    return [*PASSWORDS, PROVIDER_KEY, *secrets, *sessions]


async def _all_that_can_be_read(client: httpx.AsyncClient) -> str:
    """The answer of every route that needs no name to be asked."""
    client.headers["X-CSRF-Token"] = (await client.get("/v1/me")).json()["csrf_token"]
    paths = (await client.get("/v1/openapi.json")).json()["paths"]
    read = [path for path, methods in paths.items() if "get" in methods and "{" not in path and "oidc" not in path]
    assert {"/v1/audit/export", "/v1/ai/keys/export", "/v1/traces"} <= set(read)
    answers = [await client.get(path) for path in read]
    assert {answer.status_code for answer in answers} == {200}
    return "\n".join(answer.text for answer in answers)


async def test_what_people_type_and_are_given_once_is_nowhere_afterwards(
    embedded_url: str, data_dir: Path, tmp_path: Path
) -> None:
    async with emulated() as emulator:
        told = environment(emulator.url, embedded_url, data_dir, log_level="debug")
        served = Served(told, free_port(), tmp_path / "log")
        await served.start()
        async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
            secrets = await _typed_and_given(client)
            shown = await _all_that_can_be_read(client)
        assert await served.stop() == 0
    logged, stored = served.log.read_text(), _dump(embedded_url)
    assert "laptop" in shown  # the look-outs themselves work
    assert "laptop" in stored
    assert len(secrets) == len({secret for secret in secrets if len(secret) > 15})
    for place in (shown, logged, stored):
        assert [secret for secret in secrets if secret in place] == []
