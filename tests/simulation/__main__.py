"""`python -m simulation [seeds]`: play many histories of the ledger, or one again. One line says what was seen.

A broken promise is printed with its seed and the events that led to it.
"""

import argparse
import os
import sys

from simulation.faults import CAMPAIGNS
from simulation.histories import play_many, play_some
from simulation.mutants import HONEST, MUTANTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=200, help="how many histories; 200")
    parser.add_argument("--first", type=int, default=0, help="the first seed; 0")
    parser.add_argument("--campaign", choices=CAMPAIGNS, help="what goes wrong; else each has its turn")
    parser.add_argument("--mutant", choices=MUTANTS, default=HONEST, help="a ledger that is wrong in one place")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; as many as processors")
    told = parser.parse_args()
    seeds = range(told.first, told.first + told.seeds)
    campaign = CAMPAIGNS[told.campaign] if told.campaign else None
    if told.jobs == 1 or told.seeds == 1:
        seen = play_some(seeds, campaign, told.mutant)
    else:
        seen = play_many(seeds, campaign, told.mutant, jobs=told.jobs)
    if seen.broken:
        print(seen.broken)
    print(seen.line())
    return 1 if seen.broken else 0


if __name__ == "__main__":
    sys.exit(main())
