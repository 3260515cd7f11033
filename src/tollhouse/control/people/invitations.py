"""Invitations: a link with a one-time secret, for somebody who is to become one of the customer's people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person, Role
from tollhouse.control.people import sessions, teams, users
from tollhouse.control.people.sessions import Doorkeeper, NewSession, actor_of
from tollhouse.control.people.users import User
from tollhouse.control.permissions import require
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import BadRequest, Conflict, Forbidden, NotFound
from tollhouse.foundation.ids import CustomerId, TeamId, is_uuid, new_id
from tollhouse.foundation.secrets import INVITATION_PREFIX, Secret, new_invitation_token, sha256_hex

LIVES: Final = timedelta(days=7)
MOST_OPEN: Final = 500

InvitationState = Literal["open", "expired"]

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Invitation:
    id: str
    customer_id: CustomerId
    customer_name: str
    email: str
    name: str
    role: Role
    team_ids: tuple[TeamId, ...]
    expires_at: datetime
    created_at: datetime

    def state(self, now: datetime) -> InvitationState:
        return "open" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to invite, as what."""

    email: str
    name: str
    role: Role
    team_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What somebody who follows the link says."""

    raw_token: str
    password: Secret
    name: str | None = None
    address: str | None = None


async def invite(database: Database, person: Person, wanted: Wanted, now: datetime) -> tuple[Invitation, Secret]:
    """An earlier invitation of the same address ends. Raises Forbidden, NotFound for a team, Conflict."""
    _require(person, wanted.role)
    raw = Secret(new_invitation_token())
    async with database.transaction() as connection:
        if await _sql.user_by_email(connection, email=wanted.email) is not None:
            raise users.email_taken()
        team_ids = await _teams(connection, person.customer_id, wanted.team_ids)
        await _sql.forget_invitations(connection, customer_id=person.customer_id, email=wanted.email)
        if await _sql.count_invitations(connection, customer_id=person.customer_id) >= MOST_OPEN:
            raise Conflict(f"{MOST_OPEN} invitations are open; take some back first", code="too_many_invitations")
        made = await _sql.insert_invitation(
            connection,
            id=new_id(),
            customer_id=person.customer_id,
            email=wanted.email,
            name=wanted.name,
            role=wanted.role,
            team_ids=team_ids,
            token_hash=sha256_hex(raw.reveal()),
            expires_at=now + LIVES,
        )
        after: audit.Record = {"email": wanted.email, "role": wanted.role, "team_ids": team_ids}
        await audit.append(connection, person.actor, "invitation.create", made, after=after)
        return await _find(connection, person.customer_id, made), raw


async def of_customer(database: Database, person: Person) -> list[Invitation]:
    """Those not used yet, newest first."""
    require(person, "invitation.manage")
    async with database.connection() as connection:
        rows = _sql.invitations_of_customer(connection, customer_id=person.customer_id)
        return [_invitation(row) async for row in rows]


async def take_back(database: Database, person: Person, invitation_id: str) -> None:
    async with database.transaction() as connection:
        seen = await _find(connection, person.customer_id, invitation_id)
        _require(person, seen.role)
        await _sql.delete_invitation(connection, id=seen.id, customer_id=person.customer_id)
        before = {"email": seen.email, "role": seen.role}
        await audit.append(connection, person.actor, "invitation.delete", seen.id, before=before)


async def look(
    database: Database, doorkeeper: Doorkeeper, raw_token: str, address: str | None, now: datetime
) -> Invitation:
    """What an invitation says, for whoever holds its link; raises BadRequest."""
    doorkeeper.tries.admit_address(address)
    async with database.connection() as connection:
        row = await _sql.invitation_by_token(connection, token_hash=_hash(raw_token), now=now)
    if row is None:
        raise _spent()
    return _invitation(row)


async def accept(
    database: Database, doorkeeper: Doorkeeper, given: Acceptance, now: datetime, lifetime: timedelta
) -> tuple[User, NewSession]:
    """Become one of the customer's people, and signed in. Raises BadRequest, Conflict for a known address."""
    await look(database, doorkeeper, given.raw_token, given.address, now)
    hashed = await doorkeeper.passwords.hash(given.password)
    async with database.transaction() as connection:
        row = await _sql.use_invitation(connection, token_hash=_hash(given.raw_token), now=now)
        if row is None:
            raise _spent()
        user = await _take_in(connection, row, given.name, given.address, password_hash=hashed)
        session = await sessions.open_session(connection, actor_of(user, given.address), user.id, now, lifetime)
    return user, session


async def accept_for(connection: Connection, email: str, address: str | None, now: datetime) -> User:
    """The same without link and password, for somebody who has proved that the e-mail address is theirs.

    Raises Forbidden unless there is exactly one open invitation to it: several are for their owner to choose from.
    """
    found = [row["token_hash"] async for row in _sql.open_invitations_to(connection, email=email, now=now)]
    if not found:
        raise Forbidden("nobody here has this e-mail address; ask an admin to invite you", code="unknown_person")
    if len(found) > 1:
        raise Forbidden("several invitations are open to you; follow the link of one", code="several_invitations")
    row = await _sql.use_invitation(connection, token_hash=found[0], now=now)
    return await _take_in(connection, row, None, address, password_hash=None)


async def _take_in(
    connection: Connection, row: Mapping[str, Any], name: str | None, address: str | None, *, password_hash: str | None
) -> User:
    """Make the person whom an invitation, which is used up, was for. `name` None: as it says."""
    inviter = Actor(CustomerId(row["customer_id"]), "invitation", address=address)
    user = await users.create_user(
        connection, inviter, row["email"], name or row["name"], row["role"], password_hash=password_hash
    )
    for team_id in row["team_ids"]:
        await _join(connection, inviter, TeamId(team_id), user)
    return user


async def _join(connection: Connection, inviter: Actor, team_id: TeamId, user: User) -> None:
    """A team that was deleted meanwhile is no reason to keep somebody out."""
    if await _sql.lock_team(connection, customer_id=inviter.customer_id, team_id=team_id) is not None:
        await teams.add_member(connection, inviter, team_id, user.id)


def _require(person: Person, role: Role) -> None:
    require(person, "invitation.manage" if role == "member" else "invitation.manage_any_role")


async def _teams(connection: Connection, customer_id: CustomerId, team_ids: Sequence[str]) -> list[str]:
    found = []
    for team_id in dict.fromkeys(team_ids):
        if not is_uuid(team_id) or await _sql.lock_team(connection, customer_id=customer_id, team_id=team_id) is None:
            raise NotFound("there is no such team", param="team_ids")
        found.append(team_id)
    return found


async def _find(connection: Connection, customer_id: CustomerId, invitation_id: str) -> Invitation:
    row = None
    if is_uuid(invitation_id):
        row = await _sql.invitation_by_id(connection, id=invitation_id, customer_id=customer_id)
    if row is None:
        raise NotFound("there is no such invitation")
    return _invitation(row)


def _hash(raw_token: str) -> str:
    return sha256_hex(raw_token) if raw_token.startswith(INVITATION_PREFIX) else ""


def _spent() -> BadRequest:
    return BadRequest(
        "this invitation was used or taken back, or is too old; ask for a new one", code="invalid_token", param="token"
    )


def _invitation(row: Mapping[str, Any]) -> Invitation:
    return Invitation(
        id=row["id"],
        customer_id=CustomerId(row["customer_id"]),
        customer_name=row["customer_name"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        team_ids=tuple(TeamId(team_id) for team_id in row["team_ids"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
