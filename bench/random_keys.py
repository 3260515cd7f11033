"""A flood of invented keys beside valid traffic: what of it reaches PostgreSQL, and what valid calls notice.

Valid calls come at a pace, 50 a second; the flood from many connections at once, each request with another key. Calm
turns and turns with the flood alternate, and the median turn counts. Gateway and load have a core each.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import wrk
from bench.figures import Load
from bench.processes import BenchError, end_in_order_when_told, on_core, pick_cores
from bench.targets import Bench, Target, commits, provider, tollhouse
from bench.upstream import MODEL

from tollhouse.foundation.errors import StartupError

_PACE_MS: Final = 20
_WARM_UP_S: Final = 8
_BODY: Final = {"model": MODEL, "max_tokens": 40, "messages": [{"role": "user", "content": "What is the toll?"}]}


@dataclass(frozen=True, slots=True)
class Flood:
    """`connections` of the flood, and the pause of each between two requests."""

    connections: int
    pause_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Valid calls, refused ones per second, and transactions of the database per second."""

    valid: Load
    refused_per_s: float
    transactions_per_s: float


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="length of a turn")
    parser.add_argument("--turns", type=int, default=5, help="calm ones, and as many of each flood")
    told = parser.parse_args()
    end_in_order_when_told()
    try:
        print(_measure(told.seconds, told.turns))
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(seconds: int, turns: int) -> str:
    kinds = {"calm": None, "1,000 keys/s": Flood(20, 20), "as many as it takes": Flood(100, 10)}
    cores = pick_cores()
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        (folder / "call.json").write_text(json.dumps(_BODY))
        with (
            provider(folder, cores, chunks=1, delay_ms=0) as upstream,
            tollhouse(Bench(folder, cores, upstream)) as targets,
        ):
            target = targets[0]
            _turn(target, folder, None, _WARM_UP_S)
            seen: dict[str, list[Turn]] = {kind: [] for kind in kinds}
            for _ in range(turns):
                for kind, flood in kinds.items():
                    seen[kind].append(_turn(target, folder, flood, seconds))
    return _table(seen)


def _turn(target: Target, folder: Path, flood: Flood | None, seconds: int) -> Turn:
    before = _transactions(target)
    with _flooded(target, folder, flood, seconds) as flooding:
        valid = _read(_start(wrk.LOAD, 1, seconds, target.url, target.authorization, folder / "call.json", _PACE_MS))
    refused = None if flooding is None else _read(flooding)
    if valid.failed:
        raise BenchError(f"{valid.failed} of {valid.requests} valid calls failed")
    return Turn(
        valid,
        0.0 if refused is None else (refused.requests - refused.failed) / refused.seconds,
        (_transactions(target) - before) / seconds,
    )


@contextlib.contextmanager
def _flooded(
    target: Target, folder: Path, flood: Flood | None, seconds: int
) -> Iterator["subprocess.Popen[bytes] | None"]:
    if flood is None:
        yield None
        return
    flooding = _start(wrk.FLOOD, flood.connections, seconds, target.url, flood.pause_ms, folder / "call.json")
    try:
        yield flooding
    finally:
        flooding.wait(seconds + 30)


def _start(script: str, connections: int, seconds: int, url: str, *arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(wrk.command(script, connections, seconds, url, *arguments), stdout=subprocess.PIPE)


def _read(running: "subprocess.Popen[bytes]") -> Load:
    output, _ = running.communicate()
    return wrk.told(output)


def _transactions(target: Target) -> int:
    assert target.postgres is not None
    return commits(target.postgres.url)


def _table(seen: dict[str, list[Turn]]) -> str:
    lines = [
        "| flood | refused/s | database transactions/s | valid p50 ms | valid p99 ms |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, turns in seen.items():
        turn = sorted(turns, key=lambda turn: turn.valid.p99_ms)[len(turns) // 2]
        lines.append(
            f"| {kind} | {turn.refused_per_s:,.0f} | {turn.transactions_per_s:.1f} | {turn.valid.p50_ms:.2f}"
            f" | {turn.valid.p99_ms:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
