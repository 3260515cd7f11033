"""The last requests, as they came in, so that a test can look at what Cloudflare would have seen."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from tollhouse.emulator.wire import Request

MAX_REQUESTS: Final = 1_000
MAX_BODY_BYTES: Final = 64 << 10


@dataclass(slots=True)
class Received:
    """One request. `forwarded` are the headers that would have reached the provider; `status` 0: no answer yet."""

    request: Request
    body: bytes
    body_bytes: int
    received_at: str
    log_id: str = ""
    gateway: str = ""
    provider: str = ""
    payer: str = ""
    status: int = 0
    forwarded: list[str] | None = None

    def shown(self, *, with_body: bool) -> dict[str, object]:
        shown: dict[str, object] = {
            "log_id": self.log_id,
            "received_at": self.received_at,
            "method": self.request.method,
            "path": self.request.path,
            "query": self.request.query,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in self.request.headers],
            "body_bytes": self.body_bytes,
            "gateway": self.gateway,
            "provider": self.provider,
            "payer": self.payer,
            "status": self.status,
            "forwarded_headers": self.forwarded,
        }
        return shown | {"body": self.body.decode("utf-8", "replace")} if with_body else shown


class RequestLog:
    """Oldest first, at most a thousand, at most 64 KiB of each body."""

    def __init__(self) -> None:
        self._kept: deque[Received] = deque(maxlen=MAX_REQUESTS)

    def clear(self) -> None:
        self._kept.clear()

    def add(self, request: Request, received_at: str) -> Received:
        """Keep it; the caller fills in what it learns."""
        received = Received(_without_body(request), request.body[:MAX_BODY_BYTES], len(request.body), received_at)
        self._kept.append(received)
        return received

    def shown(self, *, with_body: bool) -> list[dict[str, object]]:
        return [received.shown(with_body=with_body) for received in self._kept]


def _without_body(request: Request) -> Request:
    """A long body must not be kept alive by its cut copy."""
    if len(request.body) <= MAX_BODY_BYTES:
        return request
    return Request(request.method, request.path, request.query, request.headers, b"", request.fields)
