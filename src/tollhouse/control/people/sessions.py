"""Signing in and out. A raw session exists only in the answer that makes it; we keep its hash.

Guessing is slowed three ways: for one account from one address, for one account from anywhere, and for one address
whatever accounts it tries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person
from tollhouse.control.passwords import Passwords
from tollhouse.control.people.teams import Team, TeamRole
from tollhouse.control.people.users import User, user_of
from tollhouse.control.throttle import Throttle
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import Forbidden, NotFound, Unauthorized
from tollhouse.foundation.ids import TeamId, UserId, is_uuid, new_id
from tollhouse.foundation.secrets import Secret, csrf_token, new_session_token, sha256_hex

_TRIES_WINDOW_S: Final = 300.0
_TRIES_FOR_BOTH: Final = 10
_TRIES_FOR_ACCOUNT: Final = 50
_TRIES_FROM_ADDRESS: Final = 100

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class NewSession:
    raw: Secret
    expires_at: datetime

    @property
    def csrf_token(self) -> str:
        """What a page sends along with the cookie; see `identity`."""
        return csrf_token(self.raw.reveal())


@dataclass(frozen=True, slots=True)
class Session:
    """An open session as its owner sees it."""

    id: str
    address: str | None
    created_at: datetime
    expires_at: datetime


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
class SignIn:
    """Somebody at the door: what they typed and where they are."""

    email: str
    password: Secret
    address: str | None


class Tries:
    """How often somebody may try to get in. One per process."""

    def __init__(self, clock: Clock) -> None:
        self._both = Throttle(clock, most=_TRIES_FOR_BOTH, window_s=_TRIES_WINDOW_S)
        self._account = Throttle(clock, most=_TRIES_FOR_ACCOUNT, window_s=_TRIES_WINDOW_S)
        self._address = Throttle(clock, most=_TRIES_FROM_ADDRESS, window_s=_TRIES_WINDOW_S)

    def admit(self, address: str | None, account: str) -> None:
        """Count a try; raises TooManyRequests."""
        self.admit_address(address)
        self._account.admit((account.lower(),))
        self._both.admit((address or "", account.lower()))

    def admit_address(self, address: str | None) -> None:
        """The same for somebody who names no account."""
        self._address.admit((address or "",))

    def forget(self, address: str | None, account: str) -> None:
        """A try succeeded."""
        self._both.forget((address or "", account.lower()))
        self._account.forget((account.lower(),))


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """What signing in needs besides the database; one per process."""

    passwords: Passwords
    tries: Tries


async def sign_in(
    database: Database, doorkeeper: Doorkeeper, given: SignIn, now: datetime, lifetime: timedelta
) -> tuple[User, NewSession]:
    """Raises TooManyRequests, or Unauthorized in the same words and time whether or not the address is known."""
    doorkeeper.tries.admit(given.address, given.email)
    async with database.connection() as connection:
        row = await _sql.user_by_email(connection, email=given.email)
    stored = None if row is None else row["password_hash"]
    if not await doorkeeper.passwords.verify(stored, given.password):
        raise Unauthorized("the e-mail address or the password is wrong", code="invalid_credentials")
    doorkeeper.tries.forget(given.address, given.email)
    return await let_in(database, UserId(row["id"]), given.address, now, lifetime)


async def let_in(
    database: Database, user_id: UserId, address: str | None, now: datetime, lifetime: timedelta
) -> tuple[User, NewSession]:
    """A session for somebody who has proved who they are. Raises Forbidden for a disabled account."""
    async with database.transaction() as connection:
        # Read again: the proof took long enough for things to change.
        user = await admitted(connection, user_id)
        return user, await open_session(connection, actor_of(user, address), user.id, now, lifetime)


async def admitted(connection: Connection, user_id: UserId) -> User:
    """The person as they are now, who stays until the transaction ends. Raises Forbidden for a disabled account."""
    row = await _sql.user_for_session(connection, user_id=user_id)
    if row is None:
        raise Forbidden("this account is disabled; ask an admin of your customer", code="user_disabled")
    return user_of(row)


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
        address=actor.address,
        expires_at=session.expires_at,
    )
    await audit.append(connection, actor, "session.open", session_id)
    return session


async def owner_of(connection: Connection, raw: str, now: datetime) -> UserId | None:
    """Whose session this is; None if it is nobody's, or has ended."""
    found: str | None = await _sql.owner_of_session(connection, token_hash=sha256_hex(raw), now=now)
    return None if found is None else UserId(found)


async def sign_out(database: Database, person: Person, now: datetime) -> None:
    """End the session that the person came with. A token is not a session: it stays."""
    if person.via == "session":
        await _end(database, person, person.credential_id, now)


async def of_person(database: Database, person: Person, now: datetime) -> list[Session]:
    """The person's open sessions, newest first."""
    async with database.connection() as connection:
        rows = _sql.sessions_of_user(connection, user_id=person.user_id, now=now)
        return [Session(row["id"], row["address"], row["created_at"], row["expires_at"]) async for row in rows]


async def end(database: Database, person: Person, session_id: str, now: datetime) -> None:
    """End one of the person's own sessions; raises NotFound."""
    if not is_uuid(session_id) or not await _end(database, person, session_id, now):
        raise NotFound("there is no such session")


async def _end(database: Database, person: Person, session_id: str, now: datetime) -> bool:
    async with database.transaction() as connection:
        ended = await _sql.revoke_session(connection, session_id=session_id, user_id=person.user_id, now=now)
        if ended is not None:
            await audit.append(connection, person.actor, "session.close", session_id)
    return ended is not None


async def profile(database: Database, person: Person) -> Profile:
    """The person as stored now; raises NotFound when they were removed this moment."""
    async with database.connection() as connection:
        row = await _sql.profile(connection, user_id=person.user_id, customer_id=person.customer_id)
        if row is None:
            raise NotFound("you are not a user any more")
        teams = _sql.teams_of_user(connection, user_id=person.user_id, customer_id=person.customer_id)
        memberships = tuple([_membership(team) async for team in teams])
    return Profile(user_of(row), row["customer_name"], memberships)


def _membership(row: Mapping[str, Any]) -> Membership:
    return Membership(Team(TeamId(row["id"]), row["name"]), row["role"])


def actor_of(user: User, address: str | None) -> Actor:
    """Somebody who acts for themselves before they are signed in."""
    return Actor(user.customer_id, user.id, user_id=user.id, address=address)
