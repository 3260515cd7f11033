"""What a webhook is told, and how the receiver knows that it is from us. Pure.

An event is JSON: `id`, `type`, `created_at`, `customer_id`, `data`. The same event always has the same id, however
often it is sent, so receivers can drop repeats. The header `Tollhouse-Signature: t=<unix time>,v1=<hex>` holds the
HMAC-SHA256 of `<unix time>.<body>` under the webhook's secret, which is Stripe's scheme: existing code checks it.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from tollhouse import __version__
from tollhouse.foundation.ids import CustomerId, new_id
from tollhouse.foundation.money import exact_usd_string
from tollhouse.foundation.secrets import Secret
from tollhouse.ledger.crossings import Crossing

SIGNATURE: Final = "Tollhouse-Signature"
EVENT_ID: Final = "Tollhouse-Event-Id"

_USER_AGENT: Final = f"Tollhouse/{__version__}"


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news, ready to be signed."""

    id: str
    body: bytes


def crossed(crossing: Crossing) -> Event:
    """A budget crossed a threshold; known by budget, period and percentage, which happen once."""
    return _event(
        f"evt_{crossing.budget_id}_{crossing.period_seq}_{crossing.percent}",
        "budget.threshold_crossed",
        crossing.at,
        crossing.customer_id,
        {
            "budget_id": crossing.budget_id,
            "scope": {"kind": crossing.scope.kind, "id": crossing.scope.id},
            "reset": crossing.reset,
            "models": crossing.models or None,
            "period": crossing.period_seq,
            "threshold_percent": crossing.percent,
            "spent_usd": exact_usd_string(crossing.spent),
            "limit_usd": exact_usd_string(crossing.limit),
        },
    )


def trial(customer_id: CustomerId, now: datetime) -> Event:
    """Nothing happened; somebody wants to see whether it arrives."""
    return _event(f"evt_test_{new_id()}", "webhook.test", now, customer_id, {})


def headers(event: Event, secret: Secret, now: datetime) -> dict[str, str]:
    """Of one try to send the event; the signature is of this moment, so that old ones can be refused."""
    at = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        EVENT_ID: event.id,
        SIGNATURE: f"t={at},v1={signature(secret, at, event.body)}",
    }


def signature(secret: Secret, at: int, body: bytes) -> str:
    return hmac.new(secret.reveal().encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def _event(event_id: str, kind: str, at: datetime, customer_id: CustomerId, data: dict[str, object]) -> Event:
    body = {"id": event_id, "type": kind, "created_at": at, "customer_id": customer_id, "data": data}
    return Event(event_id, msgspec.json.encode(body))
