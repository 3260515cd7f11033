"""Many histories in a row: what they showed together, and the first that broke a promise."""

import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context

from simulation.faults import CAMPAIGNS, Campaign
from simulation.mutants import HONEST, MUTANTS
from simulation.timeline import Violation
from simulation.world import World

CHUNK = 50


@dataclass(frozen=True)
class Broken:
    """A promise that did not hold, and how to see it again."""

    seed: int
    campaign: str
    mutant: str
    at_s: float
    what: str
    story: str

    def __str__(self) -> str:
        which = f"--first {self.seed} --campaign {self.campaign} --mutant {self.mutant}"
        again = f"PYTHONPATH=tests .venv/bin/python -m simulation 1 {which}"
        return f"{self.story}\n\n{again}\nat {self.at_s:.4f} s: {self.what}"


@dataclass
class Seen:
    """Sums over histories."""

    figures: Counter[str] = field(default_factory=Counter)
    points: set[str] = field(default_factory=set)
    broken: Broken | None = None

    def add(self, other: "Seen") -> None:
        self.figures.update(other.figures)
        self.points |= other.points
        self.broken = self.broken or other.broken

    def line(self) -> str:
        """All of it, for people."""
        sums = self.figures
        false = sums["refused falsely, calm"] / max(sums["refused, calm"], 1)
        return (
            f"{sums['histories']:,} histories, {sums['sent']:,} calls sent, {sums['refused']:,} refused, "
            f"{sums['crashes']:,} crashes, {sums['commits']:,} commits; without faults {false:.2%} refused falsely; "
            f"{'a promise was BROKEN' if self.broken else 'no promise broken'}"
        )


def campaign_of(seed: int) -> Campaign:
    """Each campaign has its turn."""
    return list(CAMPAIGNS.values())[seed % len(CAMPAIGNS)]


def play(seed: int, campaign: Campaign | None = None, mutant: str = HONEST) -> Seen:
    """One history; an error of the code under test breaks a promise too."""
    world = World(seed, campaign or campaign_of(seed), MUTANTS[mutant])
    seen = Seen()
    try:
        world.play()
    except Exception as error:  # noqa: BLE001 - whatever it is, the story that led to it is what matters
        what = str(error) if isinstance(error, Violation) else traceback.format_exc()
        seen.broken = Broken(seed, world.campaign.name, mutant, world.now, what, world.told())
    seen.figures.update(world.figures())
    seen.points |= world.faults.passed
    return seen


def play_some(seeds: Iterable[int], campaign: Campaign | None = None, mutant: str = HONEST) -> Seen:
    """One after the other, up to the first that breaks a promise."""
    seen = Seen()
    for seed in seeds:
        seen.add(play(seed, campaign, mutant))
        if seen.broken:
            break
    return seen


def play_many(seeds: Sequence[int], campaign: Campaign | None = None, mutant: str = HONEST, *, jobs: int) -> Seen:
    """The same on several processors; the figures do not depend on how many."""
    left = iter(seeds)
    chunks = list(iter(lambda: list(islice(left, CHUNK)), []))
    seen = Seen()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for part in pool.map(partial(play_some, campaign=campaign, mutant=mutant), chunks):
            seen.add(part)
            if seen.broken:
                pool.shutdown(cancel_futures=True)
                break
    return seen
