"""Scripts: what tests can make the provider and the gateway do, and what it costs them."""

import asyncio
import base64
from typing import Any

import httpx
import pytest

from emulator.conftest import Start
from emulator.emulated import CALL, Emulated, call_headers, events
from emulator.test_dataplane import gateway_code

STREAM = CALL | {"stream": True, "stream_options": {"include_usage": True}}


async def cost(emulated: Emulated) -> int:
    nanos: int = (await emulated.book())["true_cost_nanos"]
    return nanos


async def usual_cost(emulated: Emulated) -> int:
    """What the unscripted answer costs; forgets that it was asked."""
    await emulated.call()
    nanos = await cost(emulated)
    await emulated.client.post("/_emulator/reset")
    return nanos


# Checked strictly


@pytest.mark.parametrize(
    ("script", "field"),
    [
        ({"statuss": 500}, "statuss"),
        ({"status": "500"}, "status"),
        ({"status": 99}, "status"),
        ({"times": 0}, "times"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"usage": "odd"}, "usage"),
        ({"usage": 5}, "usage"),
        ({"headers": {"x": 1}}, "headers[...]"),
        ({"raw_sse": ["data: x", 5]}, "raw_sse[1]"),
        ({"raw_sse": [{"base64": "!"}]}, "raw_sse"),
        ({"raw_sse": [{"hex": "00"}]}, "raw_sse[0].hex"),
        ({"cloudflare_error": 1}, "cloudflare_error"),
        ({"cloudflare_error": {}}, "cloudflare_error"),
        ({"cloudflare_error": {"code": 2009, "policy": {}}}, "cloudflare_error"),
        ({"cloudflare_error": {"code": 2009, "wholesale": "credits"}}, "cloudflare_error.wholesale"),
        ({"cloudflare_error": {"code": 2021, "form": "tall"}}, "cloudflare_error.form"),
        ({"drop_connection": "sometimes"}, "drop_connection"),
        ({"bill_on_disconnect": "half"}, "bill_on_disconnect"),
        ({"hang": 1}, "hang"),
        ({"body": {}, "raw_sse": []}, "raw_sse"),
        ({"cloudflare_error": 2003, "hang": True}, "hang"),
        ([{"status": 500}, {"status": 1}], "[1].status"),
        ([1], "[0]"),
        (b"{", ""),
        (b"7", ""),
        (b"\xff", ""),
    ],
)
async def test_a_bad_script_is_refused_by_name(emulated: Emulated, script: object, field: str) -> None:
    options: dict[str, Any] = {"content": script} if isinstance(script, bytes) else {"json": script}
    answer = await emulated.client.post("/_emulator/script", **options)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field
    assert answer.json()["error"]["message"]
    assert (await emulated.call()).status_code == 200


# Who gets which


async def test_scripts_are_used_up_in_order(emulated: Emulated) -> None:
    await emulated.script({"status": 500}, {"status": 429, "times": 2}, {"status": 503})
    statuses = [(await emulated.call()).status_code for _ in range(5)]
    assert statuses == [500, 429, 429, 503, 200]


async def test_scripts_wait_for_their_gateway_and_model(emulated: Emulated) -> None:
    await emulated.gateway("second")
    await emulated.script(
        {"gateway": "second", "status": 500}, {"model": "anthropic/claude", "status": 501}, {"status": 502}
    )
    compat = CALL | {"model": "anthropic/claude"}
    assert (await emulated.call()).status_code == 502
    assert (await emulated.call()).status_code == 200
    assert (await emulated.call(compat, "compat/chat/completions")).status_code == 501
    assert (await emulated.call(gateway="second")).status_code == 500


async def test_a_script_may_name_the_model_as_the_provider_knows_it(emulated: Emulated) -> None:
    await emulated.script({"model": "claude", "status": 501})
    compat = CALL | {"model": "anthropic/claude"}
    assert (await emulated.call(compat, "compat/chat/completions")).status_code == 501


async def test_a_call_that_never_reaches_the_provider_uses_no_script(emulated: Emulated) -> None:
    await emulated.script({"status": 500})
    await emulated.call(token=None)
    await emulated.call(path="openai/nowhere")
    await emulated.call(CALL | {"max_tokens": 0})
    await emulated.call(headers={"x-api-key": "dummy"})
    assert (await emulated.call()).status_code == 500


async def test_one_script_need_not_be_a_list(emulated: Emulated) -> None:
    answer = await emulated.client.post("/_emulator/script", json={"status": 500})
    assert answer.json() == {"waiting": 1}


# Whole answers


async def test_an_error_costs_nothing_unless_told(emulated: Emulated) -> None:
    usual = await usual_cost(emulated)
    await emulated.script({"status": 500}, {"status": 500, "bill": True})
    first = await emulated.call()
    assert first.json()["error"]["message"]
    assert await cost(emulated) == 0
    await emulated.call()
    assert await cost(emulated) == usual
    book = await emulated.book()
    assert (book["calls"], book["refused"]) == (1, 1)
    assert [(row["status"], row["billed"]) for row in book["by_call"]] == [(500, False), (500, True)]


async def test_an_answer_can_be_free(emulated: Emulated) -> None:
    await emulated.script({"bill": False})
    await emulated.call()
    assert await cost(emulated) == 0


@pytest.mark.parametrize(
    ("body", "text", "content_type"),
    [
        ({"success": True, "errors": [{"code": 1}]}, '{"success":true,"errors":[{"code":1}]}', "application/json"),
        (None, "null", "application/json"),
        ("<html>bad gateway</html>", "<html>bad gateway</html>", "text/plain; charset=utf-8"),
        ("", "", "text/plain; charset=utf-8"),
    ],
)
async def test_a_body_is_sent_as_it_is(emulated: Emulated, body: object, text: str, content_type: str) -> None:
    await emulated.script({"status": 502, "body": body})
    answer = await emulated.call()
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (502, text, content_type)


async def test_a_200_can_carry_errors_and_is_billed(emulated: Emulated) -> None:
    usual = await usual_cost(emulated)
    await emulated.script({"body": {"errors": [{"code": 7003}]}})
    answer = await emulated.call(STREAM)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (200, 7003)
    assert await cost(emulated) == usual


async def test_headers_replace_the_usual_ones(emulated: Emulated) -> None:
    await emulated.script({"status": 429, "headers": {"Retry-After": "7", "content-type": "application/problem+json"}})
    answer = await emulated.call()
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.get_list("content-type") == ["application/problem+json"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"completion_tokens": 3}, (3, 0, 0)),
        ({"completion_tokens": 5000}, (5000, 0, 0)),
        ({"reasoning_tokens": 9, "completion_tokens": 4}, (13, 9, 0)),
        ({"cached_tokens": 5, "completion_tokens": 1}, (1, 0, 5)),
        ({"cached_tokens": 10**6, "completion_tokens": 0}, (0, 0, 11)),
        ({"content": "three little words"}, (3, 0, 0)),
        ({"content": "two\n\nöäü"}, (2, 0, 0)),
        ({"content": ""}, (0, 0, 0)),
    ],
)
async def test_tokens_to_order(emulated: Emulated, fields: dict[str, object], expected: tuple[int, int, int]) -> None:
    await emulated.script(fields)
    body = (await emulated.call()).json()
    usage = body["usage"]
    output = usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]
    assert (*output, usage["prompt_tokens_details"]["cached_tokens"]) == expected
    row = (await emulated.book())["by_call"][0]
    assert (row["output"], row["reasoning"], row["cached"]) == expected
    if "content" in fields:
        assert body["choices"][0]["message"]["content"] == fields["content"]


async def test_tokens_to_order_respect_the_maximum_unless_told(emulated: Emulated) -> None:
    await emulated.script({"completion_tokens": 500}, {"completion_tokens": 500, "ignore_max": True})
    answers = [(await emulated.call(CALL | {"max_tokens": 10})).json() for _ in range(2)]
    assert [answer["usage"]["completion_tokens"] for answer in answers] == [10, 500]


# Cloudflare's own refusals


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (2001, 400),
        (2003, 429),
        (2005, 400),
        (2008, 400),
        (2009, 401),
        (2016, 424),
        (2017, 424),
        (2018, 429),
        (2019, 400),
        (2021, 402),
        (2029, 424),
        (2030, 424),
        (2040, 400),
        (2041, 429),
        (2044, 400),
        (2045, 429),
    ],
)
async def test_every_code_of_the_gateway_long_and_short(emulated: Emulated, code: int, status: int) -> None:
    await emulated.script({"cloudflare_error": code}, {"cloudflare_error": {"code": code, "form": "short"}})
    long, short = await emulated.call(), await emulated.call(STREAM)
    assert (long.status_code, short.status_code) == (status, status)
    assert long.json()["name"] == "AiGatewayError"
    assert (long.json()["httpCode"], long.json()["internalCode"]) == (status, code)
    assert short.json().keys() == {"success", "result", "messages", "error"}
    assert gateway_code(long) == gateway_code(short) == code
    assert "retry-after" not in long.headers
    assert await cost(emulated) == 0


@pytest.mark.parametrize(
    ("wholesale", "text"),
    [
        ("credits", "Insufficient credits"),
        ("throttle", "Wholesale rate limit exceeded"),
        ("unavailable", "not available"),
    ],
)
async def test_2021_means_three_things(emulated: Emulated, wholesale: str, text: str) -> None:
    await emulated.script({"cloudflare_error": {"code": 2021, "wholesale": wholesale}})
    answer = await emulated.call()
    assert (answer.status_code, gateway_code(answer)) == (402, 2021)
    assert text in answer.json()["error"][0]["message"]


async def test_a_policy_refuses_with_an_object(emulated: Emulated) -> None:
    spent = {"message": "Spending limit exceeded", "bucket": "b", "spent": 1.5, "limit": 1}
    await emulated.script(
        {"cloudflare_error": {"policy": spent, "status": 429}},
        {"cloudflare_error": {"policy": {"message": "Access denied by policy"}}},
    )
    limited, denied = await emulated.call(), await emulated.call()
    assert (limited.status_code, limited.json()) == (429, {"success": False, "error": spent})
    assert (denied.status_code, denied.json()["error"]["message"]) == (403, "Access denied by policy")


async def test_cloudflares_words_can_be_chosen(emulated: Emulated) -> None:
    await emulated.script({"cloudflare_error": {"code": 2040, "status": 403, "message": "no price"}})
    answer = await emulated.call()
    assert (answer.status_code, answer.json()["message"]) == (403, "no price")


# Streams


async def told(emulated: Emulated, script: dict[str, object], body: object = STREAM) -> list[Any]:
    await emulated.script(script)
    return events((await emulated.call(body)).text)


@pytest.mark.parametrize(
    ("twist", "expected"),
    [
        ("zero", [(0, 0)]),
        ("huge", [(10**12, 10**12)]),
        ("negative", [(-11, -4)]),
        ({"prompt_tokens": 1}, [(1, None)]),
        ({}, [(None, None)]),
        (None, [(11, 3)]),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_odd_usage_is_reported_and_true_usage_billed(
    emulated: Emulated, twist: object, expected: list[tuple[int | None, int | None]], streamed: bool
) -> None:
    script: dict[str, object] = {"completion_tokens": 3} | ({"usage": twist} if twist is not None else {})
    if streamed:
        usages = [chunk["usage"] for chunk in (await told(emulated, script))[:-1] if chunk["usage"] is not None]
    else:
        await emulated.script(script)
        usages = [(await emulated.call()).json()["usage"]]
    assert [(usage.get("prompt_tokens"), usage.get("completion_tokens")) for usage in usages] == expected
    row = (await emulated.book())["by_call"][0]
    assert (row["input"], row["output"], row["true_cost_nanos"]) == (11, 3, 11 * 150 + 3 * 600)


async def test_usage_can_be_missing_or_null(emulated: Emulated) -> None:
    missing = await told(emulated, {"usage": "missing"})
    null = await told(emulated, {"usage": "null"})
    assert all(chunk["choices"] for chunk in missing[:-1])
    assert (null[-2]["choices"], null[-2]["usage"]) == ([], None)
    await emulated.script({"usage": "missing"}, {"usage": "null"})
    assert "usage" not in (await emulated.call()).json()
    assert (await emulated.call()).json()["usage"] is None


async def test_usage_can_come_twice_early_or_with_the_finish(emulated: Emulated) -> None:
    twice = await told(emulated, {"usage": "twice"})
    early = await told(emulated, {"usage": "early"})
    finish = await told(emulated, {"usage": "with_finish"})
    assert twice[-2] == twice[-3]
    assert early[1]["usage"]["completion_tokens"] > 0
    assert early[-2]["usage"] is None
    assert finish[-2]["choices"][0]["finish_reason"] == "stop"
    assert finish[-2]["usage"]["completion_tokens"] > 0


async def test_a_stream_can_end_without_done(emulated: Emulated) -> None:
    assert (await told(emulated, {"no_done": True}))[-1]["usage"]["total_tokens"] > 0


async def test_a_stream_can_end_in_an_error_event(emulated: Emulated) -> None:
    usual = await usual_cost(emulated)
    chunks = await told(emulated, {"error_event_after_chunks": 4})
    assert len(chunks) == 5
    assert chunks[-1]["error"]["type"] == "server_error"
    assert await cost(emulated) == usual


async def test_a_stream_can_be_answered_as_json(emulated: Emulated) -> None:
    await emulated.script({"json_for_stream": True})
    answer = await emulated.call(STREAM)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["object"] == "chat.completion"


async def test_raw_pieces_are_sent_as_they_are(emulated: Emulated) -> None:
    half = base64.b64encode("data: ä".encode()[:-1]).decode()
    rest = base64.b64encode("ä\n\n".encode()[1:]).decode()
    await emulated.script({"raw_sse": [": comment\r\n\r\n", {"base64": half}, {"base64": rest}, "data: [DONE]\n\n"]})
    answer = await emulated.call(STREAM)
    assert answer.content == ": comment\r\n\r\ndata: ä\n\ndata: [DONE]\n\n".encode()


@pytest.mark.parametrize("chunks", [0, 1, 5])
@pytest.mark.parametrize("delay", [None, 1])
async def test_a_cut_stream_has_no_end_and_is_billed_in_full(
    emulated: Emulated, chunks: int, delay: int | None
) -> None:
    usual = await usual_cost(emulated)
    await emulated.script({"cut_after_chunks": chunks, "chunk_delay_ms": delay})
    received = bytearray()
    async with stream(emulated) as answer:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await read_into(received, answer)
    assert received.count(b"data: ") == chunks
    assert await cost(emulated) == usual


async def test_a_whole_answer_can_be_cut_too(emulated: Emulated) -> None:
    usual = await usual_cost(emulated)
    await emulated.script({"cut_after_chunks": 1})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        await emulated.call()
    assert await cost(emulated) == usual


@pytest.mark.parametrize("point", ["before_headers", "after_headers", "mid_body"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_dropped_connection_is_billed_because_the_provider_was_done(
    emulated: Emulated, point: str, streamed: bool
) -> None:
    usual = await usual_cost(emulated)
    await emulated.script({"drop_connection": point})
    with pytest.raises(httpx.RemoteProtocolError):
        await emulated.call(STREAM if streamed else CALL)
    assert await cost(emulated) == usual
    assert (await emulated.book())["by_call"][0]["status"] == (0 if point == "before_headers" else 200)


async def test_a_dropped_connection_can_be_free(emulated: Emulated) -> None:
    await emulated.script({"drop_connection": "before_headers", "bill": False})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await emulated.call()
    assert await cost(emulated) == 0


async def read_into(received: bytearray, answer: httpx.Response) -> None:
    async for piece in answer.aiter_raw():
        received += piece


# Callers who leave


def stream(emulated: Emulated, body: object = STREAM) -> Any:
    request = emulated.client.build_request("POST", emulated.path(), json=body, headers=call_headers())
    return _Sent(emulated.client, request)


class _Sent:
    """A streamed answer that is closed, and its connection with it, when the block ends."""

    def __init__(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        self._client = client
        self._request = request

    async def __aenter__(self) -> httpx.Response:
        self._answer = await self._client.send(self._request, stream=True)
        return self._answer

    async def __aexit__(self, *error: object) -> None:
        await self._answer.aclose()


async def settled(emulated: Emulated) -> dict[str, Any]:
    """The book once nothing is in flight."""
    while (book := await emulated.book())["in_flight"]:
        await asyncio.sleep(0.01)
    return book


@pytest.mark.parametrize(("mode", "full"), [("full", True), ("sent", False)])
async def test_a_caller_who_leaves_mid_stream_pays(emulated: Emulated, mode: str, full: bool) -> None:
    """In full, as providers do that generate on; or for what was sent, if the script says so."""
    await emulated.script({"chunk_delay_ms": 5, "completion_tokens": 1000, "bill_on_disconnect": mode})
    async with stream(emulated) as answer:
        async for piece in answer.aiter_raw():
            if b"content" in piece:
                break
    row = (await settled(emulated))["by_call"][0]
    assert row["billed"]
    assert (row["output"] == 1000) == full
    assert row["true_cost_nanos"] == row["input"] * 150 + row["output"] * 600


async def test_a_caller_who_leaves_before_the_first_byte_pays(emulated: Emulated) -> None:
    usual = await usual_cost(emulated)
    await emulated.script({"latency_ms": 3_600_000})
    with pytest.raises(httpx.ReadTimeout):
        await emulated.client.post(emulated.path(), json=CALL, headers=call_headers(), timeout=0.1)
    book = await settled(emulated)
    assert (book["calls"], book["true_cost_nanos"]) == (1, usual)


@pytest.mark.parametrize(("bill", "calls"), [(None, 0), (True, 1)])
async def test_a_call_that_hangs_is_free_unless_told(emulated: Emulated, bill: bool | None, calls: int) -> None:
    await emulated.script({"hang": True, "bill": bill})
    with pytest.raises(httpx.ReadTimeout):
        await emulated.client.post(emulated.path(), json=CALL, headers=call_headers(), timeout=0.1)
    book = await settled(emulated)
    assert (book["calls"], book["refused"]) == (calls, 1 - calls)
    assert book["by_call"][0]["status"] == 0


async def test_a_call_in_flight_is_counted(emulated: Emulated) -> None:
    await emulated.script({"chunk_delay_ms": 50})
    async with stream(emulated):
        assert (await emulated.book())["in_flight"] == 1
    assert (await settled(emulated))["calls"] == 1


async def test_the_book_knows_a_call_before_its_reader_sees_the_end(emulated: Emulated) -> None:
    await emulated.script({"chunk_delay_ms": 1, "completion_tokens": 3})
    async with stream(emulated) as answer:
        async for line in answer.aiter_lines():
            if '"usage":{' in line:
                break
        assert (await emulated.book())["calls"] == 1


async def test_latency_can_be_the_rule(start: Start) -> None:
    emulated = await start(latency_s=0.001, chunk_delay_s=0.0001)
    answer = await emulated.call(STREAM)
    assert events(answer.text)[-1] == "[DONE]"
    assert (await emulated.call()).status_code == 200


# Cloudflare's own repetitions


@pytest.mark.parametrize(
    ("setting", "header", "status", "paid"),
    [
        (None, None, 500, 1),
        (3, None, 200, 3),
        (3, "1", 500, 1),
        (None, "2", 500, 2),
        (None, "99", 200, 3),
        (5, "junk", 200, 3),
    ],
)
async def test_retries_multiply_the_cost(
    emulated: Emulated, setting: int | None, header: str | None, status: int, paid: int
) -> None:
    usual = await usual_cost(emulated)
    await emulated.gateway("again", retry_max_attempts=setting)
    await emulated.script({"status": 500, "bill": True, "times": 2})
    answer = await emulated.call(gateway="again", headers={"cf-aig-max-attempts": header} if header else {})
    assert answer.status_code == status
    assert await cost(emulated) == paid * usual
