"""`/v1/reports`: what calls came to, as totals, first values, series, durations, failures; and all sums as a file."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.reports import sums
from tollhouse.control.reports.asking import Filters, Times
from tollhouse.control.reports.files import FILES, Format, file_of
from tollhouse.control.reports.questions import SHARES, Dimension, Measure, Step, period_of, require_few, steps_of
from tollhouse.control.reports.sum_shapes import (
    FailureOut,
    FailuresOut,
    LatencyOut,
    OverviewOut,
    PeriodOut,
    RowOut,
    SeriesOut,
    TopOut,
)
from tollhouse.control.reports.sums import SumPage
from tollhouse.control.shapes import refusals

router = APIRouter(prefix="/v1/reports", tags=["reports"], route_class=ControlRoute)

MOST_LINES: Final = 25
MOST_ROWS: Final = 500

Who = Annotated[Person, Depends(allowed("report.see"))]
Asked = Annotated[Filters, Depends()]
When = Annotated[Times, Depends()]
By = Annotated[Dimension | None, Query(description="A line or row for each value of this; all as one if left out.")]
Order = Literal["calls", "errors", "tokens", "cost", "reported_cost"]

_SUM_COLUMNS: Final = (
    *("at", "source", "model", "provider", "vendor", "tool", "user_id", "user", "team_id", "team", "key_id", "key"),
    *("calls", "errors", "input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("cost_nanos", "reported_cost_nanos"),
)


@router.get(
    "/overview",
    summary="Totals, the period before, and what costs most",
    description="What is one's own for members, all of the customer's for managers and admins.",
    responses=refusals(400, 401, 403, 422),
)
async def get_overview(context: Context, person: Who, asked: Asked, when: When) -> OverviewOut:
    period = period_of(when.since, when.until, context.clock.now())
    return OverviewOut.of(period, await sums.overview(context.database, person.customer_id, asked.of(person), period))


@router.get(
    "/series",
    summary="One measure over time",
    description="The step is chosen by the length of time if it is left out: hours up to three days, days up to three "
    "months, weeks up to two years, else months. All in UTC; weeks begin on Monday.",
    responses=refusals(400, 401, 403, 422),
)
async def get_series(
    context: Context,
    person: Who,
    asked: Asked,
    when: When,
    measure: Measure = "calls",
    by: By = None,
    step: Step | None = None,
    most: Annotated[int, Query(ge=1, le=MOST_LINES, description="Lines beside that of the other values.")] = 10,
) -> SeriesOut:
    period, step, times = steps_of(when.since, when.until, step, context.clock.now())
    if measure in SHARES:
        require_few(len(times) * (1 if by is None else most + 1))
    lines = await sums.series(
        context.database, person.customer_id, asked.of(person), period, step, by=by, measure=measure, most=most
    )
    return SeriesOut.of(period, step, measure, times, lines)


@router.get(
    "/top/{dimension}",
    summary="The first values of a dimension, by a measure",
    responses=refusals(400, 401, 403, 422),
)
async def get_top(
    context: Context,
    person: Who,
    asked: Asked,
    when: When,
    dimension: Dimension,
    measure: Order = "cost",
    most: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
) -> TopOut:
    period = period_of(when.since, when.until, context.clock.now())
    rows = await sums.top(
        context.database, person.customer_id, asked.of(person), period, by=dimension, measure=measure, most=most
    )
    return TopOut(period=PeriodOut.of(period), rows=[RowOut.of_row(row) for row in rows])


@router.get("/latency", summary="How long calls took", responses=refusals(400, 401, 403, 422))
async def get_latency(
    context: Context,
    person: Who,
    asked: Asked,
    when: When,
    by: By = None,
    most: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 25,
) -> LatencyOut:
    period, question = period_of(when.since, when.until, context.clock.now()), asked.of(person)
    totals = await sums.totals(context.database, person.customer_id, question, period)
    rows = (
        []
        if by is None
        else await sums.top(context.database, person.customer_id, question, period, by=by, measure="calls", most=most)
    )
    return LatencyOut.of(period, totals, rows)


@router.get(
    "/errors",
    summary="Failed calls by what went wrong",
    description="Failures are kept by the hour, for as long as hours are: three months.",
    responses=refusals(400, 401, 403, 422),
)
async def get_errors(context: Context, person: Who, asked: Asked, when: When, by: By = None) -> FailuresOut:
    period = period_of(when.since, when.until, context.clock.now())
    found = await sums.failures(context.database, person.customer_id, asked.of(person), period, by=by)
    return FailuresOut(period=PeriodOut.of(period), failures=[FailureOut.of(each) for each in found])


@router.get(
    "/export",
    summary="Every sum there is, as CSV or as JSON line by line",
    description=f"Oldest first, at most {sums.MOST_EXPORTED:,} rows: one for each hour or day and each combination of "
    "dimensions. By the hour up to three days, else by the day.",
    response_class=StreamingResponse,
    responses=refusals(400, 401, 403, 422) | FILES,
)
async def export_sums(
    context: Context,
    person: Annotated[Person, Depends(allowed("report.export"))],
    asked: Asked,
    when: When,
    format: Format = "csv",  # noqa: A002 - the name in the URL
) -> StreamingResponse:
    period = period_of(when.since, when.until, context.clock.now())
    pages = sums.everything(context.database, person.customer_id, asked.of(person), period)
    return file_of("usage", format, _SUM_COLUMNS, _sum_rows(pages))


async def _sum_rows(pages: AsyncIterator[SumPage]) -> AsyncIterator[list[Mapping[str, Any]]]:
    async for page in pages:
        yield [
            {**row, **{kind: page.names.get((kind, row[f"{kind}_id"] or "")) for kind in ("user", "team", "key")}}
            for row in page.rows
        ]
