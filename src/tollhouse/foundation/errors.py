"""One root for everything Tollhouse says no with: a code, an HTTP status and a message safe to show.

Doors render these in OpenAI's shape `{"error": {message, type, code, param}}`. A refusal is a normal outcome,
not a failure: nothing here is logged as an error by whoever raises it.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding the bytes of others may end with: not JSON, not UTF-8, nested too deep."""

Detail = Mapping[str, "str | int | list[str] | None"]


class TollhouseError(Exception):
    """Root of all errors that a caller may see. Subclasses fix `status`, `code` and `kind`."""

    status: ClassVar[int] = 500
    code: str = "internal_error"
    kind: ClassVar[str] = "server_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        detail: Detail | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.param = param
        self.detail: Detail = detail or {}
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        """OpenAI's error envelope; `detail` adds fields inside `error`."""
        error: dict[str, object] = {
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "param": self.param,
        }
        return {"error": error | dict(self.detail)}


class BadRequest(TollhouseError):
    status, code, kind = 400, "invalid_request", "invalid_request_error"


class Unauthorized(TollhouseError):
    status, code, kind = 401, "invalid_api_key", "authentication_error"


class PaymentRequired(TollhouseError):
    status, code, kind = 402, "budget_exhausted", "insufficient_quota"


class Forbidden(TollhouseError):
    status, code, kind = 403, "forbidden", "permission_error"


class NotFound(TollhouseError):
    status, code, kind = 404, "not_found", "invalid_request_error"


class MethodNotAllowed(TollhouseError):
    status, code, kind = 405, "method_not_allowed", "invalid_request_error"


class Conflict(TollhouseError):
    status, code, kind = 409, "conflict", "invalid_request_error"


class TooLarge(TollhouseError):
    status, code, kind = 413, "request_too_large", "invalid_request_error"


class Unprocessable(TollhouseError):
    status, code, kind = 422, "unprocessable", "invalid_request_error"


class TooManyRequests(TollhouseError):
    status, code, kind = 429, "rate_limited", "rate_limit_error"


class RequestTimeout(TollhouseError):
    status, code, kind = 408, "request_timeout", "invalid_request_error"


class BadGateway(TollhouseError):
    status, code, kind = 502, "upstream_error", "upstream_error"


class Unavailable(TollhouseError):
    status, code, kind = 503, "unavailable", "server_error"


class GatewayTimeout(TollhouseError):
    status, code, kind = 504, "upstream_timeout", "upstream_error"


class StartupError(Exception):
    """Tollhouse cannot start; the message is one line that says what to do."""
