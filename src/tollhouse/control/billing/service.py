"""How much of a customer's usage is where on its way to Stripe, and dead letters that a person sends again.

Nothing here changes an amount: a customer may have its usage sent, not decide what it is, nor that it was billed.
"""

from dataclasses import dataclass
from datetime import datetime

from tollhouse.billing.metering import OLDEST
from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.pages import place_cursor, read_place_cursor
from tollhouse.control.permissions import require
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import is_uuid
from tollhouse.usage import dead_letters
from tollhouse.usage.dead_letters import DeadLetter, ExportStanding


@dataclass(frozen=True, slots=True)
class LetterPage:
    """`next_cursor` None: this was the last page."""

    letters: list[DeadLetter]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Retried:
    """`left`: dead letters that stay: uncertain, too old, or more than one request takes."""

    events: int
    left: int


async def standing(database: Database, person: Person) -> ExportStanding:
    require(person, "billing.see")
    async with database.connection() as connection:
        return await dead_letters.standing(connection, person.customer_id)


async def page(database: Database, person: Person, *, most: int, cursor: str | None) -> LetterPage:
    """Newest first; raises BadRequest for a cursor that is not ours."""
    require(person, "billing.see")
    before = None if cursor is None else read_place_cursor(cursor, by_uuid=True)
    async with database.connection() as connection:
        found = await dead_letters.page(connection, person.customer_id, most=most + 1, before=before)
    last = found[most - 1] if len(found) > most else None
    return LetterPage(found[:most], None if last is None else place_cursor(last.dead_at, last.entry_id))


async def retry(context: ControlContext, person: Person, entry_id: str, *, may_count_twice: bool) -> DeadLetter:
    """It waits to be sent again; returns what it was. Raises NotFound, and Conflict when that would do harm or no good.

    `may_count_twice`: somebody has looked, or takes the risk, though Stripe may have counted it.
    """
    require(person, "billing.retry")
    async with context.database.transaction() as connection:
        letter = await _locked(connection, person, entry_id)
        _judge(letter, context.clock.now(), may_count_twice=may_count_twice)
        await dead_letters.revive(connection, person.customer_id, entry_id)
        before: audit.Record = {"dead": letter.kind, "reason": letter.reason}
        after: audit.Record = {"may_count_twice": may_count_twice}
        await audit.append(connection, person.actor, "usage_event.retry", entry_id, before=before, after=after)
    return letter


async def retry_all(context: ControlContext, person: Person) -> Retried:
    """All that Stripe has certainly not counted and would still take."""
    require(person, "billing.retry")
    async with context.database.transaction() as connection:
        not_before = context.clock.now() - OLDEST
        events = await dead_letters.revive_all(connection, person.customer_id, not_before=not_before)
        left = (await dead_letters.standing(connection, person.customer_id)).dead.events
        if events:
            after: audit.Record = {"events": events}
            await audit.append(connection, person.actor, "usage_event.retry_all", person.customer_id, after=after)
    return Retried(events, left)


async def close(context: ControlContext, person: Person, entry_id: str, reason: str) -> DeadLetter:
    """Its usage is billed: somebody has found it at Stripe, or billed it by hand. Raises NotFound.

    Only for operators: nobody else may say so of a bill.
    """
    require(person, "billing.retry")
    async with context.database.transaction() as connection:
        letter = await _locked(connection, person, entry_id)
        await dead_letters.close(connection, person.customer_id, entry_id, reason, context.clock.now())
        before: audit.Record = {"dead": letter.kind, "reason": letter.reason}
        after: audit.Record = {"reason": reason}
        await audit.append(connection, person.actor, "usage_event.close", entry_id, before=before, after=after)
    return letter


async def _locked(connection: Connection, person: Person, entry_id: str) -> DeadLetter:
    letter = await dead_letters.lock(connection, person.customer_id, entry_id) if is_uuid(entry_id) else None
    if letter is None:
        raise no_such_letter()
    return letter


def _judge(letter: DeadLetter, now: datetime, *, may_count_twice: bool) -> None:
    if letter.occurred_at <= now - OLDEST:
        raise Conflict(
            f"this happened more than {OLDEST.days} days ago, and Stripe takes it no more; bill it by hand",
            code="too_old_for_stripe",
        )
    if letter.kind == "uncertain" and not may_count_twice:
        raise Conflict(
            "Stripe may have counted this; look there first, and send `may_count_twice` if it is to be sent again",
            code="may_count_twice",
            param="may_count_twice",
        )


def no_such_letter() -> NotFound:
    return NotFound("there is no such dead letter", code="dead_letter_not_found")
