"""Our spans against OpenTelemetry's semantic conventions: names as their package has them, types and levels as a table.

The package (`opentelemetry-semantic-conventions`) is generated from the registry; it says of names that moved to the
repository of the GenAI conventions that they did, which is no deprecation.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import semconv

from tollhouse.access.permits import Permit
from tollhouse.catalog.models import Model
from tollhouse.catalog.providers import SLUGS
from tollhouse.cloudflare.routes import route_of
from tollhouse.foundation.ids import CustomerId, KeyId, UserId, new_call_id
from tollhouse.foundation.money import Nanos
from tollhouse.foundation.tokens import TokenUsage
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import Arrival, ChatRequest
from tollhouse.gateway.conventions import said_by_request
from tollhouse.gateway.estimate import Estimate
from tollhouse.gateway.meter import Reading
from tollhouse.gateway.passage import ABANDONED, BROKEN, LOST, NOT_SENT, TIMED_OUT, Ending, Passage
from tollhouse.gateway.records import records_of_lost, span_of
from tollhouse.ledger.records import Call, Part, Reserved, Resolved
from tollhouse.traces.spans import KIND_CLIENT, STATUS_ERROR, Span

TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("inference_client.toml").read_text())
ATTRIBUTES: dict[str, dict[str, str]] = TABLE["attributes"]
TYPES: Mapping[str, type] = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": list}
SERVER = ("gateway.example", 443)
COMPLETED = Ending("exact", "completed", TokenUsage(30, 40, 5, 6, 7), "provider")
REFUSED = Ending("exact", "refused_upstream")
EVERYTHING: dict[str, Any] = {
    "temperature": 1,
    "top_p": 0.5,
    "top_k": 40,
    "frequency_penalty": -1,
    "presence_penalty": 0,
    "seed": 7,
    "stop": ["a", "b"],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
    "user": "somebody",
    "messages": [{"role": "user", "content": "private"}],
}


def passage(ending: Ending, *, stream: bool = False, provider: str = "openai", **fields: Any) -> Passage:
    route = route_of("openai")
    assert route
    permit = Permit(
        key_id=KeyId("k"), key_name="k", customer_id=CustomerId("c"), user_id=UserId("u"), team_id=None, disabled=False,
        expires_at=None, allowed_models=(), max_output_tokens=None, bound_policy="strict", gateway_state="ready",
        gateway_id="g", account_id="a", credential_mode="unified", tags=("t",),
    )  # fmt: skip
    model = Model("gpt-4o", "openai", "openai", "gpt-4o", None, None, None)
    made = Passage(
        arrival=Arrival(new_call_id(), "1" * 32, "2" * 16, "3" * 16, datetime.now(UTC), 1_000, 1.0),
        permit=permit,
        chat=ChatRequest(EVERYTHING, "gpt-4o", None, stream, False, 2, None, 0),
        destination=Destination(provider, "gpt-4o", route, model, "a", "g"),
        estimate=Estimate(None, 10, 10, 2, Nanos(1), Nanos(1), False, "v"),
        held=Nanos(1),
        day=date(2026, 11, 23),
        ending=ending,
        reading=Reading(),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def answered(**fields: Any) -> dict[str, Any]:
    read = Reading()
    read.model, read.response_id, read.finish_reasons = "gpt-4o-2024", "chatcmpl-1", ("stop", "length")
    return {"reading": read, "upstream_status": 200, "sent_at": 1.5, "first_byte_at": 2.0, "cf_log_id": "l"} | fields


def lost(*, stream: bool) -> Span:
    call = Call(new_call_id(), CustomerId("c"), KeyId("k"), None, None, "openai", "gpt-4o", "v")
    reserved = Reserved(call, 1_000_000, (Part(1, 1, True),), Nanos(5))
    return records_of_lost(Resolved(reserved, "in_doubt", Nanos(5)), "1" * 32, "2" * 16, None, stream=stream)[1]


def spans() -> Iterator[tuple[str, Span]]:
    """One for every way a call ends."""
    yield "completed", span_of(passage(COMPLETED, **answered()), 2_000, SERVER)
    yield "streamed", span_of(passage(COMPLETED, stream=True, **answered()), 2_000, SERVER)
    refused = answered(error_type="rate_limited", upstream_status=429)
    yield "refused by the provider", span_of(passage(REFUSED, **refused), 2_000, SERVER)
    for ending in (BROKEN, TIMED_OUT, ABANDONED, LOST, NOT_SENT):
        yield ending.outcome, span_of(passage(ending), 2_000, SERVER)
    yield "lost with its process", lost(stream=False)
    yield "lost with its process, streaming", lost(stream=True)
    for slug in sorted(SLUGS):
        yield f"to {slug}", span_of(passage(COMPLETED, provider=slug, **answered()), 2_000, SERVER)


SPANS = dict(spans())


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_a_span_is_what_the_conventions_say(span: Span) -> None:
    assert span.kind == KIND_CLIENT
    assert span.name == re.sub(r"\{(.*?)\}", lambda hit: str(span.attributes[hit[1]]), TABLE["span"]["name"])
    assert span.attributes["gen_ai.operation.name"] in TABLE["span"]["operations"]
    for name, value in span.attributes.items():
        if not name.startswith("tollhouse."):
            assert name in ATTRIBUTES, f"{name} is not of the conventions, and does not say that it is ours"
            assert type(value) is TYPES[ATTRIBUTES[name]["type"]], name
    assert _of_level("required") <= span.attributes.keys()
    assert not _of_level("opt_in") & span.attributes.keys()


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_what_is_required_under_a_condition_is_there_under_it(span: Span) -> None:
    has = span.attributes
    assert "gen_ai.request.model" in has
    assert (span.status == STATUS_ERROR) == ("error.type" in has)
    assert ("server.address" in has) == ("server.port" in has)
    assert has.get("gen_ai.request.stream", True) is True


def test_what_the_request_says_is_told() -> None:
    has = SPANS["streamed"].attributes
    assert (has["gen_ai.request.choice.count"], has["gen_ai.request.seed"], has["gen_ai.request.top_k"]) == (2, 7, 40.0)
    assert (has["gen_ai.output.type"], has["gen_ai.request.stream"]) == ("json", True)
    assert has["gen_ai.request.stop_sequences"] == ["a", "b"]
    assert (has["server.address"], has["server.port"]) == SERVER
    assert has["gen_ai.response.time_to_first_chunk"] == 0.5
    assert has["gen_ai.usage.reasoning.output_tokens"] > 0  # type: ignore[operator]
    plain = SPANS["completed"].attributes
    assert "gen_ai.request.stream" not in plain
    assert "gen_ai.response.time_to_first_chunk" not in plain
    assert "private" not in str(SPANS)


def test_tokens_that_nobody_reported_are_not_claimed_to_be_none() -> None:
    assert not [name for name in SPANS["timeout"].attributes if name.startswith("gen_ai.usage.")]


def test_every_name_is_in_the_registry_and_none_is_deprecated() -> None:
    named = {name for span in SPANS.values() for name in span.attributes if not name.startswith("tollhouse.")}
    assert named <= _registry().keys()
    assert [name for name in named if _registry()[name]] == []
    assert set(ATTRIBUTES) <= _registry().keys()


def test_well_known_providers_are_called_what_they_are_called() -> None:
    told = {span.attributes["gen_ai.provider.name"] for name, span in SPANS.items() if name.startswith("to ")}
    known = set(TABLE["span"]["providers"])
    ours = {"baseten", "cerebras", "fireworks", "openrouter", "parallel", "workers-ai"}  # they have no name there
    assert told - known == ours


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, "text"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": {"type": "grammar"}}, None),
        ({"response_format": {"type": ["x"]}}, None),
        ({"response_format": "json"}, None),
        ({"modalities": ["text", "audio"], "response_format": {"type": "text"}}, "speech"),
        ({"modalities": ["text"]}, None),
        ({"modalities": 7}, None),
    ],
)
def test_the_type_of_the_output(body: dict[str, Any], kind: str | None) -> None:
    assert said_by_request(body, stream=False)["gen_ai.output.type"] == kind
    assert kind is None or kind in TABLE["span"]["output_types"]


@pytest.mark.parametrize(
    "body",
    [
        {"temperature": "hot", "top_p": True, "top_k": None, "seed": 1.5, "stop": 7},
        {"temperature": 1 << 80, "seed": 1 << 64, "stop": []},
        {"seed": True, "stop": ["\0", 7]},
    ],
)
def test_a_value_of_another_type_is_left_out(body: dict[str, Any]) -> None:
    assert {name: value for name, value in said_by_request(body, stream=False).items() if value is not None} == {}


def test_a_stop_may_be_one_text_and_is_bounded() -> None:
    assert said_by_request({"stop": "x" * 500}, stream=False)["gen_ai.request.stop_sequences"] == ["x" * 200]


def _of_level(level: str) -> set[str]:
    return {name for name, row in ATTRIBUTES.items() if row["level"] == level}


@cache
def _registry() -> dict[str, bool]:
    """Every attribute's name in the package, and whether it is deprecated."""
    names: dict[str, bool] = {}
    for file in Path(semconv.__path__[0]).rglob("*_attributes.py"):
        body = ast.parse(file.read_text()).body
        for statement, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Constant):
                text = ast.unparse(after) if isinstance(after, ast.Expr) else ""
                names[str(statement.value.value)] = "Deprecated: " in text and "semantic-conventions-genai" not in text
    return names
