"""Spans sent to `tollhouse serve`: how many a second, what they cost, and what calls to models notice of them.

Batches of protobuf, packed with gzip, made before the clock starts; each has ids of its own, so that all of it is new.
Calm turns, with nothing but calls at a pace, and turns with spans beside them alternate; what is told of calls is the
gateway's own time (see `caller.py`). Senders keep as many requests on their way as there are
`--connections`, at the rate of `--rate` spans a second or, with 0, as fast as it goes.
"""

import argparse
import contextlib
import gzip
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlsplit

import psutil
from bench.caller import Calls, Order, calling
from bench.figures import Load
from bench.processes import BenchError, cpu_seconds, end_in_order_when_told, on_core, pick_cores
from bench.targets import Bench, Target, tollhouse
from bench.upstream import MODEL
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tollhouse.foundation.errors import StartupError

_PACE_MS: Final = 20
_WARM_UP_S: Final = 5
_BODY: Final = {"model": MODEL, "max_tokens": 40, "messages": [{"role": "user", "content": "What is the toll?"}]}
_RETRY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """The command line."""

    seconds: int
    turns: int
    spans: int
    connections: int
    rate: int
    apart: bool


@dataclass(slots=True)
class Sent:
    """What became of the batches; filled by several threads, each adding whole numbers under the lock."""

    accepted: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Turn:
    spans: bool
    valid: Load
    spans_per_s: float
    refused: int
    gateway_cores: float
    postgres_cores: float


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="length of a turn")
    parser.add_argument("--turns", type=int, default=3, help="calm ones, and as many with spans")
    parser.add_argument("--spans", type=int, default=500, help="spans in a batch")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rate", type=int, default=0, help="spans a second in all; 0: as fast as it goes")
    parser.add_argument("--apart", action="store_true", help="the caller never waits for PostgreSQL's core")
    told = Told(**vars(parser.parse_args()))
    end_in_order_when_told()
    try:
        print(_measure(told))
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(told: Told) -> str:
    cores = pick_cores()
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        more = {"TOLLHOUSE_INGEST_SPANS_PER_S": "10000000"}
        with calling(ahead=told.apart) as (upstream, calls), tollhouse(Bench(folder, cores, upstream), more) as targets:
            seen = _turns(targets[0], calls, told)
    return _table(seen)


def _turns(target: Target, calls: Calls, told: Told) -> list[Turn]:
    _turn(target, calls, told, _WARM_UP_S, spans=True)
    for beside in psutil.Process(target.pid).children(recursive=True):
        beside.cpu_affinity([])  # what works on spans takes what either core has left
    return [_turn(target, calls, told, told.seconds, spans=spans) for _ in range(told.turns) for spans in (False, True)]


def _turn(target: Target, calls: Calls, told: Told, seconds: int, *, spans: bool) -> Turn:
    assert target.postgres is not None
    batches = _batches(told, seconds) if spans else []
    gateway, postgres = cpu_seconds(target.pid), target.postgres.cpu_seconds()
    with _sending(target, batches, told) as sent:
        began = time.monotonic()
        valid = calls.carry_out(Order(target.url, target.authorization, json.dumps(_BODY), seconds, _PACE_MS))
        took = time.monotonic() - began
        accepted = sent.accepted
    if valid.failed:
        raise BenchError(f"{valid.failed} of {valid.requests} valid calls failed")
    return Turn(
        spans,
        valid,
        accepted / took,
        sent.refused,
        (cpu_seconds(target.pid) - gateway) / took,
        (target.postgres.cpu_seconds() - postgres) / took,
    )


@contextlib.contextmanager
def _sending(target: Target, batches: Sequence[bytes], told: Told) -> Iterator[Sent]:
    """Senders until the block ends, or until there is nothing left to send."""
    sent, ended = Sent(), threading.Event()
    left = iter(batches)
    pause_s = told.spans * told.connections / told.rate if told.rate else 0.0
    threads = [
        threading.Thread(target=_send, args=(target, left, told.spans, pause_s, sent, ended), daemon=True)
        for _ in range(told.connections if batches else 0)
    ]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def _send(
    target: Target, left: Iterator[bytes], spans: int, pause_s: float, sent: Sent, ended: threading.Event
) -> None:
    connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=30)
    headers = {
        "authorization": target.authorization,
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
    }
    next_at = time.monotonic()
    while not ended.is_set():
        with sent.lock:
            body = next(left, None)
        if body is None:
            return
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        answer.read()
        with sent.lock:
            sent.accepted += spans if answer.status == 200 else 0
            sent.refused += answer.status != 200
        next_at = max(next_at + pause_s, time.monotonic() - 1)
        ended.wait(max(next_at - time.monotonic(), _RETRY_S if answer.status != 200 else 0))
    connection.close()


def _batches(told: Told, seconds: int) -> list[bytes]:
    """Enough for the turn; more than 40,000 spans a second is not looked for."""
    message = _message(told.spans)
    count = (told.rate or 40_000) * (seconds + 2) // told.spans + 1
    return [_packed(message) for _ in range(count)]


def _packed(message: ExportTraceServiceRequest) -> bytes:
    now = time.time_ns()
    for span in message.resource_spans[0].scope_spans[0].spans:
        span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + random.randrange(10**9)
    return gzip.compress(message.SerializeToString(), 1)


def _message(spans: int) -> ExportTraceServiceRequest:
    """Calls to models as an instrumented service tells of them: ten attributes each."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.append(_text("service.name", "bench"))
    resource_spans.resource.attributes.append(_text("telemetry.sdk.language", "python"))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.instrumentation.openai.v1"
    for number in range(spans):
        span = scope_spans.spans.add(name="chat gpt-4o-mini", kind=3)
        span.status.code = 1
        span.attributes.extend(_attributes(number))
    return message


def _attributes(number: int) -> list[KeyValue]:
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": ("gpt-4o-mini", "gpt-4o", "gpt-4.1")[number % 3],
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{random.getrandbits(96):024x}",
        "session.id": f"session-{number % 50}",
    }
    numbers = {
        "gen_ai.usage.input_tokens": random.randrange(5_000),
        "gen_ai.usage.output_tokens": random.randrange(900),
        "gen_ai.request.max_tokens": 1_000,
    }
    made = [_text(name, value) for name, value in texts.items()]
    made += [KeyValue(key=name, value=AnyValue(int_value=value)) for name, value in numbers.items()]
    return [*made, KeyValue(key="gen_ai.request.temperature", value=AnyValue(double_value=0.5))]


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _table(turns: Sequence[Turn]) -> str:
    """Every turn in its order, and below it what the turn in the middle of each kind has."""
    lines = [
        "| turn | spans/s | batches refused | gateway, cores | Postgres, cores | own p50 ms | own p99 ms |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_row(turn) for turn in turns),
    ]
    for name in ("p50_ms", "p99_ms"):
        calm, beside = (
            median(getattr(turn.valid, name) for turn in turns if turn.spans is spans) for spans in (False, True)
        )
        lines.append(f"\nMedian {name}: {calm:.2f} calm, {beside:.2f} with spans beside, {beside / calm - 1:+.0%}.")
    return "\n".join(lines)


def _row(turn: Turn) -> str:
    return (
        f"| {'with spans' if turn.spans else 'calm'} | {turn.spans_per_s:,.0f} | {turn.refused}"
        f" | {turn.gateway_cores:.2f} | {turn.postgres_cores:.2f}"
        f" | {turn.valid.p50_ms:.2f} | {turn.valid.p99_ms:.2f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
