"""Stripe's SDK as we use it for meters, over a socket: what is sent, what answers mean, what reports say."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

import stripe_double
from making import ManualClock
from stripe_double import SECRET, StripeDouble
from stripe_meters import ERROR_REPORT, EVENT, METERS, NO_METER_FOUND, SEND, WEBHOOK_SECRET, signed, wire
from tollhouse.billing.accounts import BillingError
from tollhouse.billing.metering import MeterEvent, NotGenuine
from tollhouse.billing.stripe_meters import StripeMeters
from tollhouse.foundation.secrets import Secret

METER = "tollhouse_usage"
ENTRY = "01900000-0000-7000-8000-000000000001"


@pytest.fixture
async def stripe() -> AsyncIterator[StripeDouble]:
    async with stripe_double.running(ManualClock()) as double:
        yield double


@pytest.fixture
async def meters(stripe: StripeDouble) -> AsyncIterator[StripeMeters]:
    async with _meters(stripe) as meters:
        yield meters


def _meters(stripe: StripeDouble, name: str = METER) -> StripeMeters:
    return StripeMeters(stripe.url, Secret(SECRET), name, webhook_secret=Secret(WEBHOOK_SECRET), wait_s=2)


def _event(stripe: StripeDouble) -> MeterEvent:
    return MeterEvent(ENTRY, f"{ENTRY}-0", stripe.put("ann@example.com"), 42, stripe.metering.clock.now())


async def test_what_is_sent(stripe: StripeDouble, meters: StripeMeters) -> None:
    event = _event(stripe)
    assert (await meters.send(event)).verdict == "taken"
    (sent,) = stripe.sent
    assert sent.verb == SEND
    assert sent.headers["idempotency-key"] == f"{ENTRY}-0"
    assert sent.form == {
        "event_name": METER,
        "identifier": ENTRY,
        "timestamp": str(int(event.occurred_at.timestamp())),
        "payload[stripe_customer_id]": event.account_id,
        "payload[value]": "42",
    }


async def test_an_identifier_that_is_known_is_as_good_as_taken(stripe: StripeDouble, meters: StripeMeters) -> None:
    event = _event(stripe)
    await meters.send(event)
    answer = await meters.send(replace(event, idempotency_key=f"{ENTRY}-1"))
    assert answer.verdict == "taken"
    assert stripe.metering.times() == {ENTRY: 1}
    assert stripe.metering.duplicates == 1


async def test_refusals_of_one_event(stripe: StripeDouble, meters: StripeMeters) -> None:
    event = _event(stripe)
    old = replace(event, occurred_at=event.occurred_at - timedelta(days=36))
    for refused in (old, replace(event, value=10**15)):
        answer = await meters.send(refused)
        assert (answer.verdict, answer.everywhere) == ("refused", False)
        assert answer.reason


async def test_a_lock_is_about_one_customer_and_a_rate_about_all(stripe: StripeDouble, meters: StripeMeters) -> None:
    event = _event(stripe)
    stripe.metering.under_way.add(event.account_id)
    locked = await meters.send(event)
    stripe.metering.under_way.clear()
    stripe.trouble("429", on=SEND)
    limited = await meters.send(event)
    assert [(answer.verdict, answer.everywhere) for answer in (locked, limited)] == [
        ("not_taken", False),
        ("not_taken", True),
    ]
    assert (await meters.send(event)).verdict == "taken"


async def test_a_key_that_is_in_use_means_that_the_event_may_be_there(stripe: StripeDouble) -> None:
    event = _event(stripe)
    async with StripeMeters(stripe.url, Secret(SECRET), METER, wait_s=0.2) as impatient:
        hold = stripe.hold(SEND)
        first = await impatient.send(event)
        again = await impatient.send(event)
        stripe.let_go(hold)
    assert (first.verdict, first.answered, first.everywhere) == ("unclear", False, True)
    assert (again.verdict, again.answered, again.everywhere) == ("unclear", False, False)


async def test_a_key_that_was_used_for_something_else_is_used_no_more(
    stripe: StripeDouble, meters: StripeMeters
) -> None:
    event = _event(stripe)
    await meters.send(event)
    answer = await meters.send(replace(event, name=f"{ENTRY}.1"))
    assert (answer.verdict, answer.answered) == ("unclear", True)


async def test_an_answer_that_is_no_event_settles_nothing(stripe: StripeDouble, meters: StripeMeters) -> None:
    stripe.trouble("not stripe either", on=SEND)
    assert (await meters.send(_event(stripe))).verdict == "unclear"


# The meter -------------------------------------------------------------------------------------------------


async def test_a_meter_is_looked_for_on_all_pages_and_must_be_right(stripe: StripeDouble) -> None:
    stripe.most_per_page = 2
    for number in range(4):
        stripe.metering.make_meter(f"other_{number}")
    stripe.metering.make_meter("odd", formula="count", key="amount")
    stripe.metering.make_meter("gone", status="inactive")
    seen = {}
    for name in (METER, "odd", "gone", "other_3"):
        async with _meters(stripe, name) as meters:
            standing = await meters.standing()
            seen[name] = (standing.found, standing.fault)
    odd = "its formula is `count` and must be `sum`, its value key is `amount` and must be `value`"
    assert seen == {METER: (True, None), "odd": (True, odd), "gone": (False, None), "other_3": (True, None)}


@pytest.mark.parametrize("fault", ["401", "500 before", "not stripe", "not stripe either"])
async def test_a_stripe_that_cannot_be_asked_is_no_missing_meter(
    stripe: StripeDouble, meters: StripeMeters, fault: stripe_double.FaultKind
) -> None:
    stripe.trouble(fault, on=METERS)
    with pytest.raises(BillingError):
        await meters.standing()


# Reports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ERROR_REPORT, NO_METER_FOUND])
async def test_a_report_is_fetched_and_read(stripe: StripeDouble, meters: StripeMeters, kind: str) -> None:
    event = replace(_event(stripe), account_id="cus_unknown")
    assert (await meters.send(event)).verdict == "taken"
    body = wire(stripe.metering.report(kind, unnamed=2))
    report = await meters.read_report(body, signed(body, at=time.time())["Stripe-Signature"])
    assert report is not None
    (rejection,) = report.rejections
    assert (rejection.name, rejection.code) == (ENTRY, "meter_event_customer_not_found")
    assert (report.errors, report.summary) == (3, "There are 3 invalid events")
    assert stripe.count(EVENT) == 1


async def test_a_report_about_something_else_is_not_fetched(stripe: StripeDouble, meters: StripeMeters) -> None:
    body = wire({**stripe.metering.report(), "type": "v1.billing.meter.created"})
    assert await meters.read_report(body, signed(body, at=time.time())["Stripe-Signature"]) is None
    assert stripe.sent == []


BODY = b'{"id":"evt_1","object":"v2.core.event","type":"x","created":"2026-11-23T12:00:00Z"}'
UNREADABLE = (
    *(b"", b"[]", b"{}", b"1", b"\xff", b"{"),
    *(b'{"object":"event","id":"evt_1","type":"x"}', b'{"type":7,"id":[]}'),
)


async def test_what_is_not_signed_is_not_believed(stripe: StripeDouble, meters: StripeMeters) -> None:
    now = time.time()
    genuine = signed(BODY, at=now)["Stripe-Signature"]
    assert await meters.read_report(BODY, genuine) is None
    for body, signature in (
        (BODY, None),
        (BODY, ""),
        (BODY, "t=x,v1=y"),
        (BODY, "v1=" + "0" * 64),
        (BODY, f"t={int(now)},v1={'ä' * 64}"),
        (BODY, genuine.replace("v1=", "v2=")),
        (BODY + b" ", genuine),
        (BODY, signed(BODY, at=now - 310)["Stripe-Signature"]),
        (BODY, signed(BODY, at=now, secret="whsec_other")["Stripe-Signature"]),
    ):
        with pytest.raises(NotGenuine):
            await meters.read_report(body, signature)
    async with StripeMeters(stripe.url, Secret(SECRET), METER) as deaf:
        with pytest.raises(NotGenuine):
            await deaf.read_report(BODY, genuine)
    assert stripe.sent == []


@pytest.mark.parametrize("body", UNREADABLE)
async def test_what_is_signed_and_no_thin_event_is_not_read(
    stripe: StripeDouble, meters: StripeMeters, body: bytes
) -> None:
    with pytest.raises(NotGenuine):
        await meters.read_report(body, signed(body, at=time.time())["Stripe-Signature"])
    assert stripe.sent == []


@pytest.mark.parametrize("data", [{"reason": {"error_types": 5}}, {"reason": []}])
async def test_a_report_that_cannot_be_read_is_an_error(
    stripe: StripeDouble, meters: StripeMeters, data: object
) -> None:
    thin = stripe.metering.report()
    stripe.metering.reports[thin["id"]]["data"] = data
    body = wire(thin)
    with pytest.raises(BillingError):
        await meters.read_report(body, signed(body, at=time.time())["Stripe-Signature"])


async def test_a_report_that_cannot_be_fetched_is_an_error(stripe: StripeDouble, meters: StripeMeters) -> None:
    body = wire(stripe.metering.report())
    stripe.trouble("500 before", on=EVENT)
    with pytest.raises(BillingError):
        await meters.read_report(body, signed(body, at=time.time())["Stripe-Signature"])


async def test_a_stripe_that_is_slow_is_not_waited_for(stripe: StripeDouble) -> None:
    body = wire(stripe.metering.report())
    signature = signed(body, at=time.time())["Stripe-Signature"]
    async with StripeMeters(
        stripe.url, Secret(SECRET), METER, webhook_secret=Secret(WEBHOOK_SECRET), wait_s=0.2
    ) as impatient:
        holds = [stripe.hold(METERS), stripe.hold(EVENT)]
        with pytest.raises(BillingError, match=r"within 0\.2 seconds"):
            await impatient.standing()
        with pytest.raises(BillingError, match=r"within 0\.2 seconds"):
            await impatient.read_report(body, signature)
        for hold in holds:
            stripe.let_go(hold)
