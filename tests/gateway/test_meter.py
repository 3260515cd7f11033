"""The meter without sockets: bytes in, pieces out, at every way of cutting the stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.foundation.tokens import TokenUsage
from tollhouse.gateway import meter as meter_module
from tollhouse.gateway.meter import MeterOverflow, StreamMeter, read_answer, read_usage, visible_bytes_of

USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 7,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
COUNTED = TokenUsage(input=10, output=7, cached=4, reasoning=3)


def event(chunk: dict[str, Any] | str, *, newline: str = "\n") -> bytes:
    text = chunk if isinstance(chunk, str) else json.dumps(chunk, separators=(",", ":"), ensure_ascii=False)
    return f"data: {text}{newline}{newline}".encode()


def chunk(content: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    return {
        "id": "c1",
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    } | more


def stream(*, null_usage: bool = True, newline: str = "\n") -> tuple[bytes, bytes]:
    """A whole stream as a provider sends it, and as a caller who did not ask for usage must see it."""
    contents = [chunk("Hé"), chunk('say ,"usage":null} '), chunk("漢字")]
    finish = chunk()
    finish["choices"][0]["finish_reason"] = "stop"
    sent, seen = b"", b""
    for item in [*contents, finish]:
        sent += event(item | ({"usage": None} if null_usage else {}), newline=newline)
        seen += event(item, newline=newline)
    done = event("[DONE]", newline=newline)
    return sent + event({"id": "c1", "choices": [], "usage": USAGE}, newline=newline) + done, seen + done


def run(meter: StreamMeter, data: bytes, sizes: list[int] | None = None) -> bytes:
    out, at = b"", 0
    for size in [*(sizes or []), len(data)]:
        out += b"".join(piece.data for piece in meter.feed(data[at : at + size]))
        at += size
    return out + b"".join(piece.data for piece in meter.end())


@given(
    sizes=st.lists(st.integers(1, 60), max_size=80),
    null_usage=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_usage_only_we_asked_for_is_taken_out_exactly_wherever_the_stream_is_cut(
    sizes: list[int], null_usage: bool, newline: str
) -> None:
    sent, seen = stream(null_usage=null_usage, newline=newline)
    meter = StreamMeter(strip_usage=True)
    assert run(meter, sent, sizes) == seen
    assert meter.reading.usage == COUNTED
    assert meter.reading.finished
    assert meter.reading.usage_final
    assert meter.reading.model == "gpt-4o-mini"
    assert meter.reading.response_id == "c1"
    assert meter.reading.finish_reasons == ("stop",)


@given(sizes=st.lists(st.integers(1, 60), max_size=80))
def test_a_caller_who_asked_for_usage_gets_every_byte(sizes: list[int]) -> None:
    sent, _ = stream()
    meter = StreamMeter(strip_usage=False)
    assert run(meter, sent, sizes) == sent
    assert meter.reading.usage == COUNTED


def test_one_byte_at_a_time() -> None:
    sent, seen = stream()
    meter = StreamMeter(strip_usage=True)
    assert run(meter, sent, [1] * len(sent)) == seen


def test_only_the_end_is_marked_last() -> None:
    sent, _ = stream()
    pieces = StreamMeter(strip_usage=False).feed(sent)
    assert [piece.last for piece in pieces] == [False] * 4 + [True, True]


def test_an_ordinary_block_passes_as_one_piece() -> None:
    block = event(chunk("a")) + event(chunk("b"))
    assert [piece.data for piece in StreamMeter(strip_usage=True).feed(block)] == [block]


def test_usage_that_rides_on_a_chunk_with_choices_loses_only_its_key() -> None:
    meter = StreamMeter(strip_usage=True)
    assert run(meter, event(chunk("x") | {"usage": USAGE})) == event(chunk("x"))
    assert meter.reading.usage == COUNTED
    assert not meter.reading.usage_final


def test_a_leading_null_usage_is_taken_out() -> None:
    assert run(StreamMeter(strip_usage=True), b'data: {"usage":null,"choices":[1]}\n\n') == b'data: {"choices":[1]}\n\n'


def test_other_chunks_without_choices_are_kept() -> None:
    filters = event({"choices": [], "prompt_filter_results": [{}]})
    assert run(StreamMeter(strip_usage=True), filters) == filters


def test_odd_usage_is_unknown_and_still_not_shown() -> None:
    meter = StreamMeter(strip_usage=True)
    assert run(meter, event({"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": 1}})) == b""
    assert meter.reading.usage is None
    assert not meter.reading.usage_final


def test_usage_sent_twice_counts_the_larger() -> None:
    meter = StreamMeter(strip_usage=True)
    for completion in (3, 9, 5):
        meter.feed(event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": completion}}))
    assert meter.reading.usage == TokenUsage(input=1, output=9)


def test_an_error_event_is_seen_and_passed_on() -> None:
    meter = StreamMeter(strip_usage=True)
    data = event(chunk("x")) + event({"error": {"message": "overloaded"}})
    pieces = meter.feed(data)
    assert b"".join(piece.data for piece in pieces) == data
    assert meter.reading.error
    assert pieces[-1].last


def test_a_null_error_is_no_error() -> None:
    meter = StreamMeter(strip_usage=True)
    meter.feed(event(chunk("x") | {"error": None}))
    assert not meter.reading.error


def test_comments_and_rubbish_pass_untouched() -> None:
    data = b': OPENROUTER PROCESSING\n\ndata: not json "usage": 1\n\nevent: ping\ndata: "usage" : 5\n\n'
    assert run(StreamMeter(strip_usage=True), data) == data


def test_data_over_several_lines_is_one_payload() -> None:
    meter = StreamMeter(strip_usage=False)
    meter.feed(b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n')
    assert meter.reading.usage == TokenUsage(input=1, output=2)


def test_a_stream_that_ends_without_a_blank_line_is_read_to_its_end() -> None:
    meter = StreamMeter(strip_usage=False)
    assert meter.feed(b"data: [DONE]") == []
    assert [piece.data for piece in meter.end()] == [b"data: [DONE]\n\n"]
    assert meter.reading.finished
    assert meter.end() == []


@pytest.mark.parametrize("cut", [b'data: {"choices":[{"del', b"data: [DO", b'data: {"id":"a"}}'])
def test_half_an_event_is_none(cut: bytes) -> None:
    """What follows it, our own error event, must not become part of it."""
    meter = StreamMeter(strip_usage=True)
    assert meter.feed(cut) == []
    assert meter.end() == []
    assert not meter.reading.finished


def test_a_comment_without_its_end_gets_one() -> None:
    meter = StreamMeter(strip_usage=True)
    meter.feed(b": still work")
    assert [piece.data for piece in meter.end()] == [b": still work\n\n"]


def test_one_blank_line_too_many_is_passed_on() -> None:
    meter = StreamMeter(strip_usage=False)
    sent = event(chunk("a")) + b"\n" + event("[DONE]") + b"\n"
    assert run(meter, sent) == sent
    assert meter.reading.finished


def test_bytes_that_are_no_text_are_passed_on_and_not_understood() -> None:
    """Found by the fuzzer."""
    broken = b'{"choices":[{"message":{"content":"x\xbf"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    assert read_answer(broken).usage is None
    assert visible_bytes_of(broken) == len(broken)
    meter = StreamMeter(strip_usage=True)
    assert run(meter, b"data: " + broken + b"\n\n") == b"data: " + broken + b"\n\n"
    assert meter.reading.usage is None


def test_an_endless_event_is_not_kept() -> None:
    meter = StreamMeter(strip_usage=False)
    for _ in range(4):
        assert meter.feed(b"x" * (1 << 20)) == []
    with pytest.raises(MeterOverflow):
        meter.feed(b"x")


def test_deep_json_in_a_stream_is_passed_and_not_understood() -> None:
    deep = b'data: {"usage": ' + b"[" * 100_000 + b"\n\n"
    assert run(StreamMeter(strip_usage=True), deep) == deep


def test_visible_bytes_are_content_refusals_reasoning_and_tool_arguments() -> None:
    meter = StreamMeter(strip_usage=False)
    tool = {"index": 0, "delta": {"tool_calls": [{"function": {"arguments": "{}"}}]}}
    meter.feed(event(chunk("漢字")) + event({"choices": [tool]}) + event({"choices": [{"message": {"refusal": "no"}}]}))
    meter.feed(event({"choices": "odd"}) + event({"choices": ["odd", {"delta": "odd"}]}) + event("[DONE]"))
    assert meter.visible_bytes() == 6 + len('[{"function":{"arguments":"{}"}}]') + 2
    assert meter.visible_bytes() == 6 + len('[{"function":{"arguments":"{}"}}]') + 2


def test_visible_bytes_of_a_long_stream_are_counted_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "_UNREAD_LIMIT", 100)
    meter = StreamMeter(strip_usage=False)
    for _ in range(50):
        meter.feed(event(chunk("abc")))
        assert meter._unread_bytes <= 300
    assert meter.visible_bytes() == 150


def test_names_from_outside_are_short_and_without_nul() -> None:
    meter = StreamMeter(strip_usage=False)
    meter.feed(event({"model": "a\x00b" + "c" * 500, "id": "x\x00y", "choices": []}))
    assert meter.reading.model == "ab" + "c" * 197
    assert meter.reading.response_id == "xy"


def test_finish_reasons_are_bounded() -> None:
    meter = StreamMeter(strip_usage=False)
    for _ in range(300):
        meter.feed(b'data: {"choices":[{"finish_reason":"stop"}]}\n\n')
    assert len(meter.reading.finish_reasons) == 128


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (USAGE, COUNTED),
        ({"prompt_tokens": 0, "completion_tokens": 0}, TokenUsage()),
        (None, None),
        ("many", None),
        ({}, None),
        ({"prompt_tokens": 1}, None),
        ({"prompt_tokens": 1, "completion_tokens": None}, None),
        ({"prompt_tokens": 1, "completion_tokens": 2.5}, None),
        ({"prompt_tokens": True, "completion_tokens": 2}, None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        ({"prompt_tokens": 1 << 29, "completion_tokens": 2}, None),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}, TokenUsage(5, 2)),
        (
            {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}},
            TokenUsage(5, 2, 5),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": "x"}},
            TokenUsage(5, 2),
        ),
    ],
)
def test_zero_is_a_count_and_anything_odd_is_unknown(usage: object, counted: TokenUsage | None) -> None:
    assert read_usage(usage) == counted


def test_a_whole_answer_tells_usage_model_and_finish() -> None:
    body = json.dumps(
        {
            "id": "c9",
            "model": "m",
            "usage": USAGE,
            "choices": [{"finish_reason": "length"}, {"finish_reason": None}, 3],
        }
    ).encode()
    reading = read_answer(body)
    assert (reading.usage, reading.model, reading.response_id) == (COUNTED, "m", "c9")
    assert (reading.finish_reasons, reading.finished, reading.error) == (("length",), True, False)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"[" * 100_000, b'{"errors":[1]}', b"\xff"])
def test_an_answer_that_is_none_tells_nothing(body: bytes) -> None:
    reading = read_answer(body)
    assert (reading.usage, reading.finished) == (None, False)


def test_an_answer_with_an_error_says_so() -> None:
    assert read_answer(b'{"error": {"message": "x"}}').error


def test_visible_bytes_of_a_whole_answer() -> None:
    assert visible_bytes_of(b'{"choices": [{"message": {"content": "abc"}}]}') == 3
    assert visible_bytes_of(b"not json") == 8
    assert visible_bytes_of(b"[1]") == 3
