"""What calls came to: who sees whose, in which groups, over which time; and to the nano-dollar what the ledger says."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from control.house import House, Member, refusal
from making import book_of, customer, key
from tollhouse.access.keys import NewKey
from tollhouse.foundation.ids import CustomerId, TeamId
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.settle import Story, tell
from tollhouse.ledger.records import Reserved, Resolved, SettlementKind, entry_day
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span, new_span_id, new_trace_id
from tollhouse.usage.receipts import Receipt

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Office:
    """A customer with people of all roles and a team of one member."""

    id: CustomerId
    ann: Member
    bob: Member
    manager: Member
    admin: Member
    team_id: TeamId
    ann_key: NewKey
    team_key: NewKey


@pytest.fixture
async def office(house: House) -> Office:
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
    ann, bob, manager, admin = [await house.member(acme, role) for role in ("member", "member", "manager", "admin")]
    team_id = await house.team(acme, ann)
    async with house.context.database.connection() as connection:
        ann_key, team_key = (
            await key(connection, acme, user_id=ann.id),
            await key(connection, acme, team_id=team_id),
        )
    return Office(acme, ann, bob, manager, admin, team_id, ann_key, team_key)


def a_call(office: Office, at: datetime, **fields: Any) -> Span:
    start_ns = int(at.timestamp()) * SECOND_NS
    given: dict[str, Any] = {
        "day": at.date(),
        "customer_id": office.id,
        "trace_id": new_trace_id(),
        "span_id": new_span_id(),
        "vendor": "tollhouse",
        "name": "chat gpt-4o",
        "start_ns": start_ns,
        "end_ns": start_ns + SECOND_NS,
        "status": 1,
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_nanos": 100,
    }
    return Span(**given | fields)


async def told(house: House, *spans: Span) -> None:
    async with house.context.database.transaction() as connection:
        await ingest(connection, spans)


async def ask(who: Member, path: str, **query: Any) -> Any:
    answer = await who.api.get(f"/v1/reports/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_overview_has_totals_the_period_before_and_the_first_of_everything(
    house: House, office: Office
) -> None:
    failed = {"status": 2, "attributes": {"error.type": "timeout"}}
    sent = {"source": "otlp", "vendor": "openai", "tool": "codex", "user_id": office.bob.id, "cost_nanos": 40}
    await told(
        house,
        a_call(office, NOON - timedelta(hours=1), user_id=office.ann.id, key_id=office.ann_key.key_id),
        a_call(office, NOON - timedelta(hours=2), model="o3", **failed),
        a_call(office, NOON - timedelta(hours=2), **sent),
        a_call(office, NOON - timedelta(days=8)),
    )
    seen = await ask(office.manager, "overview")
    assert seen["period"] == {"since": "2026-11-16T00:00:00Z", "until": "2026-11-24T00:00:00Z"}
    assert (seen["totals"]["calls"], seen["totals"]["errors"], seen["totals"]["error_rate"]) == (3, 1, 0.333333)
    assert (seen["totals"]["cost_nanos"], seen["totals"]["reported_cost_nanos"]) == (200, 40)
    assert (seen["totals"]["cost_usd"], seen["totals"]["tokens"]["input"]) == ("0.000000200", 30)
    assert abs(seen["totals"]["p95_ms"] - 1000) < 45
    assert (seen["before"]["calls"], seen["before"]["cost_nanos"]) == (1, 100)
    top = {name: [(row["value"], row["calls"]) for row in rows] for name, rows in seen["top"].items()}
    assert top["model"] == [("gpt-4o", 2), ("o3", 1)]
    assert sorted(top["source"]) == [("otlp", 1), ("proxy", 2)]
    assert [row["name"] for row in seen["top"]["user"] if row["value"] == office.ann.id] == ["Member"]
    assert [row["name"] for row in seen["top"]["key"] if row["value"]] == ["test key"]


async def test_members_see_what_is_theirs_and_their_teams_whatever_they_ask_for(house: House, office: Office) -> None:
    await told(
        house,
        a_call(office, NOON, user_id=office.ann.id),
        a_call(office, NOON, team_id=office.team_id),
        a_call(office, NOON, user_id=office.bob.id, tool="bobs", status=2),
        a_call(office, NOON),
    )
    until = (NOON + timedelta(hours=1)).isoformat()
    calls = {}
    for name, who in (("ann", office.ann), ("bob", office.bob), ("manager", office.manager), ("admin", office.admin)):
        calls[name] = (await ask(who, "overview", until=until))["totals"]["calls"]
    assert calls == {"ann": 2, "bob": 1, "manager": 4, "admin": 4}
    assert (await ask(office.ann, "overview", until=until, user=office.bob.id))["totals"]["calls"] == 0
    assert (await ask(office.ann, "errors", until=until))["failures"] == []
    assert len((await ask(office.bob, "errors", until=until))["failures"]) == 1
    lines = (await ask(office.ann, "series", until=until, by="user"))["lines"]
    assert {line["value"] for line in lines} == {office.ann.id, None}
    tools = [(await who.api.get("/v1/tools")).json()["tools"] for who in (office.ann, office.bob)]
    assert [[(tool["tool"], tool["users"], tool["tool_users"]) for tool in each] for each in tools] == [
        [], [("bobs", 1, 1)]
    ]  # fmt: skip
    exported = (await office.ann.api.get("/v1/reports/export", params={"until": until})).text
    assert office.bob.id not in exported
    assert office.ann.id in exported


MEASURES: tuple[tuple[str, list[float | None], float], ...] = (
    ("calls", [1, 0, 2], 3),
    ("errors", [0, 0, 1], 1),
    ("error_rate", [0, None, 0.5], 0.333333),
    ("tokens", [15, 0, 30], 45),
    ("cost", [100, 0, 200], 300),
    ("reported_cost", [0, 0, 0], 0),
)


async def test_a_series_has_a_point_for_every_step(house: House, office: Office) -> None:
    two_hours_ago = NOON - timedelta(hours=2)
    await told(house, a_call(office, two_hours_ago), a_call(office, NOON), a_call(office, NOON, status=2))
    period = {"since": two_hours_ago.isoformat(), "until": (NOON + timedelta(hours=1)).isoformat()}
    for measure, points, total in MEASURES:
        seen = await ask(office.admin, "series", measure=measure, **period)
        assert (seen["step"], seen["times"][0]) == ("hour", "2026-11-23T10:00:00Z")
        assert [(line["points"], line["total"]) for line in seen["lines"]] == [(points, total)], measure


async def test_values_beyond_the_first_are_one_line(house: House, office: Office) -> None:
    calls = [a_call(office, NOON, model=f"m-{number}") for number in range(5) for _ in range(number + 1)]
    await told(house, *calls)
    since = (NOON - timedelta(days=1)).isoformat()
    until = (NOON + timedelta(days=1)).isoformat()
    seen = await ask(office.admin, "series", by="model", most=2, since=since, until=until)
    told_lines = [(line["value"], line["other"], line["total"]) for line in seen["lines"]]
    assert told_lines == [("m-4", False, 5), ("m-3", False, 4), (None, True, 6)]
    timed = await ask(office.admin, "series", by="model", most=2, since=since, until=until, measure="p50", step="day")
    assert [abs(line["total"] - 1000) < 45 for line in timed["lines"]] == [True] * 3
    latency = await ask(office.admin, "latency", by="model", since=since, until=until)
    assert sum(bucket["calls"] for bucket in latency["histogram"]) == 15
    assert len(latency["rows"]) == 5


REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("overview", {"since": "2026-11-23T00:00:00Z", "until": "2026-11-22T00:00:00Z"}, "empty_period"),
    ("series", {"since": "2020-01-01T00:00:00Z", "step": "hour"}, "step_too_short"),
    ("series", {"since": "2010-01-01T00:00:00Z", "step": "day"}, "too_many_steps"),
    ("series", {"since": "2026-10-23T00:00:00Z", "step": "hour", "measure": "p95", "by": "key"}, "too_many_steps"),
)


async def test_what_cannot_be_told_is_refused(office: Office) -> None:
    for path, query, code in REFUSED:
        assert refusal(await office.admin.api.get(f"/v1/reports/{path}", params=query)) == (400, code), query


async def test_files_hold_every_sum_and_are_safe_to_open(house: House, office: Office) -> None:
    await told(house, a_call(office, NOON - timedelta(hours=1), model="=cmd()", user_id=office.ann.id))
    table = await office.admin.api.get("/v1/reports/export")
    row = next(csv.DictReader(io.StringIO(table.text)))
    assert (row["model"], row["user"], row["calls"], row["cost_nanos"]) == ("'=cmd()", "Member", "1", "100")
    lines = (await office.admin.api.get("/v1/reports/export", params={"format": "ndjson"})).text.splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["=cmd()"]


# The ledger ------------------------------------------------------------------------------------------------


class Books:
    """Calls that are booked and told as the road does it."""

    def __init__(self, house: House, office: Office) -> None:
        self.house = house
        self.office = office

    async def call(
        self, made: NewKey, kind: SettlementKind, cost: int, *, days_ago: int = 0, model: str = "gpt-4o", **who: Any
    ) -> Reserved:
        async with self.house.context.database.transaction() as connection:
            book = await book_of(connection, self.office.id, made.key_id)
            held = await book.reserve(1_000)
            held = msgspec.structs.replace(
                held,
                call=msgspec.structs.replace(held.call, model=model, **who),
                opened_us=held.opened_us - days_ago * 86_400_000_000,
            )
            if kind != "void":  # nothing of those is booked
                await book.settle(held, kind, cost)
            await tell(connection, [self.resolved(held, kind, cost)])
        return held

    async def tell_again(self, held: Reserved, kind: SettlementKind, cost: int) -> None:
        async with self.house.context.database.transaction() as connection:
            await tell(connection, [self.resolved(held, kind, cost)])

    def resolved(self, held: Reserved, kind: SettlementKind, cost: int) -> Resolved:
        call, day = held.call, entry_day(held)
        span = a_call(
            self.office,
            datetime.fromtimestamp(held.opened_us // 1_000_000, UTC),
            day=day,
            trace_id=call.call_id.replace("-", ""),
            span_id=call.call_id.replace("-", "")[:16],
            model=call.model,
            user_id=call.user_id,
            team_id=call.team_id,
            key_id=call.key_id,
            status=1 if kind == "exact" else 2,
            cost_nanos=0 if kind == "void" else cost,
            attributes={"tollhouse.entry.kind": kind, "tollhouse.call.id": call.call_id},
        )
        receipt = None if kind == "void" else _receipt(held, span, kind, cost, day)
        return Resolved(held, kind, Nanos(cost), msgspec.msgpack.encode(Story(receipt, span)))

    async def adjust(self, held: Reserved, usd: str) -> None:
        body = {"call_id": held.call.call_id, "cost_usd": usd, "reason": "an invoice", "again": True}
        answer = await self.office.admin.api.post("/v1/ledger/adjustments", json=body)
        assert answer.status_code == 201, answer.text


def _receipt(held: Reserved, span: Span, kind: Any, cost: int, day: date) -> Receipt:
    return Receipt(
        call_id=held.call.call_id,
        customer_id=held.call.customer_id,
        key_id=held.call.key_id,
        user_id=held.call.user_id,
        team_id=held.call.team_id,
        provider=held.call.provider,
        model=held.call.model,
        outcome="completed",
        usage_source="provider",
        price_version="v",
        entry_kind=kind,
        entry_day=day,
        hold_nanos=1_000,
        cost_nanos=cost,
        trace_id=span.trace_id,
        span_id=span.span_id,
        started_at=datetime.fromtimestamp(held.opened_us // 1_000_000, UTC),
        duration_ms=1_000,
    )


async def test_every_grouping_sums_up_to_the_ledger_to_the_nano_dollar(house: House, office: Office) -> None:
    """With calls in doubt, estimated, void, corrected, dearer than their bound, and told again as they were."""
    books = Books(house, office)
    ann: dict[str, Any] = {"user_id": office.ann.id}
    team: dict[str, Any] = {"team_id": office.team_id}
    await books.call(office.ann_key, "exact", 333, **ann)
    await books.call(office.ann_key, "exact", 1_777, model="o3", days_ago=1, **ann)
    await books.call(office.team_key, "estimated", 501, **team)
    await books.call(office.team_key, "void", 0, **team)
    corrected = await books.call(office.team_key, "exact", 700, days_ago=2, **team)
    lowered = await books.call(office.ann_key, "in_doubt", 1_000, model="o3", **ann)
    clarified = await books.call(office.ann_key, "in_doubt", 1_000, days_ago=1, **ann)
    never_sent = await books.call(office.team_key, "in_doubt", 1_000, **team)
    await books.adjust(corrected, "0.000000123")
    await books.adjust(corrected, "0.000000999")
    await books.adjust(lowered, "0")
    for _ in range(2):
        await books.tell_again(clarified, "exact", 250)
        await books.tell_again(never_sent, "void", 0)
        await books.tell_again(lowered, "exact", 17)
    entries = await house.fetch("SELECT * FROM ledger_entries WHERE customer_id = $1", office.id)
    total = sum(entry["cost_nanos"] for entry in entries)
    assert total > 0
    now = datetime.now(UTC)
    period = {"since": (now - timedelta(days=4)).isoformat(), "until": (now + timedelta(days=1)).isoformat()}
    assert (await ask(office.admin, "overview", **period))["totals"]["cost_nanos"] == total
    for dimension, column in _COLUMNS.items():
        rows = (await ask(office.admin, f"top/{dimension}", **period))["rows"]
        shown = {row["value"]: row["cost_nanos"] for row in rows}
        assert shown == _by(entries, column, total), dimension
    days = await ask(office.admin, "series", measure="cost", step="day", **period)
    points = {day[:10]: nanos for day, nanos in zip(days["times"], days["lines"][0]["points"], strict=True) if nanos}
    assert points == {str(day): nanos for day, nanos in _by(entries, "entry_day", total).items() if nanos}


_COLUMNS: Mapping[str, str | None] = {
    "model": "model",
    "provider": "provider",
    "user": "user_id",
    "team": "team_id",
    "key": "key_id",
    "vendor": "'tollhouse'",
    "source": "'proxy'",
    "tool": None,
}


def _by(entries: list[dict[str, Any]], column: str | None, total: int) -> dict[Any, int]:
    """The ledger's sums by a column; the other dimensions have one value only, for calls of the road."""
    if column is None or column.startswith("'"):
        return {None if column is None else column.strip("'"): total}
    sums: dict[Any, int] = defaultdict(int)
    for entry in entries:
        sums[entry[column]] += entry["cost_nanos"]
    return dict(sums)
