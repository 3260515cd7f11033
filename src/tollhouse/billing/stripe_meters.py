"""Stripe's meters: an event is sent, a report about events is read, a meter is looked at.

Nothing is tried twice here: whoever sends knows when it is time. Stripe refuses an identifier that it has seen, which
is as good as taking it. It validates again later, and tells what it then cast out in *thin* events, which say little:
what happened is fetched. An error report calls an event by its identifier or by its idempotency key.
Sources: https://docs.stripe.com/api/billing/meter-event/create, https://docs.stripe.com/error-codes,
https://docs.stripe.com/api/v2/core/events/event-types, https://docs.stripe.com/webhooks/signature
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import msgspec
import stripe

from tollhouse.billing.accounts import BillingError
from tollhouse.billing.metering import Answer, MeterEvent, MeterStanding, NotGenuine, Rejection, Report
from tollhouse.billing.stripe_client import WAIT_S, in_words, open_line
from tollhouse.foundation.secrets import Secret

TOLERANCE_S: Final = 300
"""How old a signature may be."""
REPORTS: Final = frozenset({"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"})
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SEEN: Final = re.compile(r"already exists with identifier", re.IGNORECASE)
_NO_METER: Final = re.compile(r"no active meter|meter\b.*\b(archived|inactive|deactivated)", re.IGNORECASE)
_NO_METER_CODES: Final = frozenset({"no_meter", "archived_meter"})
_PER_PAGE: Final = 100
_MOST_METERS: Final = 2_000


class StripeMeters:
    """Owns its HTTP client: `aclose` it, or use it as `async with`. Every verb ends within `wait_s` seconds.

    `webhook_secret` None: reports cannot be read.
    """

    def __init__(
        self,
        base_url: str,
        secret_key: Secret,
        event_name: str,
        *,
        webhook_secret: Secret | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        self._line = open_line(base_url, secret_key, wait_s=wait_s, retries=0)
        self._event_name = event_name
        self._webhook_secret = webhook_secret
        self._wait_s = wait_s

    async def __aenter__(self) -> "StripeMeters":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._line.aclose()

    async def send(self, event: MeterEvent) -> Answer:
        """One try; never raises for what Stripe or the way there does."""
        try:
            async with asyncio.timeout(self._wait_s):
                made = await self._line.client.v1.billing.meter_events.create_async(
                    {
                        "event_name": self._event_name,
                        "identifier": event.name,
                        "timestamp": int(event.occurred_at.timestamp()),
                        "payload": {"stripe_customer_id": event.account_id, "value": str(event.value)},
                    },
                    {"idempotency_key": event.idempotency_key},
                )
        except TimeoutError:
            reason = f"Stripe did not answer within {self._wait_s:g} seconds"
            return Answer("unclear", reason, everywhere=True, answered=False)
        except stripe.StripeError as error:
            return _judged(error)
        if getattr(made, "identifier", None) != event.name:
            return Answer("unclear", "what answers in place of Stripe sent no meter event", everywhere=True)
        return Answer("taken")

    async def standing(self) -> MeterStanding:
        """Whether there is a meter for our events. Raises BillingError."""
        try:
            async with asyncio.timeout(self._wait_s):
                async for meter in self._active_meters():
                    if meter.event_name == self._event_name:
                        return MeterStanding(found=True, fault=_fault_of(meter))
        except TimeoutError as cause:
            raise BillingError(f"Stripe did not answer within {self._wait_s:g} seconds", away=True) from cause
        except stripe.StripeError as cause:
            raise BillingError(in_words(cause), away=True) from cause
        return MeterStanding(found=False)

    async def read_report(self, body: bytes, signature: str | None) -> Report | None:
        """What a webhook's request says of our events; None: it is about something else.

        Raises NotGenuine, and BillingError when Stripe could not be asked what happened.
        """
        notification = self._genuine(body, signature)
        if notification.type not in REPORTS:
            return None
        try:
            async with asyncio.timeout(self._wait_s):
                event = await self._line.client.v2.core.events.retrieve_async(notification.id)
        except TimeoutError as cause:
            raise BillingError(f"Stripe did not answer within {self._wait_s:g} seconds", away=True) from cause
        except stripe.StripeError as cause:
            raise BillingError(in_words(cause), away=True) from cause
        return _report(notification.id, event.to_dict())

    def _genuine(self, body: bytes, signature: str | None) -> "stripe.v2.core.EventNotification":
        secret = self._webhook_secret
        try:
            return self._line.client.parse_event_notification(
                body, signature, None if secret is None else secret.reveal(), TOLERANCE_S
            )
        except stripe.SignatureVerificationError as cause:
            raise NotGenuine("the signature is missing, wrong or too old") from cause
        except (ValueError, KeyError, TypeError, AttributeError) as cause:
            raise NotGenuine("the body is not a thin event of Stripe's") from cause

    async def _active_meters(self) -> AsyncIterator["stripe.billing.Meter"]:
        meters = self._line.client.v1.billing.meters
        page = await meters.list_async({"status": "active", "limit": _PER_PAGE})
        for _ in range(_MOST_METERS // _PER_PAGE):
            if not isinstance(page, stripe.ListObject):
                raise BillingError("what answers in place of Stripe sent no list of meters", away=True)
            for meter in page.data:
                yield meter
            if not page.has_more or not page.data:
                return
            page = await meters.list_async({"status": "active", "limit": _PER_PAGE, "starting_after": page.data[-1].id})


# Answers ---------------------------------------------------------------------------------------------------


def _judged(error: stripe.StripeError) -> Answer:
    """What an error says of the event."""
    reason = in_words(error)
    match error:
        case stripe.APIConnectionError():
            never_left = isinstance(error.__cause__, _NEVER_LEFT)
            return Answer("not_taken" if never_left else "unclear", reason, everywhere=True, answered=False)
        case stripe.RateLimitError():  # a lock is about this customer's other events
            return Answer("not_taken", reason, everywhere=_code(error) != "lock_timeout", answered=False)
        case stripe.AuthenticationError() | stripe.PermissionError():
            return Answer("not_taken", reason, everywhere=True, answered=False)
        case stripe.InvalidRequestError():
            return _refusal(error, reason)
        case _:  # also an idempotency key that is in use: what it was used for is under way
            return Answer("unclear", reason, everywhere=error.http_status != 409, answered=error.http_status != 409)


def _refusal(error: stripe.InvalidRequestError, reason: str) -> Answer:
    """A 400 or 404. That there is no meter is no event's fault: all wait until there is one."""
    message = error.user_message or ""
    if error.code == "duplicate_meter_event" or _SEEN.search(message):
        return Answer("taken")
    no_meter = error.code in _NO_METER_CODES or error.param == "event_name" or _NO_METER.search(message)
    if no_meter or (error.http_status == 404 and error.code != "resource_missing"):
        return Answer("not_taken", reason, everywhere=True)
    return Answer("refused", reason)


def _code(error: stripe.StripeError) -> str | None:
    return error.code or (error.error.code if error.error is not None else None)


def _fault_of(meter: "stripe.billing.Meter") -> str | None:
    """A meter that would count something else than the sum of our values for our accounts."""
    settings = (
        ("formula", meter.default_aggregation.formula, "sum"),
        ("customer key", meter.customer_mapping.event_payload_key, "stripe_customer_id"),
        ("value key", meter.value_settings.event_payload_key, "value"),
    )
    wrong = [f"its {name} is `{is_}` and must be `{must}`" for name, is_, must in settings if is_ != must]
    return ", ".join(wrong) or None


# Reports ---------------------------------------------------------------------------------------------------


class _Request(msgspec.Struct, frozen=True):
    identifier: str = ""


class _Sample(msgspec.Struct, frozen=True):
    error_message: str = ""
    request: _Request = _Request()


class _Kind(msgspec.Struct, frozen=True):
    code: str = "unknown"
    sample_errors: tuple[_Sample, ...] = ()


class _Reason(msgspec.Struct, frozen=True):
    error_count: int = 0
    error_types: tuple[_Kind, ...] = ()


class _Data(msgspec.Struct, frozen=True):
    developer_message_summary: str = ""
    reason: _Reason = _Reason()


def _report(event_id: str, event: dict[str, Any]) -> Report:
    """Raises BillingError for data that we cannot read: whoever sent the webhook tries again, and somebody notices."""
    try:
        data = msgspec.convert(event.get("data") or {}, _Data, strict=False)
    except msgspec.ValidationError as cause:
        raise BillingError(f"the event {event_id} cannot be read: {cause}") from cause
    rejections = tuple(
        Rejection(sample.request.identifier, kind.code, " ".join(sample.error_message.split())[:500])
        for kind in data.reason.error_types
        for sample in kind.sample_errors
    )
    return Report(event_id, rejections, data.reason.error_count, data.developer_message_summary[:500])
