"""Planning an import, and carrying it out. A key that was imported before is known by its tag and left alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Final

from tollhouse.access.keys import KeyTerms
from tollhouse.access.tags import LONGEST_TAG
from tollhouse.control.callers import Actor
from tollhouse.control.imports.openrouter import Source
from tollhouse.control.keys import service as keys
from tollhouse.control.keys.service import Owner
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.money import MAX_KEY_BUDGET_USD
from tollhouse.foundation.secrets import Secret

_TAG: Final = "openrouter:"
_LONGEST_NAME: Final = 200
_PLACES: Final = Decimal("0.0001")

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one key. `terms` None: nothing, and `notes` say why; else what could not be carried over."""

    source: Source
    terms: KeyTerms | None
    owner: Owner
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    step: Step
    raw_key: Secret


@dataclass(frozen=True, slots=True)
class _Known:
    """Who and what the customer has, by what they may be called."""

    people: Mapping[str, UserId]
    teams: Mapping[str, TeamId]
    tags: frozenset[str]


async def plan(connection: Connection, customer_id: CustomerId, sources: Sequence[Source], now: datetime) -> list[Step]:
    """What an import would do; changes nothing."""
    known = await _known(connection, customer_id)
    seen: set[str] = set()
    steps = []
    for source in sources:
        tag = tag_of(source)
        again = tag in known.tags or tag in seen
        seen.add(tag)
        steps.append(_skip(source, "was imported before") if again else _step(source, known, now))
    return steps


async def carry_out(connection: Connection, actor: Actor, steps: Sequence[Step]) -> list[Imported]:
    """Make the keys, all or none; the caller has the transaction."""
    made = []
    for step in steps:
        if step.terms is not None:
            issued = await keys.issue(connection, actor, step.owner, step.terms)
            made.append(Imported(step, Secret(issued.raw_key)))
    return made


def tag_of(source: Source) -> str:
    """How an imported key is known again."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in source.hash)
    return (_TAG + plain)[:LONGEST_TAG]


def _step(source: Source, known: _Known, now: datetime) -> Step:
    if source.limit is not None and source.limit > MAX_KEY_BUDGET_USD:
        return _skip(source, f"its limit of {source.limit} US dollars is more than a key can have")
    if source.expires_at is not None and source.expires_at <= now:
        return _skip(source, "has expired")
    owner, notes = _owner(source, known)
    terms = KeyTerms(
        name=source.name.strip()[:_LONGEST_NAME] or "imported",
        budget_usd=None if source.limit is None else source.limit.quantize(_PLACES, ROUND_UP),
        budget_reset=None if source.limit is None else source.reset,
        disabled=source.disabled,
        expires_at=source.expires_at,
        tags=(tag_of(source),),
    )
    return Step(source, terms, owner, (*notes, *source.lost))


def _owner(source: Source, known: _Known) -> tuple[Owner, tuple[str, ...]]:
    """By id, by e-mail address, or by a team's name; else the key is the customer's."""
    if source.team is not None and (team_id := known.teams.get(source.team.lower())):
        return Owner(team_id=team_id), ()
    if source.owner is not None and (user_id := known.people.get(source.owner.lower())):
        return Owner(user_id=user_id), ()
    whose = source.team or source.owner
    return Owner(), () if whose is None else (f"its owner {whose!r} is not known here",)


def _skip(source: Source, why: str) -> Step:
    return Step(source, None, Owner(), (why,))


async def _known(connection: Connection, customer_id: CustomerId) -> _Known:
    people: dict[str, UserId] = {}
    async for row in _sql.people_of_customer(connection, customer_id=customer_id):
        people |= {row["id"].lower(): UserId(row["id"]), row["email"]: UserId(row["id"])}
    teams: dict[str, TeamId] = {}
    async for row in _sql.teams_of_customer(connection, customer_id=customer_id):
        teams |= {row["id"].lower(): TeamId(row["id"]), row["name"]: TeamId(row["id"])}
    tags = frozenset(
        [row["tag"] async for row in _sql.imported_tags(connection, customer_id=customer_id, beginning=_TAG)]
    )
    return _Known(people, teams, tags)


def lines_of(steps: Sequence[Step]) -> Iterator[str]:
    """The report: a line a key, then how many of each."""
    for step in steps:
        what = "skipped " if step.terms is None else "imported"
        limit = "no limit" if step.terms is None or step.terms.budget_usd is None else f"{step.terms.budget_usd} USD"
        reset = step.terms.budget_reset if step.terms is not None and step.terms.budget_reset else "never"
        yield f"{what}  {step.source.name}  ({limit}, resets {reset})" + "".join(f"; {note}" for note in step.notes)
    done = sum(step.terms is not None for step in steps)
    yield f"{done} of {len(steps)} keys; each has a new secret, and its budget begins anew"
