"""Tables that a spreadsheet opens without danger, and that come back as they went in."""

import csv
import io
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tollhouse.control.tables import csv_text

cells = st.one_of(st.none(), st.integers(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read_again_and_nothing_is_a_formula(rows: list[list[str | int | None]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert len(read) == len(rows)
    for row, seen in zip(rows, read, strict=True):
        for cell, text in zip(row, seen, strict=True):
            if isinstance(cell, str):
                assert not text.startswith(("=", "+", "-", "@", "\t", "\r"))
                assert text.removeprefix("'") in (cell, cell.removeprefix("'"))
            else:
                assert text == ("" if cell is None else str(cell))


def test_times_are_written_as_iso_8601_has_them() -> None:
    assert csv_text([[datetime(2026, 11, 25, 8, 30, tzinfo=UTC), None]]) == '"2026-11-25T08:30:00+00:00",""\r\n'
