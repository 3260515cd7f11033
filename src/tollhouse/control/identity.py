"""Who is calling: the session cookie or an API token; for some routes also a virtual key.

A credential in the `Authorization` header is the one that counts: a bad one is refused, not replaced by a cookie.
Browsers send cookies by themselves, so a write with a cookie must come from our own pages (see `own_pages_only`).
Guards are dependencies, seen in an endpoint's signature: `SignedIn`, `Caller`, `allowed(action)`.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from tollhouse.access.lookup import read_permit
from tollhouse.access.permits import Permit
from tollhouse.control.callers import Person, Via
from tollhouse.control.context import ControlContext
from tollhouse.control.permissions import Action, require
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import Forbidden, Unauthorized
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.secrets import KEY_PREFIX, SESSION_PREFIX, TOKEN_PREFIX, looks_like_key, sha256_hex

SESSION_COOKIE: Final = "tollhouse_session"
_TOUCH_EVERY: Final = timedelta(minutes=1)
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_sql = queries.load(__file__)

# For OpenAPI only: both are read by hand below, because which one counts is a rule of ours.
_session_scheme = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, scheme_name="session")
_bearer_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="An API token (`tht_...`); for models and receipts also a virtual key (`aig_...`).",
)
_Cookie = Annotated[str | None, Depends(_session_scheme)]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer_scheme)]


def context_of(request: Request) -> ControlContext:
    context: ControlContext = request.app.state.context
    return context


def address_of(request: Request) -> str | None:
    return request.client.host if request.client is not None else None


Context = Annotated[ControlContext, Depends(context_of)]
Address = Annotated[str | None, Depends(address_of)]


async def person_or_key(request: Request, context: Context, _cookie: _Cookie, _bearer: _Bearer) -> Person | Permit:
    """Whoever calls; raises Unauthorized, saying what to send."""
    raw = bearer(request)
    if raw is not None and raw.startswith(KEY_PREFIX):
        return await _key(context, raw)
    return await _whoever(request, context, raw)


async def signed_in(request: Request, context: Context, _cookie: _Cookie, _bearer: _Bearer) -> Person:
    """The person behind an API token or the session cookie; raises Unauthorized."""
    return await _whoever(request, context, bearer(request))


async def _whoever(request: Request, context: ControlContext, raw_token: str | None) -> Person:
    if raw_token is not None:
        return await _token_holder(context, raw_token, address_of(request))
    cookie = request.cookies.get(SESSION_COOKIE, "")
    if not cookie:
        raise _not_signed_in("sign in, or send an API token: `Authorization: Bearer tht_...`")
    own_pages_only(request)
    return await _session_holder(context, cookie, address_of(request))


SignedIn = Annotated[Person, Depends(signed_in)]
Caller = Annotated[Person | Permit, Depends(person_or_key)]


def allowed(action: Action) -> Callable[[Person], Awaitable[Person]]:
    """A guard for actions that need no particular thing: refuses before the body is judged."""

    async def guard(person: SignedIn) -> Person:
        require(person, action)
        return person

    return guard


def bearer(request: Request) -> str | None:
    """The raw credential of the Authorization header; None without one. Raises Unauthorized for other schemes."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthorized("the Authorization header must be `Bearer` and a token")
    return credential.strip()


def own_pages_only(request: Request) -> None:
    """Refuse a write that a browser sends on behalf of somebody else's page.

    `Sec-Fetch-Site` is the browser's own word for it and survives a development proxy; older browsers send
    `Origin`. Programs send neither and are not tricked by pages.
    """
    if request.method in _READING:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site in ("same-origin", "none") or (site is None and origin is None):
        return
    host = request.headers.get("host", "")
    if origin is None or origin.partition("://")[2].lower() != host.lower():
        raise Forbidden("this request came from a page of another site", code="foreign_origin")


def hand_session(response: Response, context: ControlContext, raw_session: str) -> None:
    """Put a new session into the caller's cookie jar."""
    response.set_cookie(
        SESSION_COOKIE,
        raw_session,
        max_age=int(context.session_lifetime.total_seconds()),
        path="/",
        secure=context.cookie_secure,
        httponly=True,
        samesite="lax",
    )


def take_session_back(response: Response, context: ControlContext) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", secure=context.cookie_secure, httponly=True, samesite="lax")


async def _session_holder(context: ControlContext, raw: str, address: str | None) -> Person:
    row = None
    if raw.startswith(SESSION_PREFIX):
        async with context.database.connection() as connection:
            row = await _sql.person_by_session(connection, token_hash=sha256_hex(raw), now=context.clock.now())
    if row is None:
        raise _not_signed_in("the session has ended; sign in again")
    return _person(row, "session", address)


async def _token_holder(context: ControlContext, raw: str, address: str | None) -> Person:
    if raw.startswith(KEY_PREFIX):
        raise Unauthorized("a virtual key only opens calls to models; sign in, or send an API token: `Bearer tht_...`")
    row = None
    if raw.startswith(TOKEN_PREFIX):
        async with context.database.connection() as connection:
            row = await _sql.person_by_token(connection, token_hash=sha256_hex(raw), now=context.clock.now())
            await _touch(connection, row, context.clock.now())
    if row is None:
        raise Unauthorized("the API token is unknown, expired or revoked")
    return _person(row, "token", address)


async def _touch(connection: Connection, row: Mapping[str, Any] | None, now: datetime) -> None:
    """Note that a token is in use, at most once a minute: reading must not become writing."""
    if row is not None and (row["last_used_at"] is None or now - row["last_used_at"] >= _TOUCH_EVERY):
        await _sql.touch_token(connection, id=row["credential_id"], now=now)


async def _key(context: ControlContext, raw: str) -> Permit:
    permit = None
    if looks_like_key(raw):
        async with context.database.connection() as connection:
            permit = await read_permit(connection, sha256_hex(raw))
    if permit is None:
        raise Unauthorized("the key is unknown; check that it is complete and was not deleted")
    if permit.disabled:
        raise Forbidden("the key is disabled", code="key_disabled")
    if permit.expired(context.clock.now()):
        raise Forbidden("the key has expired", code="key_expired")
    return permit


def _not_signed_in(message: str) -> Unauthorized:
    return Unauthorized(message, code="not_signed_in")


def _person(row: Mapping[str, Any], via: Via, address: str | None) -> Person:
    return Person(
        user_id=UserId(row["id"]),
        customer_id=CustomerId(row["customer_id"]),
        email=row["email"],
        name=row["name"],
        role=row["role"],
        team_ids=frozenset(TeamId(team_id) for team_id in row["team_ids"]),
        via=via,
        credential_id=row["credential_id"],
        address=address,
    )
