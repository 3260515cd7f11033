"""Readings of cells and of the database as families of Prometheus. Pure, but for a look at /proc.

Counters and histograms are summed over the machine's workers, dead ones included. Gauges have a worker's number, which
is bounded, and only those that are alive have any. What comes from the database is of the whole installation: every
node says the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from tollhouse import __version__
from tollhouse.tallies.cells import OVERFLOW, Name, Reading

BEAT_S: Final = 10
"""A worker that was silent for longer is not alive."""
_NANOS: Final = 1e9
_MICROS: Final = 1e6

# Name of the cell -> name, help, labels, and what one of it is.
_COUNTERS: Final[Mapping[str, tuple[str, str, tuple[str, ...], float]]] = {
    "calls": (
        "tollhouse_calls",
        "Calls that held money, by provider, how they ended, and how they were booked.",
        ("provider", "outcome", "entry"),
        1,
    ),
    "answers": (
        "tollhouse_answers",
        "Answers of the control plane and of the door for spans, by status.",
        ("plane", "status"),
        1,
    ),
    "spans": (
        "tollhouse_spans",
        "Spans that senders brought: stored (also a second time), or rejected.",
        ("result",),
        1,
    ),
    "refusals": ("tollhouse_refusals", "Answers to calls that were errors, ours or passed on.", ("code", "status"), 1),
    "tokens": ("tollhouse_tokens", "Tokens that providers reported.", ("direction",), 1),
    "cost_nanos": ("tollhouse_cost_usd", "What calls cost, in US dollars.", (), _NANOS),
    "overruns": ("tollhouse_overruns", "Calls that cost more than their bound; there should be none.", (), 1),
    OVERFLOW: ("tollhouse_metrics_overflow", "Counted without a name, because there were too many names.", (), 1),
}
_HISTOGRAMS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "overhead": (
        "tollhouse_overhead_seconds",
        "From a call's headers until it is sent on: reading its body, and all that we decide.",
        (),
    ),
    "first_byte": (
        "tollhouse_first_byte_seconds",
        "From a call's headers to the first byte of the provider's answer.",
        ("stream",),
    ),
    "duration": ("tollhouse_call_seconds", "From a call's headers to its end.", ("stream",)),
}
# Name of the cell -> name, help, and what one of it is.
_GAUGES: Final[Mapping[str, tuple[str, str, float]]] = {
    "calls_open": ("tollhouse_calls_open", "Calls in flight.", 1),
    "calls_waiting": ("tollhouse_calls_waiting", "Calls that wait for money.", 1),
    "journal_bytes": ("tollhouse_journal_bytes", "Size of the worker's journal.", 1),
    "journal_unbooked_bytes": ("tollhouse_journal_unbooked_bytes", "Of it, what the book does not have yet.", 1),
    "unflushed_records": ("tollhouse_journal_unflushed_records", "Records that the book does not have yet.", 1),
    "untold_records": ("tollhouse_outbox_records", "Booked records whose receipts and spans are not written yet.", 1),
    "flush_age_us": ("tollhouse_flush_age_seconds", "For how long records wait without any being booked.", _MICROS),
    "upstream_open": ("tollhouse_upstream_connections_open", "Connections to Cloudflare.", 1),
    "upstream_in_use": ("tollhouse_upstream_connections_in_use", "Connections to Cloudflare with a call on them.", 1),
    "upstream_waiting": ("tollhouse_upstream_waiting", "Calls that wait for a connection.", 1),
    "database_open": ("tollhouse_database_connections_open", "Connections to PostgreSQL.", 1),
    "database_in_use": ("tollhouse_database_connections_in_use", "Connections to PostgreSQL in use.", 1),
    "ingest_bytes": ("tollhouse_ingest_bytes", "Bytes of spans that are being worked on.", 1),
    "loop_lag_us": ("tollhouse_event_loop_lag_seconds", "How late the event loop came to its last round.", _MICROS),
}
# Column -> name, help, and what one of it is.
_STANDING: Final[Mapping[str, tuple[str, str, float]]] = {
    "leases": ("tollhouse_ledger_leases", "Leases in workers' hands.", 1),
    "leased_nanos": ("tollhouse_ledger_leased_usd", "Money in them.", _NANOS),
    "doubtful_leases": ("tollhouse_ledger_doubtful_leases", "Leases of workers that are gone or silent.", 1),
    "doubt_nanos": ("tollhouse_ledger_doubt_usd", "Money in them: it counts as spent until somebody decides.", _NANOS),
    "dead_letters": ("tollhouse_ledger_dead_letters", "Records that the book did not take.", 1),
    "live_workers": ("tollhouse_ledger_live_workers", "Workers, of all nodes, that the book hears of.", 1),
    "silent_workers": ("tollhouse_ledger_silent_workers", "Workers that the book has not heard of for too long.", 1),
    "oldest_word_s": ("tollhouse_ledger_oldest_word_seconds", "Since the most silent living worker was heard.", 1),
    "seal_age_s": ("tollhouse_ledger_seal_age_seconds", "Since the beginning of the last day that is sealed.", 1),
    "webhook_events": ("tollhouse_webhook_events_waiting", "Crossed thresholds that customers were not told of.", 1),
    "usage_events": ("tollhouse_usage_events_waiting", "Usage events that Stripe does not have; at most 100000.", 1),
    "usage_events_age_s": ("tollhouse_usage_events_oldest_seconds", "Age of the oldest of them.", 1),
    "dead_usage_events": ("tollhouse_usage_events_dead", "Usage events that only people move.", 1),
    "exporters": ("tollhouse_exporters_enabled", "Exporters of spans that are on.", 1),
    "failing_exporters": ("tollhouse_exporters_failing", "Of them, those whose last try failed.", 1),
    "export_spans": ("tollhouse_export_spans_waiting", "Spans that wait to be exported; at most 100000.", 1),
    "export_age_s": ("tollhouse_export_oldest_seconds", "Age of the oldest of them.", 1),
    "exported_spans": ("tollhouse_exporters_sent_spans", "Spans that the exporters that exist have sent.", 1),
    "refused_spans": ("tollhouse_exporters_refused_spans", "Spans that their receivers refused for good.", 1),
    "skipped_spans": ("tollhouse_exporters_skipped_spans", "Spans given up: too old, or too many.", 1),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything for one scrape; `standing` None: the database did not say in time. `now` in Unix seconds."""

    readings: Sequence[Reading]
    standing: Mapping[str, float] | None
    now: float

    def collect(self) -> Iterator[Metric]:
        """As a registry does."""
        alive = [reading for reading in self.readings if self.now - reading.beat <= BEAT_S]
        yield GaugeMetricFamily("tollhouse_workers", "Workers of this machine that are alive.", value=len(alive))
        build = GaugeMetricFamily("tollhouse_build_info", "What runs here.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield from _counters(_summed(self.readings))
        yield from _gauges(alive)
        up = 0 if self.standing is None else 1
        yield GaugeMetricFamily("tollhouse_database_up", "Whether the database answered in time.", value=up)
        for column, (name, text, unit) in _STANDING.items() if self.standing else ():
            yield GaugeMetricFamily(name, text, value=float((self.standing or {})[column]) / unit)
        yield from _processes(alive)


def _summed(readings: Sequence[Reading]) -> dict[Name, int]:
    total: dict[Name, int] = {}
    for reading in readings:
        for name, value in reading.counters.items():
            total[name] = total.get(name, 0) + value
    return total


def _counters(total: Mapping[Name, int]) -> Iterator[Metric]:
    for cell, (name, text, labels, unit) in _COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=labels)
        for (first, *values), value in total.items():
            if first == cell and len(values) == len(labels):
                family.add_metric(values, value / unit if unit != 1 else value)
        yield family
    for cell, (name, text, labels) in _HISTOGRAMS.items():
        yield _histogram(HistogramMetricFamily(name, text, labels=labels), cell, len(labels), total)


def _histogram(family: HistogramMetricFamily, cell: str, labels: int, total: Mapping[Name, int]) -> Metric:
    """Cells hold what fell between two bounds; Prometheus wants what fell below each."""
    groups: dict[tuple[str, ...], dict[str, int]] = {}
    for (first, *rest), value in total.items():
        if first == cell and len(rest) == labels + 1:
            groups.setdefault(tuple(rest[:labels]), {})[rest[-1]] = value
    for values, by_bound in groups.items():
        below, buckets = 0, []
        for bound in sorted(int(bound) for bound in by_bound if bound.isdigit()):
            below += by_bound[str(bound)]
            buckets.append((repr(bound / _MICROS), below))
        buckets.append(("+Inf", below + by_bound.get("more", 0)))
        family.add_metric(values, buckets=buckets, sum_value=by_bound.get("sum", 0) / _MICROS)
    return family


def _gauges(alive: Sequence[Reading]) -> Iterator[Metric]:
    for cell, (name, text, unit) in _GAUGES.items():
        family = GaugeMetricFamily(name, text, labels=["worker"])
        for reading in alive:
            value = reading.gauges.get((cell,), 0)
            family.add_metric([str(reading.number)], value / unit if unit != 1 else value)
        yield family


def _processes(alive: Iterable[Reading]) -> Iterator[Metric]:
    """What the library says of a process, of each worker."""
    families: dict[str, Metric] = {}
    for reading in alive:
        for found in ProcessCollector(pid=_constant(reading.pid), registry=None).collect():
            family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
            for sample in found.samples:
                family.add_sample(sample.name, {"worker": str(reading.number)}, sample.value)
    yield from families.values()


def _constant(pid: int) -> Callable[[], int]:
    return lambda: pid
