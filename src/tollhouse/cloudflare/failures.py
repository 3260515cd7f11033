"""How a call through the pool can fail, and the one thing its money needs to know: was anything sent?

`sent` is False only where provably no byte of the request left this process. Messages are safe to show.
"""

from typing import ClassVar

from tollhouse.foundation.errors import TollhouseError


class UpstreamError(TollhouseError):
    """Root of all failures of the pool."""

    status, code, kind = 502, "upstream_error", "upstream_error"
    sent: ClassVar[bool] = True


class UnsafeRequest(UpstreamError):
    """The path or a header holds what must not be written on the wire."""

    status, code, kind = 500, "internal_error", "server_error"
    sent = False


class ConnectFailed(UpstreamError):
    """No connection, or no TLS that could be verified."""

    code = "upstream_unreachable"
    sent = False


class PoolExhausted(UpstreamError):
    """All connections are in use and nobody gave one back in time, or too many wait already, or we are closing."""

    status, code, kind = 503, "upstream_busy", "server_error"
    sent = False


class FirstByteTimeout(UpstreamError):
    """The request was sent and no answer began in time."""

    status, code = 504, "upstream_timeout"


class UpstreamBroken(UpstreamError):
    """The connection closed, or the answer stood still, before the answer was complete."""

    code = "upstream_broken"


class UpstreamStalled(UpstreamBroken):
    """Not cut: no byte came for too long, or the whole call took too long."""

    status, code = 504, "upstream_timeout"


class UpstreamProtocolError(UpstreamError):
    """What came back is not HTTP as we accept it: malformed, oversized, an upgrade."""

    code = "upstream_protocol"
