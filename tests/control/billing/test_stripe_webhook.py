"""Stripe's reports: believed only when signed, and what they say becomes of our events."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

import stripe_double
from control.house import House, Member, refusal
from making import ManualClock
from stripe_double import SECRET, StripeDouble
from stripe_meters import EVENT, METER, NO_METER_FOUND, SEND, WEBHOOK_SECRET, signed, wire
from tollhouse.billing.exporter import Exporter
from tollhouse.billing.stripe_meters import StripeMeters
from tollhouse.control.billing.stripe_endpoints import MAX_BYTES
from tollhouse.foundation.ids import CustomerId, new_call_id
from tollhouse.foundation.secrets import Secret

WEBHOOK = "/v1/stripe/webhook"


class Office:
    """A house whose meter is the double's, an exporter, and Stripe at the door."""

    def __init__(self, house: House, stripe: StripeDouble, meters: StripeMeters, door: httpx.AsyncClient) -> None:
        self.house = house
        self.stripe = stripe
        self.door = door
        self.exporter = Exporter(house.context.database, house.context.clock, meters, chance=lambda: 0.0)

    async def events(self, customer_id: CustomerId, many: int = 1) -> list[str]:
        entries = sorted(str(new_call_id()) for _ in range(many))
        rows = [(entry, customer_id, 5, self.house.context.clock.now()) for entry in entries]
        async with self.house.context.database.connection() as connection:
            await connection.executemany(
                "INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at) VALUES ($1, $2, $3, $4)",
                rows,
            )
        return entries

    async def tell(self, event: dict[str, Any]) -> httpx.Response:
        body = wire(event)
        return await self.door.post(WEBHOOK, content=body, headers=signed(body, at=time.time()))

    async def kinds(self) -> list[str | None]:
        rows = await self.house.fetch("SELECT dead_kind FROM usage_events ORDER BY entry_id")
        return [row["dead_kind"] for row in rows]

    async def sent(self) -> dict[str, Any]:
        (row,) = await self.house.fetch("SELECT sent_events, sent_nanos FROM usage_exports")
        return row


@pytest.fixture
async def office(house: House, clock: ManualClock) -> AsyncIterator[Office]:
    async with (
        stripe_double.running(clock) as stripe,
        StripeMeters(stripe.url, Secret(SECRET), METER, webhook_secret=Secret(WEBHOOK_SECRET), wait_s=2) as meters,
    ):
        built = house.but(meter_reports=meters)
        yield Office(built, stripe, meters, await built.visitor())


@pytest.fixture
async def wrong(office: Office, acme: CustomerId) -> CustomerId:
    """A customer whose account Stripe does not know."""
    async with office.house.context.database.connection() as connection:
        await connection.execute("UPDATE customers SET stripe_customer_id = 'cus_gone' WHERE id = $1", acme)
    return acme


@pytest.mark.parametrize("named_by", ["identifier", "idempotency-key"])
async def test_what_stripe_cast_out_is_a_dead_letter_and_goes_again_by_another_name(
    office: Office, wrong: CustomerId, admin: Member, named_by: str
) -> None:
    office.stripe.metering.names_by = named_by
    entries = await office.events(wrong, 2)
    await office.exporter.look()
    assert await office.sent() == {"sent_events": 2, "sent_nanos": 10}
    report = office.stripe.metering.report()
    answer = await office.tell(report)
    assert (answer.status_code, answer.json()) == (200, {"dead_letters": 2})
    assert await office.kinds() == ["reported", "reported"]
    assert await office.sent() == {"sent_events": 0, "sent_nanos": 0}
    letter = (await admin.api.get("/v1/billing/dead-letters")).json()["dead_letters"][0]
    assert letter["reason"] == "meter_event_customer_not_found: No such customer: cus_gone"

    assert (await office.tell(report)).json() == {"dead_letters": 0}
    account = office.stripe.put("ann@example.com")
    async with office.house.context.database.connection() as connection:
        await connection.execute("UPDATE customers SET stripe_customer_id = $1", account)
    assert (await admin.api.post("/v1/billing/dead-letters/retry")).json() == {"retried": 2, "left": 0}
    assert (await office.tell(report)).json() == {"dead_letters": 0}  # about a name that they have no more
    await office.exporter.look()
    assert office.stripe.metering.times() == dict.fromkeys(entries, 1)
    assert office.stripe.metering.values() == {account: 10}
    assert await office.kinds() == [None, None]


async def test_a_report_before_the_answer_was_written_down_stands(office: Office, wrong: CustomerId) -> None:
    """Whoever sent it has died, or is slow: it is not sent again, and a late word of success changes nothing."""
    (entry,) = await office.events(wrong)
    office.stripe.trouble("close after", on=SEND)
    await office.exporter.look()
    assert (await office.tell(office.stripe.metering.report(NO_METER_FOUND))).json() == {"dead_letters": 1}
    office.house.context.clock.advance(61)  # type: ignore[attr-defined]  # the manual one
    await office.exporter.look()
    assert await office.kinds() == ["reported"]
    assert office.stripe.count(SEND) == 1
    assert entry not in office.stripe.metering.times()


async def test_names_of_others_and_errors_without_names_change_nothing(office: Office) -> None:
    office.stripe.metering.cast_out = [("somebody-elses", "no_meter", "x"), (str(new_call_id()), "no_meter", "x")]
    answer = await office.tell(office.stripe.metering.report(unnamed=4))
    assert (answer.status_code, answer.json()) == (200, {"dead_letters": 0})


async def test_a_report_of_something_else_is_taken_note_of_and_not_fetched(office: Office) -> None:
    thin = office.stripe.metering.report() | {"type": "v1.billing.meter.created"}
    assert (await office.tell(thin)).json() == {"dead_letters": 0}
    assert office.stripe.count(EVENT) == 0


async def test_who_is_not_stripe_is_turned_away(office: Office) -> None:
    body = wire(office.stripe.metering.report())
    old = signed(body, at=time.time() - timedelta(minutes=6).total_seconds())
    for headers in ({}, {"Stripe-Signature": "t=1,v1=2"}, old, signed(body, at=time.time(), secret="whsec_wrong")):
        answer = await office.door.post(WEBHOOK, content=body, headers=headers)
        assert refusal(answer) == (400, "webhook_not_genuine")
    assert office.stripe.sent == []
    large = b" " * (MAX_BYTES + 1)
    answer = await office.door.post(WEBHOOK, content=large, headers=signed(large, at=time.time()))
    assert refusal(answer) == (413, "request_too_large")


async def test_stripe_sends_again_what_could_not_be_fetched(office: Office) -> None:
    office.stripe.trouble("500 before", on=EVENT)
    report = office.stripe.metering.report()
    assert refusal(await office.tell(report)) == (503, "stripe_unavailable")
    assert (await office.tell(report)).status_code == 200


async def test_without_a_secret_the_webhook_says_what_to_set(house: House) -> None:
    visitor = await house.visitor()
    answer = await visitor.post(WEBHOOK, content=b"{}")
    assert refusal(answer) == (503, "webhook_not_configured")
    assert "STRIPE_WEBHOOK_SECRET" in answer.json()["error"]["message"]
