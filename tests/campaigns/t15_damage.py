"""T15, damaged journals: every record of many journals flipped, cut, zeroed, repeated, moved; every file lost or stale.

Never is a wrong amount believed, and a loss is noticed unless it looks exactly like a writer that stopped there. The
same loop as in `ledger/damage.py`, long.
"""

import asyncio
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from campaigns.result import Result, Scale
from ledger import damage

PARTS: Final = 10
_PROCESSES: Final = 2


async def run(scale: Scale) -> Result:
    result = Result("T15 damaged journals", scale.full)
    journals = scale.pick(2, 100)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(_PROCESSES) as pool:
        parts = [
            loop.run_in_executor(pool, _part, journals, seed, scale.folder / str(seed))
            for seed in range(scale.pick(1, PARTS))
        ]
        seen = await asyncio.gather(*parts)
    counts: Counter[str] = sum((counts for counts, _ in seen), Counter())
    recovered, as_if_stopped = counts.pop("recovered"), counts.pop("unnoticed, as if stopped there")
    result.figures |= {
        "journals": journals * len(seen), "damages": counts.total(), "kinds": len(counts),
        "recovered from": recovered, "as if the writer had stopped there": as_if_stopped,
    }  # fmt: skip
    for _, broken in seen:
        result.expect(broken is None, str(broken))
    return result


def _part(journals: int, seed: int, folder: Path) -> tuple[Counter[str], str | None]:
    """What was done, and the first promise that was broken."""
    try:
        return damage.campaign(journals, seed, folder), None
    except AssertionError as broken:
        return Counter(), f"seed {seed}: {broken}"
