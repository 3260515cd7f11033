"""Looking after a customer's book: what is wrong with it, what is in doubt, and corrections by people.

Every correction writes its audit line in the same transaction. A customer's own correction changes budgets only: nobody
writes their own bill. An operator's also writes a usage event, so that what is billed follows.
"""

from dataclasses import dataclass

from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.pages import place_cursor, read_place_cursor
from tollhouse.control.permissions import require
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound, TollhouseError
from tollhouse.foundation.ids import CallId, CustomerId, is_uuid
from tollhouse.foundation.money import Nanos, exact_usd_string
from tollhouse.ledger import corrections, inspection
from tollhouse.ledger.budgets import Breach
from tollhouse.ledger.corrections import Adjustment, Corrected, Correction, Released
from tollhouse.ledger.inspection import BookStanding, InDoubt
from tollhouse.traces import rollups
from tollhouse.traces.rollups import CostChange
from tollhouse.usage import metered, receipts
from tollhouse.usage.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Audit:
    """`breaches` must be empty."""

    breaches: list[Breach]
    standing: BookStanding


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Something in doubt, with the receipt if it is a call that has one (yet)."""

    what: InDoubt
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class DoubtPage:
    """`next_cursor` None: this was the last page."""

    items: list[Doubtful]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class AdjustmentPage:
    adjustments: list[Adjustment]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A correction as a person asks for it. `cost` is what the call really cost, as a whole."""

    call_id: str
    cost: Nanos
    reason: str
    again: bool = False
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """`repeated`: this request was carried out before, nothing was booked now."""

    adjustment: Adjustment
    repeated: bool


# Looking ---------------------------------------------------------------------------------------------------


async def examine(database: Database, person: Person) -> Audit:
    require(person, "ledger.audit")
    async with database.connection() as connection:
        breaches = await inspection.audit_of(connection, person.customer_id)
        return Audit(breaches, await inspection.standing(connection, person.customer_id))


async def in_doubt(database: Database, person: Person, *, most: int, cursor: str | None) -> DoubtPage:
    """Newest first; raises BadRequest for a cursor that is not ours."""
    require(person, "ledger.in_doubt")
    before = None if cursor is None else read_place_cursor(cursor)
    async with database.connection() as connection:
        found = await inspection.in_doubt(connection, person.customer_id, most=most + 1, before=before)
        calls = [item.call_id for item in found if item.call_id is not None]
        known = await receipts.of_calls(connection, person.customer_id, calls)
    page = [Doubtful(item, None if item.call_id is None else known.get(item.call_id)) for item in found[:most]]
    last = found[most - 1] if len(found) > most else None
    return DoubtPage(page, None if last is None else place_cursor(last.at, last.name))


async def adjustments(database: Database, person: Person, *, most: int, cursor: str | None) -> AdjustmentPage:
    """Newest first; raises BadRequest for a cursor that is not ours."""
    require(person, "ledger.list_adjustments")
    before = None if cursor is None else read_place_cursor(cursor, by_uuid=True)
    async with database.connection() as connection:
        found = await corrections.adjustments(connection, person.customer_id, most=most + 1, before=before)
    last = found[most - 1] if len(found) > most else None
    return AdjustmentPage(found[:most], None if last is None else place_cursor(last.at, last.entry_id))


# Correcting ------------------------------------------------------------------------------------------------


async def adjust(database: Database, person: Person, wanted: Wanted, *, billed: bool = False) -> Adjusted:
    """Raises NotFound without an entry, Conflict when the call was adjusted before or the request key used.

    `billed`: what the customer is billed changes too.
    """
    require(person, "ledger.adjust")
    if not is_uuid(wanted.call_id):
        raise _no_such_call()
    correction = Correction(
        CallId(wanted.call_id.lower()),
        wanted.cost,
        wanted.reason,
        person.actor.name,
        again=wanted.again,
        request_key=wanted.request_key,
    )
    async with database.transaction() as connection:
        corrected = await corrections.adjust(connection, person.customer_id, correction)
        if corrected.adjustment is None:
            raise _refusal(corrected)
        if corrected.outcome == "booked":
            made = corrected.adjustment
            await _write_down(connection, person, made, corrected.before)
            await _tell_reports(connection, person.customer_id, made)
            if billed:
                await metered.write_adjustment_event(
                    connection, person.customer_id, made.entry_id, made.difference, made.at
                )
    return Adjusted(corrected.adjustment, repeated=corrected.outcome == "repeated")


async def _write_down(connection: Connection, person: Person, made: Adjustment, before: Nanos) -> None:
    await audit.append(
        connection,
        person.actor,
        "ledger.adjust",
        made.call_id,
        before={"cost_nanos": before},
        after={"cost_nanos": before + made.difference, "entry_id": made.entry_id, "reason": made.reason},
    )


async def _tell_reports(connection: Connection, customer_id: CustomerId, made: Adjustment) -> None:
    receipt = await receipts.find(connection, customer_id, made.call_id)
    change = CostChange(
        customer_id=customer_id,
        provider=made.provider,
        model=made.model,
        user_id=made.user_id,
        team_id=made.team_id,
        key_id=made.key_id,
        entry_day=made.day,
        began_at=None if receipt is None else receipt.started_at,
        difference=made.difference,
    )
    await rollups.change_cost(connection, change)


async def release(database: Database, person: Person, budget_id: int, nanos: Nanos | None, reason: str) -> Released:
    """Give up on doubtful leases of a budget, in part or (`nanos` None) all that can be. Raises NotFound, Conflict."""
    require(person, "ledger.release_doubt")
    async with database.transaction() as connection:
        released = await corrections.release_doubt(connection, person.customer_id, budget_id, nanos)
        if released is None:
            raise NotFound("there is no such budget", code="budget_not_found", param="budget_id")
        if not released.leases:
            raise _nothing_to_release(released)
        after: audit.Record = {"released_nanos": released.released, "leases": released.leases, "reason": reason}
        await audit.append(connection, person.actor, "ledger.release_doubt", str(budget_id), after=after)
    return released


def _refusal(corrected: Corrected) -> TollhouseError:
    match corrected.outcome:
        case "again":
            return Conflict(
                'this call was adjusted before; send `"again": true` if you mean to do it once more',
                code="already_adjusted",
                param="again",
            )
        case "reused":
            return Conflict("this Idempotency-Key was used for another adjustment", code="idempotency_key_reused")
        case _:
            return _no_such_call()


def _no_such_call() -> NotFound:
    return NotFound("the book has no entry of this call (yet)", code="call_not_found", param="call_id")


def _nothing_to_release(released: Released) -> Conflict:
    can, waits = exact_usd_string(released.releasable), exact_usd_string(released.waiting)
    return Conflict(
        f"of this budget {can} USD can be released; {waits} USD more is in the hands of workers that fell silent less "
        "than a day ago and may come back",
        code="not_in_doubt",
        param="amount_usd",
    )
