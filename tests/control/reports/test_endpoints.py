"""Receipts and traces: who sees which, and pages without gaps."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from control.house import House, Member, refusal
from making import customer, key
from tollhouse.access.keys import NewKey
from tollhouse.foundation.ids import CallId, CustomerId, TeamId, UserId, new_call_id
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span, new_span_id, new_trace_id
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt


@dataclass(frozen=True)
class Office:
    """A customer with people, a team and its key, and a stranger."""

    id: CustomerId
    owner: Member
    teammate: Member
    colleague: Member
    manager: Member
    admin: Member
    stranger: Member
    team_id: TeamId
    team_key: NewKey


@pytest.fixture
async def office(house: House) -> Office:
    async with house.context.database.connection() as connection:
        acme, other = await customer(connection), await customer(connection, "Other")
    roles = ("member", "member", "member", "manager", "admin")
    owner, teammate, colleague, manager, admin = [await house.member(acme, role) for role in roles]
    team_id = await house.team(acme, owner, teammate)
    async with house.context.database.connection() as connection:
        team_key = await key(connection, acme, team_id=team_id)
    stranger = await house.member(other, "admin")
    return Office(acme, owner, teammate, colleague, manager, admin, stranger, team_id, team_key)


async def _receipt(
    house: House, made: NewKey, customer_id: CustomerId, user_id: UserId | None, team_id: TeamId | None
) -> CallId:
    receipt = Receipt(
        call_id=new_call_id(),
        customer_id=customer_id,
        key_id=made.key_id,
        user_id=user_id,
        team_id=team_id,
        provider="openai",
        model="gpt-4o-mini",
        response_model="gpt-4o-mini-2024-07-18",
        stream=True,
        outcome="completed",
        upstream_status=200,
        usage_source="provider",
        input_tokens=1200,
        cached_tokens=1000,
        output_tokens=80,
        reasoning_tokens=7,
        price_version="v1",
        entry_kind="exact",
        entry_day=date(2026, 11, 23),
        hold_nanos=9_000_000,
        cost_nanos=123_456,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        started_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        first_byte_ms=120,
        duration_ms=900,
    )
    async with house.context.database.connection() as connection:
        await receipts.write(connection, [receipt])
    return receipt.call_id


# Receipts --------------------------------------------------------------------------------------------------


async def test_a_receipt_is_seen_by_those_it_concerns(house: House, office: Office) -> None:
    of_team = await _receipt(house, office.team_key, office.id, None, office.team_id)
    async with house.context.database.connection() as connection:
        own_key = await key(connection, office.id, user_id=office.owner.id)
    of_user = await _receipt(house, own_key, office.id, office.owner.id, None)
    can_see = {
        of_team: (office.owner, office.teammate, office.manager, office.admin),
        of_user: (office.owner, office.manager, office.admin),
    }
    everyone = (office.owner, office.teammate, office.colleague, office.manager, office.admin, office.stranger)
    for call_id, those in can_see.items():
        for member in everyone:
            answer = await member.api.get(f"/v1/ai/receipts/{call_id}")
            assert answer.status_code == (200 if member in those else 404)


async def test_a_key_sees_its_own_calls_only(house: House, office: Office) -> None:
    call_id = await _receipt(house, office.team_key, office.id, None, office.team_id)
    async with house.context.database.connection() as connection:
        sibling = await key(connection, office.id, team_id=office.team_id)
    path = f"/v1/ai/receipts/{call_id}"
    assert (await (await house.visitor(office.team_key.raw_key)).get(path)).status_code == 200
    assert refusal(await (await house.visitor(sibling.raw_key)).get(path)) == (404, "receipt_not_found")


async def test_not_yet_not_ever_and_not_yours_are_told_the_same(house: House, office: Office) -> None:
    call_id = await _receipt(house, office.team_key, office.id, None, office.team_id)
    theirs = await office.stranger.api.get(f"/v1/ai/receipts/{call_id}")
    none = await office.stranger.api.get(f"/v1/ai/receipts/{new_call_id()}")
    odd = await office.stranger.api.get("/v1/ai/receipts/1")
    assert theirs.json() == none.json() == odd.json()


async def test_a_receipt_is_exact_to_the_nano_dollar(house: House, office: Office) -> None:
    call_id = await _receipt(house, office.team_key, office.id, None, office.team_id)
    found = (await office.admin.api.get(f"/v1/ai/receipts/{call_id.upper()}")).json()["receipt"]
    assert (found["call_id"], found["key_id"]) == (call_id, office.team_key.key_id)
    assert (found["cost_usd"], found["cost_nanos"]) == ("0.000123456", 123_456)
    assert (found["hold_usd"], found["hold_nanos"]) == ("0.009000000", 9_000_000)
    assert found["tokens"] == {"input": 1200, "cached": 1000, "cache_write": 0, "output": 80, "reasoning": 7}
    assert found["entry"] == {"kind": "exact", "day": "2026-11-23"}
    assert (found["price_version"], found["usage_source"], found["outcome"]) == ("v1", "provider", "completed")
    assert (found["started_at"], found["first_byte_ms"], found["duration_ms"]) == ("2026-11-23T12:00:00Z", 120, 900)
    assert (len(found["trace_id"]), len(found["span_id"])) == (32, 16)


# Traces ----------------------------------------------------------------------------------------------------


async def _spans(house: House, customer_id: CustomerId, starts_ns: list[int], **fields: object) -> list[Span]:
    made = [
        Span(
            day=date(2026, 11, 23),
            customer_id=customer_id,
            trace_id=str(fields.get("trace_id", new_trace_id())),
            span_id=new_span_id(),
            vendor="tollhouse",
            name="chat gpt-4o-mini",
            start_ns=start,
            end_ns=start + 1_500_000,
            status=1,
            cost_nanos=42,
            attributes={"gen_ai.system": "openai"},
        )
        for start in starts_ns
    ]
    async with house.context.database.connection() as connection:
        await ingest(connection, made)
    return made


NOW_NS = 1_795_435_200_000_000_000


async def test_a_member_does_not_see_traces(office: Office) -> None:
    assert refusal(await office.owner.api.get("/v1/traces")) == (403, "forbidden")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_pages_hold_every_span_once_newest_first(house: House, office: Office, limit: int) -> None:
    """Also those that began at the same nanosecond."""
    starts = [NOW_NS, NOW_NS, NOW_NS, NOW_NS + 1, NOW_NS + 2, NOW_NS + 2, NOW_NS - 5]
    made = await _spans(house, office.id, starts)
    await _spans(house, office.stranger.customer_id, starts)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(len(made) + 1):
        query = {"limit": str(limit)} | ({} if cursor is None else {"cursor": cursor})
        page = (await office.manager.api.get("/v1/traces", params=query)).json()
        assert len(page["spans"]) <= limit
        seen += [span["span_id"] for span in page["spans"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [span.span_id for span in sorted(made, key=lambda s: (s.start_ns, s.span_id), reverse=True)]


async def test_a_span_is_shown_with_its_cost_and_exact_times(house: House, office: Office) -> None:
    made = (await _spans(house, office.id, [NOW_NS + 7]))[0]
    shown = (await office.admin.api.get("/v1/traces")).json()["spans"][0]
    assert (shown["start_ns"], shown["end_ns"]) == (str(made.start_ns), str(made.end_ns))
    assert (shown["started_at"], shown["duration_ms"]) == ("2026-11-23T12:00:00Z", 1.5)
    assert (shown["status"], shown["cost_usd"], shown["cost_nanos"]) == ("ok", "0.000000042", 42)
    assert (shown["attributes"], shown["input_tokens"]) == ({"gen_ai.system": "openai"}, None)


async def test_one_trace_can_be_asked_for(house: House, office: Office) -> None:
    trace_id = new_trace_id()
    wanted = await _spans(house, office.id, [NOW_NS, NOW_NS + 1], trace_id=trace_id)
    await _spans(house, office.id, [NOW_NS])
    page = (await office.admin.api.get(f"/v1/traces?trace_id={trace_id}")).json()
    assert {span["span_id"] for span in page["spans"]} == {span.span_id for span in wanted}
    assert page["next_cursor"] is None
