"""Shapes of reports from sums. Money as integers of nano-dollars and as exact decimal strings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tollhouse.control.reports.questions import Dimension, Measure, Period, Step
from tollhouse.control.reports.sums import Failure, Line, Measures, Overview, Row
from tollhouse.control.shapes import Shown, TokensOut
from tollhouse.foundation.money import exact_usd_string
from tollhouse.traces import durations

Unit = Literal["calls", "ratio", "tokens", "nano_usd", "ms"]

_UNITS: Mapping[Measure, Unit] = {
    "calls": "calls",
    "errors": "calls",
    "error_rate": "ratio",
    "cost": "nano_usd",
    "reported_cost": "nano_usd",
    "p50": "ms",
    "p95": "ms",
    "p99": "ms",
}


class MeasuresOut(Shown):
    """`cost`: what was metered and booked. `reported_cost`: what senders of telemetry say; it is billed to nobody.

    Percentiles are right to 4.5 %; null without a call that took time.
    """

    calls: int
    errors: int
    error_rate: Annotated[float | None, Field(description="Errors by calls; null without calls.")]
    tokens: TokensOut
    cost_usd: Annotated[str, Field(examples=["12.345678901"])]
    cost_nanos: Annotated[int, Field(examples=[12_345_678_901])]
    reported_cost_usd: str
    reported_cost_nanos: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, measures: Measures) -> "MeasuresOut":
        return cls(**shown(measures))


def shown(measures: Measures) -> dict[str, object]:
    return {
        "calls": measures.calls,
        "errors": measures.errors,
        "error_rate": round(measures.errors / measures.calls, 6) if measures.calls else None,
        "tokens": TokensOut(
            input=measures.input_tokens,
            cached=measures.cached_tokens,
            cache_write=measures.cache_write_tokens,
            output=measures.output_tokens,
            reasoning=measures.reasoning_tokens,
        ),
        "cost_usd": exact_usd_string(measures.cost_nanos),
        "cost_nanos": measures.cost_nanos,
        "reported_cost_usd": exact_usd_string(measures.reported_cost_nanos),
        "reported_cost_nanos": measures.reported_cost_nanos,
        "p50_ms": measures.percentile(0.5),
        "p95_ms": measures.percentile(0.95),
        "p99_ms": measures.percentile(0.99),
    }


class RowOut(MeasuresOut):
    """`value` null: calls that have none. `name`: what people call a user, a team or a key; null when it is gone."""

    value: Annotated[str | None, Field(examples=["gpt-4o-mini"])]
    name: str | None

    @classmethod
    def of_row(cls, row: Row) -> "RowOut":
        return cls(**shown(row.measures), value=row.word, name=row.name)


class PeriodOut(Shown):
    """The time that the answer is about: the one asked for, widened to whole hours or days in UTC."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, period: Period) -> "PeriodOut":
        return cls(since=period.since, until=period.until)


class OverviewOut(Shown):
    """`before`: the period of the same length just before. `top`: the ten values of each dimension that cost most."""

    period: PeriodOut
    totals: MeasuresOut
    before: MeasuresOut
    top: dict[Dimension, list[RowOut]]

    @classmethod
    def of(cls, period: Period, found: Overview) -> "OverviewOut":
        return cls(
            period=PeriodOut.of(period),
            totals=MeasuresOut.of(found.totals),
            before=MeasuresOut.of(found.before),
            top={dimension: [RowOut.of_row(row) for row in rows] for dimension, rows in found.tops.items()},
        )


class TopOut(Shown):
    period: PeriodOut
    rows: list[RowOut]


class LineOut(Shown):
    """`points`: one for each of `times`. Null where there is nothing to tell, as a percentile of no calls."""

    value: str | None
    name: str | None
    other: Annotated[bool, Field(description="All values that have no line of their own.")]
    total: Annotated[float | None, Field(description="Of the whole period.")]
    points: list[float | None]

    @classmethod
    def of(cls, line: Line, times: Sequence[datetime], nothing: float | None) -> "LineOut":
        points = [line.points.get(at, nothing) for at in times]
        return cls(value=line.word, name=line.name, other=line.rest, total=line.total, points=points)


class SeriesOut(Shown):
    """`times`: when each step begins, in UTC. Without `by` there is one line."""

    period: PeriodOut
    step: Step
    measure: Measure
    unit: Unit
    times: list[datetime]
    lines: list[LineOut]

    @classmethod
    def of(
        cls, period: Period, step: Step, measure: Measure, times: list[datetime], lines: Sequence[Line]
    ) -> "SeriesOut":
        unit = _UNITS.get(measure, "tokens")
        nothing = None if unit in ("ms", "ratio") else 0
        return cls(
            period=PeriodOut.of(period),
            step=step,
            measure=measure,
            unit=unit,
            times=times,
            lines=[LineOut.of(line, times, nothing) for line in lines],
        )


class BucketOut(Shown):
    """Calls that took longer than the bucket before says and up to `most_ms`."""

    most_ms: float
    calls: int


class LatencyOut(Shown):
    """`histogram`: without the empty buckets at its ends. `rows`: by calls; left out without `by`."""

    period: PeriodOut
    totals: MeasuresOut
    histogram: list[BucketOut]
    rows: list[RowOut]

    @classmethod
    def of(cls, period: Period, totals: Measures, rows: Sequence[Row]) -> "LatencyOut":
        first = next((bucket for bucket, count in enumerate(totals.counts) if count), 0)
        histogram = [
            BucketOut(most_ms=durations.most_ms(bucket), calls=count)
            for bucket, count in enumerate(totals.counts)
            if bucket >= first
        ]
        return cls(
            period=PeriodOut.of(period),
            totals=MeasuresOut.of(totals),
            histogram=histogram,
            rows=[RowOut.of_row(row) for row in rows],
        )


class FailureOut(Shown):
    """`error_type`: as the conventions name it; `_OTHER` where nobody said."""

    error_type: Annotated[str, Field(examples=["timeout"])]
    value: str | None
    name: str | None
    errors: int

    @classmethod
    def of(cls, failure: Failure) -> "FailureOut":
        return cls(error_type=failure.error_type, value=failure.word, name=failure.name, errors=failure.errors)


class FailuresOut(Shown):
    period: PeriodOut
    failures: list[FailureOut]
