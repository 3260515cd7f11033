"""Rows as files: CSV that a spreadsheet can open without danger, or JSON line by line. Streamed page by page."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from fastapi.responses import StreamingResponse

from tollhouse.control.tables import Cell, csv_text

Format = Literal["csv", "ndjson"]
Rows = AsyncIterator[list[Mapping[str, Any]]]

FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        }
    }
}


def file_of(name: str, format: Format, columns: Sequence[str], pages: Rows) -> StreamingResponse:  # noqa: A002
    """The columns of every row, in this order; others are left out."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    if format == "csv":
        return StreamingResponse(_as_csv(columns, pages), media_type="text/csv; charset=utf-8", headers=headers)
    return StreamingResponse(_as_lines(columns, pages), media_type="application/x-ndjson", headers=headers)


async def _as_csv(columns: Sequence[str], pages: Rows) -> AsyncIterator[str]:
    yield csv_text([columns])
    async for rows in pages:
        yield csv_text([[_cell(row[name]) for name in columns] for row in rows])


async def _as_lines(columns: Sequence[str], pages: Rows) -> AsyncIterator[bytes]:
    async for rows in pages:
        yield b"".join(msgspec.json.encode({name: row[name] for name in columns}) + b"\n" for row in rows)


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, (str, int, datetime)):
        return value
    return msgspec.json.encode(value).decode()
