"""What goes wrong, and how often: campaigns, and the hand that carries them out."""

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from simulation.journal import Node
from tollhouse.foundation.ids import WorkerId

if TYPE_CHECKING:
    from simulation.worker import Life
    from simulation.world import World


@dataclass(frozen=True)
class Campaign:
    """`hand`: the faults it may choose from, `every_s` on the average.

    `points`: the chance of death at each named point, `power`: the share of these deaths that is a power cut.
    `trouble`: the share of lost, of unacknowledged and of late requests. `scarce`: small limits, short periods.
    `last_cent`: each call costs what was reserved, and one budget is for a whole number of them.
    """

    name: str
    hand: tuple[str, ...] = ()
    every_s: float = 3.0
    points: float = 0.0
    power: float = 0.0
    trouble: float = 0.0
    overruns: bool = False
    poison: bool = False
    last_cent: bool = False
    scarce: bool = False
    unlimited: bool = False
    load_s: float = 20.0
    calls_per_s: float = 12.0

    @property
    def exact_leases(self) -> bool:
        """Whether spending beyond what was leased can have no honest cause."""
        return not (self.overruns or self.unlimited or "failover" in self.hand)


CALM = Campaign("calm", ("tighten", "stop"), every_s=6.0, load_s=20.0)
LAST_CENT = Campaign("last_cent", load_s=4.0, calls_per_s=30.0, last_cent=True)
KILLS = Campaign("kills", ("kill", "kill", "outage", "pause", "stop"), points=0.01, trouble=0.03)
POWER = Campaign("power", ("kill", "power", "power", "pause", "outage"), points=0.02, power=0.7, trouble=0.02)
ALL = Campaign("all", ("kill", "power", "disk", "outage", "pause", "stop", "limit", "unwritable"), 2.0, 0.01, 0.4, 0.03)
DISKS = Campaign("disks", ("disk", "disk", "kill", "pause"), 3.0)
RESTARTS = Campaign("restarts", ("stop", "stop", "stop", "outage", "limit"), 1.0, trouble=0.05)
LIMITS = Campaign("limits", ("limit", "raise", "raise", "kill", "pause"), 1.0, 0.002, trouble=0.02, scarce=True)
UNLIMITED = Campaign(
    "unlimited", ("lift", "lift", "limit", "raise", "kill", "pause"), 1.5, 0.002, trouble=0.02, unlimited=True
)
OVERRUNS = Campaign("overruns", ("kill", "pause", "limit"), 4.0, 0.003, trouble=0.02, overruns=True)
FAILOVER = Campaign("failover", ("failover", "failover", "kill", "pause"), 3.0, 0.003, trouble=0.02)
POISON = Campaign("poison", ("kill", "outage"), 6.0, 0.003, trouble=0.02, poison=True)
CAMPAIGNS = {
    campaign.name: campaign
    for campaign in (CALM, LAST_CENT, KILLS, POWER, DISKS, ALL, RESTARTS, LIMITS, UNLIMITED, OVERRUNS, FAILOVER, POISON)
}


class Faults:
    """Does what the campaign says, until it is told to stop."""

    def __init__(self, world: "World") -> None:
        self.on = True
        self.crashes = 0
        self.passed: set[str] = set()
        self._world = world

    def begin(self) -> None:
        self._world.line.trouble = self._world.campaign.trouble
        if self._world.campaign.hand:
            self._world.at(self._world.rng.expovariate(1 / self._world.campaign.every_s), self._next)
        if "failover" in self._world.campaign.hand:
            self._remember()

    def end(self) -> None:
        world = self._world
        self.on = False
        world.line.trouble = 0.0
        world.line.down_until = world.now
        for life in world.lives:
            life.writable_at = world.now

    def strikes(self, life: "Life", point: str) -> bool:
        """Whether this life ends at this point."""
        campaign = self._world.campaign
        self.passed.add(point)
        if not self.on or not campaign.points or not self._world.chance(campaign.points):
            return False
        self._world.note(life.name, "dies at", point)
        self._kill(life, self._world.chance(campaign.power))
        return True

    def _next(self) -> None:
        if not self.on:
            return
        world = self._world
        world.at(world.rng.expovariate(1 / world.campaign.every_s), self._next)
        fault = world.rng.choice(world.campaign.hand)
        if world.lives:
            getattr(self, f"_{fault}")(world.rng.choice(world.lives))

    # To a worker or its machine -----------------------------------------------------------------------------

    def _kill(self, life: "Life", power: bool = False) -> None:
        if not life.alive:
            return
        if power:
            self._power(life)
        else:
            self.crashes += 1
            life.end("kill")

    def _power(self, life: "Life") -> None:
        """All that runs on the machine ends; what was not synced is gone."""
        node = life.node
        node.boot += 1
        self._down(node, "power")
        for slot in node.slots:
            for journal in slot.journals.values():
                self._world.witness.loses(journal.cut(journal.synced))
        self._world.witness.unproved += 1

    def _disk(self, life: "Life") -> None:
        """All or the end of what a slot holds is gone, perhaps even its name."""
        rng = self._world.rng
        slot = rng.choice(life.node.slots)
        for one in [one for one in self._world.lives if one is slot.holder]:
            one.end("disk")
            self.crashes += 1
        whole = rng.random() < 0.5
        for journal in slot.journals.values():
            at = 0 if whole else rng.randint(0, journal.last)
            if at < journal.last:
                journal.intact = False
                self._world.witness.loses(journal.cut(at))
        self._world.witness.damaged |= not whole
        if whole:
            slot.journals.clear()
            if rng.random() < 0.5:
                slot.worker_id = WorkerId(f"{slot.worker_id}'")
        self._world.witness.unproved += 1
        self._world.note(life.node.name, "loses a disk", slot.worker_id, whole)

    def _down(self, node: Node, why: str) -> None:
        self._world.note(node.name, why)
        for one in list(self._world.lives):
            if one.node is node and one.alive:
                self.crashes += 1
                one.end(why)

    def _pause(self, life: "Life") -> None:
        until = self._world.now + self._world.rng.choice((0.2, 2.0, 10.0, 20.0))
        life.paused_until = min(until, self._world.campaign.load_s)
        self._world.note(life.name, "is paused until", life.paused_until)

    def _stop(self, life: "Life") -> None:
        if life.alive:
            self._world.note(life.name, "is asked to stop")
            life.soon(0.0, life.close)

    def _unwritable(self, life: "Life") -> None:
        life.writable_at = self._world.now + self._world.rng.choice((0.05, 0.5, 2.0))
        self._world.note(life.name, "cannot write until", life.writable_at)

    # To the database ----------------------------------------------------------------------------------------

    def _outage(self, _life: "Life") -> None:
        world = self._world
        world.line.down_until = max(world.line.down_until, world.now + world.rng.choice((0.5, 3.0, 12.0)))
        world.note("book", "is away until", world.line.down_until)

    def _remember(self) -> None:
        """What the standby has."""
        if self.on:
            self._world.standby.append(self._world.book.copy())
            self._world.at(0.3, self._remember)

    def _failover(self, _life: "Life") -> None:
        """The standby takes over: all that it did not have yet is forgotten."""
        world = self._world
        behind = world.rng.randint(1, min(4, len(world.standby)))
        older = world.standby[-behind]
        world.witness.forgets(world.book, older)
        world.book.forget(older)
        del world.standby[-behind:]
        world.standby.append(older)
        world.line.generation += 1
        world.line.down_until = max(world.line.down_until, world.now + world.rng.choice((0.1, 1.0, 3.0)))
        world.note("book", "forgets the last", behind, "copies; away until", world.line.down_until)

    # To the terms -------------------------------------------------------------------------------------------

    def _limit(self, _life: "Life") -> None:
        world = self._world
        budget_id = world.rng.choice(list(world.limits))
        rule = world.limits[budget_id]
        if rule.limit is not None:
            by = world.rng.choice((-300, -50, 50, 400))
            world.set_limit(budget_id, replace(rule, limit=max(rule.limit + by, 0)))

    def _tighten(self, _life: "Life") -> None:
        """A little more for one budget, so that calm worlds see changes too."""
        world = self._world
        budget_id = world.rng.choice(list(world.limits))
        rule = world.limits[budget_id]
        if rule.limit is not None:
            world.set_limit(budget_id, replace(rule, limit=rule.limit + 100))

    def _raise(self, _life: "Life") -> None:
        world = self._world
        budget_id = world.rng.choice(list(world.limits))
        rule = world.limits[budget_id]
        until = world.now + world.rng.choice((1.0, 5.0, 20.0))
        world.set_limit(budget_id, replace(rule, more=world.rng.choice((100, 500)), until=until))

    def _lift(self, _life: "Life") -> None:
        """An end to a limit or to the whole budget, or a first limit."""
        world = self._world
        budget_id = world.rng.choice(list(world.limits))
        rule = world.limits[budget_id]
        if rule.limit is None:
            world.set_limit(budget_id, replace(rule, limit=world.rng.choice((300, 1500))))
        elif world.chance(0.5):
            world.set_limit(budget_id, replace(rule, limit=None, more=0, until=-inf))
        else:
            world.end_budget(budget_id)
