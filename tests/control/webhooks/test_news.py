"""What is sent: the same event always has the same id; the signature is Stripe's scheme."""

import json
from datetime import UTC, datetime, timedelta

from tollhouse.control.webhooks import news
from tollhouse.control.webhooks.news import Event
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.foundation.secrets import Secret
from tollhouse.ledger.crossings import Crossing
from tollhouse.ledger.protocol import Scope

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CROSSING = Crossing(
    id=11,
    customer_id=CustomerId("acme"),
    budget_id=7,
    scope=Scope("team", "t1"),
    reset="monthly",
    models="openai/*",
    period_seq=3,
    percent=80,
    spent=Nanos(8_000_000_001),
    limit=Nanos(10_000_000_000),
    at=AT,
    age=timedelta(),
    attempts=1,
)


def test_a_crossing_is_told_with_all_its_figures() -> None:
    event = news.crossed(CROSSING)
    assert json.loads(event.body) == {
        "id": "evt_7_3_80",
        "type": "budget.threshold_crossed",
        "created_at": "2026-11-23T12:00:00Z",
        "customer_id": "acme",
        "data": {
            "budget_id": 7,
            "scope": {"kind": "team", "id": "t1"},
            "reset": "monthly",
            "models": "openai/*",
            "period": 3,
            "threshold_percent": 80,
            "spent_usd": "8.000000001",
            "limit_usd": "10.000000000",
        },
    }
    assert event.id == "evt_7_3_80"
    assert news.crossed(CROSSING) == event


def test_a_trial_is_a_new_event_each_time() -> None:
    first, second = (news.trial(CustomerId("acme"), AT) for _ in range(2))
    assert first.id != second.id
    assert json.loads(first.body)["type"] == "webhook.test"


def test_the_signature_is_the_one_that_stripe_documents() -> None:
    """Computed with `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac thw_secret`."""
    headers = news.headers(Event("evt_1", b'{"a":1}'), Secret("thw_secret"), datetime.fromtimestamp(1_700_000_000, UTC))
    assert headers["Tollhouse-Signature"] == f"t=1700000000,v1={EXPECTED}"
    assert headers["Tollhouse-Event-Id"] == "evt_1"
    assert "thw_secret" not in str(headers)


EXPECTED = "98cf0ece8a94c545a66d2101553f01192da8ccb7b6569957374e16d9121bbe4f"
