"""Where what customers have us send may go: over https to public addresses. Pure.

We sit inside somebody's network and send where strangers tell us. So a URL is judged twice: as it is written, and by
the address that its name stands for at the moment of sending. An installation may allow private addresses, for
receivers of its own, and then plain http to the same machine.

The lists are IANA's registries of special-purpose addresses. Python's `is_global` is not asked: it calls multicast,
translated and embedded addresses global, and which ones depends on its version.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

import httpx

LONGEST_URL: Final = 2000

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")
_NOT_PUBLIC: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # what machines at Azure ask about themselves
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


class NotAllowed(Exception):
    """Nothing may be sent there; the message says why and is safe to show."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that may be asked for, if the address behind it may. `host` is ASCII, without brackets."""

    url: httpx.URL
    host: str
    port: int
    private: bool
    """Whether private addresses are allowed."""

    def admit(self, address: str) -> None:
        """Raises NotAllowed unless we may connect to this address."""
        known = ipaddress.ip_address(address.partition("%")[0])
        if self.url.scheme == "http" and not known.is_loopback:
            raise NotAllowed("plain http is for this machine only")
        if not self.private and not is_public(known):
            raise NotAllowed("the address behind the name is not a public one")


def destination(text: str, *, private: bool) -> Destination:
    """The URL, if it is one that may be written down; raises NotAllowed. Nothing is looked up."""
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise NotAllowed(f"must be a URL of at most {LONGEST_URL} characters, ASCII and without spaces")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as cause:
        raise NotAllowed("is not a URL") from cause
    host = url.raw_host.decode("ascii")
    if url.scheme not in (("https", "http") if private else ("https",)) or _HOST.fullmatch(host) is None:
        raise NotAllowed("must begin with https:// and name a host")
    port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if url.userinfo or url.fragment or not 0 < port < 1 << 16:
        raise NotAllowed("must have no user, password or fragment, and a port that exists")
    made = Destination(url, host, port, private)
    _judge_written(made)
    return made


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is an ordinary address of the Internet. Wrapped IPv4 addresses are not, whatever they wrap."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_6)


def _judge_written(made: Destination) -> None:
    """Say at once what sending would say later: addresses and `localhost` need no look-up."""
    written = "127.0.0.1" if made.host in ("localhost", "localhost.") else made.host
    try:
        made.admit(written)
    except ValueError:  # it is a name: judged when it is looked up
        if made.url.scheme == "http":
            raise NotAllowed("plain http is for this machine only: write localhost or its address") from None
