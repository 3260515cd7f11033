"""Whom the identity provider's people are here. The first time an address decides, afterwards the provider's subject.

An address can pass to somebody else, at the provider as anywhere; a subject cannot. So who once signed in as a
person stays the only one, until an admin unbinds them. Registering proves no address: who has a password here must
have signed in with it when the two are bound, or somebody could keep an account ready for another.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.people import invitations, sessions, users
from tollhouse.control.people.oidc import Identity
from tollhouse.control.people.sessions import NewSession, actor_of
from tollhouse.control.people.users import User
from tollhouse.control.permissions import Subject, require
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict
from tollhouse.foundation.ids import UserId

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where somebody is who comes from the provider, and the raw session that their browser had before; or empty."""

    address: str | None
    raw_session: str = ""


async def come_in(
    database: Database, identity: Identity, visitor: Visitor, now: datetime, lifetime: timedelta
) -> tuple[User, NewSession]:
    """A session for somebody whom the provider vouches for; an open invitation to them is accepted on the way.

    Raises Forbidden for strangers and disabled accounts, and Conflict when the person is bound to another subject, or
    has a password and did not sign in with it before.
    """
    async with database.transaction() as connection:
        user = await _person_behind(connection, identity, visitor, now)
        return user, await sessions.open_session(connection, actor_of(user, visitor.address), user.id, now, lifetime)


async def unbind(database: Database, person: Person, user_id: str) -> None:
    """Whoever comes next with the person's address is bound anew; all their sessions end. Raises NotFound."""
    async with database.transaction() as connection:
        user = (await users.get(connection, person.customer_id, user_id)).user
        require(person, "user.unbind_identity", Subject(user_id=user.id))
        issuers = [row["issuer"] async for row in _sql.delete_identities(connection, user_id=user.id)]
        if issuers:
            await _sql.end_sessions(connection, user_id=user.id)
            await audit.append(connection, person.actor, "identity.unbind", user.id, before={"issuers": issuers})


async def _person_behind(connection: Connection, identity: Identity, visitor: Visitor, now: datetime) -> User:
    known = await _sql.user_by_identity(connection, issuer=identity.issuer, subject=identity.subject)
    if known is not None:
        return await sessions.admitted(connection, UserId(known))
    row = await _sql.user_by_email(connection, email=identity.email)
    if row is None:
        user = await invitations.accept_for(connection, identity.email, visitor.address, now)
    else:
        user = await sessions.admitted(connection, UserId(row["id"]))
        if (
            row["password_hash"] is not None
            and await sessions.owner_of(connection, visitor.raw_session, now) != user.id
        ):
            raise _sign_in_first()
    await bind(connection, identity, user, visitor.address)
    return user


async def bind(connection: Connection, identity: Identity, user: User, address: str | None) -> None:
    """From now on the subject is this person. Raises Conflict when one of the two is bound already, elsewhere."""
    issuer, subject = identity.issuer, identity.subject
    if await _sql.insert_identity(connection, issuer=issuer, subject=subject, user_id=user.id) is not None:
        after: audit.Record = {"issuer": issuer, "subject": subject}
        await audit.append(connection, actor_of(user, address), "identity.bind", user.id, after=after)
    elif await _sql.user_by_identity(connection, issuer=issuer, subject=subject) != user.id:
        raise Conflict(
            "somebody else of the identity provider signs in with this address; ask an admin to unbind them",
            code="other_identity",
        )


def _sign_in_first() -> Conflict:
    return Conflict(
        "this address has a password here: sign in with it, then go to the identity provider once to connect the two",
        code="sign_in_first",
    )
