"""Who may see and set which limits. Every change and its audit line are one transaction.

The ledger's functions lock the budgets; nothing is locked here before them. A scope that is deleted meanwhile may
keep a limit that nobody sees and no call counts in.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.permissions import Action, Subject, may, require
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound, Unprocessable
from tollhouse.foundation.ids import CustomerId, TeamId, UserId, is_uuid
from tollhouse.foundation.money import Nanos, exact_usd_string
from tollhouse.ledger import limits
from tollhouse.ledger.limits import Limit, Raise, Window
from tollhouse.ledger.protocol import Scope, ScopeKind

LONGEST_RAISE: Final = timedelta(days=90)
_HASH: Final = re.compile(r"[0-9a-f]{64}")

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Place:
    """What a caller names: a scope, by its id; a key by its hash."""

    kind: ScopeKind
    ref: str


@dataclass(frozen=True, slots=True)
class Owner:
    """What budgets hang on, as it is now."""

    scope: Scope
    name: str
    key_hash: str | None
    subject: Subject

    @property
    def known_as(self) -> str:
        """Its name in the audit log."""
        return self.key_hash or self.scope.id


@dataclass(frozen=True, slots=True)
class OwnedLimit:
    """A budget and what it hangs on."""

    owner: Owner
    limit: Limit


@dataclass(frozen=True, slots=True)
class Page:
    """`end`: the budget that the next page begins after; None: there is none."""

    limits: list[OwnedLimit]
    end: int | None


# Looking ---------------------------------------------------------------------------------------------------


async def visible_to(database: Database, person: Person, *, after: int, most: int) -> Page:
    """Budgets that the person may see: for admins and managers, all of the customer."""
    async with database.searching() as connection:
        near = None if may(person, "limit.see") else await _scopes_near(connection, person)
        found = await limits.page(connection, person.customer_id, after=after, most=most + 1, scope_ids=near)
        shown = found[:most]
        owners = await _owners(connection, person.customer_id, [limit.balance.scope.id for limit in shown])
    owned = [OwnedLimit(owners[limit.balance.scope], limit) for limit in shown if limit.balance.scope in owners]
    return Page(owned, shown[-1].budget_id if len(found) > most else None)


async def _scopes_near(connection: Connection, person: Person) -> list[str]:
    rows = _sql.scopes_near(
        connection, customer_id=person.customer_id, user_id=person.user_id, team_ids=list(person.team_ids)
    )
    return [person.user_id, *person.team_ids, *[row["id"] async for row in rows]]


async def of_place(database: Database, person: Person, place: Place) -> list[OwnedLimit]:
    async with database.connection() as connection:
        owner = await _owner(connection, person.customer_id, place)
        require(person, "limit.see", owner.subject)
        return await _of_owner(connection, person.customer_id, owner)


# Setting ---------------------------------------------------------------------------------------------------


async def replace(context: ControlContext, person: Person, place: Place, windows: Sequence[Window]) -> list[OwnedLimit]:
    """Make these the windows of the place. Raises NotFound or Forbidden."""
    async with context.database.transaction() as connection:
        owner = await _owner(connection, person.customer_id, place)
        _require_change(person, owner)
        before = await _of_owner(connection, person.customer_id, owner)
        await limits.replace(connection, person.customer_id, owner.scope, windows)
        after = await _of_owner(connection, person.customer_id, owner)
        told_before, told_after = _windows_record(before), _windows_record(after)
        if told_before != told_after:
            await audit.append(
                connection, person.actor, "limit.replace", owner.known_as, before=told_before, after=told_after
            )
    _tell_keys(context, owner)
    return after


async def raise_for_a_while(
    context: ControlContext, person: Person, budget_id: int, raised: Raise, reason: str
) -> OwnedLimit:
    """Raise a limit until a moment, instead of any earlier raise.

    Raises NotFound, Forbidden, Unprocessable for a wrong end, and Conflict where there is no limit to raise.
    """
    async with context.database.transaction() as connection:
        owned = await _for_change(connection, person, budget_id)
        _check_end(raised.until, await limits.book_time(connection))
        if owned.limit.limit is None:
            raise Conflict("this budget has no limit that could be raised", code="no_limit")
        return await _set_raise(connection, person, owned, raised, reason)


async def end_raise(context: ControlContext, person: Person, budget_id: int) -> OwnedLimit:
    """Take a raise back at once; without one, nothing changes."""
    async with context.database.transaction() as connection:
        owned = await _for_change(connection, person, budget_id)
        return owned if owned.limit.raised is None else await _set_raise(connection, person, owned, None, None)


# Parts -----------------------------------------------------------------------------------------------------


async def _for_change(connection: Connection, person: Person, budget_id: int) -> OwnedLimit:
    owned = await _owned(connection, person.customer_id, budget_id)
    _require_change(person, owned.owner)
    return owned


async def _owned(connection: Connection, customer_id: CustomerId, budget_id: int) -> OwnedLimit:
    limit = await limits.find(connection, customer_id, budget_id)
    if limit is None:
        raise _no_such_limit()
    scope = limit.balance.scope
    owners = await _owners(connection, customer_id, [scope.id])
    if scope not in owners:
        raise _no_such_limit()
    return OwnedLimit(owners[scope], limit)


async def _set_raise(
    connection: Connection, person: Person, owned: OwnedLimit, raised: Raise | None, reason: str | None
) -> OwnedLimit:
    budget_id = owned.limit.budget_id
    if not await limits.set_raise(connection, person.customer_id, budget_id, raised):
        raise _no_such_limit()
    await audit.append(
        connection,
        person.actor,
        "limit.raise" if raised is not None else "limit.end_raise",
        owned.owner.known_as,
        before=_raise_record(owned.limit, owned.limit.raised),
        after=_raise_record(owned.limit, raised) | {"reason": reason},
    )
    return await _owned(connection, person.customer_id, budget_id)


def _require_change(person: Person, owner: Owner) -> None:
    action: Action = "limit.change_customer" if owner.scope.kind == "customer" else "limit.change"
    require(person, action, owner.subject)


def _check_end(until: datetime, now: datetime) -> None:
    if not now < until <= now + LONGEST_RAISE:
        raise Unprocessable(
            f"`until` must be in the future, at most {LONGEST_RAISE.days} days ahead",
            code="invalid_field",
            param="until",
        )


def _tell_keys(context: ControlContext, owner: Owner) -> None:
    """Other processes, and permits of other keys, hear of it from the database."""
    if owner.key_hash is not None:
        context.after_key_change(owner.key_hash)


async def _of_owner(connection: Connection, customer_id: CustomerId, owner: Owner) -> list[OwnedLimit]:
    return [OwnedLimit(owner, limit) for limit in await limits.of_scope(connection, customer_id, owner.scope)]


async def _owner(connection: Connection, customer_id: CustomerId, place: Place) -> Owner:
    may_exist = _HASH.fullmatch(place.ref) is not None if place.kind == "key" else is_uuid(place.ref)
    row = None
    if may_exist:
        row = await _sql.owner(connection, customer_id=customer_id, kind=place.kind, id=place.ref)
    if row is None:
        raise NotFound(f"there is no such {place.kind}", code=f"{place.kind}_not_found")
    return _owner_of(row)


async def _owners(connection: Connection, customer_id: CustomerId, ids: Sequence[str]) -> dict[Scope, Owner]:
    """Those that still are, by their scopes."""
    owners = [_owner_of(row) async for row in _sql.owners_of(connection, customer_id=customer_id, ids=ids)]
    return {owner.scope: owner for owner in owners}


def _owner_of(row: Mapping[str, Any]) -> Owner:
    user_id, team_id = row["user_id"], row["team_id"]
    subject = Subject(None if user_id is None else UserId(user_id), None if team_id is None else TeamId(team_id))
    return Owner(Scope(row["kind"], row["id"]), row["name"], row["key_hash"], subject)


def _no_such_limit() -> NotFound:
    return NotFound("there is no such limit", code="limit_not_found")


def _windows_record(owned: Sequence[OwnedLimit]) -> audit.Record:
    """Windows as the audit log keeps them, in an order that does not depend on when they were made."""
    return {"budgets": sorted(_in_words(each.limit) for each in owned if not each.limit.main)}


def _in_words(limit: Limit) -> str:
    when = limit.balance.reset or "for life"
    told = ", ".join(map(str, limit.thresholds)) or "nothing"
    return f"{_usd(limit.limit)} USD {when}, models {limit.models or '*'}, told at % {told}"


def _raise_record(limit: Limit, raised: Raise | None) -> dict[str, "str | int | bool | list[str] | None"]:
    return {
        "budget_id": limit.budget_id,
        "limit_usd": _usd(limit.limit),
        "extra_usd": None if raised is None else _usd(raised.extra),
        "until": None if raised is None else raised.until.isoformat(),
    }


def _usd(nanos: Nanos | None) -> str | None:
    return None if nanos is None else exact_usd_string(nanos)
