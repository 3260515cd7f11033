"""The outbox of usage events, for whoever sends them to a meter elsewhere: whose turn it is, what is due, how it went.

A *turn* is the right to send one customer's events for a while. It has no owner but time: a process that dies leaves it
to whoever comes when it is over. An event *waits*, is *sent*, or is a *dead letter* (see `dead_letters`). Taking an
event in hand writes down first that it may be at the meter from now on; only an answer that says otherwise takes that
back. A *name* is what the meter knows an event by: its entry, and a number once the meter has cast it out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.money import Nanos

DeadKind = Literal["refused", "reported", "uncertain", "too_old"]
"""Why an event is a dead letter: `refused` at once, `reported` by the meter after it was taken, or never taken before
it was `too_old`: none of these is counted there. `uncertain`: that is not known."""

MOST_GIVEN_UP: Final = 1_000

_TOO_OLD: Final = "older than Stripe takes: never sent"
_UNCERTAIN: Final = "no answer for as long as Stripe knows a repetition"
_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.([0-9]{1,6}))?(?:-[0-9]{1,6})?")

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A customer with events that wait. `ready`: some are due, it has an account, and nobody has its turn."""

    customer_id: CustomerId
    account_id: str | None
    ready: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """`failures`: turns in a row that went wrong before this one."""

    customer_id: CustomerId
    account_id: str
    failures: int
    until: datetime


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event in hand. `tried_before`: since when it may have been at the meter before this try; None: never.

    `claims` is the fence: what is said of it later counts only while nobody else took it in hand.
    """

    entry_id: str
    cost: Nanos
    occurred_at: datetime
    attempts: int
    claims: int
    key_round: int
    renamed: int
    tried_before: datetime | None

    @property
    def name(self) -> str:
        """What the meter knows it by, whoever sends it and however often."""
        return self.entry_id if not self.renamed else f"{self.entry_id}.{self.renamed}"

    @property
    def idempotency_key(self) -> str:
        """The same for all tries that were not answered. `read_name` reads it, too."""
        return f"{self.name}-{self.key_round}"


@dataclass(frozen=True, slots=True)
class NotSent:
    """How a try ended that was none, or went wrong. `error` None: the event was put back untouched.

    `unclear`: it may be at the meter. `new_key`: the meter would only repeat its answer to this key.
    """

    event: UsageEvent
    error: str | None = None
    due_at: datetime | None = None
    unclear: bool = False
    new_key: bool = False
    dead: DeadKind | None = None

    def told(self, now: datetime) -> dict[str, Any]:
        """As the statement reads it. Postgres' own word for long ago: an event that is due at once."""
        event = self.event
        return {
            "entry_id": event.entry_id,
            "claims": event.claims,
            "tries": int(self.error is not None),
            "due_at": "-infinity" if self.due_at is None else self.due_at.isoformat(),
            "key_round": event.key_round + self.new_key,
            "error": self.error,
            "unclear": self.unclear,
            "tried_before": None if event.tried_before is None else event.tried_before.isoformat(),
            "dead_at": None if self.dead is None else now.isoformat(),
            "dead_kind": self.dead,
        }


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart."""

    entry_id: str
    renamed: int


def read_name(text: str) -> Name | None:
    """Of an event's name, or of the idempotency key that it was sent with; None: it is none of ours."""
    found = _NAME.fullmatch(text)
    return None if found is None else Name(found[1], int(found[2] or 0))


# Turns -----------------------------------------------------------------------------------------------------


async def waiting(connection: Connection, after: str, now: datetime, *, most: int) -> list[Waiting]:
    """The next customers with waiting events, by id, beyond `after`; fewer than `most`: these were the last ones."""
    rows = _sql.waiting_customers(connection, after=after, now=now, most=most)
    return [Waiting(CustomerId(row["customer_id"]), row["account_id"], row["ready"]) async for row in rows]


async def take_turns(
    connection: Connection, accounts: Mapping[CustomerId, str], now: datetime, until: datetime
) -> list[Turn]:
    """The turns of those customers that nobody else has; `accounts`: where each is billed."""
    rows = _sql.take_turns(connection, customer_ids=list(accounts), now=now, until=until)
    return [
        Turn(CustomerId(row["customer_id"]), accounts[CustomerId(row["customer_id"])], row["failures"], until)
        async for row in rows
    ]


async def end_turn(connection: Connection, turn: Turn, due_at: datetime, error: str | None) -> None:
    """Nobody has the next one before `due_at`. `error`: why this one ended early."""
    await _sql.end_turn(connection, customer_id=turn.customer_id, until=turn.until, due_at=due_at, error=error)


# Events ----------------------------------------------------------------------------------------------------


async def take(
    connection: Connection,
    customer_id: CustomerId,
    now: datetime,
    *,
    not_before: datetime,
    tried_since: datetime,
    most: int,
) -> list[UsageEvent]:
    """The next due events, written down as perhaps sent. None that occurred `not_before` or earlier, and none that may
    be at the meter since before `tried_since`."""
    rows = _sql.take_events(
        connection, customer_id=customer_id, now=now, not_before=not_before, tried_since=tried_since, most=most
    )
    return [_event(row) async for row in rows]


async def sent(connection: Connection, customer_id: CustomerId, entry_ids: Sequence[str], now: datetime) -> int:
    """The meter has them; of how many that was not known."""
    return int(await _sql.events_sent(connection, customer_id=customer_id, entry_ids=list(entry_ids), now=now))


async def not_sent(connection: Connection, tries: Sequence[NotSent], now: datetime) -> None:
    await _sql.events_not_sent(connection, told=[one.told(now) for one in tries])


async def give_up(connection: Connection, now: datetime, *, not_before: datetime, tried_since: datetime) -> int:
    """Make dead letters of some events that the meter takes no more or may have had for too long; how many."""
    old = await _sql.give_up_old(connection, now=now, not_before=not_before, reason=_TOO_OLD, most=MOST_GIVEN_UP)
    unclear = await _sql.give_up_uncertain(
        connection, now=now, tried_since=tried_since, reason=_UNCERTAIN, most=MOST_GIVEN_UP
    )
    return int(old) + int(unclear)


async def cast_out(connection: Connection, name: Name, reason: str, now: datetime) -> CustomerId | None:
    """The meter does not count an event that it took. None: we have no such event, or knew it before."""
    row = await _sql.cast_out(connection, entry_id=name.entry_id, renamed=name.renamed, reason=reason, now=now)
    return None if row is None else CustomerId(row["customer_id"])


def _event(row: Mapping[str, Any]) -> UsageEvent:
    return UsageEvent(
        entry_id=row["entry_id"],
        cost=Nanos(row["cost_nanos"]),
        occurred_at=row["occurred_at"],
        attempts=row["attempts"],
        claims=row["claims"],
        key_round=row["key_round"],
        renamed=row["renamed"],
        tried_before=row["tried_before"],
    )
