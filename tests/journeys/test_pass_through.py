"""Customers who bring their own keys: the provider gets exactly that key, and nobody else ever sees it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import psycopg
import pytest

from commands.terminal import Terminal
from making import connected, key, user
from stage import TOKEN, Served, Stage, emulated, environment, free_port, open_stage
from tollhouse.control.callers import Actor
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.foundation import logs
from tollhouse.foundation.ids import CustomerId
from waiting import eventually

OWN_KEY = "sk-canary-own-key-0123456789"
NEXT_KEY = "sk-canary-next-key-9876543210"
WORLD: dict[str, Any] = {"provider_keys": frozenset({OWN_KEY, NEXT_KEY})}
MODEL = "gpt-4o-mini"
HELLO: Any = [{"role": "user", "content": "hello"}]
KEYS = "/v1/customers/me/provider-keys"


class People:
    """A customer in this mode: its people by role, over HTTP, and a virtual key."""

    def __init__(self, stage: Stage, customer_id: CustomerId, raw_key: str, raw_tokens: dict[str, str]) -> None:
        self.customer_id = customer_id
        self.calls = stage.client(raw_key)
        self.raw_key = raw_key
        self.by_role = {
            role: httpx.AsyncClient(base_url=stage.url, headers={"Authorization": f"Bearer {raw}"})
            for role, raw in raw_tokens.items()
        }

    async def put(self, provider: str, secret: str) -> httpx.Response:
        answer = await self.by_role["admin"].put(f"{KEYS}/{provider}", json={"secret": secret})
        assert answer.status_code == 200, answer.text
        return answer

    async def ask(self, model: str = MODEL, **more: Any) -> Any:
        return await self.calls.chat.completions.create(model=model, messages=HELLO, max_tokens=5, **more)

    async def close(self) -> None:
        await self.calls.close()
        for client in self.by_role.values():
            await client.aclose()


@asynccontextmanager
async def people(stage: Stage, mode: str = "pass-through") -> AsyncIterator[People]:
    customer_id = await stage.customer(settings={"credential_mode": mode})
    raw: dict[str, str] = {}
    async with stage.database.transaction() as connection:
        made = await key(connection, customer_id, "5.0000")
        for role in ("admin", "manager", "member"):
            user_id = await user(connection, customer_id, role)
            token = await tokens.create_token(connection, Actor(customer_id, "test"), user_id, TokenTerms("test"))
            raw[role] = token.raw.reveal()
    who = People(stage, customer_id, made.raw_key, raw)
    try:
        yield who
    finally:
        await who.close()


@pytest.fixture
async def own_stage(embedded_url: str, data_dir: Path) -> AsyncIterator[Stage]:
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, world=WORLD) as opened,
    ):
        yield opened


def _headers(request: dict[str, Any]) -> dict[str, str]:
    return dict(request["headers"])


@pytest.mark.parametrize("model", [MODEL, "claude-sonnet-4-5"], ids=["on its own path", "on /compat"])
async def test_the_provider_gets_exactly_the_stored_key(own_stage: Stage, model: str) -> None:
    async with people(own_stage) as acme:
        provider = "openai" if model == MODEL else "anthropic"
        await acme.put(provider, OWN_KEY)
        assert (await acme.ask(model)).choices
        async for _ in await acme.ask(model, stream=True):
            pass
        for request in await own_stage.emulator.calls():
            headers = _headers(request)
            assert headers["authorization"] == f"Bearer {OWN_KEY}"
            assert headers["cf-aig-authorization"] == f"Bearer {TOKEN}"
            assert headers["cf-aig-no-wholesale"] == "true"
            assert request["payer"] == "request"
        await own_stage.assert_books_agree()
        book = await own_stage.emulator.book()
        assert (book["calls"], book["leaks"]) == (2, [])


async def test_without_a_stored_key_nothing_is_held_and_nothing_sent(own_stage: Stage) -> None:
    """Also where Cloudflare would sell the model, and where it has a stored key; an admin's key mends it at once."""
    async with people(own_stage) as acme:
        for model in (MODEL, "deepseek-chat", "groq/llama-3.3-70b-versatile"):
            with pytest.raises(openai.PermissionDeniedError, match="Ask your admin") as refused:
                await acme.ask(model)
            assert refused.value.code == "provider_key_missing"
        assert await own_stage.emulator.calls() == []
        assert await own_stage.booked(0) == []
        async with own_stage.database.connection() as connection:
            for table in ("ledger_leases", "ledger_entries", "receipts", "telemetry_spans"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        await acme.put("openai", OWN_KEY)
        await _until(acme, passes=True)
        assert (await acme.by_role["admin"].delete(f"{KEYS}/openai")).status_code == 204
        await _until(acme, passes=False)


async def _until(acme: People, *, passes: bool) -> None:
    """A notice of the change is on its way."""

    async def so_it_is() -> bool:
        return await _passes(acme) is passes

    await eventually(so_it_is)


async def _passes(acme: People) -> bool:
    try:
        await acme.ask()
    except openai.PermissionDeniedError:
        return False
    return True


async def test_a_replaced_key_is_used_at_once(own_stage: Stage) -> None:
    async with people(own_stage) as acme:
        await acme.put("openai", OWN_KEY)
        await acme.ask()
        await acme.put("openai", NEXT_KEY)

        async def the_next_is_used() -> bool:
            await acme.ask()
            return _headers((await own_stage.emulator.calls())[-1])["authorization"] == f"Bearer {NEXT_KEY}"

        await eventually(the_next_is_used)


async def test_workers_ai_goes_with_our_token_also_here(own_stage: Stage) -> None:
    async with people(own_stage) as acme:
        await acme.ask("@cf/meta/llama-3.1-8b-instruct")
        [request] = await own_stage.emulator.calls()
        assert _headers(request)["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("mode", "model"), [("workers-ai", MODEL), ("pass-through", "aws-bedrock/anthropic.claude-3-haiku-20240307-v1:0")]
)
async def test_providers_that_a_customer_cannot_call_cost_nothing(own_stage: Stage, mode: str, model: str) -> None:
    async with people(own_stage, mode) as acme:
        with pytest.raises(openai.BadRequestError) as refused:
            await acme.ask(model)
        assert refused.value.code == "provider_not_available"
        assert await own_stage.emulator.calls() == []
        assert await own_stage.booked(0) == []


async def test_a_key_that_the_provider_refuses_costs_nothing_and_is_not_repeated(own_stage: Stage) -> None:
    async with people(own_stage) as acme:
        await acme.put("openai", "sk-canary-that-nobody-knows")
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await acme.ask()
        assert refused.value.code == "provider_key_refused"
        await acme.put("groq", OWN_KEY)
        echo = {"error": {"message": f"bad key {OWN_KEY}!", "type": "x", "code": None, "param": None}}
        await own_stage.emulator.script(status=400, body=echo)
        with pytest.raises(openai.BadRequestError) as echoed:
            await acme.ask("groq/llama-3.3-70b-versatile")
        assert "bad key ***!" in echoed.value.message
        assert {entry["cost_nanos"] for entry in await own_stage.booked(2)} == {0}
        assert OWN_KEY not in str(echoed.value.response.text)


async def test_master_keys_are_rotated_under_load(
    own_stage: Stage, embedded_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`secrets rotate --new` beside a house that runs: no call fails, and what is stored meanwhile opens, too."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    terminal = Terminal(embedded_url, data_dir, "secrets", "rotate")
    async with people(own_stage) as acme:
        await acme.put("openai", OWN_KEY)
        await acme.ask()
        rotating = asyncio.create_task(terminal.run("--new"))
        calls = 0
        while not rotating.done():
            await acme.ask()
            calls += 1
        assert "1 rewrapped, 0 already current, 0 cannot be opened" in await rotating
        for _ in range(5):
            await acme.ask()
        await acme.put("openai", NEXT_KEY)
        await acme.put("groq", OWN_KEY)
        assert "0 rewrapped, 2 already current, 0 cannot be opened" in await terminal.run()
        await acme.ask("groq/llama-3.3-70b-versatile")
        assert len(await own_stage.emulator.calls()) == calls + 7
        assert len((data_dir / "secret.key").read_text().splitlines()) == 2


def _dump(url: str) -> str:
    """Every row of every table, as text; bytes are looked into, too."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        rows = [connection.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in names]
        blobs = connection.execute("SELECT sealed || wrapped FROM provider_keys").fetchall()
    text = "\n".join(row[0] for table in rows for row in table)
    return text + "".join(blob[0].decode("latin-1") for blob in blobs)


async def _everything_shown(acme: People) -> str:
    """What every role is told at every address that lists or shows something of the customer."""
    paths = (
        "/v1/customers/me", KEYS, "/v1/audit", "/v1/audit/export", "/v1/traces", "/v1/ai/keys/customer",
        "/v1/ai/keys/export", "/v1/ai/models", "/v1/me", "/v1/ledger/adjustments", "/v1/openapi.json",
    )  # fmt: skip
    answers = [await client.get(path) for client in acme.by_role.values() for path in paths]
    assert {answer.status_code for answer in answers} == {200, 403}
    return "\n".join(f"{answer.headers}{answer.text}" for answer in answers)


async def test_the_secret_is_nowhere_but_in_the_call(embedded_url: str, data_dir: Path, tmp_path: Path) -> None:
    """No API answer of any role, log line, row, span, receipt or file of ours has it, whatever happens to the call."""
    async with connected(embedded_url) as database, emulated(**WORLD) as emulator:
        told = environment(emulator.url, embedded_url, data_dir, log_level="debug")
        served = Served(told, free_port(), tmp_path / "log")
        await served.start()
        stage = Stage(served.url, emulator, database)
        async with people(stage) as acme:
            said = [(await acme.put("openai", OWN_KEY)).text]
            answer = await acme.calls.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
            said.append(f"{answer.http_response.text}{answer.headers}")
            said.extend([chunk.model_dump_json() async for chunk in await acme.ask(stream=True)])
            await emulator.script(model=MODEL, cut_after_chunks=1)
            with pytest.raises(openai.APIError):
                async for _ in await acme.ask(stream=True):
                    pass
            await emulator.script(model=MODEL, status=500, body={"error": {"message": OWN_KEY}})
            with pytest.raises(openai.APIStatusError) as failed:
                await acme.ask()
            said.append(failed.value.response.text)
            for bad in ({"secret": OWN_KEY, "more": 1}, {"secret": OWN_KEY * 50}, {"secret": [OWN_KEY]}, OWN_KEY):
                refused = await acme.by_role["admin"].put(f"{KEYS}/openai", json=bad)
                assert refused.status_code == 422
                said.append(refused.text)
            await stage.booked(4)
            said.append(await _everything_shown(acme))
        received = await emulator.calls()
        assert await served.stop() == 0
    assert OWN_KEY in json.dumps(received)  # the look-out itself works
    files = [path.read_bytes() for path in data_dir.rglob("*") if path.is_file()]
    assert len(files) > 2
    for place in (*said, served.log.read_text(), _dump(embedded_url), *(one.decode("latin-1") for one in files)):
        assert OWN_KEY not in place
        assert TOKEN not in place
    assert (data_dir / "secret.key").read_text().strip() not in served.log.read_text() + _dump(embedded_url)
