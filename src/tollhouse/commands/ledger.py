"""`tollhouse ledger`: look at the book, prove that it is right, correct it, compare it with Cloudflare's logs."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import click

from tollhouse.access import lookup
from tollhouse.commands.journal import print_journal
from tollhouse.commands.terminal import operator, with_control, with_settings
from tollhouse.control.context import ControlContext
from tollhouse.control.ledger import reconcile, service
from tollhouse.control.ledger.reconcile import Difference, Reconciliation, Side
from tollhouse.control.ledger.service import Wanted
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import NotFound
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, is_uuid
from tollhouse.foundation.money import Nanos, exact_usd_string, usd_to_nanos
from tollhouse.ledger import inspection, verification
from tollhouse.ledger.inspection import Account, Entry
from tollhouse.settings import Settings
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

MOST_ACCOUNTS: Final = 10_000
_TIME: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group("ledger")
def ledger_group() -> None:
    """Look at the book of what was spent, prove that it is right, correct it."""


# Proving ---------------------------------------------------------------------------------------------------


@ledger_group.command("verify")
@with_settings
def verify(read: Settings) -> None:
    """Read the whole book: rules, sums and seals. Ends with status 1 and a line for each thing that is wrong."""

    async def work(context: ControlContext) -> None:
        found = await verification.verify(context.database)
        seals = "no day is sealed yet"
        if found.newest is not None:
            seals = f"{found.days} days are sealed, the last is {found.newest.day}: {found.newest.hash.hex()}"
        click.echo(f"{found.entries} entries were read; {seals}")
        _say_each(found.flaws)
        if found.flaws:
            sys.exit(1)
        click.echo("the book is right")

    with_control(read, work)


# Looking ---------------------------------------------------------------------------------------------------


@ledger_group.command("show")
@click.option("--customer", help="The customer's id.")
@click.option("--key", "key_hash", help="The key's hash, as `tollhouse keys list` shows it.")
@click.option("--budget", "budget_id", type=click.IntRange(1, 2**63 - 1), help="The budget's number.")
@click.option("--call", "call_id", help="A call's id: its entries and its receipt.")
@with_settings
def show(
    read: Settings, customer: str | None, key_hash: str | None, budget_id: int | None, call_id: str | None
) -> None:
    """Show accounts with limit, spent, leased and doubt; or one call. Without options, all accounts."""

    async def work(context: ControlContext) -> None:
        async with context.database.connection() as connection:
            if call_id is not None:
                _say_each(await _call_lines(connection, call_id))
                return
            key_id = None if key_hash is None else await _key_id(connection, key_hash)
            customer_id = None if customer is None else CustomerId(customer)
            found = await inspection.accounts(
                connection, customer_id=customer_id, key_id=key_id, budget_id=budget_id, most=MOST_ACCOUNTS
            )
        _say_each(_account_line(account) for account in found)
        if len(found) == MOST_ACCOUNTS:
            click.echo(f"these are the first {MOST_ACCOUNTS}; name a customer, a key or a budget", err=True)
        if not found:
            raise NotFound("there is no such account")

    with_control(read, work)


async def _key_id(connection: Connection, key_hash: str) -> KeyId:
    permit = await lookup.read_permit(connection, key_hash)
    if permit is None:
        raise NotFound("there is no such key")
    return permit.key_id


async def _call_lines(connection: Connection, call_id: str) -> list[str]:
    entries = await _entries(connection, call_id)
    receipt = await receipts.find(connection, entries[0].customer_id, entries[0].call_id)
    total = exact_usd_string(sum(entry.cost for entry in entries))
    told = ["no receipt (yet)"] if receipt is None else _receipt_lines(receipt)
    return [*map(_entry_line, entries), f"in sum {total} USD", *told]


async def _entries(connection: Connection, call_id: str) -> list[Entry]:
    found = await inspection.entries_of_call(connection, CallId(call_id)) if is_uuid(call_id) else []
    if not found:
        raise NotFound("the book has no entry of this call (yet)")
    return found


def _account_line(account: Account) -> str:
    limit = "none" if account.limit is None else exact_usd_string(account.limit)
    ends = "" if account.resets_at is None else f" until {account.resets_at:%Y-%m-%d %H:%M}"
    whose = f"{account.scope.kind} {account.scope.id}  {_kind(account)}"
    return (
        f"budget {account.budget_id}  {whose}  period {account.period_seq}{ends}"
        f"  limit {limit}  spent {exact_usd_string(account.spent)}  leased {exact_usd_string(account.leased)}"
        f"  doubt {exact_usd_string(account.doubt)}  overrun {exact_usd_string(account.overrun)}"
    )


def _kind(account: Account) -> str:
    words = [account.slot]
    if account.model_pattern:
        words.append(f"for {account.model_pattern}")
    if account.ended:
        words.append("(ended)")
    return " ".join(words)


def _entry_line(entry: Entry) -> str:
    accounts = " ".join(f"{budget}/{period}" for budget, period in entry.accounts)
    why = "" if entry.reason is None else f"  by {entry.actor}: {entry.reason}"
    return (
        f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.kind:<9}  {exact_usd_string(entry.cost)} USD of "
        f"{exact_usd_string(entry.reserved)} held  {entry.provider}/{entry.model}  budgets {accounts}{why}"
    )


def _receipt_lines(receipt: Receipt) -> list[str]:
    read = f"{receipt.input_tokens} in ({receipt.cached_tokens} cached, {receipt.cache_write_tokens} written)"
    return [
        f"receipt: {receipt.outcome}, status {receipt.upstream_status}, usage from {receipt.usage_source}",
        f"tokens: {read}, {receipt.output_tokens} out ({receipt.reasoning_tokens} reasoning)",
        f"began {receipt.started_at:%Y-%m-%d %H:%M:%S}, took {receipt.duration_ms} ms",
        f"trace {receipt.trace_id}, Cloudflare's log {receipt.cf_log_id}",
    ]


@ledger_group.command("journal")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--epoch", type=click.IntRange(1), help="Only this life of the worker.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only records with higher numbers.")
def journal(path: Path, epoch: int | None, after: int) -> None:
    """Print a worker's journal: PATH is a slot, such as .tollhouse/workers/0. Changes nothing."""
    print_journal(path, epoch, after)


# Correcting ------------------------------------------------------------------------------------------------


@ledger_group.command("adjust")
@click.argument("call_id")
@click.option("--cost-usd", required=True, help="What the call really cost, as a whole: for example 0.0042.")
@click.option("--reason", required=True, help="Why; the book and the audit log keep it.")
@click.option("--again", is_flag=True, help="Needed for a call that was adjusted before.")
@with_settings
def adjust(read: Settings, call_id: str, cost_usd: str, reason: str, again: bool) -> None:
    """Book what a call really cost; what its customer is billed follows."""
    wanted = Wanted(call_id, _nanos(cost_usd), _reason(reason), again=again)

    async def work(context: ControlContext) -> None:
        async with context.database.connection() as connection:
            customer_id = (await _entries(connection, call_id))[0].customer_id
        done = await service.adjust(context.database, operator(customer_id), wanted, billed=True)
        click.echo(f"booked {exact_usd_string(done.adjustment.difference)} USD as entry {done.adjustment.entry_id}")

    with_control(read, work)


def _nanos(text: str) -> Nanos:
    try:
        return usd_to_nanos(Decimal(text))
    except InvalidOperation as cause:
        raise click.BadParameter(f"{text!r} is not an amount of US dollars", param_hint="--cost-usd") from cause


def _reason(text: str) -> str:
    if not 3 <= len(text.strip()) <= 500 or not text.isprintable():
        raise click.BadParameter("must be one line of 3 to 500 characters", param_hint="--reason")
    return text.strip()


# Comparing -------------------------------------------------------------------------------------------------


@ledger_group.command("reconcile")
@click.option("--customer", required=True, help="The customer's id.")
@click.option("--from", "since", type=_TIME, required=True, help="UTC; calls begun from then on.")
@click.option("--to", "until", type=_TIME, required=True, help="UTC; calls begun before.")
@with_settings
def reconcile_command(read: Settings, customer: str, since: datetime, until: datetime) -> None:
    """List where our book and Cloudflare's logs differ. Changes nothing."""

    async def work(context: ControlContext) -> None:
        begin, end = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
        found = await reconcile.reconcile(context, operator(customer), begin, end)
        _say_each(_summary(found))
        _say_each(_difference_line(difference) for difference in found.differences)

    with_control(read, work)


def _summary(found: Reconciliation) -> list[str]:
    counts = f"{found.agreed} agree, {found.unlogged} calls have no row, {len(found.differences)} differences"
    lines = [f"{found.calls} calls of ours, {found.rows} rows of Cloudflare's: {counts}"]
    if not found.offered:
        lines.append("this Cloudflare account offers no logs to read, so nothing was compared")
    elif not found.kept:
        lines.append("this gateway keeps no logs (collect_logs is off, as Tollhouse sets it up)")
    if found.cut:
        lines.append("there was more than is compared at once: choose a shorter time")
    return lines


def _difference_line(difference: Difference) -> str:
    names = f"call {difference.call_id}  log {difference.log_id}  {difference.model}"
    return (
        f"{difference.kind:<10}  {difference.at:%Y-%m-%d %H:%M:%S}  {names}  ours {_side(difference.ours)}"
        f"  Cloudflare's {_side(difference.theirs)}"
    )


def _side(side: Side | None) -> str:
    if side is None:
        return "none"
    cost = "unknown" if side.cost is None else f"{exact_usd_string(side.cost)} USD"
    return f"{cost} for {side.tokens_in}+{side.tokens_out} tokens"


def _say_each(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
