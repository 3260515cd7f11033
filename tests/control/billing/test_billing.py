"""What a customer's admin sees of usage on its way to Stripe, and what sending it again does."""

from datetime import timedelta
from typing import Any

import pytest

from control.house import House, Member, refusal
from making import ManualClock, customer
from tollhouse.foundation.ids import CustomerId, new_call_id
from tollhouse.usage import dead_letters

LETTERS = "/v1/billing/dead-letters"


async def event(house: House, customer_id: CustomerId, cost: int = 1_000_000_000, **columns: Any) -> str:
    """A row of the outbox; its entry."""
    entry = str(new_call_id())
    row = {"entry_id": entry, "customer_id": customer_id, "cost_nanos": cost, "occurred_at": house.context.clock.now()}
    row |= columns
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    async with house.context.database.connection() as connection:
        await connection.execute(f"INSERT INTO usage_events ({', '.join(row)}) VALUES ({places})", *row.values())
    return entry


async def dead(house: House, customer_id: CustomerId, kind: str = "refused", **columns: Any) -> str:
    now = house.context.clock.now()
    told = {"dead_at": now, "dead_kind": kind, "last_error": f"it was {kind}", "attempts": 2, **columns}
    return await event(house, customer_id, **told)


async def test_events_are_counted_by_state_and_only_ones_own(house: House, acme: CustomerId, admin: Member) -> None:
    now = house.context.clock.now()
    old = now - timedelta(hours=3)
    await event(house, acme, 500_000_000, occurred_at=old)
    await event(house, acme, -200_000_000)
    await dead(house, acme)
    async with house.context.database.connection() as connection:
        await event(house, await customer(connection), 7)
        await connection.execute(
            "INSERT INTO usage_exports (customer_id, due_at, error, sent_events, sent_nanos) "
            "VALUES ($1, now(), 'Stripe is away', 3, 2500000000)",
            acme,
        )
    seen = (await admin.api.get("/v1/billing/usage")).json()
    assert seen == {
        "has_account": False,
        "waiting": {"events": 2, "usd": "0.300000000", "nanos": 300_000_000},
        "sent": {"events": 3, "usd": "2.500000000", "nanos": 2_500_000_000},
        "dead": {"events": 1, "usd": "1.000000000", "nanos": 1_000_000_000},
        "oldest_waiting_at": old.isoformat().replace("+00:00", "Z"),
        "error": "Stripe is away",
    }


async def test_a_negative_sum_is_shown_as_one(house: House, acme: CustomerId, admin: Member) -> None:
    await event(house, acme, -1)
    async with house.context.database.connection() as connection:
        await connection.execute("UPDATE customers SET stripe_customer_id = 'cus_1' WHERE id = $1", acme)
    seen = (await admin.api.get("/v1/billing/usage")).json()
    assert (seen["waiting"]["usd"], seen["has_account"], seen["error"]) == ("-0.000000001", True, None)


async def test_dead_letters_come_in_pages_newest_first(
    house: House, acme: CustomerId, admin: Member, clock: ManualClock
) -> None:
    made = []
    for kind in ("refused", "reported", "uncertain", "too_old"):
        made.append(await dead(house, acme, kind))
        clock.advance(1)
    first = (await admin.api.get(LETTERS, params={"limit": 3})).json()
    second = (await admin.api.get(LETTERS, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    listed = first["dead_letters"] + second["dead_letters"]
    assert [letter["entry_id"] for letter in listed] == made[::-1]
    assert second["next_cursor"] is None
    assert listed[0]["kind"] == "too_old"
    assert listed[0]["reason"] == "it was too_old"
    assert (listed[0]["cost_usd"], listed[0]["attempts"], listed[0]["maybe_sent_at"]) == ("1.000000000", 2, None)
    assert refusal(await admin.api.get(LETTERS, params={"cursor": "x"})) == (400, "invalid_cursor")


@pytest.mark.parametrize(("kind", "renamed"), [("refused", 0), ("reported", 1)])
async def test_what_does_not_count_waits_again_and_the_audit_log_says_who(
    house: House, acme: CustomerId, admin: Member, kind: str, renamed: int
) -> None:
    """What Stripe took and cast out goes by another name: it would take the old one for a repetition."""
    entry = await dead(house, acme, kind)
    answer = await admin.api.post(f"{LETTERS}/{entry}/retry", json={})
    assert (answer.status_code, answer.json()["dead_letter"]["kind"]) == (200, kind)
    (row,) = await house.fetch("SELECT * FROM usage_events")
    assert (row["dead_at"], row["dead_kind"], row["renamed"], row["key_round"]) == (None, None, renamed, 1)
    (line,) = await house.fetch(
        "SELECT actor, subject, before, after FROM audit_log WHERE action = 'usage_event.retry'"
    )
    assert line == {
        "actor": admin.id,
        "subject": entry,
        "before": {"dead": kind, "reason": f"it was {kind}"},
        "after": {"may_count_twice": False},
    }
    assert refusal(await admin.api.post(f"{LETTERS}/{entry}/retry", json={})) == (404, "dead_letter_not_found")


async def test_what_may_count_is_sent_again_only_by_a_word_of_its_own(
    house: House, acme: CustomerId, admin: Member
) -> None:
    entry = await dead(house, acme, "uncertain", first_tried_at=house.context.clock.now())
    assert refusal(await admin.api.post(f"{LETTERS}/{entry}/retry", json={})) == (409, "may_count_twice")
    answer = await admin.api.post(f"{LETTERS}/{entry}/retry", json={"may_count_twice": True})
    assert answer.status_code == 200
    assert answer.json()["dead_letter"]["maybe_sent_at"] is not None
    (row,) = await house.fetch("SELECT dead_at, first_tried_at FROM usage_events")
    assert row == {"dead_at": None, "first_tried_at": None}


async def test_what_is_too_old_is_billed_by_hand(house: House, acme: CustomerId, admin: Member) -> None:
    old = house.context.clock.now() - timedelta(days=35)
    entry = await dead(house, acme, "refused", occurred_at=old)
    assert refusal(await admin.api.post(f"{LETTERS}/{entry}/retry", json={})) == (409, "too_old_for_stripe")


@pytest.mark.parametrize("entry", ["x", "00000000-0000-7000-8000-000000000000"])
async def test_what_is_not_there_is_not_found(admin: Member, entry: str) -> None:
    answer = await admin.api.post(f"{LETTERS}/{entry}/retry", json={})
    assert refusal(answer) == (404, "dead_letter_not_found")


async def test_all_that_do_no_harm_go_again_at_once(
    house: House, acme: CustomerId, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_REVIVED", 2)
    async with house.context.database.connection() as connection:
        other = await dead(house, await customer(connection))
    for kind in ("refused", "reported", "refused", "uncertain"):
        await dead(house, acme, kind)
    await dead(house, acme, "too_old", occurred_at=house.context.clock.now() - timedelta(days=36))
    seen = [(await admin.api.post(f"{LETTERS}/retry")).json() for _ in range(3)]
    assert seen == [{"retried": 2, "left": 3}, {"retried": 1, "left": 2}, {"retried": 0, "left": 2}]
    still = await house.fetch("SELECT entry_id::text, dead_kind FROM usage_events WHERE dead_at IS NOT NULL")
    assert {row["dead_kind"] for row in still} == {"refused", "uncertain", "too_old"}
    assert other in {row["entry_id"] for row in still}
    lines = await house.fetch("SELECT after FROM audit_log WHERE action = 'usage_event.retry_all' ORDER BY id")
    assert [line["after"] for line in lines] == [{"events": 2}, {"events": 1}]
