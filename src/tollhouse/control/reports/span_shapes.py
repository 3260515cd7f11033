"""Shapes of spans and traces. Nanoseconds since the epoch do not fit a JavaScript number: they are strings."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from tollhouse.control.reports.search import NAMED, TracePage, Tree
from tollhouse.control.reports.sums import Names
from tollhouse.control.shapes import Shown
from tollhouse.foundation.money import exact_usd_string
from tollhouse.traces.spans import STATUS_ERROR, STATUS_OK, Source, Span

Status = Literal["unset", "ok", "error"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TELL_APART: Final = frozenset(
    {
        "db.system.name",
        "gen_ai.agent.name",
        "gen_ai.operation.name",
        "gen_ai.tool.name",
        "http.request.method",
        "langfuse.observation.type",
        "openinference.span.kind",
        "tollhouse.span.ended_before_start",
        "traceloop.span.kind",
    }
)
_STATUS: Final[dict[int, Status]] = {STATUS_OK: "ok", STATUS_ERROR: "error"}


class SpanOut(Shown):
    """`cost`: what we metered; `reported_cost`: what the sender of the span says. `counted`: it is one call to a model.

    `source`: `proxy` for calls through Tollhouse, `otlp` for spans that others sent. Prompts and answers are among the
    attributes only where the customer has them kept.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    user_id: str | None
    team_id: str | None
    key_id: str | None
    vendor: str
    tool: str | None
    name: str
    kind: int
    start_ns: str
    end_ns: str
    started_at: datetime
    duration_ms: float
    status: Status
    status_message: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    source: Source
    counted: bool
    cost_usd: str | None
    cost_nanos: int | None
    reported_cost_usd: str | None
    reported_cost_nanos: int | None
    attributes: dict[str, Any]
    resource_attributes: dict[str, Any]

    @classmethod
    def of(cls, span: Span) -> "SpanOut":
        same = {name: getattr(span, name) for name in cls.model_fields if hasattr(span, name)}
        ours = span.source == "proxy"
        return cls(
            **same
            | {
                "start_ns": str(span.start_ns),
                "end_ns": str(span.end_ns),
                "started_at": moment_of(span.start_ns),
                "duration_ms": (span.end_ns - span.start_ns) / 1_000_000,
                "status": status_of(span.status),
            }
            | _cost("cost", span.cost_nanos if ours else None)
            | _cost("reported_cost", None if ours else span.cost_nanos)
        )


def _cost(name: str, nanos: int | None) -> dict[str, object]:
    return {f"{name}_nanos": nanos, f"{name}_usd": None if nanos is None else exact_usd_string(nanos)}


def moment_of(ns: int) -> datetime:
    """To the microsecond."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def status_of(code: int) -> Status:
    return _STATUS.get(code, "unset")


class TraceOut(Shown):
    """A trace as a whole. `name`: of its root, the span without a parent, or else of the first.

    `user_id`, `team_id`, `key_id`, `vendor` and `tool` are the root's; names are null when what they name is gone.
    """

    trace_id: str
    name: str
    start_ns: str
    started_at: datetime
    duration_ms: float
    spans: int
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    cost_nanos: int
    reported_cost_usd: str
    reported_cost_nanos: int
    models: list[str]
    vendor: str
    tool: str | None
    user_id: str | None
    user_name: str | None
    team_id: str | None
    team_name: str | None
    key_id: str | None
    key_name: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any], names: Names) -> "TraceOut":
        same = ("trace_id", "name", "spans", "calls", "errors", "vendor", "tool", "user_id", "team_id", "key_id")
        sums = ("input_tokens", "output_tokens")
        return cls(
            **{name: row[name] for name in same}
            | {name: int(row[name]) for name in sums}
            | {f"{kind}_name": names.get((kind, row[column] or "")) for kind, column in NAMED}
            | {
                "start_ns": str(row["start_ns"]),
                "started_at": moment_of(row["start_ns"]),
                "duration_ms": max(row["end_ns"] - row["start_ns"], 0) / 1_000_000,
                "models": row["models"] or [],
            }
            | _cost("cost", int(row["cost_nanos"]))
            | _cost("reported_cost", int(row["reported_cost_nanos"]))
        )


class TracePageOut(Shown):
    """`next_cursor` null: there are no more. A page may hold fewer than asked for, also none, and have a next one.

    `searched_to`: everything that matches and began since then has been told.
    """

    traces: list[TraceOut]
    next_cursor: str | None
    searched_to: datetime

    @classmethod
    def of(cls, page: TracePage) -> "TracePageOut":
        return cls(
            traces=[TraceOut.of(row, page.names) for row in page.traces],
            next_cursor=page.next_cursor,
            searched_to=moment_of(page.searched_to_ns),
        )


class KeyNameOut(Shown):
    """`hash`: the key's name in URLs."""

    name: str
    hash: str


class NamesOut(Shown):
    """What people call users, teams and keys, by id; those that are gone are missing."""

    users: dict[str, str]
    teams: dict[str, str]
    keys: dict[str, KeyNameOut]

    @classmethod
    def of(cls, names: Names, hashes: Mapping[str, str]) -> "NamesOut":
        def called(wanted: str) -> dict[str, str]:
            return {known: name for (kind, known), name in names.items() if kind == wanted}

        keys = {
            known: KeyNameOut(name=name, hash=hashes[known]) for known, name in called("key").items() if known in hashes
        }
        return cls(users=called("user"), teams=called("team"), keys=keys)


class TraceTreeOut(Shown):
    """`spans`: by their start; `complete` false: there are more than are shown. `names`: of all that they name."""

    trace: TraceOut
    spans: list[SpanOut]
    complete: bool
    names: NamesOut

    @classmethod
    def of(cls, found: Tree, *, whole: bool) -> "TraceTreeOut":
        return cls(
            trace=TraceOut.of(found.trace, found.names),
            spans=[SpanOut.of(span if whole else with_few_attributes(span)) for span in found.spans],
            complete=found.trace["spans"] == len(found.spans),
            names=NamesOut.of(found.names, found.hashes),
        )


def with_few_attributes(span: Span) -> Span:
    """Of a long trace with prompts and answers they are most of the bytes."""
    few = {name: value for name, value in span.attributes.items() if name in _TELL_APART}
    return msgspec.structs.replace(span, attributes=few, resource_attributes={})


class SpanDetailOut(Shown):
    span: SpanOut
