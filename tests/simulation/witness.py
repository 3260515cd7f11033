"""The promises of the ledger, watched from outside: after every commit, at every call, and at the end."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ledger.model_book import ModelBook
from simulation.book import BEGINS, WindowedBook
from simulation.calls import Account, Story
from simulation.timeline import Violation
from tollhouse.foundation.ids import CallId
from tollhouse.ledger.protocol import GrantOrder
from tollhouse.ledger.records import Record, Reserved, Resolved

if TYPE_CHECKING:
    from simulation.worker import Life
    from simulation.world import World

MOST_ASKS = 25
"""A call waits 0.6 s and is asked for every 0.04 s."""
MOST_BEHIND_S = 21.0
"""An answer that waited out the longest pause."""
MOST_EMPTY = 12
"""In a second; heartbeats are one."""


class Witness:
    """Raises Violation. `lost`, `unsettled`: calls whose reservation or outcome a power cut or a broken disk took away.

    `damaged`: a disk kept reservations and lost their outcomes, which the book may have: calls that were void are then
    charged in doubt, with money that was given back."""

    def __init__(self, world: "World") -> None:
        self.lost: set[CallId] = set()
        self.unsettled: set[CallId] = set()
        self.unproved = 0
        self.damaged = False
        self.allowance: dict[Account, int] = {}
        self.forgetful = "failover" in world.campaign.hand
        self._asked: dict[str, int] = {}
        self._empty: dict[str, deque[float]] = {}
        self._ceilings: dict[Account, int | None] = {}
        self._world = world
        self.commits = 0

    def holds(self, promise: bool, what: str, *more: object) -> None:
        if not promise:
            raise Violation(" ".join(str(part) for part in (what, *more)))

    # At every step ------------------------------------------------------------------------------------------

    def committed(self) -> None:
        """I1 and I2, and that the book never knows more than the durable journal."""
        world, book = self._world, self._world.book
        self.commits += 1
        breaches = book.audit(entries=self.commits % 16 == 0)
        self.holds(not breaches, "the audit of the book:", breaches)
        if world.campaign.exact_leases and not self.damaged:
            for account, row in book.accounts.items():
                self.holds(not row.overrun, "more was spent than was leased:", account, row)
        for life in world.lives:
            if life.till is not None:
                self._knows_no_more(life)
                if self.commits % 8 == 0 and not self.forgetful:
                    self._believes(life)
        self.limits()

    def till(self, life: "Life") -> None:
        """I7: no lease gives more than it was granted."""
        for account, lease in life.serving.purse._leases.items():
            if lease.free < 0 or lease.reserved < 0:
                raise Violation(f"{life.name} has overdrawn its lease on {account}: {lease}")

    def _knows_no_more(self, life: "Life") -> None:
        row = self._world.book.rows.get(life.key)
        if row is not None and row.acked > life.journal.synced:
            raise Violation(f"the book has {row.acked} records of {life.name}, durable: {life.journal.synced}")

    def _believes(self, life: "Life") -> None:
        told = self._world.book.leases.get(life.key, {})
        for account, lease in life.serving.purse._leases.items():
            if lease.granted and (account not in told or lease.granted > told[account].granted):
                raise Violation(f"{life.name} believes in more than it was granted: {lease}, {told.get(account)}")

    def asks(self, life: "Life", order: GrantOrder) -> None:
        """A waiting call is asked for at a pace, not in a loop."""
        if order.number != self._asked.get(life.name):
            self._asked[life.name] = order.number
            for call_id in life.serving._ordered:
                story = self._world.calls.stories[call_id]
                story.asks += 1
                self.holds(story.asks <= MOST_ASKS, "asked for again and again:", story)

    def flushes(self, life: "Life", empty: bool) -> None:
        """Nobody tells the book nothing, over and over."""
        times = self._empty.setdefault(life.name, deque(maxlen=MOST_EMPTY))
        if empty and not life._unwritten:
            times.append(self._world.now)
            hammers = len(times) == MOST_EMPTY and times[-1] - times[0] < 1.0
            self.holds(not hammers, "flushes nothing, over and over:", life.name)

    def dated(self, life: "Life", reserved: Reserved) -> None:
        """A worker knows the book's time, as old as what it last heard of it."""
        off = reserved.opened_us / 1_000_000 - BEGINS - self._world.now
        self.holds(-MOST_BEHIND_S < off < 0.001, f"{life.name} is {off} s off the book's time:", reserved)

    def unleased(self, life: "Life", reserved: Reserved) -> None:
        """A budget that got a limit is not taken for unlimited by a worker that has heard from the book since."""
        for part in reserved.parts:
            limit = self._world.limits[part.budget_id].limit
            since = self._world.limited_since.get(part.budget_id, 0.0)
            unheard = limit is None or life.told_at <= since
            self.holds(part.leased or unheard, f"{life.name} knows of the limit", since, life.told_at, part, reserved)

    def limits(self) -> None:
        """Keep the highest limit in force in each period; None: there was a moment without."""
        book = self._world.book
        for budget_id, rule in self._world.limits.items():
            account = budget_id, book.budgets[budget_id].period_seq
            limit = rule.at(self._world.now)
            before = self._ceilings.get(account, 0)
            self._ceilings[account] = None if before is None or limit is None else max(before, limit)

    def forgets(self, book: WindowedBook, older: ModelBook) -> None:
        """A fail-over: what was granted and forgotten may be granted, and spent, once more."""
        for life, leases in book.leases.items():
            for account, lease in leases.items():
                before = older.leases.get(life, {}).get(account)
                forgotten = lease.granted - (0 if before is None else before.granted)
                self.allowance[account] = self.allowance.get(account, 0) + forgotten

    def spends(self, account: Account) -> None:
        """I3: what the provider charged is never above the limit."""
        ceiling, calls = self._ceilings.get(account), self._world.calls
        if ceiling is None:
            return
        over = calls.truth[account] - calls.overruns[account] - ceiling - self.allowance.get(account, 0)
        if over > 0:
            raise Violation(f"overspent: {account} by {over}, limit {ceiling}")

    def could_not_serve(self, life: "Life", story: Story) -> None:
        """Nobody is refused while the money lies in the worker's own leases."""
        till, wish = life.serving, story.wish
        cut_off = life.mono() - till._contact > self._world.terms.outage_ttl_s
        writes = self._world.now >= life.writable_at  # else what was just set aside may be free again
        if wish.amount and writes and not cut_off:
            own = till.purse.available(wish, life.mono() + till._offset)
            self.holds(own < wish.amount, f"refused by {life.name}, which has the money:", own, story)

    # False refusals -----------------------------------------------------------------------------------------

    def room_for(self, story: Story) -> bool:
        """Whether the money was there: unleased, or idle with a holder that can be reached."""
        if not self._world.line.up:
            return False
        amount = story.wish.amount
        rooms = [self._room(budget_id) for budget_id in story.path]
        if amount is None:
            return all(room is None for room in rooms)
        return all(room is None or room >= story.wish.floor for room in rooms)

    def _room(self, budget_id: int) -> int | None:
        book = self._world.book
        budget, limit = book.budgets[budget_id], self._world.limits[budget_id].at(self._world.now)
        if limit is None:
            return None
        account = book.account(budget_id)
        idle = 0
        for life in self._world.reachable():
            lease = life.serving.purse.current(budget_id)
            if lease is not None and lease.standing.period_seq == budget.period_seq:
                idle += lease.free
        return limit - account.spent - account.leased - account.doubt + idle

    # At the end ---------------------------------------------------------------------------------------------

    def quiet(self) -> None:
        """Nobody has called for a while: no live worker holds money, none lies in the book for it, and a book that
        had forgotten grants has learnt them again."""
        book = self._world.book
        for life in self._world.reachable():
            leases = book.leases.get(life.key, {})
            held = {
                account: lease
                for account, lease in leases.items()
                if lease.rest and book.budgets[account[0]].period_seq == account[1]
            }
            believed = life.serving.purse._leases
            kept = {account: lease for account, lease in believed.items() if lease.free or lease.reserved}
            self.holds(not held and not kept, f"idle money of {life.name} did not go back:", held, kept)
            self._believes(life)

    def final(self) -> None:
        book = self._world.book
        breaches = book.audit()
        self.holds(not breaches, "the audit of the book:", breaches)
        for account, row in book.accounts.items():
            self.holds(row.leased == 0, "money is leased after all have stopped:", account, row)
            proved = self.unproved or book.poisonous
            self.holds(row.doubt == 0 or bool(proved), "doubt that nothing explains:", account, row)
        missing = self._entries()
        for account, nanos in missing.items():
            row = book.accounts[account]
            self.holds(self.damaged or nanos <= row.doubt, "what has no entry is not covered:", account, row, nanos)

    def _entries(self) -> Counter[Account]:
        """I4: each call that was sent has one entry, not below the true cost, and exact when its caller saw so.

        Returns the true cost of those that a broken machine took away, less what was charged too much where it took
        an outcome away (that money may have been given to others already): doubt must cover it (I5).
        """
        missing: Counter[Account] = Counter()
        entries: dict[CallId, list[tuple[str, int]]] = {}
        for (_, call_id), row in self._world.book.entries.items():
            entries.setdefault(call_id, []).append((row.kind, row.cost))
        for call_id, story in self._world.calls.stories.items():
            found = entries.get(call_id, [])
            self.holds(len(found) < 2, "two entries for one call:", call_id, found)
            if story.state != "sent":
                self._never_sent(call_id, story, found)
            elif not found:
                excused = call_id in self.lost or call_id in self._world.book.poisonous
                self.holds(excused, "a call without an entry:", call_id, story)
                missing.update(dict.fromkeys(story.accounts, story.true_cost))
            else:
                self._one_entry(call_id, story, *found[0])
                if call_id in self.unsettled:
                    missing.update(dict.fromkeys(story.accounts, story.true_cost - found[0][1]))
        return missing

    def _never_sent(self, call_id: CallId, story: Story, found: list[tuple[str, int]]) -> None:
        """Costs nothing, unless its worker died before it could say so."""
        hidden = story.state in ("waits", "admitted") and story.life is not None
        died = hidden and story.life is not None and story.life.ended != "stopped"
        self.holds(not found or died, "an entry for a call that was never sent:", call_id, story, found)

    def _one_entry(self, call_id: CallId, story: Story, kind: str, cost: int) -> None:
        if story.true_cost <= story.amount:
            self.holds(cost >= story.true_cost, "an entry below the true cost:", call_id, story, kind, cost)
        if kind == "exact":
            self.holds(cost == story.true_cost, "an exact entry with another cost:", call_id, story, cost)
        if story.seen and call_id not in self.lost | self.unsettled:
            self.holds((kind, cost) == story.answer, "not what its caller saw:", call_id, story, kind, cost)
        if kind == "in_doubt" and story.answer is not None and story.answer[0] != "in_doubt" and story.life is not None:
            self.holds(story.life.ended != "stopped", "doubt that no crash explains:", call_id, story)

    def loses(self, records: Iterable[Record]) -> None:
        """These were not durable."""
        for record in records:
            if isinstance(record, Reserved):
                self.lost.add(record.call.call_id)
            elif isinstance(record, Resolved):
                self.unsettled.add(record.reserved.call.call_id)
