"""The book's rules in plain Python: what the SQL must do, and the database of the simulator.

The verbs are those of `tollhouse.ledger.book`, without a connection and at once; time is `now`, which tests move.
Nothing is shared with the SQL but the words. A verb that raises changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple

from tollhouse.foundation.ids import CallId, CustomerId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.book import Mark, MarkState, Registration, UnknownBudgets
from tollhouse.ledger.protocol import (
    Answer,
    Ask,
    Fenced,
    FlushBatch,
    FlushReply,
    Gap,
    GrantOrder,
    GrantReply,
    Need,
    Owner,
    Reset,
    Scope,
    Standing,
    Verdict,
)
from tollhouse.ledger.records import Amount, Record, Resolved, SettlementKind

HIGHEST_LIMIT = 9_000_000_000_000_000_000
MOST_BURIED = 10**17
WANTED_EVERY_S = 0.1
TOLD_AGAIN_S = 3.0

AccountKey = tuple[int, int]
Life = tuple[WorkerId, int]


@dataclass(slots=True)
class BudgetRow:
    budget_id: int
    customer_id: CustomerId
    scope: Scope
    slot: str
    model_pattern: str
    limit: int | None
    reset: Reset | None
    period_seq: int = 1
    resets_at: float = inf
    ended: bool = False
    raise_nanos: int = 0
    raise_until: float = -inf
    thresholds: tuple[int, ...] = (50, 80, 95)
    wanted_at: float = -inf
    changed_at: float = -inf


@dataclass(slots=True)
class AccountRow:
    """`limit`: the highest in force in the period; None: it was unlimited at some moment of it."""

    limit: int | None
    spent: int = 0
    leased: int = 0
    doubt: int = 0
    overrun: int = 0
    fired: int = 0


@dataclass(slots=True)
class LeaseRow:
    granted: int = 0
    settled: int = 0
    returned: int = 0
    state: str = "active"

    @property
    def rest(self) -> int:
        return self.granted - self.settled - self.returned


@dataclass(slots=True)
class MarkRow:
    seen_at: float
    acked: int = 0
    recorded: int = 0
    number: int = 0
    state: MarkState = "live"


class EntryRow(NamedTuple):
    kind: SettlementKind
    reserved: int
    cost: int
    accounts: tuple[AccountKey, ...]


class DeadLetter(NamedTuple):
    amount: int
    accounts: tuple[AccountKey, ...]


class Crossing(NamedTuple):
    """A threshold that spending crossed."""

    budget_id: int
    period_seq: int
    percent: int
    spent: int
    limit: int


@dataclass(slots=True)
class ModelBook:
    """All of the book's tables. `told` collects notifications, as `wanted:7` and `changed:7`; whoever reads empties."""

    now: float = 1_800_000_000.0
    workers: dict[WorkerId, int] = field(default_factory=dict)
    rows: dict[Life, MarkRow] = field(default_factory=dict)
    budgets: dict[int, BudgetRow] = field(default_factory=dict)
    accounts: dict[AccountKey, AccountRow] = field(default_factory=dict)
    leases: dict[Life, dict[AccountKey, LeaseRow]] = field(default_factory=dict)
    entries: dict[tuple[int, CallId], EntryRow] = field(default_factory=dict)
    dead_letters: dict[tuple[WorkerId, int, int], DeadLetter] = field(default_factory=dict)
    crossings: dict[tuple[int, int, int], Crossing] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    # Budgets ------------------------------------------------------------------------------------------------

    def set_budget(
        self,
        scope: Scope,
        limit: int | None,
        reset: Reset | None = None,
        *,
        slot: str = "main",
        model_pattern: str = "",
        customer_id: CustomerId = CustomerId("customer"),  # noqa: B008 - a constant
    ) -> int:
        budget = next((b for b in self.budgets.values() if (b.scope, b.slot) == (scope, slot)), None)
        if budget is None:
            resets_at = next_reset(reset, self.now)
            budget_id = len(self.budgets) + 1
            budget = BudgetRow(budget_id, customer_id, scope, slot, model_pattern, limit, reset, resets_at=resets_at)
            self.budgets[budget_id] = budget
            self.accounts[budget_id, 1] = AccountRow(self.limit(budget))
        self._roll(budget)
        budget.limit, budget.reset, budget.model_pattern, budget.ended = limit, reset, model_pattern, False
        budget.resets_at = next_reset(reset, self.now)
        if limit is None:
            budget.raise_nanos, budget.raise_until = 0, -inf
        self._changed(budget)
        return budget.budget_id

    def raise_limit(self, budget_id: int, nanos: int, until: float) -> None:
        """A raise that ends by itself."""
        budget = self.budgets[budget_id]
        self._roll(budget)
        budget.raise_nanos, budget.raise_until = nanos, until
        self._changed(budget)

    def end_budget(self, budget_id: int) -> None:
        budget = self.budgets[budget_id]
        self._roll(budget)
        if not budget.ended:
            budget.ended = True
            budget.raise_nanos, budget.raise_until = 0, -inf
            self._changed(budget)

    def limit(self, budget: BudgetRow) -> int | None:
        """The limit at this moment; None: nothing is refused."""
        if budget.ended or budget.limit is None:
            return None
        return min(budget.limit + (budget.raise_nanos if budget.raise_until > self.now else 0), HIGHEST_LIMIT)

    def account(self, budget_id: int) -> AccountRow:
        """The account of the period that the book is in."""
        return self.accounts[budget_id, self.budgets[budget_id].period_seq]

    def _changed(self, budget: BudgetRow) -> None:
        budget.changed_at = self.now
        self.told.append(f"changed:{budget.budget_id}")
        self._heighten(budget)

    def _heighten(self, budget: BudgetRow) -> None:
        account, limit = self.account(budget.budget_id), self.limit(budget)
        if account.limit is not None and (limit is None or limit > account.limit):
            account.limit = limit

    def _roll(self, budget: BudgetRow) -> None:
        if budget.resets_at <= self.now:
            budget.period_seq += 1
            budget.resets_at = next_reset(budget.reset, self.now)
            account = (budget.budget_id, budget.period_seq)
            self.accounts.setdefault(account, AccountRow(self.limit(budget)))

    # Workers ------------------------------------------------------------------------------------------------

    def register(self, worker_id: WorkerId, above: int = 0) -> Registration:
        epoch = max(self.workers.get(worker_id, 0), above) + 1
        self.workers[worker_id] = epoch
        self.rows[worker_id, epoch] = MarkRow(self.now)
        return Registration(Owner(worker_id, epoch), self.now)

    def marks(self, worker_id: WorkerId) -> list[Mark]:
        return [
            Mark(epoch, row.acked, row.recorded, row.state)
            for (owner, epoch), row in sorted(self.rows.items())
            if owner == worker_id
        ]

    def mark_recorded(self, caller: Owner, epoch: int, number: int) -> None:
        self._fence(caller)
        row = self._mark(caller.worker_id, epoch)
        row.recorded = max(row.recorded, number)

    def close_epoch(self, caller: Owner, epoch: int, *, exact: bool) -> None:
        self._fence(caller)
        row = self._mark(caller.worker_id, epoch)
        if exact:
            self._move((caller.worker_id, epoch), ("active", "doubt"), "closed")
        else:
            self._move((caller.worker_id, epoch), ("active",), "doubt")
        row.state = "closed"

    def abandon_epochs(self, caller: Owner, keep: Sequence[int]) -> None:
        self._fence(caller)
        for (worker_id, epoch), row in self.rows.items():
            if worker_id == caller.worker_id and epoch not in (caller.epoch, *keep) and row.state != "closed":
                self._move((worker_id, epoch), ("active",), "doubt")
                row.state = "closed"

    def doubt_silent(self, silent_after: timedelta) -> list[WorkerId]:
        since = self.now - silent_after.total_seconds()
        silent = sorted(life for life, row in self.rows.items() if row.state == "live" and row.seen_at < since)
        doubted = [life[0] for life in silent if self._move(life, ("active",), "doubt")]
        for life in silent:
            self.rows[life].state = "silent"
        return doubted

    def _fence(self, caller: Owner) -> None:
        """A book that forgot this life learns it again."""
        if self.workers.get(caller.worker_id, 0) > caller.epoch:
            raise Fenced
        self.workers[caller.worker_id] = caller.epoch

    def _mark(self, worker_id: WorkerId, epoch: int) -> MarkRow:
        return self.rows.setdefault((worker_id, epoch), MarkRow(self.now))

    def _begin(self, caller: Owner, epoch: int, after: int, through: int) -> bool:
        """Lock the mark. Whether the records are new to the book; False: it has them already."""
        self._refuse_older(caller)
        life = (caller.worker_id, epoch)
        acked = self.rows[life].acked if life in self.rows else 0
        if acked != after and acked < through:
            raise Gap(acked)
        self._fence(caller)
        self._mark(*life)
        return acked == after

    def _wake(self, life: Life) -> None:
        """Whoever was silent speaks again: its money is no longer in doubt."""
        row = self.rows[life]
        row.seen_at = self.now
        if row.state == "silent":
            self._move(life, ("doubt",), "active")
            row.state = "live"

    def _move(self, life: Life, states: tuple[str, ...], to: str) -> int:
        """Leases pass from one state to another; returns how much money that was."""
        moved = 0
        for account_key, lease in self.leases.get(life, {}).items():
            if lease.state in states:
                account, rest = self.accounts[account_key], lease.rest
                _draw(account, lease, rest)
                if to == "active":
                    account.leased += rest
                elif to == "doubt":
                    account.doubt += rest
                else:
                    lease.returned += rest
                lease.state = to
                moved += rest
        return moved

    # Granting -----------------------------------------------------------------------------------------------

    def grant(self, owner: Owner, order: GrantOrder) -> GrantReply:
        wants = dict.fromkeys((need.budget_id for ask in order.asks for need in ask.needs), 0) | dict(order.wants)
        unknown = sorted(set(wants) - set(self.budgets))
        row = self.rows.get((owner.worker_id, owner.epoch))
        if row is not None and row.state == "closed":
            raise Fenced
        self._refuse_older(owner)
        if unknown:
            raise UnknownBudgets(unknown)
        self._fence(owner)
        row = self._mark(owner.worker_id, owner.epoch)
        self._wake((owner.worker_id, owner.epoch))
        for budget_id in sorted(wants):
            self._roll(self.budgets[budget_id])
            self._heighten(self.budgets[budget_id])
        answers: tuple[Answer, ...] = ()
        given = dict.fromkeys(wants, 0)
        new = order.number > row.number
        if new:
            row.number = order.number
            answers = tuple(self._judge(owner, ask, given) for ask in order.asks)
        tight = {budget_id for budget_id, want in wants.items() if self._is_tight(budget_id, want)}
        for budget_id in sorted(wants.keys() - tight if new else ()):
            self._fill(owner, budget_id, wants[budget_id], given[budget_id])
        standings = tuple(self._standing(owner, budget_id, budget_id in tight) for budget_id in sorted(wants))
        return GrantReply(order.number, standings, answers, self.now)

    def _refuse_older(self, caller: Owner) -> None:
        if self.workers.get(caller.worker_id, 0) > caller.epoch:
            raise Fenced

    def _is_tight(self, budget_id: int, want: int) -> bool:
        free = self._free(budget_id)
        return free is not None and free < 8 * want

    def _fill(self, owner: Owner, budget_id: int, want: int, given: int) -> None:
        """More than the calls need: a fair part of what is left, so that the next calls need not ask."""
        free = self._free(budget_id)
        if free is not None:
            fair = min(want, free // (2 * self._holders(owner, budget_id)))
            self._give(owner, budget_id, max(fair - given, 0))

    def _judge(self, owner: Owner, ask: Ask, given: dict[int, int]) -> Answer:
        limited = [(need, free) for need in ask.needs if (free := self._free(need.budget_id)) is not None]
        if ask.unpriced:
            return Answer("spent", limited[0][0].budget_id) if limited else Answer("whole")
        failing = [(need, free) for need, free in limited if free < need.floor]
        if failing:
            return self._refuse(owner, failing)
        for need, free in limited:
            amount = min(need.amount, free)
            self._give(owner, need.budget_id, amount)
            given[need.budget_id] += amount
        short = [(need.amount - free, need.budget_id) for need, free in limited if free < need.amount]
        return Answer("part", max(short, key=_by_amount)[1]) if short else Answer("whole")

    def _refuse(self, owner: Owner, failing: Sequence[tuple[Need, int]]) -> Answer:
        hopeless = [(need, free) for need, free in failing if free + self._others(owner, need.budget_id) < need.floor]
        verdict: Verdict = "spent" if hopeless else "contended"
        lack = [(need.floor - free, need.budget_id) for need, free in (hopeless or failing)]
        if not hopeless:
            for need, _ in failing:
                self._want(self.budgets[need.budget_id])
        return Answer(verdict, max(lack, key=_by_amount)[1])

    def _want(self, budget: BudgetRow) -> None:
        if budget.wanted_at < self.now - WANTED_EVERY_S:
            budget.wanted_at = self.now
            self.told.append(f"wanted:{budget.budget_id}")

    def _free(self, budget_id: int) -> int | None:
        limit, account = self.limit(self.budgets[budget_id]), self.account(budget_id)
        return None if limit is None else limit - account.spent - account.leased - account.doubt

    def _others(self, owner: Owner, budget_id: int) -> int:
        """What all others together could still give back."""
        return self.account(budget_id).leased - self._lease(owner, budget_id).rest

    def _holders(self, owner: Owner, budget_id: int) -> int:
        account, ours = self._current(budget_id), (owner.worker_id, owner.epoch)
        held = (leases.get(account) for life, leases in self.leases.items() if life != ours)
        return 1 + sum(lease is not None and lease.state == "active" and lease.rest > 0 for lease in held)

    def _lease(self, owner: Owner, budget_id: int) -> LeaseRow:
        return self.leases.get((owner.worker_id, owner.epoch), {}).get(self._current(budget_id)) or LeaseRow()

    def _give(self, owner: Owner, budget_id: int, amount: int) -> None:
        if amount:
            leases = self.leases.setdefault((owner.worker_id, owner.epoch), {})
            leases.setdefault(self._current(budget_id), LeaseRow()).granted += amount
            self.account(budget_id).leased += amount

    def _current(self, budget_id: int) -> AccountKey:
        return budget_id, self.budgets[budget_id].period_seq

    def _standing(self, owner: Owner, budget_id: int, tight: bool) -> Standing:
        budget, account = self.budgets[budget_id], self.account(budget_id)
        raise_until = budget.raise_until if budget.raise_until > self.now else inf
        return Standing(
            budget_id,
            budget.period_seq,
            budget.scope,
            limit=None if (limit := self.limit(budget)) is None else Nanos(limit),
            spent=Nanos(account.spent),
            leased=Nanos(account.leased),
            doubt=Nanos(account.doubt),
            granted=Nanos(self._lease(owner, budget_id).granted),
            tight=tight,
            resets_at=budget.resets_at,
            looks_again_at=min(budget.resets_at, raise_until),
        )

    # Flushing -----------------------------------------------------------------------------------------------

    def flush(self, caller: Owner, epoch: int, batch: FlushBatch) -> FlushReply:
        new = self._begin(caller, epoch, batch.after, batch.through)
        life = (caller.worker_id, epoch)
        row = self.rows[life]
        since = row.seen_at - TOLD_AGAIN_S
        self._wake(life)
        if new:
            self._take(life, batch)
            row.acked = batch.through
        return FlushReply(row.acked, self._noticed(life, since), self.now)

    def bury(self, caller: Owner, epoch: int, after: int, number: int, record: Record, error: str = "") -> None:
        new = self._begin(caller, epoch, after, number)
        life = (caller.worker_id, epoch)
        self._wake(life)
        if not new:
            return
        self.rows[life].acked = number
        letter = DeadLetter(0, ())
        if isinstance(record, Resolved) and record.kind != "void":
            letter = self._doubt_cost(life, record)
        self.dead_letters[(*life, number)] = letter

    def _doubt_cost(self, life: Life, one: Resolved) -> DeadLetter:
        cost = min(one.cost, MOST_BURIED)
        accounts = [(part.budget_id, part.period_seq) for part in one.reserved.parts]
        self._open(accounts)
        for budget_id, period_seq, leased in one.reserved.parts:
            account = self.accounts.get((budget_id, period_seq))
            if account is not None:
                taken = self._settle(life, (budget_id, period_seq), min(cost, one.reserved.amount) if leased else 0)
                account.doubt += cost
                if leased or account.limit is not None:
                    account.overrun += cost - taken
        return DeadLetter(cost, tuple(account for account in accounts if account in self.accounts))

    def _take(self, life: Life, batch: FlushBatch) -> None:
        named = {(p.budget_id, p.period_seq) for one in batch.resolved for p in one.reserved.parts}
        named |= {(a.budget_id, a.period_seq) for a in (*batch.returned, *batch.granted)}
        self._open(sorted(named))
        for amount in batch.granted if self.rows[life].state != "closed" else ():
            self._reassert(life, amount)
        booked = [account for one in batch.resolved for account in self._book(life, one)]
        for budget_id, period_seq, nanos in batch.returned:
            lease = self.leases.get(life, {}).get((budget_id, period_seq))
            if lease is not None:
                given = min(nanos, lease.rest)
                _draw(self.accounts[budget_id, period_seq], lease, given)
                lease.returned += given
        for account in sorted(set(booked)):
            self._cross(*account)

    def _open(self, named: Iterable[AccountKey]) -> None:
        """Periods that have begun, and those that a worker knows from before the book forgot them."""
        for budget_id, period_seq in named:
            budget = self.budgets.get(budget_id)
            if budget is not None:
                self._roll(budget)
                self.accounts.setdefault((budget_id, period_seq), AccountRow(self.limit(budget)))
                budget.period_seq = max(budget.period_seq, period_seq)

    def _reassert(self, life: Life, amount: Amount) -> None:
        budget_id, period_seq, granted = amount
        account = self.accounts.get((budget_id, period_seq))
        if account is None:
            return
        lease = self.leases.get(life, {}).get((budget_id, period_seq)) or LeaseRow()
        more = granted - lease.granted
        if more <= 0 or lease.state != "active":
            return
        self.leases.setdefault(life, {})[budget_id, period_seq] = lease
        lease.granted = granted
        account.leased += more
        if account.limit is not None:
            committed = account.spent + account.leased + account.doubt - account.overrun
            account.overrun += max(committed - account.limit, 0)

    def _book(self, life: Life, one: Resolved) -> tuple[AccountKey, ...]:
        reserved, parts = one.reserved, one.reserved.parts
        entry = (reserved.opened_us // 86_400_000_000, reserved.call.call_id)
        if entry in self.entries:
            return ()
        accounts = tuple((part.budget_id, part.period_seq) for part in parts)
        self.entries[entry] = EntryRow(one.kind, reserved.amount, one.cost, accounts)
        for budget_id, period_seq, leased in parts:
            account = self.accounts.get((budget_id, period_seq))
            if account is not None:
                taken = self._settle(life, (budget_id, period_seq), min(one.cost, reserved.amount) if leased else 0)
                account.spent += one.cost
                if leased or account.limit is not None:
                    account.overrun += one.cost - taken
        return accounts

    def _settle(self, life: Life, account: AccountKey, nanos: int) -> int:
        """Draw from the lease, at most what it has; returns how much that was."""
        lease = self.leases.get(life, {}).get(account)
        if lease is None:
            return 0
        taken = min(nanos, lease.rest)
        _draw(self.accounts[account], lease, taken)
        lease.settled += taken
        return taken

    def _cross(self, budget_id: int, period_seq: int) -> None:
        account, budget = self.accounts.get((budget_id, period_seq)), self.budgets.get(budget_id)
        limit = None if budget is None else self.limit(budget)
        if account is None or budget is None or limit is None or account.spent <= 0:
            return
        for percent in sorted(budget.thresholds):
            if percent > account.fired and account.spent * 100 >= limit * percent:
                account.fired = percent
                crossing = Crossing(budget_id, period_seq, percent, account.spent, limit)
                self.crossings[budget_id, period_seq, percent] = crossing
                self.told.append("crossed")

    def _noticed(self, life: Life, since: float) -> tuple[int, ...]:
        held = {
            budget_id
            for (budget_id, _), lease in self.leases.get(life, {}).items()
            if lease.state == "active" and lease.rest > 0
        }
        return tuple(
            budget.budget_id
            for budget in self.budgets.values()
            if budget.changed_at > since or (budget.wanted_at > since and budget.budget_id in held)
        )

    # Looking ------------------------------------------------------------------------------------------------

    def audit(self, *, entries: bool = True) -> list[str]:
        """Everything that must never be. Without `entries`, sums over the whole book are left out."""
        leased, doubt, breaches = self._rests()
        spent = self._spent() if entries else {account: row.spent for account, row in self.accounts.items()}
        for account, row in self.accounts.items():
            checks = (
                ("leased differs from leases", row.leased - leased.get(account, 0)),
                ("doubt differs from what is doubted", row.doubt - doubt.get(account, 0)),
                ("spent differs from entries", row.spent - spent.get(account, 0)),
            )
            breaches += [f"{account}: {what} by {amount}" for what, amount in checks if amount]
            committed = row.spent + row.leased + row.doubt - row.overrun
            if row.limit is not None and committed > row.limit:
                breaches.append(f"{account}: over the limit by {committed - row.limit}")
        return breaches

    def _rests(self) -> tuple[dict[AccountKey, int], dict[AccountKey, int], list[str]]:
        leased: dict[AccountKey, int] = {}
        doubt: dict[AccountKey, int] = {}
        breaches = []
        for account, lease in (item for leases in self.leases.values() for item in leases.items()):
            if lease.rest < 0 or (lease.state == "closed" and lease.rest):
                breaches.append(f"{account}: a {lease.state} lease has the rest {lease.rest}")
            if lease.state == "active":
                leased[account] = leased.get(account, 0) + lease.rest
            elif lease.state == "doubt":
                doubt[account] = doubt.get(account, 0) + lease.rest
        for letter in self.dead_letters.values():
            for account in letter.accounts:
                doubt[account] = doubt.get(account, 0) + letter.amount
        return leased, doubt, breaches

    def _spent(self) -> dict[AccountKey, int]:
        spent: dict[AccountKey, int] = {}
        for entry in self.entries.values():
            for account in entry.accounts:
                spent[account] = spent.get(account, 0) + entry.cost
        return spent

    def copy(self) -> "ModelBook":
        """The book as it is now, for a database that will forget what comes after."""
        return ModelBook(
            self.now,
            dict(self.workers),
            {key: replace(row) for key, row in self.rows.items()},
            {key: replace(row) for key, row in self.budgets.items()},
            {key: replace(row) for key, row in self.accounts.items()},
            {life: {key: replace(row) for key, row in leases.items()} for life, leases in self.leases.items()},
            dict(self.entries),
            dict(self.dead_letters),
            dict(self.crossings),
        )

    def forget(self, older: "ModelBook") -> None:
        """A fail-over to a standby that was behind: everything since `older` was taken is lost; time is not."""
        lost = older.copy()
        self.workers, self.rows, self.budgets = lost.workers, lost.rows, lost.budgets
        self.accounts, self.leases, self.entries = lost.accounts, lost.leases, lost.entries
        self.dead_letters, self.crossings = lost.dead_letters, lost.crossings


def next_reset(reset: Reset | None, moment: float) -> float:
    """UTC midnight, Monday, the 1st: the boundary after `moment`."""
    at = datetime.fromtimestamp(moment, UTC)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if reset is None:
        return inf
    if reset == "daily":
        return (midnight + timedelta(days=1)).timestamp()
    if reset == "weekly":
        return (midnight + timedelta(days=7 - at.weekday())).timestamp()
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()


def _draw(account: AccountRow, lease: LeaseRow, nanos: int) -> None:
    """Take money of a lease off its account, where the lease's state says it is counted."""
    if lease.state == "active":
        account.leased -= nanos
    elif lease.state == "doubt":
        account.doubt -= nanos


def _by_amount(item: tuple[int, int]) -> int:
    return item[0]
