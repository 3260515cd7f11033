"""Who is calling: the session cookie or an API token; for some routes also a virtual key.

A credential in the `Authorization` header is the one that counts: a bad one is refused, not replaced by a cookie.
Browsers send cookies by themselves, so a write with a cookie must come from our own pages (see `own_pages_only`) and
bring the session's CSRF token, which only they have been given. Guards are dependencies, seen in an endpoint's
signature: `allowed(action)`, and `allowed_or_key(action)` where virtual keys may come, too.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from tollhouse.access.lookup import read_permit
from tollhouse.access.permits import Permit
from tollhouse.control.callers import Person, Via
from tollhouse.control.context import ControlContext
from tollhouse.control.permissions import Action, require_chance
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import Forbidden, Unauthorized
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.secrets import (
    KEY_PREFIX,
    SESSION_PREFIX,
    TOKEN_PREFIX,
    csrf_token,
    looks_like_key,
    same_secret,
    sha256_hex,
)

SESSION_COOKIE: Final = "tollhouse_session"
_HOST_PREFIX: Final = "__Host-"
SECURE_SESSION_COOKIE: Final = f"{_HOST_PREFIX}{SESSION_COOKIE}"
CSRF_HEADER: Final = "x-csrf-token"
_TOUCH_EVERY: Final = timedelta(minutes=1)
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_sql = queries.load(__file__)

# For OpenAPI only: both are read by hand below, because which one counts is a rule of ours.
_session_scheme = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, scheme_name="session")
_bearer_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="An API token (`tht_...`); for calls, models, receipts and spans a virtual key (`aig_...`).",
)
_Cookie = Annotated[str | None, Depends(_session_scheme)]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer_scheme)]


def context_of(request: Request) -> ControlContext:
    context: ControlContext = request.state.context
    return context


def address_of(request: Request) -> str | None:
    return request.client.host if request.client is not None else None


def origin_of(request: Request) -> str:
    """Where the caller sees this server: for links that somebody is to follow."""
    context = context_of(request)
    return context.public_url or f"{request.url.scheme}://{request.url.netloc}"


Context = Annotated[ControlContext, Depends(context_of)]
Origin = Annotated[str, Depends(origin_of)]
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
    cookie = request.cookies.get(cookie_name(context), "")
    if not cookie:
        raise _not_signed_in("sign in, or send an API token: `Authorization: Bearer tht_...`")
    own_pages_only(request)
    _require_csrf_token(request, cookie)
    return await _session_holder(context, cookie, address_of(request))


SignedIn = Annotated[Person, Depends(signed_in)]
Caller = Annotated[Person | Permit, Depends(person_or_key)]


class Allowed:
    """A guard: refuses, before the body is judged, whoever could not do this with any thing at all.

    Where the action is about a particular thing, the service asks again, with the thing.
    """

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, person: SignedIn) -> Person:
        require_chance(person, self.action)
        return person


def allowed(action: Action) -> Allowed:
    return Allowed(action)


class AllowedOrKey:
    """The same where a virtual key may come, too: that may do what the route does with its own things."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, caller: Caller) -> Person | Permit:
        if isinstance(caller, Person):
            require_chance(caller, self.action)
        return caller


def allowed_or_key(action: Action) -> AllowedOrKey:
    return AllowedOrKey(action)


def cookie_name(context: ControlContext, name: str = SESSION_COOKIE) -> str:
    """Over TLS with the prefix by which browsers promise that no other host and no plain page has set it."""
    return f"{_HOST_PREFIX}{name}" if context.cookie_secure else name


def csrf_of(request: Request, context: ControlContext) -> str:
    """The token that belongs to the session which the request came with."""
    return csrf_token(request.cookies.get(cookie_name(context), ""))


def _require_csrf_token(request: Request, raw_session: str) -> None:
    if request.method in _READING:
        return
    given = request.headers.get(CSRF_HEADER, "")
    if not same_secret(given, csrf_token(raw_session)):
        raise Forbidden(
            "send the `csrf_token` of this session, from GET /v1/me, as `X-CSRF-Token`", code="csrf_token_missing"
        )


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
    hand_cookie(response, context, SESSION_COOKIE, raw_session, int(context.session_lifetime.total_seconds()))


def take_session_back(response: Response, context: ControlContext) -> None:
    take_cookie_back(response, context, SESSION_COOKIE)


def hand_cookie(response: Response, context: ControlContext, name: str, value: str, lives_s: int) -> None:
    """A cookie that pages cannot read and that goes along only to us; `name` without a prefix."""
    response.set_cookie(
        cookie_name(context, name),
        value,
        max_age=lives_s,
        path="/",
        secure=context.cookie_secure,
        httponly=True,
        samesite="lax",
    )


def take_cookie_back(response: Response, context: ControlContext, name: str) -> None:
    response.delete_cookie(
        cookie_name(context, name), path="/", secure=context.cookie_secure, httponly=True, samesite="lax"
    )


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


async def note_use(database: Database, clock: Clock, token_id: str) -> None:
    """The same for doors beside this one that let API tokens in; they keep to the minute themselves."""
    async with database.connection() as connection:
        await _sql.touch_token(connection, id=token_id, now=clock.now())


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
        leads=frozenset(TeamId(team_id) for team_id in row["leads"]),
        scopes=None if row["scopes"] is None else frozenset(row["scopes"]),
    )
