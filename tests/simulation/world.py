"""A simulated house: machines with workers, one database, callers and a provider. One seed is one history."""

from dataclasses import dataclass
from datetime import timedelta
from math import inf

from ledger.model_book import ModelBook
from simulation.book import BEGINS, Line
from simulation.calls import Calls
from simulation.faults import CALM, Campaign, Faults
from simulation.journal import Node, Slot
from simulation.kit import Kit
from simulation.timeline import Timeline
from simulation.witness import Witness
from simulation.worker import Life
from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Scope, ScopeKind
from tollhouse.ledger.purse import Terms, Wish
from tollhouse.ledger.records import Call

LINGERS_S = 9.0
STARTS_S = 1.0
CLOSES_S = 8.0
NOTICES_LOST = 0.2
LAST_AMOUNT = 40
LAST_CALLS = 40


@dataclass(frozen=True)
class Rule:
    """The limit that people gave a budget; None: no limit. `more`, until the moment `until`."""

    limit: int | None
    more: int = 0
    until: float = -inf

    def at(self, now: float) -> int | None:
        return None if self.limit is None else self.limit + (self.more if now < self.until else 0)


class World(Timeline):
    """Built from a seed, a campaign and the pieces to try."""

    def __init__(self, seed: int, campaign: Campaign, kit: Kit) -> None:
        super().__init__(seed)
        rng = self.rng
        self.campaign = campaign
        self.kit = kit
        self.terms = Terms(outage_ttl_s=rng.choice((8.0, 600.0)))
        self.strict = rng.random() < 0.2
        self.book = kit.book()
        self.standby: list[ModelBook] = []
        self.line = Line(self, self.book, self._committed)
        self.calls = Calls(self)
        self.witness = Witness(self)
        self.faults = Faults(self)
        self.limits: dict[int, Rule] = {}
        self.limited_since: dict[int, float] = {}
        self.paths: dict[str, dict[str, tuple[int, ...]]] = {}
        self.nodes = [_node(number, rng.choice((1, 2))) for number in range(rng.choice((1, 2)))]
        self.lives: list[Life] = []
        self._over = False
        self._make_budgets()

    # The story ----------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Load with faults, then peace, then a clean stop of all; raises Violation."""
        for node in self.nodes:
            for _ in node.slots:
                self._start(node)
        self.at(0.1, self._client)
        self.faults.begin()
        self.run(self.campaign.load_s)
        self.faults.end()
        self.run(self.now + LINGERS_S)
        self.witness.quiet()
        self._stop_all()
        if "failover" in self.campaign.hand:
            self._restart_all()
            self._stop_all()
        self.line.now(lambda book: book.doubt_silent(timedelta(seconds=-1)))
        self.witness.final()
        if self.campaign.last_cent:
            self.witness.holds(self.calls.sent_count == LAST_CALLS, "not the last cent:", self.calls.sent_count)

    def figures(self) -> dict[str, int]:
        """What this history adds to the sums."""
        calls = self.calls
        figures = {
            "histories": 1,
            "calls": len(calls.stories),
            "sent": calls.sent_count,
            "refused": calls.refused_count,
            "crashes": self.faults.crashes,
            "commits": self.witness.commits,
            "revived": self.book.revived,
        }
        if self.campaign is CALM:
            figures |= {"refused, calm": calls.refused_count, "refused falsely, calm": calls.false_refusals}
        return figures

    def reachable(self) -> list[Life]:
        """The workers that serve and hear."""
        return [
            life
            for life in self.lives
            if life.alive and life.till is not None and not life.closing and self.now >= life.paused_until
        ]

    def gone(self, life: Life) -> None:
        """A life has ended: somebody starts another one."""
        self.lives.remove(life)
        if not self._over:
            slow = self.faults.on and life.ended != "could not start" and self.chance(0.5)
            self.at(self.between(0.1, 6.0 if slow else 0.5), self._start, life.node)

    def _start(self, node: Node) -> None:
        if not self._over:
            life = self.kit.life(self, node, f"{node.name}.{self._planned}")
            self.lives.append(life)
            life.begin()

    def _stop_all(self) -> None:
        """Until nobody is left; who dies on the way (a mutant may) is finished by others."""
        self._over = True
        self.run(self.now + STARTS_S)
        for life in list(self.lives):
            life.close()
        self.run(self.now + CLOSES_S)
        self.witness.holds(not self.lives, "workers that do not stop:", [life.name for life in self.lives])

    def _restart_all(self) -> None:
        """What a fail-over forgot of dead workers is told again by their successors."""
        self._over = False
        for node in self.nodes:
            for _ in node.slots:
                self._start(node)
        self.run(self.now + 3.0)

    # Budgets ------------------------------------------------------------------------------------------------

    def set_limit(self, budget_id: int, rule: Rule) -> None:
        """What the owner does in the control plane, if the database is there."""
        if not self.line.up:
            return
        before, self.limits[budget_id] = self.limits[budget_id], rule
        if before.limit is None:
            self.limited_since[budget_id] = self.now
        scope = self.book.budgets[budget_id].scope
        slot = self.book.budgets[budget_id].slot
        if rule.limit != before.limit:
            self.line.now(lambda book: book.set_budget(scope, rule.limit, slot=slot))
        if rule.until != before.until:
            self.line.now(lambda book: book.raise_limit(budget_id, rule.more, BEGINS + rule.until))
        self.note("owner", "sets", budget_id, rule)

    def end_budget(self, budget_id: int) -> None:
        if self.line.up:
            self.limits[budget_id] = Rule(None)
            self.line.now(lambda book: book.end_budget(budget_id))
            self.note("owner", "ends", budget_id)

    def _make_budgets(self) -> None:
        team = self._budget("team", "team", 400, 1500, 6000)
        customer = self._budget("customer", "customer", 3000, 20000)
        opus = self._budget("team", "team", 200, 900, slot="opus")
        for key in ("key-1", "key-2"):
            own = self._budget("key", key, 200, 800, 9000)
            self.paths[key] = {"mini": (own, team, customer), "opus": (own, team, customer, opus)}

    def _budget(self, kind: ScopeKind, scope_id: str, *limits: int, slot: str = "main") -> int:
        limit = min(limits) if self.campaign.scarce else self.rng.choice(limits)
        unlimited = self.campaign.unlimited and self.rng.random() < 0.3
        if self.campaign.last_cent:
            limit = LAST_CALLS * LAST_AMOUNT if (kind, slot) == ("customer", "main") else 1_000_000
        rule = Rule(None if unlimited else limit)
        budget_id = self.book.set_budget(Scope(kind, scope_id), rule.limit, slot=slot)
        window_s = self.rng.choice((5.0, 10.0, 20.0) if self.campaign.scarce else (inf, 10.0, 20.0, 50.0))
        self.book.window(budget_id, inf if self.campaign.last_cent else window_s)
        self.limits[budget_id] = rule
        return budget_id

    def _committed(self) -> None:
        self.witness.committed()
        told, self.book.told = self.book.told, []
        for notice in told:
            what, _, budget_id = notice.partition(":")
            for life in self.lives if budget_id else ():
                if not (self.faults.on and self.campaign.trouble and self.chance(NOTICES_LOST)):
                    life.soon(self.between(0.001, 0.01), life.hear, what, int(budget_id))

    # Callers ------------------------------------------------------------------------------------------------

    def _client(self) -> None:
        if self.now < self.campaign.load_s:
            self.at(self.rng.expovariate(self.campaign.calls_per_s), self._client)
        if self.lives:
            life = self.rng.choice(self.lives)
            life.soon(0.0, life.ask, self._wish())

    def _wish(self) -> Wish:
        rng, number = self.rng, len(self.calls.stories) + 1
        key, model = rng.choice(("key-1", "key-2")), rng.choice(("mini", "mini", "opus"))
        call_id = CallId(f"call-{number}")
        call = Call(call_id, CustomerId("customer"), KeyId(key), None, TeamId("team"), "openai", model, "prices")
        path = self.paths[key][model]
        amount = LAST_AMOUNT if self.campaign.last_cent else rng.choice((0, 3, 10, 40, 40, 120))
        floor = amount if rng.random() < 0.7 else rng.randint(min(1, amount), amount)
        unpriced = self.campaign.unlimited and rng.random() < 0.1
        wish = Wish(call, path, None if unpriced else Nanos(amount), Nanos(0 if unpriced else floor))
        if self.campaign.poison and rng.random() < 0.02:
            self.book.poisonous.add(call_id)
        self.calls.made(wish, path)
        return wish


def _node(number: int, slots: int) -> Node:
    return Node(f"node{number}", [Slot(WorkerId(f"w{number}.{slot}")) for slot in range(slots)])
