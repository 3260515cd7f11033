"""`/v1/ai/limits`: who sees and sets what, sets of windows, raises, and what the audit log keeps of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control.house import House, Member, refusal
from making import book_of, customer, key
from tollhouse.access.keys import NewKey
from tollhouse.access.lookup import read_permit
from tollhouse.control.pages import number_cursor
from tollhouse.foundation.ids import CustomerId, TeamId, new_id
from tollhouse.ledger import budgets, limits
from tollhouse.ledger.protocol import Scope

LIMITS = "/v1/ai/limits"
DAILY, MONTHLY = {"budget_usd": "10", "reset": "daily"}, {"budget_usd": "100", "reset": "monthly"}


@dataclass(frozen=True)
class Office:
    """A customer: two members of a team, one of none, a manager, an admin, keys; and another customer's admin."""

    id: CustomerId
    owner: Member
    teammate: Member
    colleague: Member
    manager: Member
    admin: Member
    stranger: Member
    team_id: TeamId
    own_key: NewKey
    team_key: NewKey
    customers_key: NewKey

    @property
    def places(self) -> dict[str, str]:
        return {
            "user": f"{LIMITS}/user/{self.owner.id}",
            "team": f"{LIMITS}/team/{self.team_id}",
            "key": f"{LIMITS}/key/{self.own_key.key_hash}",
            "customer": f"{LIMITS}/customer",
        }


@pytest.fixture
async def office(house: House) -> Office:
    async with house.context.database.connection() as connection:
        acme, other = await customer(connection), await customer(connection, "Other")
    roles = ("member", "member", "member", "manager", "admin")
    owner, teammate, colleague, manager, admin = [await house.member(acme, role) for role in roles]
    team_id = await house.team(acme, owner, teammate)
    async with house.context.database.connection() as connection:
        own_key = await key(connection, acme, "5", user_id=owner.id)
        team_key = await key(connection, acme, team_id=team_id)
        customers_key = await key(connection, acme)
    stranger = await house.member(other, "admin")
    return Office(acme, owner, teammate, colleague, manager, admin, stranger, team_id, own_key, team_key, customers_key)


async def _set(who: Member, path: str, *windows: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await who.api.put(path, json={"budgets": list(windows)})
    assert answer.status_code == 200, answer.text
    shown: list[dict[str, Any]] = answer.json()["budgets"]
    return shown


async def _get(who: Member, path: str = LIMITS) -> list[dict[str, Any]]:
    answer = await who.api.get(path)
    assert answer.status_code == 200, answer.text
    shown: list[dict[str, Any]] = answer.json()["budgets"]
    return shown


async def _audited(house: House, action: str = "limit.%") -> list[dict[str, Any]]:
    return await house.fetch("SELECT * FROM audit_log WHERE action LIKE $1 ORDER BY id", action)


def soon(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


# Who -------------------------------------------------------------------------------------------------------


async def test_everybody_sees_what_concerns_them(office: Office) -> None:
    for kind, path in office.places.items():
        await _set(office.admin, path, {"budget_usd": 1, "models": f"{kind}-*"})
    team_key, everybodys = office.team_key.key_id, office.customers_key.key_id

    def shown(budgets: list[dict[str, Any]]) -> set[tuple[str, str, bool]]:
        return {(each["scope"]["kind"], each["scope"]["id"], each["main"]) for each in budgets}

    of_team = {("team", office.team_id, False), ("key", team_key, True)}
    of_owner = {("user", office.owner.id, False)} | {("key", office.own_key.key_id, main) for main in (True, False)}
    of_all = of_team | of_owner | {("customer", office.id, False), ("key", everybodys, True)}
    assert shown(await _get(office.admin)) == shown(await _get(office.manager)) == of_all
    assert shown(await _get(office.owner)) == of_team | of_owner
    assert shown(await _get(office.teammate)) == of_team
    assert shown(await _get(office.colleague)) == set()
    assert await _get(office.stranger) == []


async def test_budgets_come_in_pages(office: Office) -> None:
    for who in (office.admin, office.owner):
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            page = (await who.api.get(LIMITS, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
            seen += [each["id"] for each in page["budgets"]]
            cursor = page["next_cursor"]
        assert seen == [each["id"] for each in await _get(who)]
        assert len(seen) > 1


@pytest.mark.parametrize("cursor", ["x", "MS4y", number_cursor(10**18 * 10 - 1), "!"])
async def test_a_cursor_that_is_none_is_refused(office: Office, cursor: str) -> None:
    assert refusal(await office.admin.api.get(LIMITS, params={"cursor": cursor})) == (400, "invalid_cursor")


async def test_a_budget_of_what_is_gone_is_shown_to_nobody(office: Office) -> None:
    before = await _get(office.admin)
    assert (await office.admin.api.delete(f"/v1/ai/keys/{office.own_key.key_hash}")).status_code == 200
    after = await _get(office.admin)
    assert [each for each in before if each["scope"]["id"] != office.own_key.key_id] == after
    assert len(after) < len(before)


async def test_each_place_is_open_to_those_it_concerns(office: Office) -> None:
    may_see = {
        "user": [office.owner],
        "team": [office.owner, office.teammate],
        "key": [office.owner],
        "customer": [],
    }
    for kind, path in office.places.items():
        for who in (office.owner, office.teammate, office.colleague):
            expected = 200 if who in may_see[kind] else 403
            assert (await who.api.get(path)).status_code == expected, (kind, who.id)
        for boss in (office.manager, office.admin):
            assert (await boss.api.get(path)).status_code == 200


async def test_members_set_no_limits_and_managers_not_the_customers(house: House, office: Office) -> None:
    """Not even on a key they made: a limit that somebody else set stays set."""
    body = {"budgets": [DAILY]}
    for kind, path in office.places.items():
        [*_, budget] = await _set(office.admin, path, DAILY)
        raising = f"{LIMITS}/{budget['id']}/raise"
        more = {"extra_usd": 1, "until": soon(days=1), "reason": "a launch"}
        managers_too = [] if kind == "customer" else [office.manager]
        for who in (office.owner, office.teammate, office.colleague, office.manager):
            if who not in managers_too:
                assert refusal(await who.api.put(path, json=body)) == (403, "forbidden")
                assert refusal(await who.api.delete(path)) == (403, "forbidden")
                assert refusal(await who.api.post(raising, json=more)) == (403, "forbidden")
                assert refusal(await who.api.delete(raising)) == (403, "forbidden")
        for who in managers_too:
            assert (await who.api.put(path, json=body)).status_code == 200
            assert (await who.api.post(raising, json=more)).status_code == 200
            assert (await who.api.delete(raising)).status_code == 200
            assert (await who.api.delete(path)).status_code == 204
    assert len(await _get(office.admin, office.places["customer"])) == 1


async def test_what_is_not_there_or_another_customers_is_not_found(office: Office) -> None:
    [*_, budget] = await _set(office.admin, office.places["key"], DAILY)
    elsewhere = [path for kind, path in office.places.items() if kind != "customer"]
    nothing = [f"{LIMITS}/user/{new_id()}", f"{LIMITS}/team/{new_id()}", f"{LIMITS}/key/{'0' * 64}"]
    odd = [f"{LIMITS}/user/%00", f"{LIMITS}/team/x", f"{LIMITS}/key/{office.own_key.key_id}"]
    for path in [*elsewhere, *nothing, *odd]:
        expected = (404, f"{path.split('/')[4]}_not_found")
        assert refusal(await office.stranger.api.get(path)) == expected
        assert refusal(await office.stranger.api.put(path, json={"budgets": []})) == expected
        assert refusal(await office.stranger.api.delete(path)) == expected
    more = {"extra_usd": 1, "until": soon(days=1), "reason": "theirs"}
    for budget_id in (budget["id"], 999_999):
        raising = f"{LIMITS}/{budget_id}/raise"
        assert refusal(await office.stranger.api.post(raising, json=more)) == (404, "limit_not_found")
        assert refusal(await office.stranger.api.delete(raising)) == (404, "limit_not_found")
    assert (await office.admin.api.post(f"{LIMITS}/{2**70}/raise", json=more)).status_code == 422
    assert (await office.admin.api.get(f"{LIMITS}/planet/x")).status_code == 422


async def test_budgets_of_what_was_deleted_are_not_shown(house: House, office: Office) -> None:
    [*_, budget] = await _set(office.admin, office.places["key"], DAILY)
    await office.admin.api.delete(f"/v1/ai/keys/{office.own_key.key_hash}")
    assert {each["scope"]["id"] for each in await _get(office.admin)}.isdisjoint({office.own_key.key_id})
    raising = f"{LIMITS}/{budget['id']}/raise"
    assert refusal(await office.admin.api.delete(raising)) == (404, "limit_not_found")


# Windows ---------------------------------------------------------------------------------------------------


async def test_a_budget_is_shown_with_its_account(house: House, office: Office) -> None:
    [shown] = await _set(office.admin, office.places["team"], {"budget_usd": "100.5", "models": "OpenAI/*"})
    assert shown == {
        "id": shown["id"],
        "scope": {"kind": "team", "id": office.team_id, "name": office.team_id, "key_hash": None},
        "main": False,
        "reset": None,
        "models": "openai/*",
        "limit_usd": "100.500000000",
        "raise": None,
        "effective_limit_usd": "100.500000000",
        "spent_usd": "0.000000000",
        "held_usd": "0.000000000",
        "in_doubt_usd": "0.000000000",
        "remaining_usd": "100.500000000",
        "outstanding_usd": None,
        "resets_at": None,
        "thresholds": [50, 80, 95],
        "fired_percent": None,
    }
    assert await _get(office.admin, office.places["team"]) == [shown]


@pytest.mark.parametrize("kind", ["user", "team", "customer"])
async def test_the_whole_set_is_replaced_and_windows_that_stay_keep_what_is_spent(
    house: House, office: Office, kind: str
) -> None:
    path = office.places[kind]
    daily, monthly = await _set(office.admin, path, DAILY, MONTHLY)
    async with house.context.database.connection() as connection:
        book = await book_of(connection, office.id, office.own_key.key_id)
        await book.spend(3_000_000_000, Scope(daily["scope"]["kind"], daily["scope"]["id"]))
        assert await budgets.audit(connection) == []
    smaller = {"budget_usd": 2, "reset": "daily", "thresholds": [90, 10, 90]}
    left, weekly = await _set(office.admin, path, smaller, {"budget_usd": 50, "reset": "weekly"})
    assert (left["id"], left["spent_usd"], left["limit_usd"]) == (daily["id"], "3.000000000", "2.000000000")
    assert (left["remaining_usd"], left["outstanding_usd"]) == ("0.000000000", "1.000000000")
    assert (left["thresholds"], left["fired_percent"]) == ([10, 90], None)
    assert (weekly["spent_usd"], weekly["reset"]) == ("0.000000000", "weekly")
    assert (await office.admin.api.delete(path)).status_code == 204
    assert await _get(office.admin, path) == []
    again, back = await _set(office.admin, path, DAILY, MONTHLY)
    assert (again["id"], again["spent_usd"]) == (daily["id"], "3.000000000")
    assert back["id"] == monthly["id"]
    async with house.context.database.connection() as connection:
        assert await budgets.audit(connection) == []


async def test_a_crossed_threshold_is_shown(house: House, office: Office) -> None:
    [daily] = await _set(office.admin, office.places["user"], DAILY)
    async with house.context.database.connection() as connection:
        book = await book_of(connection, office.id, office.own_key.key_id)
        await book.spend(8_500_000_000, Scope("user", office.owner.id))
    [shown] = await _get(office.owner, office.places["user"])
    assert (shown["id"], shown["fired_percent"]) == (daily["id"], 80)


async def test_a_keys_own_budget_is_shown_and_stays_as_it_is(house: House, office: Office) -> None:
    """It is changed with the key; the key's permit knows all of its budgets, and this process forgets the old one."""
    forgotten: list[str] = []
    told = house.but(after_key_change=forgotten.append)
    api = await told.visitor()
    api.headers["Authorization"] = office.admin.api.headers["Authorization"]
    answer = await api.put(office.places["key"], json={"budgets": [MONTHLY | {"models": "gpt-4o*"}]})
    main, window = answer.json()["budgets"]
    assert (main["main"], main["limit_usd"], window["main"]) == (True, "5.000000000", False)
    assert main["scope"]["key_hash"] == office.own_key.key_hash
    assert forgotten == [office.own_key.key_hash]
    async with house.context.database.connection() as connection:
        permit = await read_permit(connection, office.own_key.key_hash)
    assert permit is not None
    assert [tuple(each) for each in permit.budgets] == [(main["id"], ""), (window["id"], "gpt-4o*")]
    assert await _set(office.admin, office.places["key"]) == [main]


async def test_a_star_is_every_model_and_names_are_compared_without_case(office: Office) -> None:
    path = office.places["team"]
    [first] = await _set(office.admin, path, {"budget_usd": 1, "models": "*"})
    [second] = await _set(office.admin, path, {"budget_usd": 1, "models": None})
    assert (first["id"], first["models"]) == (second["id"], None)
    [third] = await _set(office.admin, path, {"budget_usd": 1, "models": "GPT-*"})
    [fourth] = await _set(office.admin, path, {"budget_usd": 1, "models": "gpt-*"})
    assert third == fourth


WRONG: list[tuple[object, str]] = [
    ({"budget_usd": "9000000.01"}, "budgets.0.budget_usd"),
    ({"budget_usd": "-1"}, "budgets.0.budget_usd"),
    ({"budget_usd": "0.0000000001"}, "budgets.0.budget_usd"),
    ({"budget_usd": "NaN"}, "budgets.0.budget_usd"),
    ({"budget_usd": None}, "budgets.0.budget_usd"),
    ({}, "budgets.0.budget_usd"),
    (DAILY | {"reset": "hourly"}, "budgets.0.reset"),
    (DAILY | {"models": "a b"}, "budgets.0.models"),
    (DAILY | {"thresholds": [0]}, "budgets.0.thresholds.0"),
    (DAILY | {"thresholds": [101]}, "budgets.0.thresholds.0"),
    (DAILY | {"thresholds": ["50"]}, "budgets.0.thresholds.0"),
    (DAILY | {"thresholds": list(range(1, 12))}, "budgets.0.thresholds"),
    (DAILY | {"slot": "main"}, "budgets.0.slot"),
]


@pytest.mark.parametrize(("window", "param"), WRONG)
async def test_a_window_that_makes_no_sense_is_refused(busy_house: House, window: object, param: str) -> None:
    async with busy_house.context.database.connection() as connection:
        admin = await busy_house.member(await customer(connection), "admin")
    answer = await admin.api.put(f"{LIMITS}/customer", json={"budgets": [window]})
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


async def test_a_set_with_two_of_a_kind_or_too_many_is_refused(office: Office) -> None:
    twice = [DAILY, DAILY | {"budget_usd": 3, "models": "*"}]
    many = [{"budget_usd": 1, "models": f"m{n}"} for n in range(21)]
    for windows in (twice, many):
        answer = await office.admin.api.put(office.places["team"], json={"budgets": windows})
        assert refusal(answer) == (422, "invalid_field")
        assert answer.json()["error"]["param"] == "budgets"
    assert len(await _set(office.admin, office.places["team"], *many[:20])) == 20


async def test_the_largest_limit_can_be_set_raised_and_spent_against(house: House, office: Office) -> None:
    [shown] = await _set(office.admin, office.places["customer"], {"budget_usd": "9000000"})
    more = {"extra_usd": "9000000", "until": soon(days=1), "reason": "all we have"}
    raised = (await office.admin.api.post(f"{LIMITS}/{shown['id']}/raise", json=more)).json()["budget"]
    assert raised["effective_limit_usd"] == "18000000.000000000"


# Raises ----------------------------------------------------------------------------------------------------


async def test_a_raise_lasts_until_its_end_and_can_be_taken_back(house: House, office: Office) -> None:
    """Also one on a key's own budget: what is set on the key stays."""
    [main] = await _get(office.admin, office.places["key"])
    raising, until = f"{LIMITS}/{main['id']}/raise", soon(days=89)
    more = {"extra_usd": "2.5", "until": until, "reason": "a launch"}
    answer = await office.manager.api.post(raising, json=more)
    assert answer.status_code == 200, answer.text
    raised = answer.json()["budget"]
    assert (raised["limit_usd"], raised["effective_limit_usd"]) == ("5.000000000", "7.500000000")
    assert raised["raise"]["extra_usd"] == "2.500000000"
    assert datetime.fromisoformat(raised["raise"]["until"]) == datetime.fromisoformat(until)
    details = (await office.owner.api.get(f"/v1/ai/keys/{office.own_key.key_hash}/details")).json()
    assert (details["key"]["budget_usd"], details["balance"]["limit_usd"]) == ("5.0000", "7.500000000")
    less = (await office.manager.api.post(raising, json=more | {"extra_usd": 1})).json()["budget"]
    assert less["effective_limit_usd"] == "6.000000000", "the new raise takes the place of the old one"
    for _ in range(2):
        ended = await office.manager.api.delete(raising)
        assert ended.json()["budget"] == main
    assert [line["action"] for line in await _audited(house)] == ["limit.raise", "limit.raise", "limit.end_raise"]


async def test_a_raise_ends_with_the_limit_that_it_was_given_to(office: Office) -> None:
    """Who takes a key's budget away and sets one again has what they typed, and not the raise of the former."""
    [main] = await _get(office.admin, office.places["key"])
    more = {"extra_usd": 100, "until": soon(days=1), "reason": "a launch"}
    assert (await office.admin.api.post(f"{LIMITS}/{main['id']}/raise", json=more)).status_code == 200
    for budget in (None, 3):
        answer = await office.admin.api.patch(f"/v1/ai/keys/{office.own_key.key_hash}", json={"budget_usd": budget})
        assert answer.status_code == 200, answer.text
    [again] = await _get(office.admin, office.places["key"])
    assert (again["id"], again["raise"], again["effective_limit_usd"]) == (main["id"], None, "3.000000000")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": (datetime.now(UTC) + timedelta(days=91)).isoformat()}, "until"),
        ({"until": "2030-01-01T00:00:00"}, "until"),
        ({"extra_usd": 0}, "extra_usd"),
        ({"extra_usd": "9000000.1"}, "extra_usd"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
async def test_a_raise_that_makes_no_sense_is_refused(office: Office, change: dict[str, object], param: str) -> None:
    [main] = await _get(office.admin, office.places["key"])
    body = {"extra_usd": 1, "until": soon(days=1), "reason": "a launch"} | change
    answer = await office.admin.api.post(f"{LIMITS}/{main['id']}/raise", json=body)
    assert refusal(answer) == (422, "invalid_field")
    assert answer.json()["error"]["param"] == param


async def test_where_nothing_is_limited_there_is_nothing_to_raise(office: Office) -> None:
    [unlimited] = await _get(office.admin, f"{LIMITS}/key/{office.team_key.key_hash}")
    assert (unlimited["limit_usd"], unlimited["effective_limit_usd"], unlimited["remaining_usd"]) == (None, None, None)
    body = {"extra_usd": 1, "until": soon(days=1), "reason": "a launch"}
    raising = f"{LIMITS}/{unlimited['id']}/raise"
    assert refusal(await office.admin.api.post(raising, json=body)) == (409, "no_limit")
    assert (await office.admin.api.delete(raising)).json()["budget"] == unlimited


async def test_a_limit_that_ends_at_that_very_moment_is_not_raised(
    house: House, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    [main] = await _get(office.admin, office.places["key"])

    async def too_late(*_: object) -> bool:
        return False

    monkeypatch.setattr(limits, "set_raise", too_late)
    body = {"extra_usd": 1, "until": soon(days=1), "reason": "a launch"}
    assert refusal(await office.admin.api.post(f"{LIMITS}/{main['id']}/raise", json=body)) == (404, "limit_not_found")
    assert await _audited(house) == []


# The audit log ---------------------------------------------------------------------------------------------


async def test_every_change_is_audited_with_before_and_after_and_what_is_the_same_is_not(
    house: House, office: Office
) -> None:
    path = office.places["team"]
    [daily] = await _set(office.admin, path, DAILY)
    await _set(office.admin, path, DAILY)
    await _set(office.manager, path, DAILY, MONTHLY | {"models": "gpt-*", "thresholds": []})
    async with house.context.database.connection() as connection:
        await connection.execute("UPDATE ledger_budgets SET raise_nanos = 1, raise_until = now() + interval '1 hour'")
    await office.admin.api.delete(f"{LIMITS}/{daily['id']}/raise")
    await office.admin.api.delete(path)
    lines = await _audited(house)
    assert [(line["action"], line["actor"], line["subject"]) for line in lines] == [
        ("limit.replace", office.admin.id, office.team_id),
        ("limit.replace", office.manager.id, office.team_id),
        ("limit.end_raise", office.admin.id, office.team_id),
        ("limit.replace", office.admin.id, office.team_id),
    ]
    one = "10.000000000 USD daily, models *, told at % 50, 80, 95"
    two = "100.000000000 USD monthly, models gpt-*, told at % nothing"
    assert (lines[0]["before"], lines[0]["after"]) == ({"budgets": []}, {"budgets": [one]})
    assert (lines[1]["before"], lines[1]["after"]) == ({"budgets": [one]}, {"budgets": [one, two]})
    assert (lines[2]["before"]["extra_usd"], lines[2]["after"]["extra_usd"]) == ("0.000000001", None)
    assert (lines[3]["before"], lines[3]["after"]) == ({"budgets": [one, two]}, {"budgets": []})


async def test_the_reason_of_a_raise_is_kept(house: House, office: Office) -> None:
    [*_, window] = await _set(office.admin, office.places["key"], DAILY)
    until = soon(days=2)
    body = {"extra_usd": 1, "until": until, "reason": "  the end of the year "}
    await office.manager.api.post(f"{LIMITS}/{window['id']}/raise", json=body)
    [line] = await _audited(house, "limit.raise")
    assert (line["subject"], line["actor"]) == (office.own_key.key_hash, office.manager.id)
    same = {"budget_id": window["id"], "limit_usd": "10.000000000"}
    assert line["before"] == same | {"extra_usd": None, "until": None}
    assert line["after"] == same | {
        "extra_usd": "1.000000000",
        "until": until,
        "reason": "the end of the year",
    }
