"""How we speak to Stripe: its SDK's client, opened with our limits, and its errors in plain words."""

from dataclasses import dataclass
from typing import Final

import stripe

from tollhouse.foundation.logs import redact
from tollhouse.foundation.secrets import Secret

WAIT_S: Final = 8.0
_LONGEST_ERROR: Final = 500

stripe.enable_telemetry = False  # how long our calls took is nobody's business


@dataclass(frozen=True, slots=True)
class Line:
    """A client and the connections under it; whoever opens one closes it."""

    client: stripe.StripeClient
    http: stripe.HTTPXClient

    async def aclose(self) -> None:
        await self.http.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves it bare


def open_line(base_url: str, secret_key: Secret, *, wait_s: float, retries: int) -> Line:
    http = stripe.HTTPXClient(timeout=wait_s)
    client = stripe.StripeClient(
        secret_key.reveal(), base_addresses={"api": base_url}, http_client=http, max_network_retries=retries
    )
    return Line(client, http)


def in_words(error: stripe.StripeError) -> str:
    """May be kept and logged: there is no credential in it."""
    return redact(" ".join(str(error).split()))[:_LONGEST_ERROR]
