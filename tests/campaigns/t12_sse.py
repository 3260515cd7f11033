"""T12, chaos in streams: providers that break every habit, callers who leave at any moment.

Each lane has a customer of its own, so that a script fits exactly one call: first the script is laid out, then the
call is made and what the caller got is compared with what it should have got. In the end every entry covers what the
provider billed, and nothing is left open.
"""

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import psutil

from campaigns import books
from campaigns.ground import Ground, opened
from campaigns.load import Answer, Client, Order, chat
from campaigns.result import Result, Scale

WIDE: Final = 10**12
WORDS: Final = ("Brücke ", "und ", "Zoll 🪙 ", "橋", "の", "番人 ", "é ", "e\u0301 ", "toll", "\\n ", '"quoted" ')
_IDLE_S: Final = 3.0

End = Literal["done", "no done", "error", "left", "status"]
Entry = Literal["exact", "covers", "lie"]
"""Of the entry: equal to the true cost, at least that, or whatever the provider said."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call: what the provider does, what the caller asks, what it must get, how the entry stands to the truth.

    `content` None: a part of the provider's. `usage`: whether the caller may see any.
    """

    name: str
    script: dict[str, Any]
    entry: Entry
    end: End
    asked: dict[str, Any]
    content: str | None = None
    usage: bool = False
    leave_after: int | None = None


Make = Callable[[random.Random], Case]


def _content(chance: random.Random) -> str:
    return "".join(chance.choices(WORDS, k=chance.randint(1, 20)))


def _plain(name: str, entry: Entry, end: End, **script: Any) -> Make:
    """A stream of known content with one thing out of order."""

    def make(chance: random.Random) -> Case:
        content = _content(chance)
        pace = {"chunk_delay_ms": chance.choice((0, 0, 1, 3))}
        whole = content if end in ("done", "no done") else None
        return Case(name, {"content": content} | pace | script, entry, end, {}, whole)

    return make


def _asked_for_usage(chance: random.Random) -> Case:
    content = _content(chance)
    asked = {"stream_options": {"include_usage": True}}
    return Case("usage asked for", {"content": content}, "exact", "done", asked, content, usage=True)


def _cut(chance: random.Random) -> Case:
    script = {
        "content": "toll " * 20,
        "cut_after_chunks": chance.randint(0, 22),
        "chunk_delay_ms": chance.choice((0, 1)),
    }
    return Case("cut", script, "covers", "error", {})


def _error_event(chance: random.Random) -> Case:
    script = {"content": "toll " * 20, "error_event_after_chunks": chance.randint(0, 20)}
    return Case("error event", script, "covers", "error", {})


def _left(chance: random.Random) -> Case:
    script = {"content": "toll " * 40, "chunk_delay_ms": chance.choice((1, 3))}
    return Case("caller leaves", script, "exact", "left", {}, leave_after=chance.randint(1, 6_000))


def _raw(chance: random.Random) -> Case:
    """A stream written by hand: other line ends, comments, odd spacing, cut anywhere, a character in two writes."""
    content = _content(chance)
    line_end = chance.choice((b"\n", b"\r\n"))
    events = [_event({"role": "assistant", "content": ""}, None)]
    events += [_event({"content": piece}, None) for piece in content]
    events += [_event({}, "stop"), _usage_event(len(content))]
    lines = [b": OPENROUTER PROCESSING" + line_end * 2] if chance.random() < 0.5 else []
    space = chance.choice((b" ", b""))
    lines += [b"data:" + space + event + line_end * 2 for event in events]
    whole = b"".join(lines) + b"data:" + space + b"[DONE]" + line_end * 2
    script = {"raw_sse": _pieces(whole, chance), "chunk_delay_ms": 1, "completion_tokens": len(content)}
    return Case("by hand", script, "covers", "done", {}, content)


def _torn(chance: random.Random) -> Case:
    """The same, ending cleanly at any byte before its usage."""
    content = "toll " * 20
    events = [_event({"content": "toll "}, None) for _ in range(20)]
    whole = b"".join(b"data: " + event + b"\n\n" for event in events)
    torn = whole[: chance.randint(0, len(whole) - 1)]
    script = {"raw_sse": _pieces(torn, chance) or [{"base64": ""}], "content": content}
    return Case("torn", script, "covers", "error", {})


def _event(delta: dict[str, Any], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice]}, ensure_ascii=False).encode()


def _usage_event(output: int) -> bytes:
    usage = {"prompt_tokens": 500, "completion_tokens": output, "total_tokens": 500 + output}
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": usage}).encode()


def _pieces(whole: bytes, chance: random.Random) -> list[dict[str, str]]:
    """Cut at any byte, up to 30 times; base64, because a piece need not be text."""
    cuts = (
        sorted(chance.sample(range(1, len(whole)), min(chance.randint(0, 30), len(whole) - 1)))
        if len(whole) > 1
        else []
    )
    ends = [*cuts, len(whole)]
    pieces = [whole[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    return [{"base64": base64.b64encode(piece).decode()} for piece in pieces if piece]


CASES: Final[Sequence[Make]] = (
    _plain("plain", "exact", "done"),
    _plain("no [DONE]", "exact", "no done", no_done=True),
    _plain("usage twice", "exact", "done", usage="twice"),
    _plain("usage early", "exact", "done", usage="early"),
    _plain("usage with the finish", "exact", "done", usage="with_finish"),
    _plain("usage missing", "covers", "done", usage="missing"),
    _plain("usage null", "covers", "done", usage="null"),
    _plain("usage negative", "covers", "done", usage="negative"),
    _plain("usage huge", "covers", "done", usage="huge"),
    _plain("usage zero", "lie", "done", usage="zero"),
    _plain("late", "exact", "done", latency_ms=300),
    _plain("server error", "covers", "status", status=500),
    _plain("gone before its headers", "covers", "status", drop_connection="before_headers"),
    _plain("gone after its headers", "covers", "error", drop_connection="after_headers"),
    _plain("gone in the middle", "covers", "error", drop_connection="mid_body"),
    _plain("silent for ever", "covers", "status", hang=True),
    _plain("JSON for a stream", "exact", "done", json_for_stream=True),
    _asked_for_usage, _cut, _cut, _error_event, _left, _left, _raw, _raw, _torn, _torn,
)  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What the callers got. `wrong`: what they should not have."""

    asked: Counter[str]
    wrong: list[str]
    entries: dict[str, tuple[str, Entry]]


async def run(scale: Scale) -> Result:
    result = Result("T12 SSE chaos", scale.full)
    seen = Seen(Counter(), [], {})
    async with opened(scale, nodes=1, first_byte_timeout_s=_IDLE_S, idle_timeout_s=_IDLE_S, drain_s=10) as ground:
        streams = scale.pick(200, 10_000)
        chance = ground.chance
        cases = iter([make(chance) for make in (chance.choice(CASES) for _ in range(streams))])
        before = _sockets(ground)
        lanes = scale.pick(16, 32)
        async with asyncio.TaskGroup() as group:
            for number in range(lanes):
                group.create_task(_lane(ground, number, cases, seen))
        after = await _sockets_at_rest(ground, before)
        booked = await books.examine(ground, result, provider_lies=True, killed=True)
    _judge_entries(result, seen, booked, books.truth_of(ground.state))
    result.figures |= {"streams": seen.asked.total(), "kinds": len(seen.asked), "wrong to the caller": len(seen.wrong)}
    result.figures |= {"callers' sockets left": after}
    result.expect(not seen.wrong, f"{len(seen.wrong)} callers got something else: {seen.wrong[:3]}")
    result.expect(after <= before, f"{after - before} sockets of callers who are gone are still open")
    return result


async def _lane(ground: Ground, number: int, cases: Any, seen: Seen) -> None:
    """One call after the other, each with its own script. A client of its own for each: some leave."""
    customer_id = await ground.customer()
    made = await ground.key(customer_id, WIDE)
    for case in cases:
        await ground.emulator.script(gateway=f"tollhouse-{customer_id}", **case.script)
        client = Client(ground.ports[0], timeout_s=30)
        asked = chat(f"Lane {number}, please.", 400, stream=True, **case.asked)
        answer = await client.call(Order(made.raw_key, asked, case.leave_after))
        client.close()
        seen.asked[case.name] += 1
        trouble = trouble_with(case, answer)
        if trouble is not None:
            seen.wrong.append(f"{case.name}: {trouble}")
        if answer.call_id is not None:
            seen.entries[answer.call_id] = (case.name, case.entry)


def trouble_with(case: Case, answer: Answer) -> str | None:
    """What the caller got that it should not have, if anything."""
    if case.end == "left":
        return None if answer.status == 200 else f"status {answer.status}"
    if case.end == "status":
        return None if answer.status >= 500 and answer.complete else f"status {answer.status}"
    if answer.status != 200:
        return None if case.end == "error" and answer.status >= 500 else f"status {answer.status} {answer.code}"
    if not answer.complete:
        return "the answer has no end"
    return _trouble_with_stream(case, answer.body)


def _trouble_with_stream(case: Case, body: bytes) -> str | None:
    lines = [line.strip() for line in body.replace(b"\r\n", b"\n").split(b"\n") if line.startswith(b"data:")]
    told = [line.removeprefix(b"data:").strip() for line in lines]
    done = told[-1:] == [b"[DONE]"]
    try:
        events = [json.loads(each) for each in told if each != b"[DONE]"]
    except ValueError:
        return f"an event that nobody can read: ...{body[-120:]!r}"
    if case.end == "error":
        return None if not done and events and "error" in events[-1] else "a broken stream looks whole"
    if case.end == "done" and not done:
        return "no [DONE]"
    usages = [event["usage"] for event in events if event.get("usage")]
    if bool(usages) is not case.usage:
        return f"usage shown {len(usages)} times, asked for: {case.usage}"
    content = "".join(_text_of(event) for event in events)
    return None if content == case.content else f"content {content!r} instead of {case.content!r}"


def _text_of(event: dict[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))


def _judge_entries(result: Result, seen: Seen, booked: dict[str, books.Booked], truth: books.Truth) -> None:
    short, inexact = [], []
    for call_id, (name, entry) in seen.entries.items():
        cost, true = booked[call_id].cost if call_id in booked else 0, truth.cost.get(call_id, 0)
        if entry == "exact" and cost != true:
            inexact.append(f"{name}: {cost} of {true}")
        if entry != "lie" and cost < true:
            short.append(f"{name}: {cost} of {true}")
    result.expect(not short, f"{len(short)} entries do not cover the bill: {short[:3]}")
    result.expect(not inexact, f"{len(inexact)} entries are not exact: {inexact[:3]}")


def _sockets(ground: Ground) -> int:
    """Connections of callers to the node."""
    node = ground.nodes[0]
    return sum(
        bool(each.laddr) and each.laddr.port == node.port and each.status != psutil.CONN_LISTEN
        for process in node.working()
        for each in process.net_connections("tcp")
    )


async def _sockets_at_rest(ground: Ground, expected: int) -> int:
    for _ in range(100):
        if _sockets(ground) <= expected:
            break
        await asyncio.sleep(0.1)
    return _sockets(ground)
