"""The verdict: what the ledger wrote down against what the provider truly billed, call by call and scope by scope.

Truth is the emulator's state file, which has every call however long the campaign was.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from campaigns.ground import Ground
from campaigns.load import Tally
from campaigns.result import Result
from tollhouse.db.pool import Database
from tollhouse.emulator.state_file import CallBooked, Record

ENTRIES_WITHIN_S: Final = 30.0
_STATISTICS_S: Final = 1.2
_SHOWN: Final = 3

_decoder: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the provider billed for each call, and which calls came to it more than once."""

    cost: Mapping[str, int]
    repeated: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(self.cost.values())


@dataclass(slots=True)
class Booked:
    """What the ledger says of one call. `cost`: with its adjustments."""

    kinds: list[str] = field(default_factory=list)
    cost: int = 0
    reserved: int = 0
    accounts: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """One budget in one period."""

    limit: int | None
    spent: int
    set_aside: int
    doubt: int
    scope_id: str


def truth_of(state: Path) -> Truth:
    times: Counter[str] = Counter()
    cost: dict[str, int] = defaultdict(int)
    with state.open("rb") as lines:
        for line in lines:
            record = _decoder.decode(line)
            if isinstance(record, CallBooked):
                call_id = record.row.call_id or ""
                times[call_id] += 1
                cost[call_id] += record.row.true_cost_nanos
    return Truth(dict(cost), tuple(call_id for call_id, count in times.items() if count > 1))


async def entries_of(database: Database) -> dict[str, Booked]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT call_id::text, kind, cost_nanos, reserved_nanos, budgets, periods FROM ledger_entries"
        )
    return fold(rows)


def fold(rows: Iterable[Any]) -> dict[str, Booked]:
    booked: dict[str, Booked] = defaultdict(Booked)
    for row in rows:
        call = booked[row["call_id"]]
        call.cost += row["cost_nanos"]
        if row["kind"] != "adjust":
            call.kinds.append(row["kind"])
            call.reserved = row["reserved_nanos"]
            call.accounts = tuple(zip(row["budgets"], row["periods"], strict=True))
    return dict(booked)


async def accounts_of(database: Database) -> dict[tuple[int, int], Account]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT a.*, b.scope_id FROM ledger_accounts a JOIN ledger_budgets b USING (budget_id)"
        )
    return {
        (row["budget_id"], row["period_seq"]): Account(
            row["limit_nanos"],
            row["spent_nanos"],
            row["leased_nanos"],
            row["doubt_nanos"],
            row["scope_id"],
        )
        for row in rows
    }


async def set_aside(database: Database, scope_id: str) -> int:
    """Nano-USD of one scope that are in holds or leases."""
    accounts = (await accounts_of(database)).values()
    return sum(account.set_aside for account in accounts if account.scope_id == scope_id)


async def provider_is_quiet(ground: Ground, within_s: float = 60.0) -> None:
    """A provider bills after its caller has left: until nothing is in flight there."""
    async with asyncio.timeout(within_s), httpx.AsyncClient(base_url=ground.emulator.url, timeout=30) as client:
        while (await client.get("/_emulator/book")).json()["in_flight"]:
            await asyncio.sleep(0.1)


async def complete_entries(database: Database, truth: Truth, within_s: float = ENTRIES_WITHIN_S) -> dict[str, Booked]:
    """The entries once all the provider's calls are among them, or when that takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        booked = await entries_of(database)
        if truth.cost.keys() <= booked.keys() or loop.time() > deadline:
            return booked
        await asyncio.sleep(0.5)


async def examine(
    ground: Ground, result: Result, *, provider_lies: bool = False, killed: bool = False
) -> dict[str, Booked]:
    """Wait for quiet, compare, stop the nodes, look at what stays. Adds figures and broken promises to the result.

    `provider_lies`: some usages were reported wrong, so entries need not equal the true cost. `killed`: processes died,
    so calls may be in doubt.
    """
    await provider_is_quiet(ground)
    truth = truth_of(ground.state)
    booked = await complete_entries(ground.database, truth)
    statuses = await ground.stop_nodes()
    result.expect(not any(statuses), f"nodes ended with {statuses} at a clean stop")
    compare(result, truth, booked, provider_lies=provider_lies)
    judge_accounts(result, truth, booked, await accounts_of(ground.database))
    await judge_database(result, ground.database)
    if not killed:
        result.expect(not result.figures["in doubt"], "calls in doubt although nothing failed")
    return booked


def compare(
    result: Result,
    truth: Truth,
    booked: Mapping[str, Booked],
    *,
    provider_lies: bool = False,
    may_miss: Collection[str] = (),
) -> None:
    """Call by call. `may_miss`: calls whose records a disk may have lost."""
    missing = [call for call, cost in truth.cost.items() if cost and call not in booked]
    duplicates = [call for call, entry in booked.items() if len(entry.kinds) != 1]
    wrong = (
        []
        if provider_lies
        else [call for call, entry in booked.items() if not _is_right(entry, truth.cost.get(call, 0))]
    )
    kinds = Counter(kind for entry in booked.values() for kind in entry.kinds)
    result.figures |= {
        "provider's calls": len(truth.cost),
        "entries": len(booked),
        "in doubt": kinds["in_doubt"],
        "missing": len(missing),
        "duplicates": len(duplicates) + len(truth.repeated),
        "wrong": len(wrong),
        "true USD": truth.total / 1e9,
    }
    unexplained = [call for call in missing if call not in may_miss]
    result.expect(not unexplained, f"{len(unexplained)} calls without an entry, {unexplained[:_SHOWN]}")
    result.expect(not duplicates, f"{len(duplicates)} calls with more than one entry, {duplicates[:_SHOWN]}")
    result.expect(not truth.repeated, f"{len(truth.repeated)} calls were sent twice, {truth.repeated[:_SHOWN]}")
    result.expect(not wrong, f"{len(wrong)} entries differ from the book, {wrong[:_SHOWN]}")


def _is_right(entry: Booked, true: int) -> bool:
    return entry.cost == true if entry.kinds == ["exact"] else entry.cost >= true


def judge_accounts(
    result: Result,
    truth: Truth,
    booked: Mapping[str, Booked],
    accounts: Mapping[tuple[int, int], Account],
    *,
    may_doubt: bool = False,
) -> None:
    """Scope by scope and period by period: the true cost of the calls that counted there against the limit."""
    true_of: dict[tuple[int, int], int] = defaultdict(int)
    for call, entry in booked.items():
        for account in entry.accounts:
            true_of[account] += truth.cost.get(call, 0)
    over = {
        place: true_of[place] - account.limit
        for place, account in accounts.items()
        if account.limit is not None and true_of[place] > account.limit
    }
    left = sum(account.set_aside for account in accounts.values())
    doubt = sum(account.doubt for account in accounts.values())
    result.figures |= {"accounts": len(accounts), "overspend nUSD": max(over.values(), default=0)}
    result.expect(not over, f"overspent accounts: {over}")
    result.expect(left == 0, f"{left} nano-USD stay set aside after a clean stop")
    result.expect(doubt == 0 or may_doubt, f"{doubt} nano-USD stay in doubt although every journal was whole")
    negative = {place: account.spent for place, account in accounts.items() if account.spent < 0}
    result.expect(not negative, f"accounts below zero: {negative}")


def judge_what_was_seen(result: Result, tally: Tally, booked: Mapping[str, Booked]) -> None:
    """Of processes that die: who saw the end of an answer can rely on its entry; in doubt is at most what broke off."""
    in_doubt = {call for call, entry in booked.items() if entry.kinds == ["in_doubt"]}
    unsure = tally.finished & in_doubt
    unknown = tally.finished - booked.keys()
    result.expect(len(in_doubt) <= tally.broken, f"{len(in_doubt)} in doubt, but only {tally.broken} broke off")
    result.expect(not unsure, f"{len(unsure)} calls whose end was seen are in doubt")
    result.expect(not unknown, f"{len(unknown)} calls whose end was seen have no entry")


async def judge_database(result: Result, database: Database) -> None:
    await asyncio.sleep(_STATISTICS_S)  # servers write their counters down once a second
    async with database.connection() as connection:
        breaches = await connection.fetch("SELECT * FROM ledger_audit")
        deadlocks = await connection.fetchval(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
    result.figures |= {"audit rows": len(breaches), "deadlocks": int(deadlocks)}
    result.expect(not breaches, f"the audit found {[dict(row) for row in breaches[:_SHOWN]]}")
    result.expect(deadlocks == 0, f"{deadlocks} deadlocks")
