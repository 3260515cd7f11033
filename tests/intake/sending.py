"""What tests of the intake send: requests in both encodings, made by OTLP's rules, and a way to look at the rows."""

import base64
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tollhouse.db.pool import Database

SECRET = "a-shared-secret-for-tests"
JSON, PROTOBUF = "application/json", "application/x-protobuf"


def any_value(value: object) -> AnyValue:
    """As the protocol's mapping of values has it."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    return AnyValue()


def key_values(given: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in given.items()]


@dataclass
class Made:
    """One span to send; what is not said is as a healthy sender would have it."""

    attributes: dict[str, object] = field(default_factory=dict)
    name: str = "chat gpt-4o-mini"
    trace_id: bytes = field(default_factory=lambda: os.urandom(16))
    span_id: bytes = field(default_factory=lambda: os.urandom(8))
    parent: bytes = b""
    start_ns: int = field(default_factory=lambda: time.time_ns() - 1_000_000_000)
    took_ns: int = 500_000_000
    kind: int = 3
    status: int = 0
    message: str = ""

    def message_of(self) -> Span:
        span = Span(
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_span_id=self.parent,
            name=self.name,
            kind=self.kind,  # type: ignore[arg-type]
            start_time_unix_nano=max(self.start_ns, 0),
            end_time_unix_nano=max(self.start_ns + self.took_ns, 0),
            attributes=key_values(self.attributes),
        )
        span.status.code = self.status  # type: ignore[assignment]
        span.status.message = self.message
        return span


def request(
    *spans: Made, resource: Mapping[str, object] | None = None, scope: str = "test", version: str = "1"
) -> ExportTraceServiceRequest:
    scope_spans = ScopeSpans(spans=[span.message_of() for span in spans])
    scope_spans.scope.name, scope_spans.scope.version = scope, version
    resource_spans = ResourceSpans(scope_spans=[scope_spans])
    resource_spans.resource.attributes.extend(key_values(resource or {"service.name": "checkout"}))
    return ExportTraceServiceRequest(resource_spans=[resource_spans])


def json_value(value: AnyValue) -> dict[str, Any]:
    """OTLP's JSON: 64-bit numbers as texts."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return {}
        case "int_value":
            return {"intValue": str(value.int_value)}
        case "array_value":
            return {"arrayValue": {"values": [json_value(each) for each in value.array_value.values]}}
        case "kvlist_value":
            return {"kvlistValue": {"values": json_attributes(value.kvlist_value.values)}}
        case "bytes_value":
            return {"bytesValue": base64.b64encode(value.bytes_value).decode()}
    name = {"string_value": "stringValue", "bool_value": "boolValue", "double_value": "doubleValue"}[kind]
    plain = getattr(value, kind)
    if isinstance(plain, float) and plain - plain != 0:
        plain = "NaN" if plain != plain else "Infinity" if plain > 0 else "-Infinity"
    return {name: plain}


def json_attributes(given: Any) -> list[dict[str, Any]]:
    return [{"key": each.key, "value": json_value(each.value)} for each in given]


def json_span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": json_attributes(span.attributes),
        "droppedAttributesCount": span.dropped_attributes_count,
        "events": [{"name": event.name, "attributes": json_attributes(event.attributes)} for event in span.events],
        "links": [{} for _ in span.links],
        "status": {"code": int(span.status.code), "message": span.status.message},
        "aFieldOfTomorrow": {"nested": [1, 2]},
    }


def as_json(message: ExportTraceServiceRequest) -> bytes:
    """The request in OTLP's JSON encoding, by its rules."""
    return json.dumps({"resourceSpans": [_json_resource_spans(each) for each in message.resource_spans]}).encode()


def _json_resource_spans(each: ResourceSpans) -> dict[str, Any]:
    return {
        "resource": {"attributes": json_attributes(each.resource.attributes)},
        "scopeSpans": [
            {
                "scope": {"name": scope_spans.scope.name, "version": scope_spans.scope.version},
                "spans": [json_span(span) for span in scope_spans.spans],
            }
            for scope_spans in each.scope_spans
        ],
    }


@dataclass
class Door:
    """Where spans are sent, and the database behind it."""

    url: str
    database: Database

    async def post(
        self, body: bytes, credential: str | None = SECRET, content_type: str = PROTOBUF, **headers: str
    ) -> httpx.Response:
        told = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        if credential is not None:
            told["authorization"] = f"Bearer {credential}"
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(f"{self.url}/v1/traces", content=body, headers=told)

    async def send(self, *spans: Made, credential: str | None = SECRET, **more: Any) -> httpx.Response:
        return await self.post(request(*spans, **more).SerializeToString(), credential)

    async def rows(self, *spans: Made) -> list[dict[str, Any]]:
        """The rows of these spans' traces, in the order in which they began."""
        async with self.database.connection() as connection:
            found = await connection.fetch(
                "SELECT * FROM telemetry_spans WHERE trace_id = ANY ($1) ORDER BY start_ns, span_id",
                [span.trace_id.hex() for span in spans],
            )
        return [dict(row) for row in found]


def partial_success(answer: httpx.Response) -> tuple[int, str]:
    """How many spans an answer says were rejected, and why."""
    if answer.headers["content-type"] == JSON:
        partial = answer.json().get("partialSuccess", {})
        return int(partial.get("rejectedSpans", 0)), partial.get("errorMessage", "")
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return told.rejected_spans, told.error_message
