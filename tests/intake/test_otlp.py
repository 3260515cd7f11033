"""The readers of OTLP: what generated messages hold is what they find, and bad bytes cost one span or a clear error."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from intake.sending import Made, as_json, key_values, request
from tollhouse.foundation.errors import BadRequest, TooLarge
from tollhouse.intake import otlp, otlp_json, otlp_protobuf
from tollhouse.intake.otlp import Limits, Origin, Rejected, Sent

LIMITS = Limits(spans=50, attributes=12, value_chars=40, items=5, depth=3)

_texts = st.text(max_size=60)
_scalars = st.one_of(
    _texts, st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(width=64), st.binary(max_size=60)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=7), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=12,
)
_attributes = st.dictionaries(_texts, _values, max_size=15)
_uint64 = st.integers(0, (1 << 64) - 1)


@st.composite
def _spans(draw: st.DrawFn) -> Span:
    ids = st.one_of(st.binary(min_size=8, max_size=8), st.sampled_from([b"", bytes(8), b"\1\2\3"]))
    traces = st.one_of(st.binary(min_size=16, max_size=16), st.sampled_from([b"", bytes(16), b"\1"]))
    span = Span(
        trace_id=draw(traces),
        span_id=draw(ids),
        parent_span_id=draw(ids),
        name=draw(_texts),
        kind=draw(st.integers(0, 9)),  # type: ignore[arg-type]
        start_time_unix_nano=draw(_uint64),
        end_time_unix_nano=draw(_uint64),
        trace_state=draw(_texts),
        flags=draw(st.integers(0, (1 << 32) - 1)),
        attributes=key_values(draw(_attributes)),
        dropped_attributes_count=draw(st.integers(0, (1 << 32) - 1)),
    )
    for _ in range(draw(st.integers(0, 3))):
        span.events.add(name="event", attributes=key_values({"a": 1}))
        span.links.add(trace_id=b"\1" * 16)
    span.status.code = draw(st.integers(0, 3))  # type: ignore[assignment]
    span.status.message = draw(_texts)
    return span


@st.composite
def _requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_spans = message.resource_spans.add()
        resource_spans.resource.attributes.extend(key_values(draw(_attributes)))
        for _ in range(draw(st.integers(0, 2))):
            scope_spans = resource_spans.scope_spans.add(spans=draw(st.lists(_spans(), max_size=3)))
            scope_spans.scope.name, scope_spans.scope.version = draw(_texts), draw(_texts)
    return message


def _plain(value: Any) -> otlp.Plain:
    """What a generated AnyValue holds."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: _plain(each.value) for each in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


def _depth(value: otlp.Plain) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max((_depth(each) for each in inner), default=0)


def _size(value: otlp.Plain) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else max(len(inner), *(_size(each) for each in inner), 0)


def _expected(message: ExportTraceServiceRequest) -> Iterator[tuple[ResourceSpans, ScopeSpans, Span]]:
    for resource_spans in message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield resource_spans, scope_spans, span


def _check(found: list[Origin | Sent | Rejected], message: ExportTraceServiceRequest) -> None:
    spans = [each for each in found if not isinstance(each, Origin)]
    expected = list(_expected(message))
    assert len(spans) == len(expected)
    for index, (got, (_, _, span)) in enumerate(zip(spans, expected, strict=True)):
        assert got.index == index
        valid = len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)
        if isinstance(got, Rejected):
            assert not valid or len(span.parent_span_id) not in (0, 8)
            continue
        assert valid
        _check_span(got, span)


def _check_span(got: Sent, span: Span) -> None:
    assert (got.trace_id, got.span_id) == (span.trace_id.hex(), span.span_id.hex())
    assert got.parent_span_id == (span.parent_span_id.hex() if any(span.parent_span_id) else None)
    assert (got.start_ns, got.end_ns) == (span.start_time_unix_nano, span.end_time_unix_nano)
    assert got.name == (span.name.replace("\0", "\ufffd") or "unnamed")
    assert got.kind == (span.kind if span.kind <= 5 else 0)
    assert got.status == (span.status.code if span.status.code <= 2 else 0)
    assert (got.events, got.links) == (len(span.events), len(span.links))
    assert len(got.attributes) <= 2 * LIMITS.attributes
    assert "\0" not in str(got.attributes)
    if len(span.attributes) > LIMITS.attributes:
        return
    for each in span.attributes:
        value = _plain(each.value)
        key = each.key.replace("\0", "\ufffd")
        if value is None or not each.key or _depth(value) > LIMITS.depth or _size(value) > LIMITS.items:
            continue
        fitting, cut = otlp.fit(value, LIMITS)
        if (
            list(got.attributes).count(key) == 1
            and [a.key.replace("\0", "\ufffd") for a in span.attributes].count(key) == 1
        ):
            assert got.attributes[key] == fitting
            assert got.attributes.get(key + ".truncated", False) is cut or key + ".truncated" in str(span.attributes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_requests())
def test_both_readers_find_what_the_message_holds(message: ExportTraceServiceRequest) -> None:
    from_protobuf = list(otlp_protobuf.read(message.SerializeToString(), LIMITS))
    _check(from_protobuf, message)
    _check(list(otlp_json.read(as_json(message), LIMITS)), message)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (otlp_protobuf.read, otlp_json.read):
        with contextlib.suppress(BadRequest, TooLarge):
            list(read(data, LIMITS))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_requests(), st.data())
def test_a_damaged_request_is_read_or_refused(message: ExportTraceServiceRequest, data: st.DataObject) -> None:
    """Whatever the generated reader takes, ours takes, but for groups, which nobody has sent for fifteen years."""
    whole = bytearray(message.SerializeToString())
    if not whole:
        return
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        taken = list(otlp_protobuf.read(damaged, LIMITS))
    except (BadRequest, TooLarge):
        return
    try:
        again = ExportTraceServiceRequest.FromString(damaged)
    except DecodeError:
        return
    assert len([each for each in taken if not isinstance(each, Origin)]) == len(list(_expected(again)))


def test_a_resource_that_stands_behind_its_spans_is_theirs_all_the_same() -> None:
    """Fields may come in any order, and a message in parts."""
    first = ResourceSpans(scope_spans=[ScopeSpans(spans=[Made().message_of()])]).SerializeToString()
    second = ResourceSpans()
    second.resource.attributes.extend(key_values({"service.name": "late"}))
    body = first + second.SerializeToString()
    framed = b"\x0a" + _varint(len(body)) + body
    origin, span = otlp_protobuf.read(framed, LIMITS)
    assert isinstance(origin, Origin)
    assert isinstance(span, Sent)
    assert origin.resource == {"service.name": "late"}


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize("number", ["12", 12, "-12"])
def test_numbers_in_json_are_texts_or_numbers(number: object) -> None:
    span = {"traceId": "AB" * 16, "spanId": "CD" * 8, "kind": 2, "startTimeUnixNano": number, "endTimeUnixNano": "7"}
    span["attributes"] = [{"key": "a", "value": {"intValue": number}}]
    _, got = otlp_json.read(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode(), LIMITS)
    assert isinstance(got, Sent)
    assert (got.start_ns, got.attributes["a"]) == (int(str(number)), int(str(number)))
    assert (got.trace_id, got.span_id) == ("ab" * 16, "cd" * 8)


@pytest.mark.parametrize(
    "field",
    [
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": "9" * 5_000},
        {"startTimeUnixNano": 1.5},
        {"traceId": 5},
        {"traceId": "zz" * 16},
        {"attributes": [{"key": "a", "value": {"bytesValue": "?"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "many"}}]},
        {"attributes": [{"key": "a", "value": {"intValue": "\u0664"}}]},
        {"attributes": {"a": 1}},
    ],
    ids=str,
)
def test_a_span_that_is_not_as_json_has_them_is_rejected_with_its_id(field: dict[str, object]) -> None:
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8} | field
    _, got = otlp_json.read(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode(), LIMITS)
    assert isinstance(got, Rejected)
    assert got.span_id == "cd" * 8
    assert got.reason


def test_a_body_of_very_many_small_things_is_refused_before_it_becomes_objects() -> None:
    with pytest.raises(TooLarge):
        list(otlp_json.read(b'{"resourceSpans":[' + b"{}," * 500_001 + b"{}]}", LIMITS))
    for body in (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"1," * 600_000 + b"1]}]}]}",
        b'{"resourceSpans":[' + b"[]," * 600_000 + b"[]]}",
    ):
        with pytest.raises(BadRequest):
            list(otlp_json.read(body, LIMITS))
    for body in (
        _framed(1, b"\x12\x00" * 10_000),
        b"\x0a\x00" * 10_000,
        _framed(1, b"\x10\x01" * 10_000),
        _framed(1, _framed(2, b"\x18\x01" * 10_000)),
        _framed(1, _framed(1, b"\x0a\x00" * 10_000)),
    ):
        with pytest.raises(BadRequest):
            list(otlp_protobuf.read(body, LIMITS))


def _framed(field: int, body: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(body)) + body


@pytest.mark.parametrize("tag", [b"\x5a\x00", b"\x6a\x00", b"\x4a\x00", b"\x7a\x00", b"\x9a\x06\x00", b"\x50\x01"])
def test_a_span_of_very_many_fields_is_rejected_alone(tag: bytes) -> None:
    whole = Made().message_of().SerializeToString()
    spans = _framed(2, whole + tag * 20_000) + _framed(2, whole)
    _, large, good = otlp_protobuf.read(_framed(1, _framed(2, spans)), LIMITS)
    assert isinstance(large, Rejected)
    assert large.reason == "it has too many fields"
    assert isinstance(good, Sent)


def test_attributes_far_beyond_the_limit_are_only_counted() -> None:
    span = Made({f"a{number}": number for number in range(1_000)})
    for found in (
        otlp_protobuf.read(request(span).SerializeToString(), LIMITS),
        otlp_json.read(as_json(request(span)), LIMITS),
    ):
        _, got = found
        assert isinstance(got, Sent)
        assert (len(got.attributes), got.dropped) == (12, 988)


def test_a_value_of_very_many_parts_costs_the_span_or_is_cut() -> None:
    wide = Made({"list": ["x"] * 20_000, "map": {f"k{n}": n for n in range(5_000)}})
    found = list(otlp_json.read(as_json(request(wide)), LIMITS))
    got = found[1]
    assert isinstance(got, Sent)
    assert len(str(got.attributes["list"])) < 100
    assert got.attributes["list.truncated"] is True
    (_, in_protobuf) = otlp_protobuf.read(request(Made({"list": ["x"] * 4_000})).SerializeToString(), LIMITS)
    assert isinstance(in_protobuf, Sent)
    assert in_protobuf.attributes["list.truncated"] is True


def test_reasons_are_told_for_the_first_few() -> None:
    told = otlp.summary([Rejected(index, "", "no") for index in range(8)], 20)
    assert told.startswith("span 0 (id unknown): no; span 1")
    assert told.endswith("and 15 more")


def test_attributes_are_remembered_within_a_bound() -> None:
    """Very many different ones, and again the first: each is what it says."""
    spans = [Made({"number": index, "text": f"value {index}"}) for index in range(5_000)]
    again = [*spans, spans[0]]
    found = otlp_protobuf.read(request(*again).SerializeToString(), Limits())
    got = [each for each in found if isinstance(each, Sent)]
    assert [each.attributes["number"] for each in got] == [*range(5_000), 0]
    assert got[-1].attributes["text"] == "value 0"
