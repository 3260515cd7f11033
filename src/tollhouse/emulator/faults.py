"""How the emulated Cloudflare and the provider say no: three gateway shapes, and those of providers.

Codes and statuses are those of the wire contract, section 4.1. Odd ones are meant: 2005 is transient and yet a
400, and only the text tells the three meanings of 2021 apart.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tollhouse.emulator.wire import Reply, json_reply

FaultForm = Literal["long", "short"]


@dataclass(eq=False)
class GatewayFault(Exception):
    """Cloudflare refuses the call itself; nothing reaches a provider."""

    code: int
    message: str | None = None
    status: int | None = None
    form: FaultForm = "long"


@dataclass(eq=False)
class ProviderFault(Exception):
    """The provider behind the gateway refuses the call, in OpenAI's shape."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    kind: str = "invalid_request_error"

    def body(self) -> dict[str, object]:
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


@dataclass(eq=False)
class WorkersAiFault(ProviderFault):
    """Workers AI is Cloudflare itself: plural `errors` with numbers of its own."""

    number: int = 10000

    def body(self) -> dict[str, object]:
        error = {"code": self.number, "message": self.message}
        return {"success": False, "errors": [error], "messages": [], "result": None}


class MistralFault(ProviderFault):
    """Mistral names the field it does not know; `message` is that name."""

    def body(self) -> dict[str, object]:
        detail = {"type": "extra_forbidden", "loc": ["body", self.message], "msg": "Extra inputs are not permitted"}
        return {"object": "error", "message": {"detail": [detail]}, "type": self.kind, "param": None, "code": None}


_CREDITS: Final = "Insufficient credits. Please add credits to your account to continue."

_KNOWN: Final[dict[int, tuple[int, str]]] = {
    2001: (400, "Please configure AI Gateway in the Cloudflare dashboard"),
    2003: (429, "Rate limited"),
    2005: (400, "Failed to get response from provider"),
    2008: (400, "Invalid provider"),
    2009: (401, "Unauthorized"),
    2016: (424, "Prompt blocked due to security configurations"),
    2017: (424, "Response blocked due to security configurations"),
    2018: (429, "Unified Billing rate limit exceeded"),
    2019: (400, "Bad chat format: model must have the form provider/model"),
    2021: (402, _CREDITS),
    2029: (424, "Request content blocked due to DLP policy violations"),
    2030: (424, "Response content blocked due to DLP policy violations"),
    2040: (400, "No stored credential with this alias"),
    2041: (429, "Spend limit exceeded"),
    2044: (400, "No provider key is configured and Unified Billing is not allowed for this request"),
    2045: (429, "Spend limit exceeded"),
}

KNOWN_CODES: Final = frozenset(_KNOWN)

WHOLESALE_TEXTS: Final = {
    "credits": _CREDITS,
    "throttle": "Wholesale rate limit exceeded, please retry later",
    "unavailable": "This provider is not available via unified billing",
}
"""The three texts of code 2021: no money, wait a moment, never."""


def gateway_reply(fault: GatewayFault) -> Reply:
    """The singular `error` list; the short form has only its first four keys."""
    usual_status, usual_message = _KNOWN[fault.code]
    status, message = fault.status or usual_status, fault.message or usual_message
    body: dict[str, object] = {
        "success": False,
        "result": [],
        "messages": [],
        "error": [{"code": fault.code, "message": message}],
    }
    if fault.form == "long":
        body |= {
            "name": "AiGatewayError",
            "httpCode": status,
            "internalCode": fault.code,
            "message": message,
            "description": message,
        }
    return json_reply(status, body)


def policy_reply(status: int, error: dict[str, object]) -> Reply:
    """The third shape: `error` is an object and there is no code."""
    return json_reply(status, {"success": False, "error": error})


def provider_reply(fault: ProviderFault) -> Reply:
    return json_reply(fault.status, fault.body())
