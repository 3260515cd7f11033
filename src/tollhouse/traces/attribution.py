"""Whose a span is: customer, user and team, from what its sender may say and what the span says.

A credential that fixes the customer is never overruled: names of people and teams of other customers mean nothing
then. Where none does (the shared secret of the installation) the span must say it: by the customer's id, or by a user
whom we know. What was asked is remembered for some seconds, also that a name is nobody's, so that a sender with many
spans costs a few statements; the memory is bounded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId

_sql = queries.load(__file__)

BELIEVED_S: Final = 10.0
REMEMBERED: Final = 20_000
ASKED_AT_ONCE: Final = 1_000
_USER_NAMES: Final = ("user", "email", "user_id", "end_user")


@dataclass(frozen=True, slots=True)
class Sender:
    """What a credential says. `customer_id` None: the spans say it; `fixed`: so are user and team, as they are."""

    source: str
    """A name for the credential, for limits of rate; no secret."""
    customer_id: CustomerId | None = None
    user_id: UserId | None = None
    team_id: TeamId | None = None
    key_id: KeyId | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose one span is."""

    customer_id: CustomerId
    user_id: UserId | None = None
    team_id: TeamId | None = None
    captures: bool = False
    """Whether prompts and answers may be kept."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a name stands for; nothing at all where there is nobody of that name."""

    asked_at: float
    people: tuple[tuple[CustomerId, UserId, TeamId | None], ...] = ()
    customer: CustomerId | None = None
    captures: bool = False
    team_of: CustomerId | None = None


class Attribution:
    """Owns what one process remembers of names."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def learn(self, sender: Sender, names: Iterable[Mapping[str, str]]) -> None:
        """Ask for whoever is named and not known; raises Unavailable without a database."""
        now = self._clock.monotonic()
        asked = {name for whose in names for name in _names_in(sender, whose)}
        if sender.customer_id is not None:
            asked.add(sender.customer_id)
        missing = sorted(name for name in asked if now - self._asked_at(name) > BELIEVED_S)
        for begin in range(0, len(missing), ASKED_AT_ONCE):
            await self._ask(missing[begin : begin + ASKED_AT_ONCE], now)

    def owner(self, sender: Sender, whose: Mapping[str, str]) -> Owner | None:
        """Whose the span is, of what was learnt; None: nobody can tell its customer."""
        if sender.fixed and sender.customer_id is not None:
            captures = self._of(sender.customer_id).captures
            return Owner(sender.customer_id, sender.user_id, sender.team_id, captures)
        customer_id = sender.customer_id or self._customer_of(whose)
        if customer_id is None:
            return None
        user_id, team_id = self._person(customer_id, whose)
        if user_id is None:
            user_id, team_id = sender.user_id, sender.team_id
        said_team = whose.get("team", "").lower()
        if said_team and self._of(said_team).team_of == customer_id:
            team_id = TeamId(said_team)
        return Owner(customer_id, user_id, team_id, self._of(customer_id).captures)

    def _customer_of(self, whose: Mapping[str, str]) -> CustomerId | None:
        """A customer that is named counts alone: a wrong name is not made good by a user's."""
        said = whose.get("customer")
        if said is not None:
            return self._of(said.lower()).customer
        for part in _USER_NAMES:
            if (name := whose.get(part)) and (people := self._of(name.lower()).people):
                return people[0][0]
        return None

    def _person(self, customer_id: CustomerId, whose: Mapping[str, str]) -> tuple[UserId | None, TeamId | None]:
        for part in _USER_NAMES:
            if name := whose.get(part):
                for of_customer, user_id, team_id in self._of(name.lower()).people:
                    if of_customer == customer_id:
                        return user_id, team_id
        return None, None

    def _of(self, name: str) -> _Known:
        return self._known.get(name, _NOBODY)

    def _asked_at(self, name: str) -> float:
        known = self._known.get(name)
        return -BELIEVED_S * 2 + self._clock.monotonic() if known is None else known.asked_at

    async def _ask(self, names: list[str], now: float) -> None:
        async with self._database.connection() as connection:
            found = await _read(connection, names, now)
        if len(self._known) + len(found) > REMEMBERED:
            self._known.clear()
        self._known |= found


_NOBODY: Final = _Known(0.0)


def _names_in(sender: Sender, whose: Mapping[str, str]) -> Iterable[str]:
    if sender.fixed:
        return ()
    return {name.lower() for name in whose.values()}


async def _read(connection: Connection, names: list[str], now: float) -> dict[str, _Known]:
    people: dict[str, list[tuple[CustomerId, UserId, TeamId | None]]] = {}
    async for row in _sql.people_named(connection, names=names):
        for name in (row["id"], row["email"]):
            people.setdefault(name, []).append(_person(row))
    theirs = {customer_id for found in people.values() for customer_id, _, _ in found}
    names = sorted(theirs.union(names))
    customers = {row["id"]: row["captures"] async for row in _sql.customers_named(connection, names=names)}
    teams = {row["id"]: row["customer_id"] async for row in _sql.teams_named(connection, names=names)}
    return {
        name: _Known(
            now,
            people=tuple(people.get(name, ())),
            customer=CustomerId(name) if name in customers else None,
            captures=customers.get(name, False),
            team_of=teams.get(name),
        )
        for name in names
    }


def _person(row: Mapping[str, Any]) -> tuple[CustomerId, UserId, TeamId | None]:
    return CustomerId(row["customer_id"]), UserId(row["id"]), row["team_id"]
