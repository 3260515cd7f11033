"""The ledger's own core in simulated houses: hundreds of histories of faults, and ledgers that are wrong on purpose."""

import re

import pytest

from simulation.faults import CAMPAIGNS, KILLS
from simulation.histories import Seen, play, play_many, play_some
from simulation.mutants import HONEST, MUTANTS
from tollhouse.ledger.crashpoints import POINTS

# Millions of steps through lines that smaller tests reach too: measuring them would take twice the time.
pytestmark = pytest.mark.no_cover

SEEDS = range(200)


@pytest.fixture(scope="module")
def honest() -> Seen:
    return play_many(SEEDS, jobs=2)


def test_no_promise_is_broken_in_two_hundred_histories(honest: Seen) -> None:
    assert honest.broken is None, str(honest.broken)
    assert honest.figures["histories"] == len(SEEDS)


def test_the_histories_have_seen_what_can_happen(honest: Seen) -> None:
    """Calls and crashes in number, workers that speak again, and every point where a worker can die."""
    assert honest.figures["sent"] > 10_000
    assert honest.figures["crashes"] > 1_000
    assert honest.figures["revived"] > 10
    assert honest.points >= set(POINTS) - {"after_outbox"}, "receipts are not simulated"


def test_without_faults_hardly_anybody_is_refused_while_money_is_there(honest: Seen) -> None:
    assert honest.figures["refused, calm"] > 500
    assert honest.figures["refused falsely, calm"] <= 0.005 * honest.figures["refused, calm"]


@pytest.mark.parametrize("mutant", sorted(set(MUTANTS) - {HONEST}))
def test_a_wrong_ledger_is_found_within_two_hundred_histories(mutant: str) -> None:
    assert play_some(SEEDS, mutant=mutant).broken is not None


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_seed_is_always_the_same_history(name: str) -> None:
    first, second = (play(3, CAMPAIGNS[name]) for _ in range(2))
    assert first.figures == second.figures
    assert first.figures["sent"] > 0


def test_a_broken_promise_is_told_with_its_seed_its_time_and_what_led_to_it() -> None:
    broken = play_some(SEEDS, KILLS, "doubt_voided_on_replay").broken
    assert broken is not None
    told = str(broken)
    assert f"--first {broken.seed} --campaign kills --mutant doubt_voided_on_replay" in told
    assert re.search(r"^at \d+\.\d{4} s: ", told, re.MULTILINE)
    assert len(broken.story.splitlines()) >= 30
    assert play(broken.seed, KILLS, "doubt_voided_on_replay").broken == broken
