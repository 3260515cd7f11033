"""Passwords: changed by their owner, or set anew with a link that an admin hands over.

Whatever sets a password ends all sessions of its owner; who changes it themselves goes on with a new one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.people import sessions, users
from tollhouse.control.people.sessions import Doorkeeper, NewSession, actor_of
from tollhouse.control.people.users import User
from tollhouse.control.permissions import Subject, require, require_session
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import BadRequest, Forbidden
from tollhouse.foundation.ids import UserId, new_id
from tollhouse.foundation.secrets import RESET_PREFIX, Secret, new_reset_token, sha256_hex

RESET_LIVES: Final = timedelta(hours=24)

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Reset:
    """A link's secret, shown this once."""

    user: User
    raw: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody who knows their password types to have another."""

    current: Secret
    new: Secret


async def change_own(
    database: Database,
    doorkeeper: Doorkeeper,
    person: Person,
    change: Change,
    now: datetime,
    lifetime: timedelta,
) -> NewSession:
    """Raises Forbidden for a wrong password, and for tokens: a password is changed by a person who is signed in."""
    require_session(person, "change the password")
    doorkeeper.tries.admit(person.address, person.email)
    async with database.connection() as connection:
        row = await _sql.user_by_email(connection, email=person.email)
    if not await doorkeeper.passwords.verify(None if row is None else row["password_hash"], change.current):
        raise Forbidden("the current password is wrong", code="wrong_password")
    doorkeeper.tries.forget(person.address, person.email)
    hashed = await doorkeeper.passwords.hash(change.new)
    async with database.transaction() as connection:
        await _set(connection, person.user_id, hashed)
        await audit.append(connection, person.actor, "password.change", person.user_id)
        return await sessions.open_session(connection, person.actor, person.user_id, now, lifetime)


async def begin_reset(database: Database, person: Person, user_id: str, now: datetime) -> Reset:
    """A link for somebody of the customer; earlier ones end. The password stays until the link is used."""
    async with database.transaction() as connection:
        user = (await users.get(connection, person.customer_id, user_id)).user
        require(person, "user.reset_password", Subject(user_id=user.id))
        reset = Reset(user, Secret(new_reset_token()), now + RESET_LIVES)
        await _sql.forget_resets(connection, user_id=reset.user.id)
        await _sql.insert_reset(
            connection,
            id=new_id(),
            user_id=reset.user.id,
            token_hash=sha256_hex(reset.raw.reveal()),
            expires_at=reset.expires_at,
        )
        await audit.append(connection, person.actor, "password.begin_reset", reset.user.id)
    return reset


async def finish_reset(
    database: Database,
    doorkeeper: Doorkeeper,
    raw_token: str,
    password: Secret,
    *,
    address: str | None,
    now: datetime,
    lifetime: timedelta,
) -> tuple[User, NewSession]:
    """Set the password and sign in. Raises BadRequest for a link that is unknown, used or too old."""
    doorkeeper.tries.admit_address(address)
    token_hash = sha256_hex(raw_token) if raw_token.startswith(RESET_PREFIX) else ""
    async with database.connection() as connection:
        if await _sql.reset_by_token(connection, token_hash=token_hash, now=now) is None:
            raise _spent()
    hashed = await doorkeeper.passwords.hash(password)
    async with database.transaction() as connection:
        row = await _sql.use_reset(connection, token_hash=token_hash, now=now)
        if row is None:
            raise _spent()
        user = await sessions.admitted(connection, UserId(row["user_id"]))
        await _set(connection, user.id, hashed)
        actor = actor_of(user, address)
        await audit.append(connection, actor, "password.reset", user.id)
        return user, await sessions.open_session(connection, actor, user.id, now, lifetime)


async def _set(connection: Connection, user_id: UserId, hashed: str) -> None:
    await _sql.set_password(connection, user_id=user_id, password_hash=hashed)
    await _sql.end_sessions(connection, user_id=user_id)


def _spent() -> BadRequest:
    return BadRequest(
        "this link was used already, or is too old; ask an admin for a new one", code="invalid_token", param="token"
    )
