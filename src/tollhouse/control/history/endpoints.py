"""`/v1/audit`: who changed what, listed and exported."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.history import service
from tollhouse.control.history.service import Line
from tollhouse.control.identity import Context, allowed
from tollhouse.control.shapes import Moment, Searched, Shown, refusals
from tollhouse.control.tables import Cell, csv_text

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=ControlRoute)

_COLUMNS: Final = ("id", "at", "actor", "actor_email", "action", "subject", "before", "after", "address")
_BIGINT_MAX: Final = 2**63 - 1


class LineOut(Shown):
    """`actor`: a user's id, or a loop or command by its name. `before` and `after`: only what changed."""

    id: int
    at: datetime
    actor: str
    actor_email: str | None
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        return cls(**{name: getattr(line, name) for name in cls.model_fields})


class LinePage(Shown):
    """`next_cursor` null: there are no more."""

    lines: list[LineOut]
    next_cursor: int | None


class Wanted:
    """Which lines to list; for `Depends`. `action`: `key.update`, or `key` for all of that kind."""

    def __init__(
        self,
        action: Searched | None = None,
        actor: Searched | None = None,
        subject: Searched | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> None:
        self.search = service.Search(action, actor, subject, since, until)


@router.get("", summary="The audit log, newest first", responses=refusals(401, 403, 422))
async def list_audit(
    context: Context,
    person: Annotated[Person, Depends(allowed("audit.list"))],
    wanted: Annotated[Wanted, Depends()],
    limit: Annotated[int, Query(ge=1, le=service.MOST_AT_ONCE)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=_BIGINT_MAX)] = None,
) -> LinePage:
    found = await service.page(context.database, person, replace(wanted.search, before_id=cursor, most=limit + 1))
    page = found[:limit]
    return LinePage(lines=[LineOut.of(line) for line in page], next_cursor=page[-1].id if len(found) > limit else None)


@router.get(
    "/export",
    summary="The audit log as CSV, or as JSON line by line",
    response_class=StreamingResponse,
    responses=refusals(401, 403, 422)
    | {
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            }
        }
    },
)
async def export_audit(
    context: Context,
    person: Annotated[Person, Depends(allowed("audit.list"))],
    wanted: Annotated[Wanted, Depends()],
    format: Literal["csv", "ndjson"] = "csv",  # noqa: A002 - the name in the URL
) -> StreamingResponse:
    pages = service.everything(context.database, person, wanted.search)
    headers = {"Content-Disposition": f'attachment; filename="audit.{format}"'}
    if format == "csv":
        return StreamingResponse(_as_csv(pages), media_type="text/csv; charset=utf-8", headers=headers)
    return StreamingResponse(_as_lines(pages), media_type="application/x-ndjson", headers=headers)


async def _as_csv(pages: AsyncIterator[list[Line]]) -> AsyncIterator[str]:
    yield csv_text([_COLUMNS])
    async for lines in pages:
        yield csv_text([[_cell(getattr(line, name)) for name in _COLUMNS] for line in lines])


async def _as_lines(pages: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    async for lines in pages:
        yield b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _cell(value: Cell | Mapping[str, Any]) -> Cell:
    return msgspec.json.encode(value).decode() if isinstance(value, Mapping) else value
