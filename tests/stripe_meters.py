"""The meters of the Stripe double: what is counted for whom, checked as strictly as Stripe does, and what it reports.

An identifier is unique for 24 hours from when it was taken, and not a second longer, so that whoever relies on more is
found out. Values are whole numbers of at most 15 digits, signed. What occurred more than 35 days ago or will occur in
more than five minutes is refused. One call at a time of a customer. That the account is unknown comes out only later,
in a report.
Sources: https://docs.stripe.com/api/billing/meter-event/create,
https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
"""

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, Protocol

SEND: Final = "POST /v1/billing/meter_events"
METERS: Final = "GET /v1/billing/meters"
EVENT: Final = "GET /v2/core/events/*"
METER: Final = "tollhouse_usage"
WEBHOOK_SECRET: Final = "whsec_doubledoubledoubledouble"
ERROR_REPORT: Final = "v1.billing.meter.error_report_triggered"
NO_METER_FOUND: Final = "v1.billing.meter.no_meter_found"

_REMEMBERED: Final = timedelta(hours=24)
_OLDEST: Final = timedelta(days=35)
_AHEAD: Final = timedelta(minutes=5)
_WHOLE: Final = re.compile(r"-?[0-9]+")
_FIELDS: Final = {"event_name", "identifier", "timestamp", "payload[stripe_customer_id]", "payload[value]"}


class Clock(Protocol):
    def now(self) -> datetime: ...


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Refused(Exception):
    """What Stripe says no with."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        kind = "invalid_request_error"
        self.status = status
        self.body = {"error": {"type": kind, "message": message, "code": code, "param": param}}


@dataclass(frozen=True)
class Counted:
    """An event that counts."""

    identifier: str
    account_id: str
    value: int
    at: datetime


@dataclass
class MeterDouble:
    """`accounts`: ids that exist. `counted`: in the order of arrival; an identifier twice is what must never happen."""

    accounts: Collection[str]
    clock: Clock = field(default_factory=RealClock)
    meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    counted: list[Counted] = field(default_factory=list)
    cast_out: list[tuple[str, str, str]] = field(default_factory=list)
    """Taken, but not counted: idempotency key or identifier, code and message."""
    duplicates: int = 0
    taken: dict[str, datetime] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    under_way: set[str] = field(default_factory=set)
    names_by: str = "identifier"
    """What a report calls an event by: `identifier`, or `idempotency-key`."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.make_meter(METER)

    def make_meter(self, event_name: str, *, status: str = "active", formula: str = "sum", key: str = "value") -> str:
        meter_id = f"mtr_test_{next(self.numbers):08}"
        self.meters[meter_id] = {
            "id": meter_id, "object": "billing.meter", "created": 1_800_000_000, "livemode": False,
            "display_name": event_name, "event_name": event_name, "status": status,
            "default_aggregation": {"formula": formula}, "value_settings": {"event_payload_key": key},
            "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        }  # fmt: skip
        return meter_id

    def values(self) -> dict[str, int]:
        """What each account would pay, in the meter's unit."""
        sums: Counter[str] = Counter()
        for event in self.counted:
            sums[event.account_id] += event.value
        return dict(sums)

    def times(self) -> Counter[str]:
        """How often each identifier counts. A number behind a dot is another name for the same entry."""
        return Counter(event.identifier.partition(".")[0] for event in self.counted)

    # Requests ----------------------------------------------------------------------------------------------

    @contextmanager
    def alone(self, form: Mapping[str, str]) -> Iterator[bool]:
        """Whether no other call of this customer is under way."""
        account = form.get("payload[stripe_customer_id]", "")
        if account in self.under_way:
            yield False
            return
        self.under_way.add(account)
        try:
            yield True
        finally:
            self.under_way.discard(account)

    def send(self, form: Mapping[str, str], idempotency_key: str) -> dict[str, Any]:
        if unknown := sorted(form.keys() - _FIELDS):
            raise Refused(f"Received unknown parameter: {unknown}", "parameter_unknown")
        if missing := sorted(_FIELDS - form.keys()):
            raise Refused(f"Missing required param: {missing[0]}.", "parameter_missing", missing[0])
        name, identifier = form["event_name"], form["identifier"]
        if not any(meter["event_name"] == name and meter["status"] == "active" for meter in self.meters.values()):
            raise Refused(f"No active meter found for event name {name}.", "resource_missing", "event_name")
        if not 0 < len(identifier) <= 100:
            raise Refused("Invalid string: identifier", None, "identifier")
        value, at = _value(form["payload[value]"]), self._time(form["timestamp"])
        self._take(identifier)
        account = form["payload[stripe_customer_id]"]
        if account in self.accounts:
            self.counted.append(Counted(identifier, account, value, at))
        else:
            called = idempotency_key if self.names_by == "idempotency-key" else identifier
            self.cast_out.append((called, "meter_event_customer_not_found", f"No such customer: {account}"))
        payload = {"stripe_customer_id": account, "value": str(value)}
        return {
            "object": "billing.meter_event", "created": int(self.clock.now().timestamp()), "event_name": name,
            "identifier": identifier, "livemode": False, "payload": payload, "timestamp": int(at.timestamp()),
        }  # fmt: skip

    def list_meters(self, query: Mapping[str, str], most: int) -> dict[str, Any]:
        found = [meter for meter in self.meters.values() if meter["status"] == query.get("status", meter["status"])]
        after = query.get("starting_after")
        if after is not None:
            found = found[[meter["id"] for meter in found].index(after) + 1 :]
        most = min(int(query.get("limit", "10")), most)
        return {"object": "list", "url": "/v1/billing/meters", "has_more": len(found) > most, "data": found[:most]}

    def event(self, event_id: str) -> dict[str, Any]:
        if event_id not in self.reports:
            raise Refused("Event not found", "not_found", status=404)
        return self.reports[event_id]

    def _take(self, identifier: str) -> None:
        now = self.clock.now()
        if identifier in self.taken and now - self.taken[identifier] < _REMEMBERED:
            self.duplicates += 1
            raise Refused(f"An event already exists with identifier {identifier}.")
        self.taken[identifier] = now

    def _time(self, text: str) -> datetime:
        at, now = datetime.fromtimestamp(int(text), UTC), self.clock.now()
        if at < now - _OLDEST:
            raise Refused("The timestamp is too far in the past.", "timestamp_too_far_in_past", "timestamp")
        if at > now + _AHEAD:
            raise Refused("The timestamp is in the future.", "timestamp_in_future", "timestamp")
        return at

    # Reports -----------------------------------------------------------------------------------------------

    def report(self, kind: str = ERROR_REPORT, *, unnamed: int = 0) -> dict[str, Any]:
        """What the webhook is sent about all that was cast out since the last report: a thin event.

        `unnamed`: so many errors more, of which the report has no sample.
        """
        event_id = f"evt_test_{next(self.numbers):08}"
        thin = {
            "id": event_id, "object": "v2.core.event", "type": kind, "created": "2026-11-23T12:00:00.000Z",
            "livemode": False,
        }  # fmt: skip
        if kind == ERROR_REPORT:
            meter_id = next(iter(self.meters))
            url = f"/v1/billing/meters/{meter_id}"
            thin["related_object"] = {"id": meter_id, "type": "billing.meter", "url": url}
        self.reports[event_id] = thin | {"data": self._data(unnamed)}
        self.cast_out = []
        return thin

    def _data(self, unnamed: int) -> dict[str, Any]:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for called, code, message in self.cast_out:
            kinds.setdefault(code, []).append({"error_message": message, "request": {"identifier": called}})
        types = [{"code": code, "error_count": len(kind), "sample_errors": kind} for code, kind in kinds.items()]
        return {
            "developer_message_summary": f"There are {len(self.cast_out) + unnamed} invalid events",
            "reason": {"error_count": len(self.cast_out) + unnamed, "error_types": types},
            "validation_start": "2026-11-23T11:50:00.000Z",
            "validation_end": "2026-11-23T12:00:00.000Z",
        }


def _value(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Refused(f"Value {text} must be a whole number.", "meter_event_invalid_value", "payload")
    if len(text.lstrip("-")) > 15:
        raise Refused(f"The value in the event payload can have at most 15 digits. Received {text}.", None, "payload")
    return int(text)


def signed(body: bytes, *, at: float, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """Headers that a webhook's request comes with."""
    mac = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={int(at)},v1={mac},v0={'0' * 64}", "Content-Type": "application/json"}


def wire(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event).encode()
