"""What really happened: who asked for what, what the provider charged, what callers saw."""

from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Reserved, SettlementKind
from tollhouse.ledger.till import Refuse

if TYPE_CHECKING:
    from simulation.worker import Life
    from simulation.world import World

ANSWER_GRACE_S = 0.1
"""The till looks at its clock every 20 ms while somebody waits."""

Account = tuple[int, int]


@dataclass(slots=True)
class Story:
    """One call. `path`: the budgets that it counts in, whatever the ledger believes."""

    wish: Wish
    path: tuple[int, ...]
    life: "Life | None" = None
    state: str = "new"
    asked_at: float = 0.0
    true_cost: int = 0
    accounts: tuple[Account, ...] = ()
    amount: int = 0
    answer: tuple[SettlementKind, int] | None = None
    seen: bool = False
    asks: int = 0


class Calls:
    """The provider's own book, and the callers' memory."""

    def __init__(self, world: "World") -> None:
        self.stories: dict[CallId, Story] = {}
        self.truth: Counter[Account] = Counter()
        self.overruns: Counter[Account] = Counter()
        self.sent_count = self.refused_count = self.false_refusals = 0
        self._world = world

    def made(self, wish: Wish, path: tuple[int, ...]) -> None:
        self.stories[wish.call.call_id] = Story(wish, path)

    def asked(self, life: "Life", wish: Wish) -> None:
        story = self.stories[wish.call.call_id]
        story.life, story.state, story.asked_at = life, "waits", self._world.now
        for limit_s in (self._world.terms.wait_s, self._world.terms.patience_s):
            self._world.at(limit_s + ANSWER_GRACE_S, self._must_be_answered, story, limit_s)

    def waits(self, call_id: CallId) -> bool:
        return self.stories[call_id].state == "waits"

    def left(self, call_id: CallId) -> None:
        self.stories[call_id].state = "left"

    def admitted(self, life: "Life", reserved: Reserved) -> None:
        story = self.stories[reserved.call.call_id]
        self._world.witness.holds(story.state == "waits" and story.life is life, "an answer nobody waits for", story)
        story.state, story.amount = "admitted", reserved.amount
        self._world.witness.dated(life, reserved)
        self._world.witness.unleased(life, reserved)

    def refused(self, life: "Life", call_id: CallId, refusal: Refuse | None) -> None:
        story = self.stories[call_id]
        self._world.witness.holds(story.state == "waits", "a refusal that nobody waits for", story)
        story.state = "refused"
        self.refused_count += 1
        if refusal is not None and refusal.verdict != "spent" and not life.closing:
            self._world.witness.could_not_serve(life, story)
        if refusal is not None and not life.closing and self._world.witness.room_for(story):
            self.false_refusals += 1
            self._world.note("caller", "was refused falsely:", call_id)

    def sent(self, life: "Life", reserved: Reserved) -> tuple[float, SettlementKind, Nanos]:
        """From here on the provider charges, whatever becomes of us. How long it takes, and how it ends."""
        world, story = self._world, self.stories[reserved.call.call_id]
        self.sent_count += 1
        story.state = "sent"
        story.true_cost = cost = self._true_cost(story)
        counted = {part.budget_id: part.period_seq for part in reserved.parts}
        story.accounts = tuple((b, counted.get(b, world.book.budgets[b].period_seq)) for b in story.path)
        for account in story.accounts:
            self.truth[account] += cost
            self.overruns[account] += max(cost - reserved.amount, 0)
            world.witness.spends(account)
        world.note("provider", "charges", reserved.call.call_id, cost)
        return world.rng.choice((0.05, 0.5, 3.0)), *self._outcome(story)

    def seen(self, call_id: CallId, kind: SettlementKind, cost: Nanos) -> None:
        """The caller has the end of the answer: from now on this must be in the ledger."""
        story = self.stories[call_id]
        story.seen, story.answer = True, (kind, cost)

    def _true_cost(self, story: Story) -> int:
        if story.wish.amount is None:
            return 0
        if self._world.campaign.last_cent:
            return story.amount
        if self._world.campaign.overruns and self._world.chance(0.05):
            return story.amount + self._world.rng.randint(1, 60)
        return self._world.rng.randint(0, story.amount)

    def _outcome(self, story: Story) -> tuple[SettlementKind, Nanos]:
        kind = self._world.rng.random()
        if kind < 0.85 or self._world.campaign.last_cent:
            return "exact", Nanos(story.true_cost)
        if kind < 0.95:
            return "estimated", Nanos(self._world.rng.randint(story.true_cost, max(story.true_cost, story.amount)))
        return "in_doubt", Nanos(story.amount)

    def _must_be_answered(self, story: Story, limit_s: float) -> None:
        """In `wait_s` if the book has answered; without a word of it in `patience_s`."""
        life = story.life
        waiter = None if life is None else life.serving._waiting.get(story.wish.call.call_id)
        if life is None or waiter is None or not life.alive or life.paused_until >= story.asked_at:
            return
        self._world.witness.holds(limit_s < self._world.terms.patience_s, "a caller waits too long:", story)
        if waiter.refused_by is not None:  # perhaps just now: it is told at the next look at the clock
            self._world.at(ANSWER_GRACE_S, self._must_be_answered, story, inf)
