"""Step 1: whose call is this? A bearer key becomes a permit, or the road ends here."""

from datetime import datetime
from typing import Protocol

from tollhouse.access.permits import Permit
from tollhouse.gateway import refusals


class Permits(Protocol):
    """Where permits come from (`access.lookup.PermitLookup`)."""

    async def find(self, raw_key: str) -> Permit | None: ...


async def authenticate(permits: Permits, authorization: bytes | None, now: datetime) -> Permit:
    """The permit of the key in an `Authorization: Bearer` header; raises Unauthorized or Forbidden."""
    permit = await permits.find(_bearer(authorization))
    if permit is None:
        raise refusals.unknown_key()
    if permit.disabled:
        raise refusals.key_disabled()
    if permit.expired(now):
        raise refusals.key_expired()
    return permit


def _bearer(authorization: bytes | None) -> str:
    if not authorization:
        raise refusals.no_key()
    scheme, _, value = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not value.strip():
        raise refusals.no_key()
    return value.strip().decode("latin-1")
