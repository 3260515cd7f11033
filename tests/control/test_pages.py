"""Cursors come back as they went out, and no other word is one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.control.pages import read_span_cursor, span_cursor
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
