"""Limits of calls on the road, with the real SDK; and what a call is for, in its span."""

from typing import Any

import pytest
from openai import RateLimitError

from stage import Stage
from tollhouse.access.keys import KeyTerms
from tollhouse.access.permits import CallLimits
from waiting import eventually

MODEL = "gpt-4o-mini"
HELLO = {"role": "user", "content": "hello"}


async def _refused(stage: Stage, raw_key: str) -> RateLimitError:
    with pytest.raises(RateLimitError) as refused:
        await stage.client(raw_key).chat.completions.create(model=MODEL, messages=[HELLO])  # type: ignore[list-item]
    assert refused.value.code == "rate_limit_exceeded"
    assert int(refused.value.response.headers["retry-after"]) >= 1
    return refused.value


async def _passes(stage: Stage, raw_key: str, **more: object) -> None:
    answer = await stage.client(raw_key).chat.completions.create(  # type: ignore[call-overload]
        model=MODEL, messages=[HELLO], max_tokens=5, **more
    )
    assert answer.choices


async def test_calls_per_minute(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("k", calls=CallLimits(requests_per_minute=2)))
    await _passes(stage, made.raw_key)
    await _passes(stage, made.raw_key)
    refused = await _refused(stage, made.raw_key)
    assert "2 requests a minute" in refused.message
    assert len(await stage.emulator.calls()) == 2


async def test_tokens_per_minute_are_those_that_calls_took(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("k", calls=CallLimits(tokens_per_minute=5)))
    await _passes(stage, made.raw_key)
    await stage.booked(1)
    refused = await _refused(stage, made.raw_key)
    assert "5 tokens a minute" in refused.message


async def test_calls_at_once_and_one_that_ended_makes_room(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("k", calls=CallLimits(concurrent_calls=1)))
    await stage.emulator.script(content="toll " * 20, chunk_delay_ms=20)
    asked: Any = {"model": MODEL, "messages": [HELLO], "stream": True}
    stream: Any = await stage.client(made.raw_key).chat.completions.create(**asked)
    refused = await _refused(stage, made.raw_key)
    assert "1 concurrent calls" in refused.message
    async for _ in stream:
        pass
    await stage.booked(1)
    await _passes(stage, made.raw_key)


async def test_a_limit_that_is_set_counts_for_the_next_call(stage: Stage) -> None:
    made = await stage.key()
    for _ in range(3):
        await _passes(stage, made.raw_key)
    async with stage.database.connection() as connection:
        await connection.execute("UPDATE ai_gateway_keys SET requests_per_minute = 1")

    async def refused() -> bool:
        try:
            await _passes(stage, made.raw_key)
        except RateLimitError:
            return True
        return False

    await eventually(refused, "nobody heard of the new limit")


async def test_a_span_says_what_a_call_was_for_and_for_whom(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("k", tags=("prod", "team:x")))
    tags = {"x-tollhouse-tags": "nightly, prod ,job=42"}
    await _passes(stage, made.raw_key, user="user-7", extra_headers=tags)
    spans = await eventually(lambda: _attributes(stage))
    assert spans[0]["tollhouse.tags"] == ["prod", "team:x", "nightly", "job=42"]
    assert spans[0]["enduser.id"] == "user-7"


async def _attributes(stage: Stage) -> list[dict[str, object]]:
    async with stage.database.connection() as connection:
        return [row["attributes"] for row in await connection.fetch("SELECT attributes FROM telemetry_spans")]
