"""Teams and who is in them. A lead runs the team's membership and keys; who leads is for managers to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg

from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person
from tollhouse.control.permissions import Subject, may, require
from tollhouse.control.throttle import Throttle
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import CustomerId, TeamId, UserId, is_uuid, new_id

TeamRole = Literal["lead", "member"]

SHORTEST_TEXT: Final = 2
MOST_FOUND: Final = 10

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Team:
    id: TeamId
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    user_id: UserId
    email: str
    name: str
    role: TeamRole
    disabled: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could be put into a team."""

    id: UserId
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class TeamStanding:
    """A team with everybody in it."""

    team: Team
    created_at: datetime
    keys: int
    members: tuple[Member, ...]


async def create_team(connection: Connection, actor: Actor, name: str) -> Team:
    """Raises Conflict when the customer has a team of this name."""
    try:
        row = await _sql.insert_team(connection, id=new_id(), customer_id=actor.customer_id, name=name)
    except asyncpg.UniqueViolationError as cause:
        raise _name_taken() from cause
    await audit.append(connection, actor, "team.create", row["id"], after={"name": name})
    return Team(TeamId(row["id"]), row["name"])


async def add_member(
    connection: Connection, actor: Actor, team_id: TeamId, user_id: UserId, role: TeamRole = "member"
) -> None:
    """Put a person into a team, or change their role in it; raises NotFound unless both are the customer's."""
    row = await _sql.add_member(connection, customer_id=actor.customer_id, team_id=team_id, user_id=user_id, role=role)
    if row is None:
        raise NotFound("there is no such team or person", param="user_id")
    await audit.append(connection, actor, "team.add_member", team_id, after={"user_id": user_id, "role": role})


async def visible_to(database: Database, person: Person) -> list[TeamStanding]:
    """All teams of the customer for admins and managers, one's own for others, by name."""
    require(person, "team.list")
    async with database.connection() as connection:
        rows = _sql.teams_of_customer(connection, customer_id=person.customer_id)
        found = [_standing(row) async for row in rows]
    return [each for each in found if may(person, "team.see", Subject(team_id=each.team.id))]


async def find(database: Database, person: Person, team_id: str) -> TeamStanding:
    async with database.connection() as connection:
        found = await _find(connection, person.customer_id, team_id)
    require(person, "team.see", Subject(team_id=found.team.id))
    return found


async def people_for(
    database: Database, throttle: Throttle, person: Person, team_id: str, text: str
) -> list[Candidate]:
    """Whom one could put into the team, by how their name or address begins; too short a text finds nobody.

    A lead sees no list of the customer's people: few at a time, and not often. Raises TooManyRequests.
    """
    async with database.searching() as connection:
        seen = await _find(connection, person.customer_id, team_id)
        require(person, "team.find_people", Subject(team_id=seen.team.id))
        if len(text.strip()) < SHORTEST_TEXT:
            return []
        throttle.admit((person.user_id,))
        rows = _sql.people_for_team(
            connection, customer_id=person.customer_id, team_id=seen.team.id, text=text.strip(), most=MOST_FOUND
        )
        return [Candidate(**row) async for row in rows]


async def create(database: Database, person: Person, name: str) -> TeamStanding:
    require(person, "team.create")
    async with database.transaction() as connection:
        made = await create_team(connection, person.actor, name)
        return await _find(connection, person.customer_id, made.id)


async def rename(database: Database, person: Person, team_id: str, name: str) -> TeamStanding:
    async with database.transaction() as connection:
        seen = await _for_change(connection, person, team_id, "team.change")
        try:
            await _sql.rename_team(connection, team_id=seen.team.id, customer_id=person.customer_id, name=name)
        except asyncpg.UniqueViolationError as cause:
            raise _name_taken() from cause
        before, after = {"name": seen.team.name}, {"name": name}
        await audit.append(connection, person.actor, "team.update", seen.team.id, before=before, after=after)
        return await _find(connection, person.customer_id, team_id)


async def delete(database: Database, person: Person, team_id: str) -> None:
    """The team's keys become the customer's own, disabled: its members may still have them."""
    async with database.transaction() as connection:
        seen = await _for_change(connection, person, team_id, "team.delete")
        await _sql.delete_team(connection, team_id=seen.team.id, customer_id=person.customer_id)
        await audit.append(connection, person.actor, "team.delete", seen.team.id, before={"name": seen.team.name})


async def put_member(database: Database, person: Person, team_id: str, user_id: str, role: TeamRole) -> TeamStanding:
    """Add somebody, or change what they are in the team. Only managers make or unmake a lead."""
    async with database.transaction() as connection:
        seen = await _for_change(connection, person, team_id, "team.change_members")
        was = next((member.role for member in seen.members if member.user_id == user_id), None)
        if "lead" in (role, was):
            require(person, "team.appoint_lead")
        if not is_uuid(user_id):
            raise NotFound("there is no such person", param="user_id")
        await add_member(connection, person.actor, seen.team.id, UserId(user_id), role)
        return await _find(connection, person.customer_id, team_id)


async def remove_member(database: Database, person: Person, team_id: str, user_id: str) -> None:
    """Raises NotFound for somebody who is not in the team."""
    async with database.transaction() as connection:
        seen = await _for_change(connection, person, team_id, "team.change_members")
        was = next((member for member in seen.members if member.user_id == user_id), None)
        if was is None:
            raise NotFound("this person is not in the team", param="user_id")
        if was.role == "lead":
            require(person, "team.appoint_lead")
        await _sql.remove_member(connection, team_id=seen.team.id, user_id=was.user_id)
        before = {"user_id": was.user_id, "role": was.role}
        await audit.append(connection, person.actor, "team.remove_member", seen.team.id, before=before)


async def _for_change(
    connection: Connection,
    person: Person,
    team_id: str,
    action: Literal["team.change", "team.change_members", "team.delete"],
) -> TeamStanding:
    """The team, for somebody who may; for others of the customer it exists, for strangers it does not."""
    seen = await _find(connection, person.customer_id, team_id, lock=True)
    require(person, action, Subject(team_id=seen.team.id))
    return seen


async def _find(connection: Connection, customer_id: CustomerId, team_id: str, *, lock: bool = False) -> TeamStanding:
    row = None
    if is_uuid(team_id):
        if lock:
            await _sql.lock_team(connection, customer_id=customer_id, team_id=team_id)
        row = await _sql.team_by_id(connection, customer_id=customer_id, team_id=team_id)
    if row is None:
        raise NotFound("there is no such team", param="team_id")
    return _standing(row)


def _name_taken() -> Conflict:
    return Conflict("there is a team of this name already", code="team_exists", param="name")


def _standing(row: Mapping[str, Any]) -> TeamStanding:
    members = tuple(
        Member(UserId(user_id), email, name, role, disabled)
        for user_id, email, name, role, disabled in row["members"] or ()
    )
    return TeamStanding(Team(TeamId(row["id"]), row["name"]), row["created_at"], row["keys"], members)
