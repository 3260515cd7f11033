"""All the leases of one worker, and what can be set aside from them. Sans-I/O; time is handed in.

A call counts in several budgets at once: money is set aside on all of them in one step, or on none.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from tollhouse.foundation.money import Nanos
from tollhouse.ledger.leases import Lease, suitable
from tollhouse.ledger.protocol import Need, Standing
from tollhouse.ledger.records import Amount, Call, Part, Reserved, SettlementKind

_MAX_LEASE: Final = Nanos(5_000_000_000)
_MEASURE_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How long and how much; seconds and nano-USD."""

    ahead_s: float = 10.0
    """A lease should last so long without asking."""
    max_lease: Nanos = _MAX_LEASE
    wait_s: float = 0.6
    """How long a call waits for money before it is refused."""
    patience_s: float = 2.0
    """How long a call waits for a first word of the book."""
    most_waiting: int = 1024
    retry_s: float = 0.04
    idle_s: float = 5.0
    """A lease that nobody used for so long goes back."""
    recalled_s: float = 2.0
    """What is free of a recalled budget goes back at once for so long."""
    flush_every_s: float = 0.25
    heartbeat_s: float = 1.0
    outage_ttl_s: float = 600.0
    """Without a word of the book for so long, nothing is admitted any more."""
    believed_s: float = 1.0
    """How long "spent" is answered from memory."""
    unlimited_believed_s: float = 2.0
    """How long a budget is taken for unlimited without asking again; while the book is away, for as long as that."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Money wanted for one call: `amount`, or as much as there is from `floor` up. None: the model has no price."""

    call: Call
    budgets: tuple[int, ...]
    amount: Nanos | None
    floor: Nanos
    note: bytes = b""


class Purse:
    """Owns the leases of one epoch. Leases are never forgotten within it: their counters are what we may hold."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._leases: dict[tuple[int, int], Lease] = {}
        self._current: dict[int, Lease] = {}
        self._used: OrderedDict[int, None] = OrderedDict()
        self._giving: set[tuple[int, int]] = set()
        self._returning: list[Lease] = []
        self._low: dict[int, int] = {}

    def current(self, budget_id: int) -> Lease | None:
        """The lease on the budget's newest period that we know."""
        return self._current.get(budget_id)

    def told(self, standing: Standing, now: float) -> bool:
        """The book spoke of a budget; a period that is over gives back what it still has.

        Whether the book has forgotten what it granted.
        """
        account = (standing.budget_id, standing.period_seq)
        lease = self._leases.get(account)
        if lease is None:
            lease = self._leases[account] = Lease(standing, now, used_at=now, measured_at=now)
        forgotten = standing.granted < lease.granted
        lease.told(standing, now)
        before = self._current.get(standing.budget_id, lease)
        if before.standing.period_seq <= standing.period_seq:
            self._current[standing.budget_id] = lease
            self._touch(lease, now)
        if before is not lease or standing.tight:
            self._giving.update((before.account, account))
        return forgotten

    # Setting aside ------------------------------------------------------------------------------------------

    def reserve(self, wish: Wish, amount: Nanos | None, now: float, book_time: float) -> Reserved | None:
        """Set `amount` aside on every budget, or nothing: no await stands between the look and the deed."""
        parts = []
        for budget_id in wish.budgets:
            lease = self._current.get(budget_id)
            if lease is None or not lease.open_at(book_time):
                return None
            limited = lease.limited
            if limited and (amount is None or lease.free < amount):
                return None
            parts.append(Part(budget_id, lease.standing.period_seq, limited))
        held = Nanos(0) if amount is None else amount
        for budget_id, _, limited in parts:
            lease = self._current[budget_id]
            self._touch(lease, now)
            if limited:
                lease.reserved += held
            self._look_ahead(lease, held, now)
        return Reserved(wish.call, int(book_time * 1_000_000), tuple(parts), held, wish.note)

    def available(self, wish: Wish, book_time: float) -> Nanos:
        """What could be set aside on all the wish's budgets at once; at most the wish itself."""
        most = wish.amount or Nanos(0)
        for budget_id in wish.budgets:
            lease = self._current.get(budget_id)
            if lease is None or not lease.open_at(book_time):
                return Nanos(0)
            if lease.limited:
                most = Nanos(min(most, lease.free))
        return most

    def resolve(self, reserved: Reserved, kind: SettlementKind, cost: Nanos, now: float) -> bool:
        """What was set aside becomes spending and free money. Whether some of that should go back at once."""
        drawn = 0 if kind == "void" else min(cost, reserved.amount)
        hurry = False
        for budget_id, period_seq, leased in reserved.parts:
            if leased:
                lease = self._leases[budget_id, period_seq]
                lease.reserved -= reserved.amount
                lease.settled += drawn
                if self._leaves(lease, now):
                    self._giving.add(lease.account)
                    hurry = True
        return hurry

    # Asking for more ----------------------------------------------------------------------------------------

    def lacking(self, wish: Wish, spare: dict[int, int], book_time: float) -> tuple[Need, ...]:
        """What the wish lacks beyond the free money. `spare` is what earlier wishes of the same order leave free."""
        amount = wish.amount or 0
        needs = []
        for budget_id in wish.budgets:
            lease = self._current.get(budget_id)
            known = lease is not None and lease.open_at(book_time)
            if lease is not None and known and not lease.limited and wish.amount is not None:
                continue
            left = spare.get(budget_id, lease.free if lease is not None and lease.is_in_period(book_time) else 0)
            spare[budget_id] = max(left - amount, 0)
            if not known or left < amount or wish.amount is None:
                needs.append(Need(budget_id, Nanos(max(amount - left, 0)), Nanos(max(wish.floor - left, 0))))
        return tuple(needs)

    def want(self, budget_id: int, amount: int) -> Nanos:
        """The lease that would suit this budget, if calls hold about `amount`."""
        return suitable(self._current.get(budget_id), amount, ahead_s=self._terms.ahead_s, most=self._terms.max_lease)

    def take_low(self) -> dict[int, int]:
        """The leases to fill before somebody has to wait for them, and what a call held there; then forgotten."""
        low, self._low = self._low, {}
        return low

    def hopeless(self, wish: Wish, now: float, book_time: float) -> int | None:
        """The budget of which we know that it cannot hold the wish before its reset."""
        for budget_id in wish.budgets:
            lease = self._current.get(budget_id)
            if (
                lease is not None
                and lease.open_at(book_time)
                and lease.hopeless(wish.floor, now, self._terms.believed_s)
            ):
                return budget_id
        return None

    def seen(self, budget_id: int) -> Standing:
        """What stands against a budget, for people: money that we hold for no call is not held."""
        lease = self._current[budget_id]
        idle = lease.free + lease.returning
        return replace(lease.standing, leased=Nanos(max(lease.standing.leased - idle, 0)))

    # Giving back --------------------------------------------------------------------------------------------

    def wanted(self, budget_id: int, now: float) -> None:
        """Others wait for this budget's money; if it had no limit, it has one now."""
        lease = self._current.get(budget_id)
        if lease is not None:
            lease.wanted_until = now + self._terms.recalled_s
            lease.stale = lease.stale or not lease.limited
            self._giving.add(lease.account)

    def changed(self, budget_id: int, now: float) -> None:
        """The budget's terms are others now: ask before the next call."""
        lease = self._current.get(budget_id)
        if lease is not None:
            lease.stale = True
        self.wanted(budget_id, now)

    def owes(self, now: float, busy: set[int]) -> bool:
        """Whether `idle` would find money that should go back at once."""
        leases = (self._leases[account] for account in self._giving)
        return any(lease.free > 0 and self._leaves(lease, now) and not self._is_busy(lease, busy) for lease in leases)

    def idle(self, now: float, busy: set[int]) -> tuple[Amount, ...]:
        """Take the money that should go back out of the leases; budgets that waiting calls need stay as they are."""
        self._look_for_idle(now)
        given = []
        for account in sorted(self._giving):
            lease = self._leases[account]
            if self._is_busy(lease, busy):
                continue
            leaves = self._leaves(lease, now)
            if leaves and lease.free > 0:
                given.append(lease.give_back(lease.free))
                self._returning.append(lease)
            if not leaves or not lease.reserved:
                self._giving.discard(account)
        return tuple(given)

    def heard(self) -> None:
        """The book has what was given back."""
        for lease in self._returning:
            lease.returning = 0
        self._returning.clear()

    def _look_for_idle(self, now: float) -> None:
        while self._used:
            budget_id = next(iter(self._used))
            lease = self._current[budget_id]
            if now - lease.used_at < self._terms.idle_s:
                return
            del self._used[budget_id]
            lease.stale = True
            self._giving.add(lease.account)

    def _leaves(self, lease: Lease, now: float) -> bool:
        return (
            lease.standing.tight
            or lease.wanted_until > now
            or lease.stale
            or self._current[lease.standing.budget_id] is not lease
        )

    def _is_busy(self, lease: Lease, busy: set[int]) -> bool:
        budget_id = lease.standing.budget_id
        return budget_id in busy and lease is self._current[budget_id]

    def _touch(self, lease: Lease, now: float) -> None:
        lease.used_at = now
        self._used[lease.standing.budget_id] = None
        self._used.move_to_end(lease.standing.budget_id)

    def _look_ahead(self, lease: Lease, held: int, now: float) -> None:
        """Note a lease that is half empty, or an unlimited budget that might have got a limit meanwhile."""
        budget_id = lease.standing.budget_id
        if not lease.limited:
            low = now - lease.told_at > self._terms.unlimited_believed_s
        else:
            low = not lease.standing.tight and lease.wanted_until < now and 2 * lease.free < self.want(budget_id, held)
        if low:
            self._low[budget_id] = held

    # Telling ------------------------------------------------------------------------------------------------

    def measure(self, now: float) -> None:
        """Take the rates of the leases in use."""
        for budget_id in reversed(self._used):
            lease = self._current[budget_id]
            if now - lease.used_at > _MEASURE_EVERY_S:
                return
            if now - lease.measured_at >= _MEASURE_EVERY_S:
                lease.measure(now)

    def granted(self, accounts: Iterable[tuple[int, int]] | None = None) -> tuple[Amount, ...]:
        """What we were granted, by account; of all accounts without `accounts`."""
        named = self._leases if accounts is None else accounts
        return tuple(
            Amount(*account, Nanos(lease.granted))
            for account in sorted(named)
            if (lease := self._leases.get(account)) is not None and lease.granted
        )
