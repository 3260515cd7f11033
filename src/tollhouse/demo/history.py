"""The demo's past: thirty days of calls and of what tools told, written once, through the doors that real calls use.

No table is written by hand. The emulated provider books each call and says what it truly cost by its own arithmetic;
the ledger is told by a worker of its own that asks for money, tells its journal and ends, like any other that was
long away; receipts and spans are made by the functions of the road (`gateway/records.py`). Only the times are old.
A call counts in a budget's present period if it was made in it; periods before that have no accounts, so older calls
count in none. Everything but the provider's part is one transaction, and the provider takes a call once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import httpx
import msgspec

from tollhouse.access import keys
from tollhouse.access.keys import KeySearch
from tollhouse.access.lookup import read_permit
from tollhouse.access.permits import Permit
from tollhouse.catalog.cost import cost
from tollhouse.catalog.models import Catalog
from tollhouse.control.context import ControlContext
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.demo.agents import Place, Whose, session_of
from tollhouse.demo.cast import DOMAIN, KEYS, SENDERS, Habit, SenderRole
from tollhouse.demo.days import PastCall, past_calls
from tollhouse.demo.fitting import Account, Priced, fit
from tollhouse.demo.passages import call_id_of, record_of, status_of
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.gateway.settle import tell as tell_people
from tollhouse.ledger import book, inspection
from tollhouse.ledger.protocol import Ask, FlushBatch, GrantOrder, Need, Owner
from tollhouse.ledger.records import Resolved, opened_at
from tollhouse.traces import rollups
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span

_AT_ONCE: Final = 500
_MOST_ACCOUNTS: Final = 1_000

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class _Calls:
    """What one key did: each call with its price, its id and its place in a trace."""

    permit: Permit
    habit: Habit
    calls: list[Priced]
    places: dict[int, Place]


async def write_history(context: ControlContext, customer_id: CustomerId, emulator_url: str) -> int:
    """Once; returns how many calls were written."""
    worker = WorkerId(f"demo-history-{customer_id}")
    async with context.database.transaction() as connection:
        if await book.marks(connection, worker):
            return 0
        end = await _sql.made_at(connection, customer_id=customer_id)
        owner = (await book.register(connection, worker)).owner
        told, spans = await _plan(connection, context.catalog, customer_id, end, owner)
        logs = await _bill(emulator_url, told)
        resolved = [
            record_of(context.catalog, one.permit, one.habit, priced, one.places.get(priced.call.number), logs)
            for one in told
            for priced in one.calls
        ]
        resolved.sort(key=lambda one: one.reserved.opened_us)
        await _book(connection, owner, resolved)
        for start in range(0, len(resolved), _AT_ONCE):
            await tell_people(connection, resolved[start : start + _AT_ONCE])
        await ingest(connection, spans)
        await keys.date_last_use(connection, customer_id, _last_use(resolved))
        await book.mark_recorded(connection, owner, owner.epoch, len(resolved))
        await book.close_epoch(connection, owner, owner.epoch, exact=True)
    while await rollups.fold(context.database):
        pass
    return len(resolved)


def _last_use(resolved: Iterable[Resolved]) -> dict[KeyId, datetime]:
    """By key; `resolved` in the order of time."""
    return {one.reserved.call.key_id: opened_at(one.reserved) for one in resolved}


async def _plan(
    connection: Connection, catalog: Catalog, customer_id: CustomerId, end: datetime, owner: Owner
) -> tuple[list[_Calls], list[Span]]:
    """Who did what, as far as it fits into the budgets; and what tools told of it."""
    accounts = await _accounts(connection, customer_id, owner)
    found = await keys.search(connection, customer_id, KeySearch(), end)
    by_name = {each.key.terms.name: each.key for each in found}
    told, spans = [], []
    for role in KEYS:
        key = by_name.get(role.terms.name)
        permit = None if key is None else await read_permit(connection, key.key_hash)
        if role.habit is None or key is None or permit is None:
            continue
        budgets = [accounts[budget.id] for budget in permit.budgets]
        calls = fit(catalog, role.habit, past_calls(role.terms.name, role.habit, end), budgets)
        whose = Whose(customer_id, key.user_id, key.team_id, key.id)
        places, made = _sessions(role.habit, whose, [call.call for call in calls])
        told.append(_Calls(permit, role.habit, calls, places))
        spans += made
    for sender in SENDERS:
        spans += await _of_sender(connection, catalog, customer_id, sender, end)
    return told, spans


async def _accounts(connection: Connection, customer_id: CustomerId, owner: Owner) -> dict[int, Account]:
    """Every budget's account in the period that is open; an order for nothing brings them up to the clock."""
    seen = await inspection.accounts(connection, customer_id=customer_id, most=_MOST_ACCOUNTS)
    wants = tuple(sorted((each.budget_id, Nanos(0)) for each in seen))
    await book.grant(connection, owner, GrantOrder(1, (), wants))
    return {
        each.budget_id: Account(
            each.budget_id, each.period_seq, each.scope.kind == "key", each.limit, _began(each.reset, each.resets_at),
            each.reset is not None, each.spent + each.leased + each.doubt,
        )
        for each in await inspection.accounts(connection, customer_id=customer_id, most=_MOST_ACCOUNTS)
    }  # fmt: skip


def _began(reset: str | None, resets_at: datetime | None) -> datetime | None:
    """When the present period began; None: it has no beginning."""
    if resets_at is None:
        return None
    if reset == "monthly":
        return (resets_at - timedelta(days=1)).replace(day=1)
    return resets_at - timedelta(days=7 if reset == "weekly" else 1)


def _sessions(habit: Habit, whose: Whose, calls: Sequence[PastCall]) -> tuple[dict[int, Place], list[Span]]:
    places: dict[int, Place] = {}
    spans: list[Span] = []
    if habit.session is not None:
        for _, group in _by_session(calls):
            told = session_of(habit.session, whose, list(group))
            places |= told.places
            spans += told.spans
    return places, spans


async def _of_sender(
    connection: Connection, catalog: Catalog, customer_id: CustomerId, sender: SenderRole, end: datetime
) -> list[Span]:
    """What a tool told of calls that it made elsewhere, with what it says that they cost."""
    row = await _sql.whose_by_email(connection, customer_id=customer_id, email=f"{sender.person}@{DOMAIN}")
    if row is None or sender.habit.session is None:
        return []
    whose = Whose(customer_id, row["user_id"], row["team_id"])
    spans: list[Span] = []
    for _, group in _by_session(past_calls(f"{sender.habit.session} of {sender.person}", sender.habit, end)):
        calls = list(group)
        costs = [_claimed(catalog, call) for call in calls]
        spans += session_of(sender.habit.session, whose, calls, costs).spans
    return spans


def _by_session(calls: Sequence[PastCall]) -> Iterable[tuple[int, Iterable[PastCall]]]:
    return groupby(sorted(calls, key=lambda call: (call.session or 0, call.at)), key=lambda call: call.session or 0)


def _claimed(catalog: Catalog, call: PastCall) -> int:
    model = catalog.find(call.use.provider, call.use.model)
    return 0 if model is None or model.price is None else cost(model.price, call.usage)


async def _bill(emulator_url: str, told: Sequence[_Calls]) -> Mapping[CallId, str]:
    """Let the provider book the calls; its log's ids, by call."""
    calls = [call_id_of(one.permit, priced.call) for one in told for priced in one.calls]
    orders = [_order(one, call) for one in told for call in one.calls]
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{emulator_url}/_emulator/past", content=msgspec.json.encode({"calls": orders}))
        answer.raise_for_status()
    ids: list[str] = answer.json()["log_ids"]
    return dict(zip(calls, ids, strict=True))


def _order(one: _Calls, priced: Priced) -> dict[str, object]:
    call, permit = priced.call, one.permit
    metadata = {"customer": permit.customer_id, "key_id": permit.key_id}
    named = {"user": permit.user_id, "team": permit.team_id}
    refused = call.fate in ("limited", "refused")
    return {
        "call_id": call_id_of(permit, call),
        "gateway": permit.gateway_id,
        "provider": call.use.provider,
        "model": call.use.model,
        "status": status_of(call),
        "usage": msgspec.to_builtins(call.usage) if not refused else None,
        "metadata": metadata | {name: value for name, value in named.items() if value is not None},
        "at_ms": int(call.at.timestamp() * 1000),
    }


async def _book(connection: Connection, owner: Owner, resolved: Sequence[Resolved]) -> None:
    """Ask for what the calls cost on every limited account, and tell the journal, a batch at a time."""
    sums: dict[int, int] = {}
    for one in resolved:
        for part in one.reserved.parts:
            if part.leased:
                sums[part.budget_id] = sums.get(part.budget_id, 0) + one.cost
    needs = tuple(Need(budget, Nanos(nanos), Nanos(nanos)) for budget, nanos in sorted(sums.items()) if nanos)
    if needs:
        wants = tuple((need.budget_id, need.amount) for need in needs)
        reply = await book.grant(connection, owner, GrantOrder(2, (Ask(needs),), wants))
        if reply.answers[0].verdict != "whole":
            raise RuntimeError(f"the demo's past does not fit into its budgets: {reply.answers[0]}")
    for start in range(0, len(resolved), _AT_ONCE):
        batch = tuple(resolved[start : start + _AT_ONCE])
        await book.flush(connection, owner, owner.epoch, FlushBatch(start, start + len(batch), batch, ()))
