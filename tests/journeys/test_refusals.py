"""Every refusal of the contract over a real socket, and bytes that no client should send. Never a 5xx for them."""

import asyncio
import contextlib
import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from making import connected, customer, key
from stage import Stage, open_stage
from tollhouse.access.keys import KeyTerms
from tollhouse.gateway.strangers import PROMPT_AT_ONCE
from waiting import PATIENCE_S, eventually

PATH = "/v1/ai/chat/completions"
BODY: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


async def post(stage: Stage, raw_key: str | None, body: Any = BODY, **headers: str) -> httpx.Response:
    if raw_key is not None:
        headers["Authorization"] = f"Bearer {raw_key}"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(stage.url + PATH, content=content, headers=headers)


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Checks the envelope too: OpenAI's four fields, and the call's id on the answer."""
    error: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert {"message", "type", "code", "param"} <= set(error)
    assert len(answer.headers["x-tollhouse-call-id"]) == 36
    return error


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer aig_" + "0" * 32},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Bearer ' OR 1=1 --"},
        {"Authorization": "Bearer " + "a" * 8000},
        {"Cookie": "tollhouse_session=aig_" + "0" * 32},
    ],
)
async def test_no_or_unknown_key(stage: Stage, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            stage.url + PATH,
            json=BODY,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        )
    refused(answer, 401, "invalid_api_key")


async def test_a_flood_of_invented_keys_waits_and_those_with_a_key_do_not(stage: Stage) -> None:
    made = await stage.key()
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        flood = [asyncio.create_task(_with_an_invented_key(client, stage, number)) for number in range(300)]
        for prompt in itertools.islice(asyncio.as_completed(flood), PROMPT_AT_ONCE):
            refused(await prompt, 401, "invalid_api_key")

        async def passes() -> bool:
            """The client of the flood may keep a small machine too busy for the book, for once: a 503 says so."""
            answer = await post(stage, made.raw_key)
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200

        await eventually(passes)
        late = [waiting for waiting in flood if not waiting.done()]
        assert late
        for waiting in late:
            waiting.cancel()
        await asyncio.wait(late)
    assert (await post(stage, made.raw_key)).status_code == 200


async def _with_an_invented_key(client: httpx.AsyncClient, stage: Stage, number: int) -> httpx.Response:
    return await client.post(stage.url + PATH, json=BODY, headers={"Authorization": f"Bearer aig_{number:032x}"})


@pytest.mark.parametrize("tags", ["no spaces in words", "x" * 65, ",".join(map(str, range(21))), "a,\xff", 'a"b'])
async def test_tags_that_are_none(stage: Stage, tags: str) -> None:
    made = await stage.key()
    async with httpx.AsyncClient() as client:
        headers = [(b"Authorization", f"Bearer {made.raw_key}".encode()), (b"X-Tollhouse-Tags", tags.encode("latin-1"))]
        answer = await client.post(stage.url + PATH, json=BODY, headers=headers)
    assert refused(answer, 400, "invalid_value")["param"] == "x-tollhouse-tags"


async def test_disabled_expired_and_not_ready(stage: Stage) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    expired = await stage.key(terms=KeyTerms("old", expires_at=past))
    refused(await post(stage, expired.raw_key), 403, "key_expired")
    async with stage.database.transaction() as connection:
        disabled = await key(connection, await customer(connection))
        await connection.execute("UPDATE ai_gateway_keys SET disabled = true WHERE id = $1", disabled.key_id)
        waiting = await key(connection, await customer(connection, gateway_state="pending", cf_gateway_id=None))
    refused(await post(stage, disabled.raw_key), 403, "key_disabled")
    answer = await post(stage, waiting.raw_key)
    refused(answer, 503, "gateway_not_ready")
    assert answer.headers["retry-after"]


async def test_model_not_allowed_unknown_and_unpriced(stage: Stage) -> None:
    narrow = await stage.key(terms=KeyTerms("narrow", allowed_models=("gpt-4o-mini",)))
    error = refused(await post(stage, narrow.raw_key, BODY | {"model": "gpt-4o"}), 403, "model_not_allowed")
    assert error["allowed_models"] == ["gpt-4o-mini"]
    budgeted = await stage.key("1.0000")
    error = refused(await post(stage, budgeted.raw_key, BODY | {"model": "who-knows"}), 400, "provider_unknown")
    assert error["param"] == "provider"
    refused(await post(stage, budgeted.raw_key, BODY | {"provider": "acme"}), 400, "provider_unknown")
    refused(await post(stage, budgeted.raw_key, BODY | {"provider": "replicate"}), 400, "provider_unknown")
    refused(await post(stage, budgeted.raw_key, BODY | {"model": "gpt-99-unheard-of"}), 402, "model_unpriced")


async def test_an_unpriced_model_passes_without_a_budget_and_costs_nothing_in_the_book(stage: Stage) -> None:
    free = await stage.key()
    answer = await post(stage, free.raw_key, BODY | {"model": "gpt-99-unheard-of"})
    assert answer.status_code == 200
    assert [entry["cost_nanos"] for entry in await stage.booked(1)] == [0]


async def test_a_zero_budget_lets_nothing_priced_through(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("zero", budget_usd=Decimal(0)))
    refused(await post(stage, made.raw_key), 402, "budget_exhausted")
    assert await stage.emulator.calls() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b"\x00" * 100, "invalid_json"),
        (b'{"model": "\xff\xfe"}', "invalid_json"),
        (b"[" * 200_000, "invalid_json"),
        (b'{"a":' * 200_000, "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}],"n":1,"n":9}', "duplicate_key"),
        (b'{"messages":[]}', "missing_model"),
        (BODY | {"model": "../../admin"}, "invalid_value"),
        (BODY | {"model": "a\r\nX-Evil: 1"}, "invalid_value"),
        (BODY | {"messages": []}, "invalid_value"),
        (BODY | {"max_tokens": -1}, "invalid_value"),
        (BODY | {"max_tokens": 999_999_999}, "invalid_value"),
        (BODY | {"max_tokens": 1e300}, "invalid_value"),
        (BODY | {"n": 0}, "invalid_value"),
        (BODY | {"n": 10**40}, "invalid_value"),
        (BODY | {"stream": "yes"}, "invalid_value"),
        (BODY | {"web_search_options": {}}, "unsupported_parameter"),
        (BODY | {"service_tier": "priority"}, "unsupported_parameter"),
    ],
)
async def test_bodies_that_are_refused(stage: Stage, body: Any, code: str) -> None:
    made = await stage.key("1.0000")
    refused(await post(stage, made.raw_key, body), 400, code)
    assert await stage.emulator.calls() == []


async def test_lone_surrogates_and_odd_unicode_are_never_a_5xx(stage: Stage) -> None:
    made = await stage.key("1.0000")
    for text in (b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xe2\x80\xae\xef\xb7\xbd"', b'"\\u0000"'):
        raw = b'{"model":"gpt-4o-mini","max_tokens":5,"messages":[{"role":"user","content":' + text + b"}]}"
        answer = await post(stage, made.raw_key, raw)
        assert answer.status_code in (200, 400), answer.text
    await stage.assert_books_agree()


async def test_only_post_and_only_this_path(stage: Stage) -> None:
    async with httpx.AsyncClient() as client:
        got = await client.get(stage.url + PATH)
        assert (got.status_code, got.json()["error"]["code"]) == (405, "method_not_allowed")
        for path in ("/v1/ai/chat/completions/", "/v1/ai/responses", "/v1/ai/chat/../chat/completions/x"):
            assert (await client.post(stage.url + path, json=BODY)).status_code in (404, 405)


async def test_100_mb_are_refused_without_being_kept(stage: Stage) -> None:
    made = await stage.key("1.0000")
    headers = {"Authorization": f"Bearer {made.raw_key}"}

    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * (1 << 20)

    async with httpx.AsyncClient(timeout=60) as client:
        declared = await client.post(stage.url + PATH, content=b" " * (100 << 20), headers=headers)
        chunked = await client.post(stage.url + PATH, content=chunks(), headers=headers)
    refused(declared, 413, "request_too_large")
    refused(chunked, 413, "request_too_large")


async def exchange(stage: Stage, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Raw bytes in, everything that comes back until the connection closes or falls silent."""
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    heard = bytearray()
    listening = asyncio.create_task(_listen(reader, heard))  # a reset takes what was not read before
    with contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
    await asyncio.wait([listening], timeout=10)
    listening.cancel()
    writer.close()
    return bytes(heard)


async def _listen(reader: asyncio.StreamReader, heard: bytearray) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            heard += data


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"nonsense nonsense nonsense\r\n\r\n",
        b"POST /v1/ai/chat/completions HTTP/9.9\r\n\r\n",
        b"POST /v1/ai/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/ai/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/ai/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/ai/chat/completions HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
    ],
)
async def test_bytes_that_are_not_http_get_400_and_a_closed_door(stage: Stage, raw: bytes) -> None:
    said = await exchange(stage, raw)
    assert said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401")), said
    assert (await post(stage, (await stage.key("1.0000")).raw_key)).status_code == 200


async def test_floods_of_headers_are_cut_off(stage: Stage) -> None:
    start = b"POST /v1/ai/chat/completions HTTP/1.1\r\nHost: x\r\n"
    one_large = await exchange(stage, start + b"X-Large: " + b"a" * (200 << 10))
    many = await exchange(stage, start + b"".join(b"X-%d: y\r\n" % number for number in range(500)) + b"\r\n")
    endless = await exchange(stage, start, *(b"X-Part: " + b"b" * 8000 + b"\r\n" for _ in range(50)))
    for said in (one_large, many, endless):
        assert said.startswith(b"HTTP/1.1 431"), said[:200]


async def test_a_refusal_keeps_the_connection_unless_the_body_is_still_to_come(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollhouse.gateway.caller._LINGER_S", 0.5)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nonsense\r\n".encode()
    whole = head + b"Content-Length: 2\r\n\r\n{}"
    last = head + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
    kept = await exchange(stage, whole, whole, last, pause_s=0.2)
    assert kept.count(b"HTTP/1.1 401") == 3
    waits = await exchange(stage, head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", pause_s=0.2)
    lags = await exchange(stage, head + b"Content-Length: 3\r\n\r\n{", b"}\n", pause_s=0.2)
    for said in (waits, lags):
        assert said.startswith(b"HTTP/1.1 401"), said
        assert b"connection: close" in said.lower()


async def test_slow_senders_are_told_and_let_go(
    embedded_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollhouse.gateway.caller._LINGER_S", 2.0)
    async with (
        connected(embedded_url) as database,
        open_stage(database, embedded_url, data_dir, body_timeout_s=0.4) as stage,
    ):
        made = await stage.key("1.0000")
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {made.raw_key}\r\nContent-Length: 100\r\n\r\n"
        ).encode()
        said = await exchange(stage, head, *(b"{" for _ in range(8)), pause_s=0.1)
        assert said.startswith(b"HTTP/1.1 408"), said
        assert b"request_timeout" in said


async def test_slow_headers_are_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollhouse.serving.HEADERS_TIMEOUT_S", 0.3)
    said = await exchange(stage, b"POST / HTTP/1.1\r\n", *(b"X: y\r\n" for _ in range(10)), pause_s=0.1)
    assert said.startswith(b"HTTP/1.1 408")


async def test_who_says_nothing_is_let_go_without_an_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may have opened a connection for later: what comes unasked would be taken for its next answer."""
    monkeypatch.setattr("tollhouse.serving.HEADERS_TIMEOUT_S", 0.1)
    monkeypatch.setattr("tollhouse.serving.KEEP_ALIVE_S", 0.4)
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_a_caller_who_hangs_up_amid_the_body_leaves_nothing_behind(stage: Stage) -> None:
    made = await stage.key("1.0000")
    host, port = stage.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {made.raw_key}\r\n".encode())
    writer.write(b"Content-Length: 1000\r\n\r\n{")
    await writer.drain()
    writer.close()
    await stage.booked(0)
    assert (await post(stage, made.raw_key)).status_code == 200


async def test_cloudflares_own_errors_are_translated_and_cost_nothing(stage: Stage) -> None:
    made = await stage.key("1.0000")
    for code, status in ((2009, (502, 503)), (2001, (502, 503)), (2003, (429,))):
        await stage.emulator.script(model="gpt-4o-mini", cloudflare_error=code)
        answer = await post(stage, made.raw_key)
        assert answer.status_code in status, answer.text
        assert set(answer.json()["error"]) >= {"message", "type", "code", "param"}
    assert [entry["cost_nanos"] for entry in await stage.booked(3)] == [0, 0, 0]


async def test_without_the_ledger_leased_calls_go_on_and_others_are_503(embedded_url: str, data_dir: Path) -> None:
    async with connected(embedded_url) as database, open_stage(database, embedded_url, data_dir) as stage:
        made, other = await stage.key("1.0000"), await stage.key("1.0000")
        await asyncio.sleep(0.5)  # heard later, the news of a budget would recall the lease that the first call brings
        assert (await post(stage, made.raw_key)).status_code == 200
        async with database.connection() as connection:
            await connection.execute("ALTER FUNCTION ledger_grant RENAME TO ledger_grant_away")
        assert (await post(stage, made.raw_key)).status_code == 200
        refused(await post(stage, other.raw_key), 503, "ledger_unavailable")
        async with database.connection() as connection:
            await connection.execute("ALTER FUNCTION ledger_grant_away RENAME TO ledger_grant")

        async def goes_on() -> bool:
            return (await post(stage, other.raw_key)).status_code == 200

        await eventually(goes_on)
        assert len(await stage.emulator.calls()) == 3
        await stage.assert_books_agree()
