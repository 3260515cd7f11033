"""What Cloudflare does around a call: metadata, response cache, rate and spend fences."""

import pytest

from emulator.emulated import CALL, FLAT, GATEWAY, TOKEN, Emulated
from emulator.test_dataplane import gateway_code
from making import ManualClock
from tollhouse.emulator.limits import Tally
from tollhouse.emulator.metadata import read_metadata

CACHED = {"cf-aig-skip-cache": "false"}


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (None, {}),
        ("", {}),
        ('{"a":"x","b":1,"c":1.5,"d":true}', {"a": "x", "b": "1", "c": "1.5", "d": "true"}),
        ('{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}', {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}),
        ('{"a":"x","b":null}', {}),
        ('{"a":"x","b":{}}', {}),
        ('{"a":"x","b":[1]}', {}),
        ('{"cf.user":"x","a":"y"}', {"a": "y"}),
        ('["a"]', {}),
        ('{"a":', {}),
        ("a=b", {}),
    ],
)
def test_metadata_keeps_five_scalars_or_nothing(header: str | None, kept: dict[str, str]) -> None:
    assert read_metadata(header) == kept


# The cache that is on although it is off


async def test_an_identical_call_is_answered_from_the_cache_for_nothing(emulated: Emulated) -> None:
    """Even with `cache_ttl` 0, even for another caller."""
    first = await emulated.call(headers=CACHED | {"cf-aig-metadata": '{"customer":"c1"}'})
    second = await emulated.call(headers=CACHED | {"cf-aig-metadata": '{"customer":"c2"}'})
    assert (first.headers["cf-aig-cache-status"], second.headers["cf-aig-cache-status"]) == ("MISS", "HIT")
    assert first.json() == second.json()
    assert first.headers["cf-aig-log-id"] != second.headers["cf-aig-log-id"]
    book = await emulated.book()
    assert (book["calls"], book["cache_hits"]) == (1, 1)


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (CACHED, {"cf-aig-skip-cache": "true"}, "MISS"),
        ({"cf-aig-skip-cache": "true"}, CACHED, "MISS"),
        (CACHED | {"cf-aig-cache-key": "k"}, CACHED | {"cf-aig-cache-key": "k"}, "HIT"),
        (CACHED | {"cf-aig-cache-key": "k"}, CACHED | {"cf-aig-cache-key": "l"}, "MISS"),
        (CACHED, CACHED | {"cf-aig-cache-key": "k"}, "MISS"),
    ],
)
async def test_headers_steer_the_cache(
    emulated: Emulated, first: dict[str, str], second: dict[str, str], status: str
) -> None:
    await emulated.call(headers=first)
    assert (await emulated.call(headers=second)).headers["cf-aig-cache-status"] == status


@pytest.mark.parametrize(
    "change",
    [{"messages": [{"role": "user", "content": "Other"}]}, {"temperature": 0.5}, {"stream": True}],
)
async def test_another_body_is_another_call(emulated: Emulated, change: dict[str, object]) -> None:
    await emulated.call(headers=CACHED)
    assert (await emulated.call(CALL | change, headers=CACHED)).headers["cf-aig-cache-status"] == "MISS"


async def test_gateways_do_not_share_answers(emulated: Emulated) -> None:
    await emulated.gateway("second")
    await emulated.call(headers=CACHED)
    assert (await emulated.call(headers=CACHED, gateway="second")).headers["cf-aig-cache-status"] == "MISS"


async def test_streams_and_scripted_answers_are_not_cached(emulated: Emulated) -> None:
    stream = CALL | {"stream": True}
    await emulated.call(stream, headers=CACHED)
    assert (await emulated.call(stream, headers=CACHED)).headers["cf-aig-cache-status"] == "MISS"
    await emulated.script({"body": {"odd": 1}})
    await emulated.call(headers=CACHED)
    assert (await emulated.call(headers=CACHED)).headers["cf-aig-cache-status"] == "MISS"


@pytest.mark.parametrize(
    ("setting", "header", "seconds", "status"),
    [(0, None, 299, "HIT"), (0, None, 300, "MISS"), (0, "60", 60, "MISS"), (3600, None, 3599, "HIT")],
)
async def test_a_cached_answer_ages(
    emulated: Emulated, clock: ManualClock, setting: int, header: str | None, seconds: int, status: str
) -> None:
    await emulated.manage("PUT", f"ai-gateway/gateways/{GATEWAY}", FLAT | {"cache_ttl": setting})
    headers = CACHED | ({"cf-aig-cache-ttl": header} if header else {})
    await emulated.call(headers=headers)
    clock.advance(seconds)
    assert (await emulated.call(headers=headers)).headers["cf-aig-cache-status"] == status


async def test_a_cached_answer_does_not_hide_a_leak(emulated: Emulated) -> None:
    await emulated.call(headers=CACHED)
    leaking = await emulated.call(headers=CACHED | {"authorization": f"Bearer {TOKEN}"})
    assert leaking.status_code == 401


# Rates


def test_a_fixed_window_follows_the_clock_and_a_sliding_one_the_event() -> None:
    fixed, sliding = Tally(60, "fixed"), Tally(60, "sliding")
    for tally in (fixed, sliding):
        tally.add(59.0, 1)
    assert (fixed.total(61.0), sliding.total(61.0)) == (0, 1)
    assert sliding.total(119.1) == 0


@pytest.mark.parametrize("technique", ["fixed", "sliding"])
async def test_a_gateways_rate_limit(emulated: Emulated, clock: ManualClock, technique: str) -> None:
    limits = {"rate_limiting_limit": 2, "rate_limiting_interval": 60, "rate_limiting_technique": technique}
    await emulated.gateway("slow", **limits)
    clock.advance(60)
    answers = [await emulated.call(gateway="slow") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert gateway_code(answers[2]) == 2003
    assert "retry-after" not in answers[2].headers
    clock.advance(61)
    assert (await emulated.call(gateway="slow")).status_code == 200


# Spend


def rule(usd: float, **fields: object) -> dict[str, object]:
    return {"rules": [{"id": "cap", "limit": usd, "limitType": "cost", "window": 3600} | fields]}


async def test_the_spend_fence_lets_one_more_through(emulated: Emulated, clock: ManualClock) -> None:
    await emulated.gateway("fenced", spend_limits=rule(0.000001))
    clock.advance(3600)
    answers = [await emulated.call(gateway="fenced") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert gateway_code(answers[2]) == 2041
    assert "cap" in answers[2].json()["message"]
    clock.advance(3600)
    passed = [(await emulated.call(gateway="fenced")).status_code for _ in range(2)]
    assert passed == [429, 200]


@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        ({"enabled": False}, [200] * 4),
        ({"model": {"mode": "filter", "values": ["gpt-4o-mini"]}}, [200, 200, 429, 429]),
        ({"model": {"mode": "filter", "values": ["gpt-4o"]}}, [200] * 4),
        ({"provider": {"mode": "filter", "values": ["groq"]}}, [200] * 4),
        ({"metadata": {"customer": {"mode": "filter", "values": ["c1"]}}}, [200, 200, 200, 200]),
        ({"metadata": {"customer": {"mode": "partition"}}}, [200, 200, 200, 200]),
        ({"metadata": {"plan": {"mode": "partition"}}}, [200, 200, 429, 429]),
        ({"metadata": {"nobody": {"mode": "partition"}}}, [200] * 4),
    ],
)
async def test_rules_are_about_some_calls_only(
    emulated: Emulated, fields: dict[str, object], statuses: list[int]
) -> None:
    """Four calls of two customers, turn and turn about."""
    await emulated.gateway("fenced", spend_limits=rule(0.000001, **fields))
    answers = [
        await emulated.call(
            gateway="fenced", headers={"cf-aig-metadata": f'{{"customer":"c{turn % 2 + 1}","plan":"free"}}'}
        )
        for turn in range(4)
    ]
    assert [answer.status_code for answer in answers] == statuses
