"""Which URLs may carry a secret. Pure: no name is looked up."""

import ipaddress
from urllib.parse import urlsplit


def keeps_secrets(url: str) -> bool:
    """Whether what is sent there stays between the two: over TLS, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_this_machine(host)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: what it stands for is not ours to promise
        return False
