"""Programs under measurement: started on a core of their own, watched while they run, stopped by their process id.

CPU time is read from `/proc/<pid>/stat` over a whole process tree. Children that have ended are in their parents'
`cutime` and `cstime`, so no work gets lost between two readings.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_STOP_S: Final = 15.0
_POLL_S: Final = 0.05
# The developer's own settings, proxies and keys stay outside.
_KEPT_NAMES: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR")


AHEAD: Final = ("chrt", "--rr", "1")
"""Before a command: it has its core whenever it wants it."""


class BenchError(Exception):
    """One line that says why there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where things run: gateways on one core; load, upstream and (if not told otherwise) Postgres on the other."""

    gateway: int
    load: int
    postgres: int


def end_in_order_when_told() -> None:
    """SIGTERM unwinds the stack, so that what was started is stopped and what was written is removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def pick_cores(*, postgres_with_gateway: bool = False) -> Cores:
    """The first two cores we may use."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise BenchError("the benchmark needs two cores: one for a gateway, one for its load")
    gateway, load = usable[:2]
    return Cores(gateway, load, gateway if postgres_with_gateway else load)


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """What this thread starts meanwhile runs on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], port: int, log: Path, *, core: int, more: Mapping[str, str], ready_s: float
) -> Iterator[int]:
    """The process id of a program that listens on `port`; it ends with the block, or with us if we are killed."""
    pinned = ["setpriv", "--pdeathsig", "TERM", "taskset", "--cpu-list", str(core), *map(str, command)]
    kept = {name: os.environ[name] for name in _KEPT_NAMES if name in os.environ}
    with log.open("ab") as out:
        process = subprocess.Popen(pinned, env={**kept, **more}, stdout=out, stderr=out, start_new_session=True)
    try:
        _until_listening(process, port, log, ready_s)
        yield process.pid
    finally:
        _stop(process)


def _until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path, ready_s: float) -> None:
    give_up = time.monotonic() + ready_s
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(_POLL_S)
    told = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise BenchError(f"{log.stem} did not start to listen on port {port}; the end of its log:\n{told}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask, wait, insist; its children too, each by its id."""
    family = tree(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(_STOP_S)


def run_children_ahead() -> None:
    """Let what runs now, the upstream, and what it starts, have its core whenever it wants it.

    In production load and upstream are other machines; here a caller would wait for the bursts of Postgres, which
    has no core of its own. Only a real-time process takes the core from another one at once.
    """
    for process in psutil.Process().children(recursive=True):
        for thread in process.threads():
            os.sched_setscheduler(thread.id, os.SCHED_RR, os.sched_param(1))


# Watching --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    ticks: int
    """Own and of children that have ended, user and system."""


def tree(root: int) -> list[int]:
    """A process and all its descendants that live."""
    return _family(root, _all_stats())


def cpu_seconds(root: int) -> float:
    """What the tree of a process has used so far."""
    stats = _all_stats()
    return sum(stats[pid].ticks for pid in _family(root, stats)) * _TICK_S


def _family(root: int, stats: Mapping[int, _Stat]) -> list[int]:
    found = [root] if root in stats else []
    for pid in found:
        found.extend(child for child, stat in stats.items() if stat.parent == pid)
    return found


def _all_stats() -> dict[int, _Stat]:
    stats: dict[int, _Stat] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stats[int(folder.name)] = _parsed((folder / "stat").read_text())
    return stats


def _parsed(line: str) -> _Stat:
    """proc(5): fields 4 and 14 to 17; the second may hold spaces and ends with the last bracket."""
    fields = line.rpartition(")")[2].split()
    return _Stat(int(fields[1]), sum(map(int, fields[11:15])))
