"""Past calls under other limits: each rule by itself, then pages from the database, then over HTTP."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from control.house import House, Member, refusal
from making import a_receipt, customer
from tollhouse.control.ledger import what_if
from tollhouse.control.ledger.what_if import PAGE, Day, Outcome, Proposal, ProposedBudget, Replay
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId, new_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Reset
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Callers, PastCall, Receipt

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WHAT_IF = "/v1/ledger/what-if"


def call(number: int, at: datetime, hold: int, cost: int, model: str = "gpt-4o-mini") -> PastCall:
    return PastCall(CallId(str(number)), at, "openai", model, Nanos(hold), Nanos(cost))


def budget(limit: int, reset: Reset | None = None, models: str = "") -> ProposedBudget:
    return ProposedBudget(Nanos(limit), reset, models)


def judged(proposal: Proposal, calls: Sequence[PastCall]) -> Outcome:
    replay = Replay(proposal)
    for each in calls:
        replay.judge(each)
    return replay.outcome


# The rules -------------------------------------------------------------------------------------------------


def test_a_call_needs_room_for_its_hold_and_counts_with_its_cost() -> None:
    calls = [call(1, NOON, 60, 10), call(2, NOON, 90, 50), call(3, NOON, 41, 1), call(4, NOON, 40, 40)]
    outcome = judged(Proposal((budget(100),), ()), calls)
    assert (outcome.calls, outcome.refused, outcome.over_budget, outcome.refused_cost) == (4, 1, [1], 1)
    assert outcome.first is not None
    assert (outcome.first.call_id, outcome.first.reason, outcome.first.budget) == ("3", "over_budget", 0)


def test_a_refused_call_spends_nothing() -> None:
    calls = [call(1, NOON, 200, 150), call(2, NOON, 100, 100)]
    assert judged(Proposal((budget(100),), ()), calls).over_budget == [1]


def test_a_call_that_cost_more_than_its_hold_counts_whole() -> None:
    calls = [call(1, NOON, 50, 120), call(2, NOON, 0, 0)]
    assert judged(Proposal((budget(100),), ()), calls).over_budget == [1]


@pytest.mark.parametrize(
    ("reset", "last_of_it", "first_of_next"),
    [
        ("daily", datetime(2026, 11, 23, 23, 59, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
        ("weekly", datetime(2026, 11, 29, 23, 59, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)),
        ("monthly", datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_windows_begin_anew_where_the_ledgers_do(reset: Reset, last_of_it: datetime, first_of_next: datetime) -> None:
    calls = [call(1, NOON, 100, 100), call(2, last_of_it, 1, 1), call(3, first_of_next, 100, 100)]
    outcome = judged(Proposal((budget(100, reset),), ()), calls)
    assert outcome.refused == 1
    assert outcome.first is not None
    assert outcome.first.call_id == "2"


def test_a_budget_without_reset_never_begins_anew() -> None:
    calls = [call(1, NOON, 100, 100), call(2, NOON + 365 * DAY, 1, 1)]
    assert judged(Proposal((budget(100),), ()), calls).refused == 1


def test_of_several_windows_all_must_have_room_and_the_tightest_refuses() -> None:
    proposal = Proposal((budget(100, "monthly"), budget(30, "daily")), ())
    calls = [call(n, NOON + n * DAY, 30, 30) for n in range(5)] + [call(9, NOON + 5 * DAY, 10, 10)]
    outcome = judged(proposal, calls)
    assert outcome.over_budget == [2, 0], "two days have 10 left in the month and 30 in the day"
    same_day = judged(proposal, [call(1, NOON, 30, 30), call(2, NOON, 10, 10)])
    assert same_day.over_budget == [0, 1]


def test_a_refusal_by_one_window_is_counted_in_no_other() -> None:
    proposal = Proposal((budget(100), budget(10, "daily")), ())
    calls = [call(1, NOON, 50, 50), call(2, NOON, 10, 10), call(3, NOON + DAY, 10, 10)]
    assert judged(proposal, calls).over_budget == [0, 1]
    assert judged(Proposal((budget(60), budget(10, "daily")), ()), calls).over_budget == [0, 1]


def test_a_budget_for_models_counts_only_those() -> None:
    proposal = Proposal((budget(10, models="gpt-4o*"),), ())
    calls = [call(1, NOON, 99, 99, "o3"), call(2, NOON, 10, 10), call(3, NOON, 1, 1), call(4, NOON, 1, 1, "o3")]
    outcome = judged(proposal, calls)
    assert (outcome.over_budget, outcome.refused_cost) == ([1], 1)


def test_a_model_off_the_list_is_refused_whatever_it_costs() -> None:
    calls = [call(1, NOON, 0, 0, "o3"), call(2, NOON, 5, 5), call(3, NOON, 5, 5, "O3")]
    outcome = judged(Proposal((), ("openai/gpt-*",)), calls)
    assert (outcome.not_allowed, outcome.over_budget, outcome.refused_cost) == (2, [], 5)
    assert outcome.first is not None
    assert (outcome.first.reason, outcome.first.budget, outcome.first.at) == ("model_not_allowed", None, NOON)


def test_days_are_counted_each() -> None:
    calls = [call(1, NOON, 1, 1), call(2, NOON, 9, 9), call(3, NOON + DAY, 1, 1)]
    outcome = judged(Proposal((budget(5),), ()), calls)
    assert outcome.days == {date(2026, 11, 23): Day(2, 1), date(2026, 11, 24): Day(1, 0)}
    assert outcome.until == NOON + DAY


def test_nothing_comes_of_no_calls() -> None:
    outcome = judged(Proposal((budget(5),), ()), [])
    assert (outcome.calls, outcome.refused, outcome.first, outcome.days, outcome.until) == (0, 0, None, {}, None)


# From the database -----------------------------------------------------------------------------------------


def receipt(
    customer_id: CustomerId,
    at: datetime,
    *,
    hold: int = 10,
    cost: int = 10,
    key_id: str = "key",
    user_id: str | None = None,
    team_id: str | None = None,
    model: str = "gpt-4o-mini",
) -> Receipt:
    return a_receipt(
        customer_id,
        KeyId(key_id),
        at,
        user_id=None if user_id is None else UserId(user_id),
        team_id=None if team_id is None else TeamId(team_id),
        model=model,
        hold_nanos=hold,
        cost_nanos=cost,
    )


async def _written(database: Database, *made: Receipt) -> None:
    async with database.connection() as connection:
        await receipts.write(connection, made)


ACME, OTHER = CustomerId("acme"), CustomerId("other")
ALL = Callers(ACME)
ONE = Proposal((budget(100),), ())


async def test_only_calls_of_the_scope_and_the_time_are_replayed(embedded_database: Database) -> None:
    await _written(
        embedded_database,
        receipt(ACME, NOON, user_id="u"),
        receipt(ACME, NOON, team_id="t", key_id="k2"),
        receipt(OTHER, NOON, user_id="u", team_id="t"),
        receipt(ACME, NOON - HOUR),
        receipt(ACME, NOON + HOUR),
    )

    async def count(callers: Callers, since: datetime = NOON, until: datetime = NOON + HOUR) -> int:
        return (await what_if.replay(embedded_database, callers, ONE, since, until)).calls

    assert await count(ALL) == 2
    assert await count(ALL, NOON - HOUR, NOON + 2 * HOUR) == 4
    assert await count(Callers(ACME, user_id=UserId("u"))) == 1
    assert await count(Callers(ACME, team_id=TeamId("t"))) == 1
    assert await count(Callers(ACME, key_id=KeyId("k2"))) == 1
    assert await count(Callers(ACME, key_id=KeyId("nobody"))) == 0
    assert await count(Callers(OTHER, key_id=KeyId("k2"))) == 0


@pytest.mark.parametrize("callers", [ALL, Callers(ACME, key_id=KeyId("key"))])
async def test_pages_miss_no_call_and_repeat_none(embedded_database: Database, callers: Callers) -> None:
    """Also where many calls began in the same microsecond, at the edge of a page."""
    moments = [NOON] * (PAGE + 7) + [NOON + timedelta(microseconds=1)] * PAGE + [NOON + HOUR] * 3
    made = [receipt(ACME, at, cost=n) for n, at in enumerate(moments)]
    await _written(embedded_database, *made)
    outcome = await what_if.replay(embedded_database, callers, Proposal((), ("none",)), NOON, NOON + DAY)
    assert (outcome.calls, outcome.refused_cost, outcome.cut) == (len(made), sum(range(len(made))), False)


async def test_more_calls_than_may_be_replayed_are_cut_and_said_to_be(embedded_database: Database) -> None:
    await _written(embedded_database, *[receipt(ACME, NOON + n * HOUR) for n in range(4)])
    cut = await what_if.replay(embedded_database, ALL, ONE, NOON, NOON + DAY, most=3)
    assert (cut.calls, cut.cut, cut.until) == (3, True, NOON + 2 * HOUR)
    whole = await what_if.replay(embedded_database, ALL, ONE, NOON, NOON + DAY, most=4)
    assert (whole.calls, whole.cut) == (4, False)


# Over HTTP -------------------------------------------------------------------------------------------------


def asked(kind: str = "customer", scope_id: str | None = None, **fields: object) -> dict[str, object]:
    span = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
    return {"scope": {"kind": kind, "id": scope_id}} | span | fields


@pytest.fixture
async def boss(house: House) -> Member:
    async with house.context.database.connection() as connection:
        return await house.member(await customer(connection), "manager")


async def _answer(who: Member, body: dict[str, object]) -> dict[str, Any]:
    answer = await who.api.post(WHAT_IF, json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_the_answer_tells_how_many_which_first_and_what_they_cost(house: House, boss: Member) -> None:
    key_id = new_id()
    usd = 10**9
    calls = [
        receipt(boss.customer_id, NOON + n * HOUR, hold=2 * usd, cost=usd, key_id=key_id, model=model)
        for n, model in enumerate(["gpt-4o-mini", "gpt-4o-mini", "o3", "gpt-4o-mini"])
    ]
    await _written(house.context.database, *calls)
    limits = [{"budget_usd": "3", "reset": "daily"}, {"budget_usd": 100, "models": "*"}]
    told = await _answer(boss, asked("key", key_id, budgets=limits, allowed_models=["gpt-*"]))
    assert told == {
        "calls": 4,
        "cut": False,
        "considered_until": "2026-11-23T15:00:00Z",
        "would_be_refused": 2,
        "refused_by": {"model_not_allowed": 1, "over_budget": 1},
        "budgets": [
            {"budget_usd": "3.000000000", "reset": "daily", "models": None, "refused": 1},
            {"budget_usd": "100.000000000", "reset": None, "models": None, "refused": 0},
        ],
        "first_refusal": {
            "call_id": calls[2].call_id,
            "at": "2026-11-23T14:00:00Z",
            "reason": "model_not_allowed",
            "budget": None,
        },
        "refused_cost_usd": "2.000000000",
        "days": [{"day": "2026-11-23", "calls": 4, "refused": 2}],
    }
    assert (await _answer(boss, asked(budgets=limits)))["calls"] == 4
    assert (await _answer(boss, asked("customer", boss.customer_id, budgets=limits)))["calls"] == 4
    assert (await _answer(boss, asked("user", new_id(), budgets=limits)))["calls"] == 0
    assert (await _answer(boss, asked("team", new_id(), budgets=limits)))["first_refusal"] is None


async def test_calls_of_another_customer_are_not_there(house: House, boss: Member) -> None:
    async with house.context.database.connection() as connection:
        stranger = await house.member(await customer(connection, "Other"), "admin")
    key_id = new_id()
    await _written(house.context.database, receipt(boss.customer_id, NOON, key_id=key_id))
    body = asked("key", key_id, budgets=[{"budget_usd": 1}])
    assert (await _answer(stranger, body))["calls"] == 0
    assert (await _answer(boss, body))["calls"] == 1
    theirs = asked("customer", boss.customer_id, budgets=[{"budget_usd": 1}])
    assert refusal(await stranger.api.post(WHAT_IF, json=theirs)) == (404, "customer_not_found")


async def test_only_admins_and_managers_may_ask(house: House, boss: Member) -> None:
    member = await house.member(boss.customer_id)
    body = asked(budgets=[{"budget_usd": 1}])
    assert refusal(await member.api.post(WHAT_IF, json=body)) == (403, "forbidden")


WRONG: list[tuple[dict[str, object], int, str, str | None]] = [
    (asked(), 422, "missing_field", "budgets"),
    (asked(budgets=[], allowed_models=[]), 422, "missing_field", "budgets"),
    (asked(budgets=[{"budget_usd": "9000000.1"}]), 422, "invalid_field", "budgets.0.budget_usd"),
    (asked(budgets=[{"budget_usd": 1, "models": "a b"}]), 422, "invalid_field", "budgets.0.models"),
    (asked(budgets=[{"budget_usd": 1}] * 21), 422, "invalid_field", "budgets"),
    (asked(budgets=[{"budget_usd": 1}], to="2026-11-23T00:00:00Z"), 422, "invalid_field", "to"),
    (asked(budgets=[{"budget_usd": 1}], to="2026-12-24T00:00:01Z"), 422, "invalid_field", "to"),
    (asked(budgets=[{"budget_usd": 1}], to="tomorrow"), 422, "invalid_field", "to"),
    (asked("key", None, budgets=[{"budget_usd": 1}]), 404, "key_not_found", "scope"),
    (asked("user", "\x00", budgets=[{"budget_usd": 1}]), 404, "user_not_found", "scope"),
    (asked("planet", None, budgets=[{"budget_usd": 1}]), 422, "invalid_field", "scope.kind"),
]


@pytest.mark.parametrize(("body", "status", "code", "param"), WRONG)
async def test_what_cannot_be_replayed_is_refused(
    busy_house: House, body: dict[str, object], status: int, code: str, param: str | None
) -> None:
    async with busy_house.context.database.connection() as connection:
        who = await busy_house.member(await customer(connection), "manager")
    answer = await who.api.post(WHAT_IF, json=body)
    assert refusal(answer) == (status, code)
    assert answer.json()["error"]["param"] == param


async def test_few_replays_run_at_once_and_nobody_queues(house: House, boss: Member) -> None:
    turns: asyncio.Semaphore = house.app.state["replays"]
    body = asked(budgets=[{"budget_usd": 1}])
    while not turns.locked():
        await turns.acquire()
    refused = await boss.api.post(WHAT_IF, json=body)
    assert refusal(refused) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "5"
    turns.release()
    assert (await boss.api.post(WHAT_IF, json=body)).status_code == 200
    assert not turns.locked()
