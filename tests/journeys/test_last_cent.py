"""A budget that fits exactly k calls lets exactly k through, whoever asks at the same moment."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx

from stage import Stage
from tollhouse.access.keys import KeyTerms
from tollhouse.foundation.money import nanos_to_usd
from tollhouse.ledger.budgets import Scope, set_budget

CLIENTS = 64
CALLS = 2_000
BODY = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "What is the toll today?"}],
    "max_tokens": 40,
}


async def _cost_and_bound(stage: Stage) -> tuple[int, int]:
    """What one such call costs and what it holds, learned from one call on a key without a limit."""
    made = await stage.key()
    async with httpx.AsyncClient(base_url=stage.url) as client:
        answer = await client.post("/v1/ai/chat/completions", json=BODY, headers=_bearer(made.raw_key))
        assert answer.status_code == 200, answer.text
    entry = next(entry for entry in await stage.booked(1) if entry["key_id"] == made.key_id)
    return entry["cost_nanos"], entry["reserved_nanos"]


def _bearer(raw_key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {raw_key}"}


async def test_exactly_k_of_2000_calls_by_64_clients_are_forwarded(any_stage: Stage) -> None:
    stage = any_stage
    cost, bound = await _cost_and_bound(stage)
    fitting = 300
    # Room for k calls and for what the last of them holds, but not for one more.
    limit = nanos_to_usd((fitting - 1) * cost + bound).quantize(Decimal("0.0001"), rounding="ROUND_DOWN")
    fitting = 1 + (int(limit * 10**9) - bound) // cost
    made = await stage.key(terms=KeyTerms("exact", budget_usd=limit, budget_reset="daily"))
    turns = asyncio.Queue[int]()
    for turn in range(CALLS):
        turns.put_nowait(turn)
    answers: Counter[tuple[int, str | None]] = Counter()

    async def one_client(client: httpx.AsyncClient) -> None:
        while not turns.empty():
            turns.get_nowait()
            answers[await _until_decided(client, made.raw_key)] += 1

    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=stage.url, limits=limits, timeout=60) as client:
        await asyncio.gather(*(one_client(client) for _ in range(CLIENTS)))

    assert answers == {(200, None): fitting, (402, "budget_exhausted"): CALLS - fitting}
    await stage.assert_books_agree()
    spent = sum(entry["cost_nanos"] for entry in await stage.entries() if entry["key_id"] == made.key_id)
    assert spent == fitting * cost
    assert spent <= int(limit * 10**9)


async def _until_decided(client: httpx.AsyncClient, raw_key: str) -> tuple[int, str | None]:
    """Status and code of the last word.

    Money that is only held may come back: a 429 says when to ask again. On a machine that is busy with other tests the
    book may be too slow for once: a 503 says so, and to ask again, too.
    """
    while True:
        answer = await client.post("/v1/ai/chat/completions", json=BODY, headers=_bearer(raw_key))
        assert answer.content, answer
        error: Any = answer.json().get("error", {})
        if answer.status_code not in (429, 503):
            return answer.status_code, error.get("code")
        assert error["code"] == ("budget_contended" if answer.status_code == 429 else "ledger_unavailable"), error
        assert answer.headers["retry-after"] == ("1" if answer.status_code == 429 else "2")
        assert answer.status_code == 503 or Decimal(error["held"]) > 0
        await asyncio.sleep(0.05)


async def test_the_customers_budget_binds_all_its_keys(stage: Stage) -> None:
    cost, bound = await _cost_and_bound(stage)
    first = await stage.key("5.0000")
    async with stage.database.transaction() as connection:
        customer_id = await connection.fetchval("SELECT customer_id FROM ai_gateway_keys WHERE id = $1", first.key_id)
        from making import key

        second = await key(connection, customer_id, "5.0000")
        limit = 9 * cost + bound
        await set_budget(connection, customer_id, Scope("customer", customer_id), limit, None)  # type: ignore[arg-type]

    async with httpx.AsyncClient(base_url=stage.url, timeout=60) as client:
        asked = [_until_decided(client, made.raw_key) for made in (first, second) for _ in range(20)]
        answers = await asyncio.gather(*asked)
    assert Counter(status for status, _ in answers) == {200: 10, 402: 30}
    await stage.assert_books_agree()


async def test_a_call_without_a_maximum_is_shortened_to_what_is_left_and_told_so(stage: Stage) -> None:
    made = await stage.key(terms=KeyTerms("small", budget_usd=Decimal("0.0005")))
    body = {name: value for name, value in BODY.items() if name != "max_tokens"}
    async with httpx.AsyncClient(base_url=stage.url) as client:
        answer = await client.post("/v1/ai/chat/completions", json=body, headers=_bearer(made.raw_key))
        assert answer.status_code == 200, answer.text
        clamped = int(answer.headers["x-budget-clamped-max-tokens"])
        assert 256 <= clamped < 4096
        strict = await client.post(
            "/v1/ai/chat/completions", json=body | {"max_tokens": 4096}, headers=_bearer(made.raw_key)
        )
    assert strict.status_code == 402
    assert 0 < strict.json()["error"]["affordable_max_tokens"] < 4096
    sent = await stage.emulator.calls()
    assert f'"max_completion_tokens":{clamped}' in sent[-1]["body"]
    await stage.assert_books_agree()
