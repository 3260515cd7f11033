"""Users, teams, sessions and API tokens. Raw sessions and tokens exist only in the answer that makes them.

Functions take a connection where several must happen together (registration, the demo's seed); those that are a
whole story of their own take the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import asyncpg

from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person, Role
from tollhouse.control.passwords import Passwords
from tollhouse.control.permissions import Subject, require
from tollhouse.control.throttle import Throttle
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, Forbidden, NotFound, Unauthorized
from tollhouse.foundation.ids import CustomerId, TeamId, UserId, is_uuid, new_id
from tollhouse.foundation.secrets import Secret, display, new_api_token, new_session_token, sha256_hex

TeamRole = Literal["lead", "member"]

MOST_TOKENS: Final = 100

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class User:
    id: UserId
    customer_id: CustomerId
    email: str
    name: str
    role: Role
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Team:
    id: TeamId
    name: str


@dataclass(frozen=True, slots=True)
class Membership:
    team: Team
    role: TeamRole


@dataclass(frozen=True, slots=True)
class Profile:
    """A person with what surrounds them."""

    user: User
    customer_name: str
    memberships: tuple[Membership, ...]


@dataclass(frozen=True, slots=True)
class NewSession:
    raw: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    id: str
    user_id: UserId
    name: str
    display: str
    last_used_at: datetime | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewToken:
    token: ApiToken
    raw: Secret


# Users and teams -------------------------------------------------------------------------------------------


async def create_user(
    connection: Connection, actor: Actor, email: str, name: str, role: Role, *, password_hash: str | None
) -> User:
    """Add a person to the actor's customer; raises Conflict for a known e-mail. Without a password nobody signs in."""
    try:
        row = await _sql.insert_user(
            connection,
            id=new_id(),
            customer_id=actor.customer_id,
            email=email,
            name=name,
            role=role,
            password_hash=password_hash,
        )
    except asyncpg.UniqueViolationError as cause:
        raise Conflict("this e-mail address is registered already", code="email_taken", param="email") from cause
    await audit.append(connection, actor, "user.create", row["id"], after={"email": email, "name": name, "role": role})
    return _user(row)


async def create_team(connection: Connection, actor: Actor, name: str) -> Team:
    """Raises Conflict when the customer has a team of this name."""
    try:
        row = await _sql.insert_team(connection, id=new_id(), customer_id=actor.customer_id, name=name)
    except asyncpg.UniqueViolationError as cause:
        raise Conflict("there is a team of this name already", code="team_exists", param="name") from cause
    await audit.append(connection, actor, "team.create", row["id"], after={"name": name})
    return Team(TeamId(row["id"]), row["name"])


async def add_member(
    connection: Connection, actor: Actor, team_id: TeamId, user_id: UserId, role: TeamRole = "member"
) -> None:
    """Put a person into a team, or change their role in it; raises NotFound unless both are the customer's."""
    row = await _sql.add_member(connection, customer_id=actor.customer_id, team_id=team_id, user_id=user_id, role=role)
    if row is None:
        raise NotFound("there is no such team or person")
    await audit.append(connection, actor, "team.add_member", team_id, after={"user_id": user_id, "role": role})


async def profile(database: Database, person: Person) -> Profile:
    """The person as stored now; raises NotFound when they were removed this moment."""
    async with database.connection() as connection:
        row = await _sql.profile(connection, user_id=person.user_id, customer_id=person.customer_id)
        if row is None:
            raise NotFound("you are not a user any more")
        teams = _sql.teams_of_user(connection, user_id=person.user_id, customer_id=person.customer_id)
        memberships = tuple([Membership(Team(TeamId(t["id"]), t["name"]), t["role"]) async for t in teams])
    return Profile(_user(row), row["customer_name"], memberships)


# Signing in ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody at the door: what they typed and where they are."""

    email: str
    password: Secret
    address: str | None


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """What signing in needs besides the database; one per process."""

    passwords: Passwords
    tries: Throttle


async def sign_in(
    database: Database, doorkeeper: Doorkeeper, given: SignIn, now: datetime, lifetime: timedelta
) -> tuple[User, NewSession]:
    """Raises TooManyRequests, or Unauthorized in the same words and time whether or not the address is known."""
    who = (given.address or "", given.email.lower())
    doorkeeper.tries.admit(who)
    async with database.connection() as connection:
        row = await _sql.user_by_email(connection, email=given.email)
    stored = None if row is None else row["password_hash"]
    if not await doorkeeper.passwords.verify(stored, given.password):
        raise Unauthorized("the e-mail address or the password is wrong", code="invalid_credentials")
    doorkeeper.tries.forget(who)
    async with database.transaction() as connection:
        user = await _still_welcome(connection, UserId(row["id"]))
        actor = Actor(user.customer_id, user.id, user_id=user.id, address=given.address)
        return user, await open_session(connection, actor, user.id, now, lifetime)


async def _still_welcome(connection: Connection, user_id: UserId) -> User:
    row = await _sql.user_for_session(connection, user_id=user_id)
    if row is None:
        raise Forbidden("this account is disabled; ask an admin of your customer", code="user_disabled")
    return _user(row)


async def open_session(
    connection: Connection, actor: Actor, user_id: UserId, now: datetime, lifetime: timedelta
) -> NewSession:
    """A new session, always with a new token. The caller knows who it is."""
    await _sql.forget_ended_sessions(connection, user_id=user_id, now=now)
    session = NewSession(Secret(new_session_token()), now + lifetime)
    session_id = new_id()
    await _sql.insert_session(
        connection,
        id=session_id,
        user_id=user_id,
        token_hash=sha256_hex(session.raw.reveal()),
        expires_at=session.expires_at,
    )
    await audit.append(connection, actor, "session.open", session_id)
    return session


async def sign_out(database: Database, person: Person, now: datetime) -> None:
    """End the session that the person came with. A token is not a session: it stays."""
    if person.via != "session":
        return
    async with database.transaction() as connection:
        await _sql.revoke_session(connection, session_id=person.credential_id, now=now)
        await audit.append(connection, person.actor, "session.close", person.credential_id)


# API tokens ------------------------------------------------------------------------------------------------


async def create_token(
    connection: Connection, actor: Actor, user_id: UserId, name: str, expires_at: datetime | None = None
) -> NewToken:
    """A token that can do what its owner can; raises Conflict at a hundred of them."""
    if await _sql.count_tokens(connection, user_id=user_id) >= MOST_TOKENS:
        raise Conflict(f"a person has at most {MOST_TOKENS} API tokens; delete one first", code="too_many_tokens")
    raw = new_api_token()
    row = await _sql.insert_token(
        connection,
        id=new_id(),
        user_id=user_id,
        token_hash=sha256_hex(raw),
        display=display(raw),
        name=name,
        expires_at=expires_at,
    )
    await audit.append(connection, actor, "token.create", row["id"], after={"name": name, "user_id": user_id})
    return NewToken(_token(row), Secret(raw))


async def create_own_token(database: Database, person: Person, name: str, expires_at: datetime | None) -> NewToken:
    """Only from a session: a token that leaked must not be able to make itself permanent."""
    if person.via != "session":
        raise Forbidden("an API token cannot make API tokens; sign in for that", code="session_required")
    async with database.transaction() as connection:
        return await create_token(connection, person.actor, person.user_id, name, expires_at)


async def tokens_of(database: Database, person: Person) -> list[ApiToken]:
    """The person's own tokens, newest first."""
    async with database.connection() as connection:
        return [_token(row) async for row in _sql.tokens_of_user(connection, user_id=person.user_id)]


async def delete_token(database: Database, person: Person, token_id: str) -> None:
    """Raises NotFound, or Forbidden for somebody else's token (admins may)."""
    if not is_uuid(token_id):
        raise NotFound("there is no such API token")
    async with database.transaction() as connection:
        row = await _sql.token_for_update(connection, token_id=token_id, customer_id=person.customer_id)
        if row is None:
            raise NotFound("there is no such API token")
        require(person, "token.delete", Subject(user_id=UserId(row["user_id"])))
        await _sql.delete_token(connection, token_id=token_id)
        await audit.append(
            connection, person.actor, "token.delete", token_id, before={"name": row["name"], "user_id": row["user_id"]}
        )


def _user(row: Mapping[str, Any]) -> User:
    return User(
        id=UserId(row["id"]),
        customer_id=CustomerId(row["customer_id"]),
        email=row["email"],
        name=row["name"],
        role=row["role"],
        disabled=row["disabled"],
        created_at=row["created_at"],
    )


def _token(row: Mapping[str, Any]) -> ApiToken:
    return ApiToken(
        id=row["id"],
        user_id=UserId(row["user_id"]),
        name=row["name"],
        display=row["display"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
