"""Spans on the wire, read by what the schema's makers generate from it."""

import json
import math
from typing import get_args

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from control.exporters.collector import parse
from tollhouse import __version__
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.exports import otlp
from tollhouse.traces.exports.exporters import Encoding
from tollhouse.traces.spans import STATUS_ERROR, Span
from traces.exports.making_spans import AT_NS, span

ACME = CustomerId("acme")
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
EVERY_TYPE = {
    "a.bool": True,
    "a.double": 0.5,
    "a.whole.double": 1.0,
    "a.int": 42,
    "a.largest.int": (1 << 63) - 1,
    "a.smallest.int": -(1 << 63),
    "a.list": ["x", "y"],
    "a.string": "Grüße 🦉",
    "an.empty.list": [],
}


def request(spans: list[Span], encoding: Encoding, *, content: bool = False) -> bytes:
    return otlp.whole([otlp.part([each], encoding, content=content) for each in spans], encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_span_arrives_as_it_is(encoding: Encoding) -> None:
    sent = span(ACME, "chat gpt-4o", parent_span_id="00000000000000ff", attributes=EVERY_TYPE)
    read = parse({"content-type": otlp.CONTENT_TYPES[encoding]}, request([sent, span(ACME, "two")], encoding))
    groups = read.resource_spans
    resource = {pair.key: pair.value.string_value for pair in groups[0].resource.attributes}
    assert resource == {"service.name": "tollhouse", "service.version": __version__}
    scope = groups[0].scope_spans[0].scope
    assert (scope.name, scope.version) == ("tollhouse.gateway", __version__)
    got, other = (each for group in groups for scope in group.scope_spans for each in scope.spans)
    assert (got.trace_id.hex(), got.span_id.hex(), got.parent_span_id.hex()) == (
        sent.trace_id,
        sent.span_id,
        "00000000000000ff",
    )
    assert (other.name, other.parent_span_id) == ("two", b"")
    assert (got.name, got.kind) == ("chat gpt-4o", got.SPAN_KIND_CLIENT)
    assert (got.start_time_unix_nano, got.end_time_unix_nano) == (AT_NS, AT_NS + 1_500_000)
    assert {pair.key: _plain(pair.value) for pair in got.attributes} == EVERY_TYPE
    assert got.status.code == got.status.STATUS_CODE_UNSET


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_error_says_so(encoding: Encoding) -> None:
    failed = span(ACME, status=STATUS_ERROR, status_message="timeout")
    read = parse({"content-type": otlp.CONTENT_TYPES[encoding]}, request([failed], encoding))
    status = read.resource_spans[0].scope_spans[0].spans[0].status
    assert (status.code, status.message) == (status.STATUS_CODE_ERROR, "timeout")


def test_json_has_integers_as_strings_and_ids_as_hex() -> None:
    sent = span(ACME, attributes={"n": 7})
    [group] = json.loads(request([sent], "json"))["resourceSpans"]
    [got] = group["scopeSpans"][0]["spans"]
    assert got["traceId"] == sent.trace_id
    assert got["startTimeUnixNano"] == str(AT_NS)
    assert got["attributes"] == [{"key": "n", "value": {"intValue": "7"}}]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_numbers_that_do_not_fit_lose_nobody_the_batch(encoding: Encoding) -> None:
    odd = {"huge": 1 << 70, "inf": math.inf, "-inf": -math.inf, "nan": math.nan}
    read = parse({"content-type": otlp.CONTENT_TYPES[encoding]}, request([span(ACME, attributes=odd)], encoding))
    got = {pair.key: pair.value for pair in read.resource_spans[0].scope_spans[0].spans[0].attributes}
    assert got["huge"].string_value == str(1 << 70)
    assert (got["inf"].double_value, got["-inf"].double_value) == (math.inf, -math.inf)
    assert math.isnan(got["nan"].double_value)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("content", [False, True])
def test_content_goes_along_only_where_it_is_wanted(encoding: Encoding, *, content: bool) -> None:
    said = dict.fromkeys(otlp.CONTENT, "a secret thought") | {"gen_ai.request.model": "gpt-4o"}
    body = request([span(ACME, attributes=said)], encoding, content=content)
    assert (b"a secret thought" in body) is content
    assert b"gpt-4o" in body


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_partial_success_is_read(encoding: Encoding) -> None:
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans, said.partial_success.error_message = 3, "too old"
    in_json = b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}'
    assert otlp.refused_of(in_json if encoding == "json" else said.SerializeToString(), encoding) == (3, "too old")
    assert otlp.refused_of(b"", encoding) == (0, "")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("body", [b"ok", b"<html>", b"[]", b'{"partialSuccess": 7}', b"\xff" * 40, b'{"a'])
def test_an_answer_that_cannot_be_read_refuses_nothing(encoding: Encoding, body: bytes) -> None:
    assert otlp.refused_of(body, encoding) == (0, "")


def _plain(value: object) -> object:
    kind = value.WhichOneof("value")  # type: ignore[attr-defined]
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]  # type: ignore[attr-defined]
    return getattr(value, kind)
