"""Prints a worker's journal for a person. Reads only, also beside a worker that is writing."""

from pathlib import Path
from typing import Final

import click

from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.money import exact_usd_string
from tollhouse.ledger import replay
from tollhouse.ledger.records import Carried, Record, Reserved, Resolved, Returned, opened_at
from tollhouse.ledger.replay import JournalError, Reader, Scan

_RECORDS_AT_ONCE: Final = 1000
_BYTES_AT_ONCE: Final = 4 << 20


def print_journal(path: Path, epoch: int | None, after: int) -> None:
    """All epochs in a slot's folder or its `journal`, or one of them. Raises StartupError when there is none."""
    folder = path / "journal" if (path / "journal").is_dir() else path
    found = [each for each in replay.epochs(folder) if epoch in (None, each)]
    if not found:
        raise StartupError(f"there is no such journal in {folder}")
    try:
        for each in found:
            _print_epoch(folder, each, after)
    except JournalError as error:
        raise StartupError(str(error)) from error


def _print_epoch(folder: Path, epoch: int, after: int) -> None:
    scan = replay.scan(folder, epoch)
    click.echo(f"epoch {epoch}: {_state(scan)}")
    if not scan.segments:
        return
    reader = Reader(scan.segments, max(after, scan.first - 1))
    while reader.passed < scan.last:
        for number, record in reader.read(_RECORDS_AT_ONCE, _BYTES_AT_ONCE, scan.last):
            click.echo(f"{number:>8}  {_line(record)}")


def _state(scan: Scan) -> str:
    ends = "ended cleanly" if scan.stopped else f"{len(scan.open)} calls open"
    whole = "" if scan.intact else "; DAMAGED: what follows the last record was lost"
    return f"records {scan.first} to {scan.last}, {ends}{whole}"


def _line(record: Record) -> str:
    if isinstance(record, Reserved):
        return f"reserved  {_call(record)}"
    if isinstance(record, Carried):
        return f"carried   {_call(record.reserved)}"
    if isinstance(record, Resolved):
        cost = exact_usd_string(record.cost)
        return f"resolved  {record.reserved.call.call_id}  {record.kind}  {cost} USD of {_amount(record.reserved)} held"
    if isinstance(record, Returned):
        amounts = "  ".join(f"{budget}/{period} {exact_usd_string(nanos)}" for budget, period, nanos in record.amounts)
        return f"returned  {amounts} USD"
    return "stopped"


def _call(reserved: Reserved) -> str:
    call = reserved.call
    budgets = " ".join(f"{p.budget_id}/{p.period_seq}{'' if p.leased else ' (unlimited)'}" for p in reserved.parts)
    at = opened_at(reserved)
    return (
        f"{call.call_id}  {_amount(reserved)} USD on {budgets}  {call.provider}/{call.model}  key {call.key_id}  "
        f"{at:%Y-%m-%d %H:%M:%S}"
    )


def _amount(reserved: Reserved) -> str:
    return exact_usd_string(reserved.amount)
