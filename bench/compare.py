"""Ourselves, nginx and a peer in one run: the same machine, upstream and load. Prints tables of figures and ratios.

Every gateway gets one core; load, upstream and Postgres share another one. Targets take turns, and the turns are
repeated, so that a disturbance of the machine shows as spread instead of as somebody's merit.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from bench import tables, wrk
from bench.figures import Load, Row
from bench.processes import BenchError, cpu_seconds, end_in_order_when_told, on_core, pick_cores
from bench.streams import StreamLoad, stream
from bench.targets import Bench, Target, litellm, nginx, provider, straight, tollhouse
from bench.upstream import MODEL

from tollhouse.foundation.errors import StartupError

_WARM_UP_S: Final = 3
_PROMPT: Final = "The bar is down. Who passes, where to, and what may it cost? Answer in one sentence. " * 9


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: int
    quiet_seconds: int
    connections: int
    streams: int
    chunks: int
    delay_ms: float
    peer: bool
    postgres_with_gateway: bool


def main() -> int:
    """Run the plan; nothing it started outlives it."""
    plan = _plan()
    end_in_order_when_told()
    try:
        rows = _measure_all(plan)
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(tables.whole_calls(rows, plan.connections))
    print(tables.latency(rows, plan.connections))
    print(tables.streams(rows, plan.streams, plan.delay_ms))
    return 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="how often each target is measured")
    parser.add_argument("--seconds", type=int, default=5, help="of full load, and of starting streams")
    parser.add_argument("--quiet-seconds", type=int, default=3, help="with one connection")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--streams", type=int, default=40, help="open at once")
    parser.add_argument("--chunks", type=int, default=50, help="in a stream")
    parser.add_argument("--delay-ms", type=float, default=20, help="between two chunks")
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--postgres-with-gateway", action="store_true", help="give Postgres the gateway's core")
    return Plan(**vars(parser.parse_args()))


def _measure_all(plan: Plan) -> list[Row]:
    cores = pick_cores(postgres_with_gateway=plan.postgres_with_gateway)
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        _write_bodies(folder)
        with provider(folder, cores, chunks=plan.chunks, delay_ms=plan.delay_ms) as upstream:
            bench = Bench(folder, cores, upstream)
            return [
                row
                for number in range(1, plan.rounds + 1)
                for opened in _opened(plan)
                for row in _measure(bench, plan, opened, number)
            ]


def _opened(plan: Plan) -> Sequence[Callable[[Bench], AbstractContextManager[list[Target]]]]:
    return (straight, nginx, tollhouse, *([litellm] if plan.peer else []))


def _measure(
    bench: Bench, plan: Plan, opened: Callable[[Bench], AbstractContextManager[list[Target]]], number: int
) -> list[Row]:
    with opened(bench) as targets:
        rows = []
        for target in targets:
            print(f"round {number} of {plan.rounds}: {target.name} ...", file=sys.stderr, flush=True)
            rows.append(_row(target, bench, plan))
        return rows


def _row(target: Target, bench: Bench, plan: Plan) -> Row:
    """Everything there is to know of one target, in one turn."""
    _wrk(target, bench, plan.connections, _WARM_UP_S)
    used, written = _used(target), _written(target)
    full = _wrk(target, bench, plan.connections, plan.seconds)
    gateway_s, postgres_s = (after - before for after, before in zip(_used(target), used, strict=True))
    writes = _written(target) - written
    quiet = _wrk(target, bench, 1, plan.quiet_seconds)
    return Row(
        target=target.name,
        full=full,
        quiet=quiet,
        gateway_us=gateway_s / full.requests * 1e6,
        postgres_us=postgres_s / full.requests * 1e6 if target.postgres else None,
        writes=writes / full.requests if target.postgres else None,
        chunk_us=_chunk_us(target, bench, plan) if target.streams else None,
    )


def _wrk(target: Target, bench: Bench, connections: int, seconds: int) -> Load:
    """Closed loop: each connection sends its next request when it has the answer to the last one."""
    arguments = (target.authorization, bench.folder / "whole.json")
    command = wrk.command(wrk.LOAD, connections, seconds, target.url, *arguments, timeout_s=30)
    done = subprocess.run(command, capture_output=True, timeout=seconds + 60, check=False)
    if done.returncode != 0:
        raise BenchError(f"wrk failed at {target.name}: {done.stderr.decode(errors='replace').strip()}")
    load = wrk.told(done.stdout)
    if load.requests == 0:
        raise BenchError(f"{target.name} answered nothing within {seconds} s")
    return load


def _chunk_us(target: Target, bench: Bench, plan: Plan) -> float:
    """CPU per streamed chunk; what a call costs besides is in it, spread over its chunks."""
    load = StreamLoad(
        url=target.url,
        authorization=target.authorization,
        body=(bench.folder / "stream.json").read_bytes(),
        callers=plan.streams,
        chunks=plan.chunks,
        spread_s=plan.delay_ms / 1000,
        seconds=plan.seconds,
    )
    before = cpu_seconds(target.pid)
    streamed = asyncio.run(stream(load))
    return (cpu_seconds(target.pid) - before) / streamed.chunks * 1e6


def _used(target: Target) -> tuple[float, float]:
    """CPU seconds of the gateway's processes, and of its Postgres."""
    return cpu_seconds(target.pid), target.postgres.cpu_seconds() if target.postgres else 0.0


def _written(target: Target) -> int:
    """Transactions that the target's Postgres has written."""
    return target.postgres.writes() if target.postgres else 0


def _write_bodies(folder: Path) -> None:
    """The same prompt for a whole answer and for a stream: about 900 bytes."""
    system = {"role": "system", "content": "You keep the gate."}
    call = {"model": MODEL, "messages": [system, {"role": "user", "content": _PROMPT}], "max_tokens": 256}
    (folder / "whole.json").write_bytes(msgspec.json.encode(call))
    (folder / "stream.json").write_bytes(msgspec.json.encode(call | {"stream": True}))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
