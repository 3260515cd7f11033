"""A receiver of OTLP/HTTP on a real socket: takes what the schema's makers can parse, and goes wrong when told to."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Fault = Literal["silent", "lost"]
"""`silent`: the request is read and never answered; `lost`: it is taken, and the answer does not arrive."""


@dataclass(frozen=True)
class Answer:
    """`rejected` spans of a request that is otherwise taken."""

    status: int = 200
    headers: Sequence[str] = ()
    rejected: int = 0
    message: str = ""


@dataclass
class Collector:
    """Answers with `answers` one after the other, the last one again and again."""

    answers: list[Answer | Fault] = field(default_factory=lambda: [Answer()])
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    @property
    def spans(self) -> list[Span]:
        """All that were taken, in the order in which they came."""
        return [
            span
            for request in self.requests
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            headers, body = await _read(reader)
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.headers.append(headers)
            if said == "silent":
                await reader.read()
            elif said == "lost" or 200 <= said.status < 300:
                self.requests.append(parse(headers, body))
            if isinstance(said, Answer):
                writer.write(_written(said, headers["content-type"]))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def collecting(*answers: Answer | Fault) -> AsyncIterator[Collector]:
    collector = Collector(list(answers) or [Answer()])
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    collector.port = server.sockets[0].getsockname()[1]
    try:
        yield collector
    finally:
        server.close()


def parse(headers: dict[str, str], body: bytes) -> ExportTraceServiceRequest:
    """Strictly: what the schema does not know is an error."""
    plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    made = ExportTraceServiceRequest()
    if headers["content-type"] == "application/x-protobuf":
        made.ParseFromString(plain)
        known = ExportTraceServiceRequest.FromString(plain)
        known.DiscardUnknownFields()
        assert known.SerializeToString() == made.SerializeToString()
        return made
    assert headers["content-type"] == "application/json"
    json_format.ParseDict(_with_base64_ids(json.loads(plain)), made)
    return made


def _with_base64_ids(value: Any) -> Any:
    """OTLP/JSON is protobuf's JSON but for ids, which are hex."""
    if isinstance(value, list):
        return [_with_base64_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(each)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else _with_base64_ids(each)
        for name, each in value.items()
    }


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = [line.split(": ", 1) for line in head.strip().split("\r\n")[1:]]
    headers = {name.lower(): value for name, value in lines}
    return headers, await reader.readexactly(int(headers["content-length"]))


def _written(answer: Answer, content_type: str) -> bytes:
    said = ExportTraceServiceResponse()
    if answer.rejected:
        said.partial_success.rejected_spans, said.partial_success.error_message = answer.rejected, answer.message
    body: bytes = json_format.MessageToJson(said).encode() if "json" in content_type else said.SerializeToString()
    head = [f"HTTP/1.1 {answer.status} Whatever", f"Content-Length: {len(body)}", f"Content-Type: {content_type}"]
    return "\r\n".join([*head, *answer.headers, "", ""]).encode() + body
