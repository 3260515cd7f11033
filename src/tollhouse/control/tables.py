"""Tables as CSV (RFC 4180) that a spreadsheet can open without danger. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | datetime | None
"""Times are written as ISO 8601 has them."""


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Every cell is quoted; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([[_safe(cell) for cell in row] for row in rows])
    return written.getvalue()


def _safe(cell: Cell) -> str:
    if cell is None:
        return ""
    text = cell.isoformat() if isinstance(cell, datetime) else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text
