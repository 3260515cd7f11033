"""The bytes of a request's head. Pure. Nothing that could end a line, or a header, gets past here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from tollhouse.cloudflare.failures import UnsafeRequest

_PATH: Final = re.compile(r"/[!-~]*")
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"te", b"trailer", b"upgrade"}
)
"""Framing belongs to the connection; a second opinion on it is how requests are smuggled."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go: a base URL, taken apart once."""

    host: str
    port: int
    tls: bool
    authority: bytes
    path: str


def origin_of(base_url: str) -> Origin:
    """Raises ValueError for anything but `http(s)://host[:port][/path]`."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{base_url!r} is not an http or https URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a base URL has no user, query or fragment")
    path = parts.path.rstrip("/")
    if path and not _PATH.fullmatch(path):
        raise ValueError(f"{base_url!r} has a path that cannot be sent")
    tls = parts.scheme == "https"
    return Origin(parts.hostname, parts.port or (443 if tls else 80), tls, parts.netloc.encode("idna"), path)


def head_of(origin: Origin, path: str, headers: Iterable[tuple[bytes, bytes]], body_bytes: int) -> bytes:
    """The head of a POST. Raises UnsafeRequest, before anything is sent, for what must not be written."""
    if not _PATH.fullmatch(path):
        raise UnsafeRequest("The request's path cannot be sent.")
    lines = [f"POST {origin.path}{path} HTTP/1.1".encode(), b"host: " + origin.authority]
    for name, value in headers:
        if not _may_be_sent(name):
            raise UnsafeRequest("A header of the request cannot be sent.")
        lines.append(name + b": " + value)
    lines.append(b"content-length: %d" % body_bytes)
    head = b"\r\n".join(lines)
    # Each line end is one we wrote: one look at the whole instead of one at every value.
    ends = len(lines) - 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
        raise UnsafeRequest("A header of the request cannot be sent.")
    return head + b"\r\n\r\n"


@lru_cache(maxsize=256)
def _may_be_sent(name: bytes) -> bool:
    return _TOKEN.fullmatch(name) is not None and name.lower() not in _OURS
