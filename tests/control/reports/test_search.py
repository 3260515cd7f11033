"""Traces are found by what their spans say, listed once, newest first; members find what is theirs."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from control.house import House, Member, refusal
from making import customer, key, team
from tollhouse.access.keys import KeyTerms
from tollhouse.control.reports import search
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span, new_span_id, new_trace_id

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 1_000_000_000
MINUTE_NS = 60_000_000_000


@pytest.fixture
async def acme(house: House) -> CustomerId:
    async with house.context.database.connection() as connection:
        return await customer(connection)


@pytest.fixture
async def admin(house: House, acme: CustomerId) -> Member:
    return await house.member(acme, "admin")


def a_span(customer_id: CustomerId, minutes_ago: float, **fields: Any) -> Span:
    start_ns = NOON_NS - round(minutes_ago * MINUTE_NS)
    given: dict[str, Any] = {
        "day": datetime.fromtimestamp(start_ns // 1_000_000_000, UTC).date(),
        "customer_id": customer_id,
        "trace_id": new_trace_id(),
        "span_id": new_span_id(),
        "vendor": "tollhouse",
        "name": "chat gpt-4o",
        "start_ns": start_ns,
        "end_ns": start_ns + 2_000_000_000,
        "status": 1,
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_nanos": 100,
    }
    return Span(**given | fields)


async def told(house: House, *spans: Span) -> list[Span]:
    async with house.context.database.transaction() as connection:
        await ingest(connection, spans)
    return list(spans)


async def found(who: Member, **query: Any) -> list[str]:
    answer = await who.api.get("/v1/traces/search", params=query)
    assert answer.status_code == 200, answer.text
    return [trace["trace_id"] for trace in answer.json()["traces"]]


async def all_pages(who: Member, **query: Any) -> list[str]:
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(60):
        given = query | ({} if cursor is None else {"cursor": cursor})
        page = (await who.api.get("/v1/traces/search", params=given)).json()
        seen += [trace["trace_id"] for trace in page["traces"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return seen
    raise AssertionError("there is no end to it")


def a_trace(customer_id: CustomerId, minutes_ago: float, **fields: Any) -> list[Span]:
    """An agent's span, two calls and a tool's, a second apart."""
    trace_id = new_trace_id()
    root = a_span(
        customer_id, minutes_ago, trace_id=trace_id, name="invoke_agent", counted=False, source="otlp", model=None
    )
    parts = [
        a_span(
            customer_id,
            minutes_ago - (number + 1) / 60,
            trace_id=trace_id,
            parent_span_id=root.span_id,
            source="otlp",
            counted=number < 2,
            **fields,
        )
        for number in range(3)
    ]
    return [root, *parts]


async def test_a_trace_is_listed_as_a_whole(house: House, acme: CustomerId, admin: Member) -> None:
    spans = await told(house, *a_trace(acme, 10, model="o3"), a_span(acme, 20))
    page = (await admin.api.get("/v1/traces/search", params={"model": "o3"})).json()
    assert page["next_cursor"] is None
    shown = page["traces"][0]
    assert (shown["trace_id"], shown["name"], shown["models"]) == (spans[0].trace_id, "invoke_agent", ["o3"])
    assert (shown["spans"], shown["calls"], shown["errors"], shown["input_tokens"]) == (4, 2, 0, 20)
    assert (shown["cost_nanos"], shown["reported_cost_nanos"], shown["duration_ms"]) == (0, 200, 5_000)
    assert shown["start_ns"] == str(spans[0].start_ns)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_hold_every_trace_once_newest_first(
    house: House, acme: CustomerId, admin: Member, limit: int
) -> None:
    """Traces overlap in time, begin at the same moment, and lie days apart."""
    traces = [a_trace(acme, minutes) for minutes in (1, 1.01, 1.02, 90, 91, 60 * 24 * 3, 60 * 24 * 6)]
    twins = [a_span(acme, 30) for _ in range(3)]
    await told(house, *(span for spans in traces for span in spans), *twins)
    newest = {spans[0].trace_id: max((span.start_ns, span.span_id) for span in spans) for spans in traces}
    newest |= {twin.trace_id: (twin.start_ns, twin.span_id) for twin in twins}
    expected = sorted(newest, key=lambda trace_id: newest[trace_id], reverse=True)
    assert await all_pages(admin, limit=limit) == expected
    assert await all_pages(admin, limit=limit, model="gpt-4o") == expected


FILTERS: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"model": "o3"}, {"odd"}),
    ({"model": ["o3", "gpt-4o"]}, {"odd", "plain"}),
    ({"model": ""}, {"bare"}),
    ({"provider": "anthropic"}, {"odd"}),
    ({"vendor": "cursor"}, {"odd"}),
    ({"tool": "claude-code"}, {"odd"}),
    ({"user": "ann"}, {"odd"}),
    ({"team": "red"}, {"odd"}),
    ({"key": "k-1"}, {"odd"}),
    ({"source": "otlp"}, {"odd"}),
    ({"status": "error"}, {"odd"}),
    ({"text": "CHATCMPL-1%"}, {"odd"}),
    ({"text": "over_loaded"}, {"odd"}),
    ({"text": "overXloaded"}, set()),
    ({"min_duration_ms": 2500}, {"odd"}),
    ({"max_duration_ms": 2500}, {"plain", "bare"}),
    ({"min_cost_usd": "0.000000101"}, {"odd"}),
    ({"max_cost_usd": "0.000000100", "model": "gpt-4o"}, {"plain"}),
    ({"user": "ann", "model": "gpt-4o"}, set()),
)


async def test_every_filter_narrows(house: House, acme: CustomerId, admin: Member) -> None:
    odd = a_span(
        acme, 5, model="o3", provider="anthropic", vendor="cursor", tool="claude-code", user_id="ann", team_id="red",
        key_id="k-1", source="otlp", status=2, status_message="over_loaded", end_ns=NOON_NS, cost_nanos=101,
        attributes={"gen_ai.response.id": "chatcmpl-1%"},
    )  # fmt: skip
    plain, bare = a_span(acme, 6), a_span(acme, 7, model=None, provider=None)
    await told(house, odd, plain, bare)
    names = {odd.trace_id: "odd", plain.trace_id: "plain", bare.trace_id: "bare"}
    for query, hits in FILTERS:
        assert {names[trace_id] for trace_id in await found(admin, **query)} == hits, query


async def test_members_find_what_is_theirs(house: House, acme: CustomerId, admin: Member) -> None:
    ann, bob = await house.member(acme), await house.member(acme)
    team_id = await house.team(acme, ann)
    shared = a_span(acme, 3, user_id=bob.id)
    spans = await told(
        house,
        a_span(acme, 1, user_id=ann.id),
        a_span(acme, 2, team_id=team_id),
        shared,
        a_span(acme, 2.5, user_id=ann.id, trace_id=shared.trace_id),
        a_span(acme, 4),
    )
    assert await found(ann) == [spans[0].trace_id, spans[1].trace_id, shared.trace_id]
    assert await found(bob, user=ann.id) == []
    assert len(await found(admin)) == 4
    part = (await ann.api.get(f"/v1/traces/{shared.trace_id}")).json()
    assert (len(part["spans"]), part["trace"]["spans"]) == (1, 1)
    address = f"/v1/traces/{shared.trace_id}/spans/{shared.span_id}"
    assert refusal(await ann.api.get(address)) == (404, "trace_not_found")
    assert (await bob.api.get(address)).json()["span"]["user_id"] == bob.id
    lines = (await bob.api.get("/v1/traces/export", params={"format": "ndjson"})).text.splitlines()
    assert [json.loads(line)["user_id"] for line in lines] == [bob.id]


async def test_a_trace_is_shown_with_all_its_spans_in_order(house: House, acme: CustomerId, admin: Member) -> None:
    spans = await told(house, *a_trace(acme, 10))
    tree = (await admin.api.get(f"/v1/traces/{spans[0].trace_id}")).json()
    assert [span["span_id"] for span in tree["spans"]] == [span.span_id for span in spans]
    assert (tree["complete"], tree["trace"]["calls"]) == (True, 2)
    one = (await admin.api.get(f"/v1/traces/{spans[1].trace_id}/spans/{spans[1].span_id}")).json()["span"]
    assert (one["source"], one["counted"], one["parent_span_id"]) == ("otlp", True, spans[0].span_id)
    assert (one["cost_nanos"], one["reported_cost_nanos"], one["reported_cost_usd"]) == (None, 100, "0.000000100")
    assert refusal(await admin.api.get(f"/v1/traces/{new_trace_id()}")) == (404, "trace_not_found")
    assert refusal(await admin.api.get("/v1/traces/xyz")) == (422, "invalid_field")


async def test_a_trace_names_whose_its_spans_are(house: House, acme: CustomerId, admin: Member) -> None:
    ann = await house.member(acme)
    async with house.context.database.transaction() as connection:
        team_id = await team(connection, acme, ann.id)
        made = await key(connection, acme, team_id=team_id, terms=KeyTerms("Research"))
    gone = a_span(acme, 2, key_id="gone")
    mine = a_span(acme, 1, user_id=ann.id, team_id=team_id, key_id=made.key_id, trace_id=gone.trace_id)
    await told(house, mine, gone)
    names = (await admin.api.get(f"/v1/traces/{mine.trace_id}")).json()["names"]
    assert names["keys"] == {made.key_id: {"name": "Research", "hash": made.key_hash}}
    assert (list(names["users"]), list(names["teams"])) == ([ann.id], [team_id])


async def test_a_trace_can_come_with_few_attributes(house: House, acme: CustomerId, admin: Member) -> None:
    few = {"gen_ai.operation.name": "chat"}
    [span] = await told(house, a_span(acme, 1, attributes={"a": "b", **few}, resource_attributes={"c": "d"}))
    address = f"/v1/traces/{span.trace_id}"
    bare = (await admin.api.get(address, params={"attributes": "few"})).json()["spans"][0]
    assert (bare["attributes"], bare["resource_attributes"], bare["name"]) == (few, {}, span.name)
    assert (await admin.api.get(address)).json()["spans"][0]["attributes"] == {"a": "b"} | few


async def test_of_two_spans_with_the_same_ids_either_is_shown(house: House, acme: CustomerId, admin: Member) -> None:
    ours = a_span(acme, 1, name="ours")
    theirs = a_span(acme, 1, name="theirs", source="otlp", trace_id=ours.trace_id, span_id=ours.span_id)
    await told(house, ours, theirs)
    address = f"/v1/traces/{ours.trace_id}/spans/{ours.span_id}"
    for source, name in ((None, "ours"), ("proxy", "ours"), ("otlp", "theirs")):
        query = {} if source is None else {"source": source}
        assert (await admin.api.get(address, params=query)).json()["span"]["name"] == name
    [other] = await told(house, a_span(acme, 2))
    address = f"/v1/traces/{other.trace_id}/spans/{other.span_id}"
    assert refusal(await admin.api.get(address, params={"source": "otlp"})) == (404, "trace_not_found")


async def test_a_search_that_takes_long_stops_and_goes_on_where_it_was(
    house: House, acme: CustomerId, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = await told(house, *(a_span(acme, minutes) for minutes in (1, 60, 120, 60 * 24)))
    monkeypatch.setattr(search, "PATIENCE_S", -1.0)
    first = (await admin.api.get("/v1/traces/search")).json()
    assert [trace["trace_id"] for trace in first["traces"]] == [spans[0].trace_id]
    assert first["searched_to"] == "2026-11-23T11:50:00Z"
    monkeypatch.setattr(search, "LONGEST_SLICE", 3_600_000_000_000)
    assert set(await all_pages(admin, since=(NOON - timedelta(hours=3)).isoformat())) == {
        span.trace_id for span in spans[:3]
    }


async def test_what_cannot_be_looked_through_is_refused(
    house: House, acme: CustomerId, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*_: object, **__: object) -> list[Any]:
        await asyncio.sleep(0)
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(search, "_matching", cancelled)
    assert refusal(await admin.api.get("/v1/traces/search")) == (400, "search_too_wide")


BAD: tuple[tuple[dict[str, Any], int], ...] = (
    ({"cursor": "x"}, 400),
    ({"since": "2026-11-23T00:00:00Z", "until": "2026-11-23T00:00:00Z"}, 400),
    ({"text": "a"}, 422),
    ({"status": "bad"}, 422),
    ({"min_duration_ms": -1}, 422),
    ({"min_cost_usd": "much"}, 422),
    ({"limit": 101}, 422),
    ({"since": "yesterday"}, 422),
    ({"model": "\x00"}, 422),
    ({"model": ["m"] * 51}, 422),
)


async def test_bad_searches_are_refused(admin: Member) -> None:
    for query, status in BAD:
        answer = await admin.api.get("/v1/traces/search", params=query)
        assert refusal(answer)[0] == status, query


async def test_spans_can_be_taken_along_as_a_file(house: House, acme: CustomerId, admin: Member) -> None:
    await told(house, *(a_span(acme, minutes, name="+SUM(1)") for minutes in (1, 200, 60 * 24 * 2)))
    table = await admin.api.get("/v1/traces/export", params={"model": "gpt-4o"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["name"] for row in rows] == ["'+SUM(1)"] * 3
    assert rows[0]["start_ns"] > rows[1]["start_ns"] > rows[2]["start_ns"]
    assert (rows[0]["cost_usd"], rows[0]["duration_ms"]) == ("0.000000100", "2000.0")
