"""Cursors come back as they went out, and no other word is one."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.control.pages import (
    name_cursor,
    place_cursor,
    read_name_cursor,
    read_place_cursor,
    read_span_cursor,
    span_cursor,
)
from tollhouse.foundation.errors import BadRequest


@given(st.integers(0, 2**63 - 1), st.binary(min_size=8, max_size=8))
def test_a_cursor_comes_back_as_it_was(start_ns: int, span: bytes) -> None:
    assert read_span_cursor(span_cursor(start_ns, span.hex())) == (start_ns, span.hex())


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "word",
    [
        "",
        "!",
        "a",
        "é",
        "\x00",
        "x" * 10_000,
        _encoded("1.2"),
        _encoded("9999999999999999999.0123456789abcdef"),
        _encoded("-1.0123456789abcdef"),
        _encoded("1.0123456789abcdef; DROP TABLE"),
        _encoded("\u0661.0123456789abcdef"),
    ],
)
def test_any_other_word_is_refused(word: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_span_cursor(word)
    assert refused.value.code == "invalid_cursor"


@given(st.text())
def test_no_text_at_all_breaks_it(word: str) -> None:
    try:
        start_ns, _ = read_span_cursor(word)
    except BadRequest:
        return
    assert 0 <= start_ns < 2**63


@given(st.integers(0, 10**17 - 1), st.text("abcdef0123456789.-", min_size=1, max_size=100))
def test_a_place_comes_back_as_it_was(micros: int, name: str) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    assert read_place_cursor(place_cursor(at, name)) == (at, name)


@given(st.text())
def test_no_text_at_all_breaks_a_place(word: str) -> None:
    try:
        at, _ = read_place_cursor(word)
    except BadRequest:
        return
    assert at.tzinfo is UTC


@given(st.text(max_size=200).filter(lambda name: "\0" not in name))
def test_any_name_comes_back_as_it_was(name: str) -> None:
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    assert read_name_cursor(name_cursor(name, uuid)) == (name, uuid)


@pytest.mark.parametrize(("name", "uuid"), [("Ada", "no-uuid"), ("A\0", "01234567-89ab-cdef-0123-456789abcdef")])
def test_a_name_without_a_uuid_or_with_a_zero_byte_is_refused(name: str, uuid: str) -> None:
    with pytest.raises(BadRequest):
        read_name_cursor(name_cursor(name, uuid))


@given(st.text())
def test_no_text_at_all_breaks_a_name(word: str) -> None:
    with pytest.raises(BadRequest):
        read_name_cursor(word)


def test_where_names_are_uuids_others_are_refused() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    assert read_place_cursor(place_cursor(at, uuid), by_uuid=True) == (at, uuid)
    with pytest.raises(BadRequest):
        read_place_cursor(place_cursor(at, "lease.1"), by_uuid=True)
