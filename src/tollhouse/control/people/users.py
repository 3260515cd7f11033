"""People of a customer: who they are, what their role is, whether they may come in.

A customer always keeps an admin who can sign in. Whoever changes that takes the customer's row first, so that two
admins cannot demote each other at the same moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person, Role
from tollhouse.control.permissions import Subject, require
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import CustomerId, TeamId, UserId, is_uuid, new_id

_sql = queries.load(__file__)

MOST_IN_A_PAGE: Final = 500


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
class Listed:
    """A person in a list, with the teams they are in and how many keys are theirs."""

    user: User
    teams: tuple[tuple[TeamId, str], ...]
    keys: int
    has_password: bool


@dataclass(frozen=True, slots=True)
class Search:
    """Which people to list: `text` is looked for in names and addresses; `after` is where the page before ended."""

    text: str = ""
    role: Role | None = None
    disabled: bool | None = None
    team_id: str | None = None
    after: tuple[str, str] | None = None
    most: int = MOST_IN_A_PAGE


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of a person; None: stays as it is."""

    name: str | None = None
    role: Role | None = None
    disabled: bool | None = None


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
        raise email_taken() from cause
    await audit.append(connection, actor, "user.create", row["id"], after={"email": email, "name": name, "role": role})
    return user_of(row)


async def date_joining(connection: Connection, customer_id: CustomerId, at: datetime) -> None:
    """All people of a customer joined at this moment: for one whose past comes from elsewhere."""
    await _sql.date_joining(connection, customer_id=customer_id, at=at)


async def listed(database: Database, person: Person, search: Search) -> list[Listed]:
    """People of the customer, by name."""
    require(person, "user.list")
    name, after = search.after or (None, "")
    async with database.searching() as connection:
        rows = _sql.users_of_customer(
            connection,
            customer_id=person.customer_id,
            text=search.text,
            role=search.role,
            disabled=search.disabled,
            team_id=search.team_id,
            after_name=name,
            after_id=after,
            most=search.most,
        )
        return [_listed(row) async for row in rows]


async def find(database: Database, person: Person, user_id: str) -> Listed:
    """Raises NotFound, also for people of other customers, and Forbidden."""
    async with database.connection() as connection:
        found = await get(connection, person.customer_id, user_id)
    require(person, "user.see", Subject(user_id=found.user.id))
    return found


async def change(database: Database, person: Person, user_id: str, edit: Edit) -> Listed:
    """Raises NotFound, Forbidden, or Conflict when no admin would be left. A new role ends all sessions."""
    async with database.transaction() as connection:
        await _sql.lock_customer(connection, customer_id=person.customer_id)
        seen = (await get(connection, person.customer_id, user_id)).user
        require(person, "user.change", Subject(user_id=seen.id))
        if edit.role is not None or edit.disabled is not None:
            require(person, "user.change_role", Subject(user_id=seen.id))
        changed = await _write(connection, seen, edit)
        await audit.append_change(connection, person.actor, "user.update", seen.id, _record(seen), _record(changed))
        return await get(connection, person.customer_id, user_id)


async def delete(database: Database, person: Person, user_id: str) -> None:
    """Their keys become the customer's own, disabled: somebody may still have them. Raises as `change` does."""
    async with database.transaction() as connection:
        await _sql.lock_customer(connection, customer_id=person.customer_id)
        seen = (await get(connection, person.customer_id, user_id)).user
        require(person, "user.delete", Subject(user_id=seen.id))
        await _sql.delete_user(connection, user_id=seen.id, customer_id=seen.customer_id)
        await _require_an_admin(connection, seen)
        await audit.append(connection, person.actor, "user.delete", seen.id, before=_record(seen))


async def _write(connection: Connection, seen: User, edit: Edit) -> User:
    row = await _sql.update_user(
        connection,
        user_id=seen.id,
        customer_id=seen.customer_id,
        name=seen.name if edit.name is None else edit.name,
        role=edit.role or seen.role,
        disabled=seen.disabled if edit.disabled is None else edit.disabled,
    )
    changed = user_of(row)
    await _require_an_admin(connection, seen)
    if changed.role != seen.role or changed.disabled:
        await _sql.end_sessions(connection, user_id=seen.id)
    return changed


async def _require_an_admin(connection: Connection, was: User) -> None:
    """Called after the change, in its transaction."""
    if was.role == "admin" and not await _sql.count_admins(connection, customer_id=was.customer_id):
        raise Conflict("a customer needs an admin who can sign in; appoint another one first", code="last_admin")


async def get(connection: Connection, customer_id: CustomerId, user_id: str) -> Listed:
    """For callers that judge by themselves who may. Raises NotFound, also for people of other customers."""
    row = None
    if is_uuid(user_id):
        row = await _sql.listed_user(connection, customer_id=customer_id, user_id=user_id)
    if row is None:
        raise NotFound("there is no such person", param="user_id")
    return _listed(row)


def email_taken() -> Conflict:
    return Conflict("this e-mail address is registered already", code="email_taken", param="email")


def user_of(row: Mapping[str, Any]) -> User:
    return User(
        id=UserId(row["id"]),
        customer_id=CustomerId(row["customer_id"]),
        email=row["email"],
        name=row["name"],
        role=row["role"],
        disabled=row["disabled"],
        created_at=row["created_at"],
    )


def _listed(row: Mapping[str, Any]) -> Listed:
    teams = tuple((TeamId(team_id), name) for team_id, name in row["teams"] or ())
    return Listed(user_of(row), teams, row["keys"], row["has_password"])


def _record(user: User) -> audit.Record:
    """A person as the audit log keeps them."""
    return {"email": user.email, "name": user.name, "role": user.role, "disabled": user.disabled}
