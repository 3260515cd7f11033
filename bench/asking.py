"""A route asked many times over one connection, one request after the other, and how long that took."""

import http.client
import statistics
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from bench.processes import BenchError


@dataclass(frozen=True, slots=True)
class Timed:
    """One route, by a name for people. Milliseconds, and the size of its answer."""

    name: str
    p50_ms: float
    p95_ms: float
    worst_ms: float
    kilobytes: float


def query(path: str, **given: object) -> str:
    return f"{path}?{urlencode(given)}"


def get(here: http.client.HTTPConnection, path: str, token: str) -> bytes:
    """The answer's body; raises BenchError for any but a good one."""
    here.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = here.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise BenchError(f"{path} answered {answer.status}: {body[:200].decode(errors='replace')}")
    return body


def timed(here: http.client.HTTPConnection, name: str, path: str, token: str, times: int) -> Timed:
    """After two that do not count."""
    size = len(get(here, path, token))
    get(here, path, token)
    seconds = [_seconds(here, path, token) for _ in range(times)]
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return Timed(name, cuts[49] * 1000, cuts[94] * 1000, max(seconds) * 1000, size / 1000)


def _seconds(here: http.client.HTTPConnection, path: str, token: str) -> float:
    begun = time.perf_counter()
    get(here, path, token)
    return time.perf_counter() - begun
