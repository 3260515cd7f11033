"""Names at Cloudflare: what an account id and a gateway id look like, and which gateway belongs to a customer.

Ids end up in URLs that carry our tokens, so none is joined into a path that was not looked at first.
"""

import hashlib
import re
from typing import Final

_ACCOUNT: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_GATEWAY: Final = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*")
_FOREIGN: Final = re.compile(r"[^a-z0-9_]+")
_GATEWAY_CHARS: Final = 64
_DIGEST_CHARS: Final = 16


def is_account_id(text: str) -> bool:
    """Real ones are 32 hex digits; emulators and tests name theirs."""
    return _ACCOUNT.fullmatch(text) is not None


def is_gateway_id(text: str) -> bool:
    """Lower case, digits, underscores, single hyphens between them, at most 64 (Cloudflare's own pattern)."""
    return len(text) <= _GATEWAY_CHARS and _GATEWAY.fullmatch(text) is not None


def gateway_id_for(customer_id: str, prefix: str = "tollhouse-") -> str:
    """The id of a customer's gateway, always the same and never another customer's.

    An id that Cloudflare's pattern cannot hold as it is (capitals, dots, too long) is bent into shape and gets a
    digest, so that two customers cannot be bent into one gateway. Raises ValueError for a prefix that fits no id.
    """
    plain = _FOREIGN.sub("-", customer_id.lower()).strip("-")
    found = prefix + plain
    if not plain or plain != customer_id or len(found) > _GATEWAY_CHARS:
        found = _with_digest(prefix, plain, customer_id)
    if not is_gateway_id(found):
        raise ValueError(f"no gateway id can begin with {prefix!r}")
    return found


def _with_digest(prefix: str, plain: str, customer_id: str) -> str:
    digest = hashlib.sha256(customer_id.encode()).hexdigest()[:_DIGEST_CHARS]
    room = max(_GATEWAY_CHARS - len(prefix) - _DIGEST_CHARS - 1, 0)
    stem = plain[:room].strip("-")
    return f"{prefix}{stem}-{digest}" if stem else f"{prefix}{digest}"
