"""Our book beside Cloudflare's logs, where there are any. Lists differences; applies nothing.

A row of theirs belongs to a call of ours by Cloudflare's log id, or, for calls whose process died before it heard of
that, by our own id in the row's metadata. Their costs are estimates from their own price table: a difference is a
reason to look, not a proof.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from tollhouse.cloudflare.api import ManagementError
from tollhouse.cloudflare.call_logs import CallLog, GatewayLogs
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.permissions import require
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import BadGateway, Conflict, Unprocessable
from tollhouse.foundation.ids import CallId, CustomerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import corrections
from tollhouse.usage import metered
from tollhouse.usage.metered import MeteredCall

DifferenceKind = Literal["cost", "tokens", "no_log", "no_receipt"]

LONGEST: Final = timedelta(days=31)
MOST_CALLS: Final = 200_000
# A row may carry the time at which a call ended, ours is when it began; no call lasts longer than six hours.
_MARGIN: Final = timedelta(hours=6)
# Their costs are floats of dollars, rounded who knows how.
_TOLERANCE: Final = 1_000
_CALLS_AT_ONCE: Final = 1_000
_BEFORE_ALL: Final = CallId("00000000-0000-0000-0000-000000000000")

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Side:
    """What one book says of a call. None: it does not say."""

    cost: Nanos | None
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """`ours` None: a row without a call of ours (`no_receipt`). `theirs` None: a call without a row (`no_log`)."""

    kind: DifferenceKind
    at: datetime
    model: str
    call_id: str | None
    log_id: str | None
    ours: Side | None
    theirs: Side | None


@dataclass(slots=True)
class Reconciliation:
    """Of calls begun in [since, until). `kept`: the gateway writes rows at present; `offered`: the account has such an
    API at all. `cut`: there were more calls or rows than are compared at once. `unlogged` calls have no row; they
    count as differences only where rows are kept."""

    since: datetime
    until: datetime
    kept: bool
    offered: bool
    cut: bool = False
    calls: int = 0
    rows: int = 0
    agreed: int = 0
    unlogged: int = 0
    differences: list[Difference] = field(default_factory=list)


async def reconcile(context: ControlContext, person: Person, since: datetime, until: datetime) -> Reconciliation:
    """Raises Conflict without a gateway, BadGateway when Cloudflare does not answer, Unprocessable for such times."""
    require(person, "ledger.reconcile")
    if not timedelta(0) < until - since <= LONGEST:
        raise Unprocessable(f"the end must be after the beginning, by at most {LONGEST.days} days", param="until")
    logs = await _read_logs(context, person.customer_id, since, until)
    found = Reconciliation(since, until, logs.kept, logs.offered, cut=logs.cut)
    comparison = _Comparison(found, logs.rows)
    async with context.database.connection() as connection:
        await _read_calls(connection, person.customer_id, comparison)
    comparison.finish()
    return found


async def _read_logs(context: ControlContext, customer_id: CustomerId, since: datetime, until: datetime) -> GatewayLogs:
    async with context.database.connection() as connection:
        gateway = await _sql.gateway_of_customer(connection, customer_id=customer_id)
    if context.management is None or gateway is None or None in tuple(gateway):
        raise Conflict("there is no gateway of this customer whose logs could be read", code="gateway_not_ready")
    try:
        account_id, gateway_id = gateway
        return await context.management.logs(account_id, gateway_id, since - _MARGIN, until + _MARGIN)
    except ManagementError as cause:
        raise BadGateway(f"the logs could not be read: {cause.text}", code="cloudflare_error") from cause


async def _read_calls(connection: Connection, customer_id: CustomerId, comparison: "_Comparison") -> None:
    """Page by page, with what corrections made of their cost."""
    found = comparison.found
    after, until = (found.since - _MARGIN, _BEFORE_ALL), found.until + _MARGIN
    read = 0
    while read < MOST_CALLS:
        page = await metered.metered_calls(connection, customer_id, after=after, until=until, most=_CALLS_AT_ONCE)
        days = {call.call_id: call.day for call in page}
        adjusted = await corrections.adjusted(connection, customer_id, days)
        for call in page:
            comparison.take(call, Nanos(call.cost + adjusted.get(call.call_id, 0)))
        if len(page) < _CALLS_AT_ONCE:
            return
        after = (page[-1].at, page[-1].call_id)
        read += len(page)
    found.cut = True


class _Comparison:
    """Takes our calls one by one; rows that nobody asked for are left over."""

    def __init__(self, found: Reconciliation, rows: Iterable[CallLog]) -> None:
        self.found = found
        self._rows = {row.id: row for row in rows}
        self._by_call = {row.call_id: row.id for row in self._rows.values() if row.call_id is not None}
        found.rows = sum(self._counts(row.at) for row in self._rows.values())

    def take(self, call: MeteredCall, cost: Nanos) -> None:
        named = call.log_id if call.log_id in self._rows else self._by_call.get(call.call_id)
        row = None if named is None else self._rows.pop(named, None)
        if not self._counts(call.at):
            return
        self.found.calls += 1
        ours = Side(cost, call.tokens_in, call.tokens_out)
        if row is not None:
            self._compare(call, ours, row)
            return
        self.found.unlogged += 1
        if self.found.kept and self.found.offered:
            difference = Difference("no_log", call.at, call.model, call.call_id, call.log_id, ours, None)
            self.found.differences.append(difference)

    def finish(self) -> None:
        for row in sorted(self._rows.values(), key=lambda row: row.at):
            if self._counts(row.at):
                difference = Difference("no_receipt", row.at, row.model, row.call_id, row.id, None, _theirs(row))
                self.found.differences.append(difference)

    def _compare(self, call: MeteredCall, ours: Side, row: CallLog) -> None:
        kinds = _differences(ours, _theirs(row))
        if not kinds:
            self.found.agreed += 1
        for kind in kinds:
            difference = Difference(kind, call.at, call.model, call.call_id, row.id, ours, _theirs(row))
            self.found.differences.append(difference)

    def _counts(self, at: datetime) -> bool:
        return self.found.since <= at < self.found.until


def _differences(ours: Side, theirs: Side) -> list[DifferenceKind]:
    kinds: list[DifferenceKind] = []
    if ours.cost is not None and theirs.cost is not None and abs(ours.cost - theirs.cost) > _TOLERANCE:
        kinds.append("cost")
    tokens = ((ours.tokens_in, theirs.tokens_in), (ours.tokens_out, theirs.tokens_out))
    if any(mine is not None and other is not None and mine != other for mine, other in tokens):
        kinds.append("tokens")
    return kinds


def _theirs(row: CallLog) -> Side:
    return Side(row.cost, row.tokens_in, row.tokens_out)
