"""`/v1/ledger`: who looks after the book, what they see of it, and that nothing is corrected twice or unseen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from control.house import House, Member, refusal
from making import Book, a_receipt, book_of, customer, key
from tollhouse.access.keys import NewKey
from tollhouse.control.pages import place_cursor
from tollhouse.foundation.ids import CustomerId, new_call_id
from tollhouse.ledger import book as ledger_book
from tollhouse.ledger.records import Reserved
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

LEDGER = "/v1/ledger"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REASON = "the provider's invoice says so"


@dataclass(frozen=True)
class Office:
    """A customer with a key and people of each role, and another customer's admin."""

    house: House
    id: CustomerId
    member: Member
    manager: Member
    admin: Member
    stranger: Member
    key: NewKey

    @asynccontextmanager
    async def book(self) -> AsyncIterator[Book]:
        async with self.house.context.database.connection() as connection:
            yield await book_of(connection, self.id, self.key.key_id)

    async def adjust(
        self, call: Reserved, cost: str, *, by: Member | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        given = {"call_id": call.call.call_id, "cost_usd": cost, "reason": REASON} | more
        headers = {} if key is None else {"Idempotency-Key": key}
        return await (by or self.admin).api.post(f"{LEDGER}/adjustments", json=given, headers=headers)

    async def release(self, **given: Any) -> httpx.Response:
        body = {"budget_id": await self.budget_id(), "reason": REASON} | given
        return await self.admin.api.post(f"{LEDGER}/doubt/release", json=body)

    async def budget_id(self) -> int:
        rows = await self.house.fetch("SELECT budget_id FROM ledger_budgets WHERE scope_id = $1", self.key.key_id)
        found: int = rows[0]["budget_id"]
        return found

    async def audited(self) -> list[dict[str, Any]]:
        return await self.house.fetch("SELECT * FROM audit_log WHERE action LIKE 'ledger.%' ORDER BY id")


@pytest.fixture
async def office(house: House) -> Office:
    async with house.context.database.connection() as connection:
        acme, other = await customer(connection), await customer(connection, "Other")
        made = await key(connection, acme, "10")
    member, manager, admin = [await house.member(acme, role) for role in ("member", "manager", "admin")]
    return Office(house, acme, member, manager, admin, await house.member(other, "admin"), made)


async def _get(who: Member, path: str, **query: Any) -> dict[str, Any]:
    answer = await who.api.get(f"{LEDGER}{path}", params=query)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


# Who -------------------------------------------------------------------------------------------------------

ADJUSTMENT = {"call_id": new_call_id(), "cost_usd": "1", "reason": REASON}
RELEASE = {"budget_id": 1, "all": True, "reason": REASON}


@pytest.mark.parametrize(
    ("method", "path", "body", "managers_may"),
    [
        ("GET", "/audit", None, False),
        ("GET", "/in-doubt", None, True),
        ("GET", "/adjustments", None, True),
        ("POST", "/adjustments", ADJUSTMENT, False),
        ("POST", "/doubt/release", RELEASE, False),
    ],
)
async def test_managers_look_and_admins_decide(
    office: Office, method: str, path: str, body: dict[str, Any] | None, managers_may: bool
) -> None:
    async def ask(who: Member) -> int:
        return (await who.api.request(method, f"{LEDGER}{path}", json=body)).status_code

    assert await ask(office.member) == 403
    assert (await ask(office.manager) != 403) is managers_may
    assert await ask(office.admin) not in (401, 403)
    nobody = await office.house.visitor()
    assert (await nobody.request(method, f"{LEDGER}{path}", json=body)).status_code == 401


# The audit -------------------------------------------------------------------------------------------------


async def test_the_audit_says_how_the_book_stands(office: Office) -> None:
    async with office.book() as made:
        await made.spend(100)
        await made.reserve(50)
    seen = await _get(office.admin, "/audit")
    assert datetime.fromisoformat(seen.pop("complete_to")) <= datetime.now(UTC)
    assert seen == {
        "breaches": [],
        "leases": 1,
        "leased_usd": "0.000000050",
        "doubtful_leases": 0,
        "in_doubt_usd": "0.000000000",
        "letters": 0,
        "sealed_through": None,
    }


async def test_the_audit_names_breaches_to_their_customer_only(office: Office) -> None:
    async with office.book() as made:
        await made.spend(100)
        await made.connection.execute("UPDATE ledger_accounts SET spent_nanos = 99")
    breach = {
        "budget_id": await office.budget_id(),
        "period": 1,
        "what": "spent differs from entries",
        "amount_nanos": -1,
    }
    assert (await _get(office.admin, "/audit"))["breaches"] == [breach]
    assert (await _get(office.stranger, "/audit"))["breaches"] == []


# In doubt --------------------------------------------------------------------------------------------------


def _receipt(office: Office, call: Reserved) -> Receipt:
    lost: dict[str, Any] = {"outcome": "lost", "usage_source": "none", "entry_kind": "in_doubt"}
    nanos = {"hold_nanos": call.amount, "cost_nanos": call.amount}
    return a_receipt(office.id, office.key.key_id, datetime.now(UTC), call_id=call.call.call_id, **lost, **nanos)


async def test_what_is_in_doubt_is_shown_with_what_is_known(office: Office) -> None:
    async with office.book() as made:
        told, untold = await made.reserve(100), await made.reserve(200)
        await made.settle(told, "in_doubt")
        await made.settle(untold, "in_doubt")
        await receipts.write(made.connection, [_receipt(office, told)])
        await made.reserve(300)
        await ledger_book.close_epoch(made.connection, made.owner, made.owner.epoch, exact=False)
    page = await _get(office.manager, "/in-doubt")
    assert page["next_cursor"] is None
    by_kind = {(item["kind"], item["amount_nanos"]): item for item in page["in_doubt"]}
    assert by_kind.keys() == {("call", 100), ("call", 200), ("lease", 300)}
    assert by_kind["call", 100]["receipt"]["outcome"] == "lost"
    assert by_kind["call", 200]["receipt"] is None
    lease = by_kind["lease", 300]
    assert (lease["worker_state"], lease["budget_id"], lease["call_id"]) == ("closed", await office.budget_id(), None)
    assert (await _get(office.stranger, "/in-doubt"))["in_doubt"] == []


async def test_what_is_in_doubt_comes_in_pages(office: Office) -> None:
    async with office.book() as made:
        for _ in range(5):
            await made.settle(await made.reserve(10), "in_doubt")
        await made.reserve(300)
        await ledger_book.close_epoch(made.connection, made.owner, made.owner.epoch, exact=False)
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = await _get(office.admin, "/in-doubt", **query)
        seen += page["in_doubt"]
        query["cursor"] = page["next_cursor"]
    assert query["cursor"] is None
    assert seen == (await _get(office.admin, "/in-doubt"))["in_doubt"]


@pytest.mark.parametrize(
    ("path", "cursor"),
    [("/in-doubt", "x"), ("/in-doubt", "!"), ("/adjustments", "x"), ("/adjustments", place_cursor(NOON, "lease.1"))],
)
async def test_words_that_are_no_cursor_are_refused(office: Office, path: str, cursor: str) -> None:
    answer = await office.admin.api.get(f"{LEDGER}{path}", params={"cursor": cursor})
    assert refusal(answer) == (400, "invalid_cursor")


# Adjusting -------------------------------------------------------------------------------------------------


async def test_a_cost_is_corrected_and_everybody_is_told(office: Office) -> None:
    """The answer, the list, the receipt, the key's details and the audit log say the same."""
    async with office.book() as made:
        call = await made.reserve(9_000)
        await made.settle(call, "in_doubt")
        await receipts.write(made.connection, [_receipt(office, call)])
    answer = await office.adjust(call, "0.000002500")
    assert answer.status_code == 201, answer.text
    done = answer.json()
    shown = done["adjustment"]
    assert done["repeated"] is False
    assert (shown["difference_usd"], shown["difference_nanos"], shown["actor"]) == (
        "-0.000006500",
        -6_500,
        office.admin.id,
    )
    assert (shown["call_id"], shown["reason"]) == (call.call.call_id, REASON)
    assert (await _get(office.manager, "/adjustments"))["adjustments"] == [shown]
    receipt = (await office.admin.api.get(f"/v1/ai/receipts/{call.call.call_id}")).json()["receipt"]
    assert (receipt["cost_nanos"], receipt["adjusted_cost_nanos"], receipt["adjusted_cost_usd"]) == (
        9_000,
        2_500,
        "0.000002500",
    )
    details = (await office.admin.api.get(f"/v1/ai/keys/{office.key.key_hash}/details")).json()
    calls = (await office.admin.api.get(f"/v1/ai/keys/{office.key.key_hash}/calls")).json()["calls"]
    assert [each["adjusted_cost_nanos"] for each in details["recent_calls"]] == [2_500]
    assert calls == details["recent_calls"]
    assert details["balance"]["spent_usd"] == "0.000002500"
    (line,) = await office.audited()
    assert (line["action"], line["subject"], line["actor"]) == ("ledger.adjust", call.call.call_id, office.admin.id)
    assert (line["before"], line["after"]["cost_nanos"], line["after"]["reason"]) == (
        {"cost_nanos": 9_000},
        2_500,
        REASON,
    )
    assert (await _get(office.admin, "/in-doubt"))["in_doubt"] == []


async def test_nobody_writes_their_own_bill(office: Office) -> None:
    """A customer's correction changes the budget; what was billed stays."""
    async with office.book() as made:
        call = await made.spend(9_000)
    await office.adjust(call, "0")
    assert await office.house.fetch("SELECT * FROM usage_events") == []


async def test_a_call_that_was_adjusted_is_adjusted_again_only_on_purpose(office: Office) -> None:
    async with office.book() as made:
        call = await made.spend(100)
    assert (await office.adjust(call, "0.00000003")).status_code == 201
    assert refusal(await office.adjust(call, "0.00000002")) == (409, "already_adjusted")
    assert (await office.adjust(call, "0.00000002", again=True)).json()["adjustment"]["difference_nanos"] == -10
    assert len(await office.audited()) == 2


async def test_the_same_request_is_carried_out_once(office: Office) -> None:
    async with office.book() as made:
        call = await made.spend(100)
    first, second = [await office.adjust(call, "0.00000003", key="k-1") for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["adjustment"] == second.json()["adjustment"]
    assert second.json()["repeated"] is True
    assert refusal(await office.adjust(call, "0.00000004", key="k-1")) == (409, "idempotency_key_reused")
    assert len(await office.audited()) == 1


async def test_a_refused_request_may_be_sent_again_with_its_key(office: Office) -> None:
    """What was refused left nothing behind."""
    async with office.book() as made:
        call = await made.reserve(100)
        assert refusal(await office.adjust(call, "0.00000003", key="k-1")) == (404, "call_not_found")
        await made.settle(call)
    assert (await office.adjust(call, "0.00000003", key="k-1")).status_code == 201


async def test_calls_of_others_do_not_exist(office: Office) -> None:
    async with office.book() as made:
        call = await made.spend(100)
    assert refusal(await office.adjust(call, "1", by=office.stranger)) == (404, "call_not_found")
    assert refusal(await office.adjust(call, "1", call_id="1")) == (404, "call_not_found")
    assert refusal(await office.adjust(call, "1", call_id=new_call_id())) == (404, "call_not_found")
    assert (await _get(office.stranger, "/adjustments"))["adjustments"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"cost_usd": "-1"},
        {"cost_usd": "0.0000000001"},
        {"cost_usd": "NaN"},
        {"cost_usd": None},
        {"reason": "no"},
        {"reason": "   x   "},
        {"reason": "x" * 501},
        {"reason": "two\nlines"},
        {"again": "yes"},
        {"call_id": 7},
        {"cost_nanos": 1},
    ],
)
async def test_a_wrong_adjustment_is_refused_by_its_field(office: Office, wrong: dict[str, Any]) -> None:
    async with office.book() as made:
        call = await made.spend(100)
    given = {"call_id": call.call.call_id, "cost_usd": "1", "reason": REASON} | wrong
    answer = await office.admin.api.post(f"{LEDGER}/adjustments", json=given)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == next(iter(wrong))
    assert await office.audited() == []


async def test_adjustments_come_in_pages(office: Office) -> None:
    async with office.book() as made:
        for _ in range(5):
            await office.adjust(await made.spend(100), "0")
    first = await _get(office.admin, "/adjustments", limit=3)
    second = await _get(office.admin, "/adjustments", limit=3, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    whole = (await _get(office.admin, "/adjustments"))["adjustments"]
    assert first["adjustments"] + second["adjustments"] == whole
    assert len(whole) == 5


# Releasing -------------------------------------------------------------------------------------------------


async def _lose(office: Office, nanos: int) -> None:
    async with office.book() as made:
        await made.reserve(nanos)
        await ledger_book.close_epoch(made.connection, made.owner, made.owner.epoch, exact=False)


async def test_money_of_a_lost_machine_is_released(office: Office) -> None:
    await _lose(office, 300)
    part = await office.release(amount_usd="0.0000001")
    assert part.json() == {"released_usd": "0.000000100", "leases": 1, "waiting_usd": "0.000000000"}
    rest = await office.release(all=True)
    assert rest.json()["released_usd"] == "0.000000200"
    assert refusal(await office.release(all=True)) == (409, "not_in_doubt")
    audit = await _get(office.admin, "/audit")
    assert (audit["in_doubt_usd"], audit["breaches"]) == ("0.000000000", [])
    lines = await office.audited()
    assert [line["after"]["released_nanos"] for line in lines] == [100, 200]
    assert {(line["action"], line["after"]["reason"]) for line in lines} == {("ledger.release_doubt", REASON)}


async def test_what_may_still_be_alive_is_not_released(office: Office) -> None:
    async with office.book() as made:
        await made.reserve(300)
        await made.connection.execute("UPDATE ledger_marks SET seen_at = now() - interval '1 hour'")
        await ledger_book.doubt_silent(made.connection, timedelta(minutes=1))
    answer = await office.release(all=True)
    assert refusal(answer) == (409, "not_in_doubt")
    assert "0.000000300 USD more" in answer.json()["error"]["message"]


async def test_more_than_there_is_is_not_released(office: Office) -> None:
    await _lose(office, 300)
    assert refusal(await office.release(amount_usd="0.000000301")) == (409, "not_in_doubt")
    assert await office.audited() == []


async def test_budgets_of_others_do_not_exist(office: Office) -> None:
    await _lose(office, 300)
    given = {"budget_id": await office.budget_id(), "all": True, "reason": REASON}
    answer = await office.stranger.api.post(f"{LEDGER}/doubt/release", json=given)
    assert refusal(answer) == (404, "budget_not_found")


@pytest.mark.parametrize(
    "wrong", [{}, {"all": True, "amount_usd": "1"}, {"all": False}, {"amount_usd": "0"}, {"all": True, "reason": "x"}]
)
async def test_a_wrong_release_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    await _lose(office, 300)
    assert (await office.release(**wrong)).status_code == 422
