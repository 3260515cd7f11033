"""`/v1/traces`: search, one trace, one span, and spans as a file. `/v1/tools`: what people use to call models."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.reports import export, search, tools
from tollhouse.control.reports.asking import Filters, Times
from tollhouse.control.reports.files import FILES, Format, file_of
from tollhouse.control.reports.questions import USUAL_PERIOD, asked_by
from tollhouse.control.reports.search import Wanted
from tollhouse.control.reports.span_shapes import SpanDetailOut, SpanOut, TracePageOut, TraceTreeOut
from tollhouse.control.shapes import LimitUsd, Searched, Shown, refusals
from tollhouse.foundation.errors import BadRequest
from tollhouse.foundation.money import usd_to_nanos
from tollhouse.traces.spans import STATUS_ERROR, STATUS_OK, STATUS_UNSET, Source

router = APIRouter(prefix="/v1", tags=["traces"], route_class=ControlRoute)

MOST_TRACES: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_MS: Final = 10**9
_STATUS: Final = {"unset": STATUS_UNSET, "ok": STATUS_OK, "error": STATUS_ERROR}

TraceId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
SpanId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Millis = Annotated[float | None, Query(ge=0, le=_LONGEST_MS)]
Reader = Annotated[Person, Depends(allowed("trace.see"))]


class Search:
    """Which spans; all that is given must hold."""

    def __init__(
        self,
        times: Annotated[Times, Depends()],
        filters: Annotated[Filters, Depends()],
        status: Literal["unset", "ok", "error"] | None = None,
        text: Annotated[
            Searched | None,
            Query(min_length=2, description="Anywhere in name, status message or attributes; capitals do not matter."),
        ] = None,
        min_duration_ms: Millis = None,
        max_duration_ms: Millis = None,
        min_cost_usd: LimitUsd | None = None,
        max_cost_usd: LimitUsd | None = None,
    ) -> None:
        self.times, self.filters = times, filters
        self.status = None if status is None else _STATUS[status]
        self.text = text
        self.least_ns, self.most_ns = _nanoseconds(min_duration_ms), _nanoseconds(max_duration_ms)
        self.least_cost = None if min_cost_usd is None else usd_to_nanos(min_cost_usd)
        self.most_cost = None if max_cost_usd is None else usd_to_nanos(max_cost_usd)

    def of(self, person: Person, now: datetime) -> Wanted:
        until = self.times.until or now
        since = self.times.since or until - USUAL_PERIOD
        if since >= until:
            raise BadRequest("`since` must be before `until`", code="empty_period", param="since")
        return Wanted(
            self.filters.of(person),
            _ns(since),
            _ns(until) - 1,
            status=self.status,
            text=self.text,
            least_ns=self.least_ns,
            most_ns=self.most_ns,
            least_cost=self.least_cost,
            most_cost=self.most_cost,
        )


class ToolOut(Shown):
    """A tool that people call models with, as its spans tell. `users`: how many; of the first thousand.

    Spans of a tool's calls may come from several vendors (our own are `tollhouse`'s), each with a profile of its own;
    `tool_users` is how many people all of them tell of.
    """

    vendor: str
    tool: str
    version: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    spans: int
    calls: int
    input_tokens: int
    output_tokens: int
    users: int
    tool_users: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "ToolOut":
        same = {name: row[name] for name in cls.model_fields if name not in {"users", "tool_users"}}
        return cls(**same, users=row["user_count"], tool_users=row["tool_user_count"])


class ToolsOut(Shown):
    tools: list[ToolOut]


@router.get(
    "/traces/search",
    summary="Traces with a span that matches, newest first",
    description="A search that has to look through much stops after a moment: its page then holds what was found so "
    "far, and `next_cursor` goes on from `searched_to`. Members find what is theirs and their teams'.",
    responses=refusals(400, 401, 403, 422),
)
async def search_traces(
    context: Context,
    person: Annotated[Person, Depends(allowed("trace.search"))],
    asked: Annotated[Search, Depends()],
    limit: Annotated[int, Query(ge=1, le=MOST_TRACES)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> TracePageOut:
    wanted = asked.of(person, context.clock.now())
    page = await search.traces(context.database, person.customer_id, wanted, most=limit, cursor=cursor)
    return TracePageOut.of(page)


@router.get(
    "/traces/export",
    summary="Spans that match, as CSV or as JSON line by line",
    description=f"Newest first, at most {export.MOST_EXPORTED:,}.",
    response_class=StreamingResponse,
    responses=refusals(400, 401, 403, 422) | FILES,
)
async def export_spans(
    context: Context,
    person: Annotated[Person, Depends(allowed("report.export"))],
    asked: Annotated[Search, Depends()],
    format: Format = "csv",  # noqa: A002 - the name in the URL
) -> StreamingResponse:
    pages = export.spans(context.database, person.customer_id, asked.of(person, context.clock.now()))
    return file_of("spans", format, tuple(SpanOut.model_fields), _span_rows(pages))


@router.get(
    "/traces/{trace_id}",
    summary="One trace: all its spans",
    description=f"By their start, at most {search.MOST_SPANS_OF_TRACE:,}. Members see the spans that are theirs. "
    "`attributes=few`: only those that tell kinds of spans apart; one span has them all.",
    responses=refusals(401, 403, 404, 422),
)
async def get_trace(
    context: Context, person: Reader, trace_id: TraceId, attributes: Literal["all", "few"] = "all"
) -> TraceTreeOut:
    found = await search.trace(context.database, person.customer_id, asked_by(person, {}), trace_id)
    return TraceTreeOut.of(found, whole=attributes == "all")


@router.get(
    "/traces/{trace_id}/spans/{span_id}",
    summary="One span",
    description="Ours, if somebody else sent one with its ids and `source` does not say which.",
    responses=refusals(401, 403, 404, 422),
)
async def get_span(
    context: Context, person: Reader, trace_id: TraceId, span_id: SpanId, source: Source | None = None
) -> SpanDetailOut:
    found = await search.span(context.database, person.customer_id, asked_by(person, {}), trace_id, span_id, source)
    return SpanDetailOut(span=SpanOut.of(found))


@router.get(
    "/tools",
    summary="What people use to call models, by when it was last seen",
    description="Members see the tools that their own calls came through.",
    responses=refusals(401, 403, 422),
)
async def list_tools(
    context: Context,
    person: Annotated[Person, Depends(allowed("report.see"))],
    limit: Annotated[int, Query(ge=1, le=tools.MOST_TOOLS)] = 200,
) -> ToolsOut:
    rows = await tools.profiles(context.database, person.customer_id, asked_by(person, {}), most=limit)
    return ToolsOut(tools=[ToolOut.of(row) for row in rows])


async def _span_rows(pages: AsyncIterator[list[Any]]) -> AsyncIterator[list[Mapping[str, Any]]]:
    async for spans in pages:
        yield [SpanOut.of(span).model_dump() for span in spans]


def _nanoseconds(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1_000_000)


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
