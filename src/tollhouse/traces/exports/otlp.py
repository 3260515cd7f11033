"""Spans as OTLP requests, in JSON or protobuf. Pure.

OTLP/JSON is protobuf's JSON mapping but for ids, which are hex (opentelemetry-proto, "OTLP/HTTP"); integers of 64 bits
are strings there. A status is left unset unless it is an error, as the conventions have instrumentation do it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tollhouse import __version__
from tollhouse.traces.exports.exporters import Encoding
from tollhouse.traces.spans import STATUS_ERROR, Span

SERVICE: Final = "tollhouse"
SCOPE: Final = "tollhouse.gateway"
CONTENT_TYPES: Final[Mapping[Encoding, str]] = {"json": "application/json", "protobuf": "application/x-protobuf"}

CONTENT: Final = frozenset(
    {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.prompt",
        "gen_ai.completion",
    }
)
"""Attributes that hold what people and models said to each other."""

_INT64: Final = 1 << 63
_RESOURCE: Final[Mapping[str, str]] = {"service.name": SERVICE, "service.version": __version__}

Value = str | int | float | bool | Sequence[str]


def part(spans: Sequence[Span], encoding: Encoding, *, content: bool) -> bytes:
    """Some spans of a request, by `whole` to be made one; without `content`, prompts and answers stay behind."""
    return _protobuf(spans, content=content) if encoding == "protobuf" else _json(spans, content=content)


def whole(parts: Sequence[bytes], encoding: Encoding) -> bytes:
    """An ExportTraceServiceRequest. In protobuf, messages one after the other are one message."""
    return b"".join(parts) if encoding == "protobuf" else b'{"resourceSpans":[' + b",".join(parts) + b"]}"


def refused_of(body: bytes, encoding: Encoding) -> tuple[int, str]:
    """How many spans an answer says were refused, and why: its partial success. An unreadable answer says nothing."""
    try:
        return _refused_in_protobuf(body) if encoding == "protobuf" else _refused_in_json(body)
    except (ValueError, msgspec.MsgspecError):
        return 0, ""


def _attributes(span: Span, *, content: bool) -> Mapping[str, Value]:
    return span.attributes if content else {name: span.attributes[name] for name in span.attributes.keys() - CONTENT}


def _json(spans: Sequence[Span], *, content: bool) -> bytes:
    scope = {"scope": {"name": SCOPE, "version": __version__}, "spans": [_json_span(s, content=content) for s in spans]}
    resource = {"attributes": _json_pairs(_RESOURCE)}
    return msgspec.json.encode({"resource": resource, "scopeSpans": [scope]})


def _json_span(span: Span, *, content: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _json_pairs(_attributes(span, content=content)),
    }
    if span.parent_span_id:
        made["parentSpanId"] = span.parent_span_id
    if span.status == STATUS_ERROR:
        made["status"] = {"code": STATUS_ERROR, "message": span.status_message or ""}
    return made


def _json_pairs(pairs: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _json_value(value)} for name, value in sorted(pairs.items())]


def _json_value(value: Value) -> dict[str, Any]:
    match value:
        case bool():  # before int, which it is, too
            return {"boolValue": value}
        case int() if -_INT64 <= value < _INT64:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE.get(value, "NaN")}
        case str() | int():
            return {"stringValue": str(value)}
        case _:
            return {"arrayValue": {"values": [_json_value(each) for each in value]}}


_NOT_FINITE: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}


class _PartialSuccess(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _PartialSuccess | None = None


def _refused_in_json(body: bytes) -> tuple[int, str]:
    said = msgspec.json.decode(body, type=_Answer).partial_success if body else None
    return (0, "") if said is None else (max(int(said.rejected_spans), 0), said.error_message)


def _protobuf(spans: Sequence[Span], *, content: bool) -> bytes:
    # Late: the library takes a while to load, and only exporters of this encoding need it.
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    _put_pairs(group.resource.attributes, _RESOURCE)
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = SCOPE, __version__
    for span in spans:
        _put_span(scope.spans.add(), span, content=content)
    written: bytes = made.SerializeToString()
    return written


def _put_span(into: Any, span: Span, *, content: bool) -> None:
    into.trace_id, into.span_id = bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id)
    into.parent_span_id = bytes.fromhex(span.parent_span_id or "")
    into.name, into.kind = span.name, span.kind
    into.start_time_unix_nano, into.end_time_unix_nano = span.start_ns, span.end_ns
    _put_pairs(into.attributes, _attributes(span, content=content))
    if span.status == STATUS_ERROR:
        into.status.code, into.status.message = STATUS_ERROR, span.status_message or ""


def _put_pairs(into: Any, pairs: Mapping[str, Value]) -> None:
    for name, value in sorted(pairs.items()):
        pair = into.add()
        pair.key = name
        _put_value(pair.value, value)


def _put_value(into: Any, value: Value) -> None:
    match value:
        case bool():
            into.bool_value = value
        case int() if -_INT64 <= value < _INT64:
            into.int_value = value
        case float():
            into.double_value = value
        case str() | int():
            into.string_value = str(value)
        case _:
            into.array_value.SetInParent()  # also if it stays empty
            for each in value:
                _put_value(into.array_value.values.add(), each)


def _refused_in_protobuf(body: bytes) -> tuple[int, str]:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        said = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError as cause:
        raise ValueError("not a response") from cause
    return max(said.rejected_spans, 0), said.error_message
