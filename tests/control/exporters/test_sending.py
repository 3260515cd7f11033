"""What an answer means: arrived, again later, or never."""

import email.utils
from datetime import UTC, datetime, timedelta

import pytest

from tollhouse.control.exporters.sending import FIRST_WAIT, LONGEST_RETRY_AFTER, LONGEST_WAIT, judge, wait_after
from tollhouse.foundation.ids import CustomerId
from tollhouse.outbound.sending import Reply
from tollhouse.traces.exports.exporters import Terms
from tollhouse.traces.exports.queue import Batch, Result
from traces.exports.making_spans import span

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TERMS = Terms("x", "https://otlp.example/", "json", "none", enabled=True, include_content=False)
FOUR = Batch((1, 2, 3, 4), tuple(span(CustomerId("acme")) for _ in range(4)))
ONE = Batch((1,), FOUR.spans[:1])


def judged(reply: Reply, *, failures: int = 0, batch: Batch = FOUR, batch_spans: int = 8) -> Result:
    return judge(reply, TERMS, batch, failures=failures, batch_spans=batch_spans, now=NOW)


def no(status: int | None, **headers: str) -> Reply:
    return Reply(status, "answered", {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_yes_is_a_yes_and_batches_grow_back() -> None:
    assert judged(Reply(200, None)) == Result(
        done=True, failed=False, wait=timedelta(), batch_spans=16, status=200, error=None
    )
    assert judged(Reply(200, None), batch_spans=512).batch_spans == 512


@pytest.mark.parametrize("status", [None, 429, 502, 503, 504])
def test_what_may_be_repeated_is(status: int | None) -> None:
    result = judged(no(status))
    assert (result.done, result.failed, result.refused, result.wait) == (False, True, 0, FIRST_WAIT)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 415, 422, 500, 501])
def test_any_other_refusal_is_for_good_and_the_next_batch_waits(status: int) -> None:
    result = judged(no(status), failures=2)
    assert (result.done, result.failed, result.refused, result.wait) == (True, True, 4, 4 * FIRST_WAIT)


def test_what_is_too_large_comes_again_smaller_until_it_is_one() -> None:
    half = judged(no(413))
    assert (half.done, half.batch_spans, half.wait) == (False, 2, timedelta())
    assert judged(no(413), batch=ONE).refused == 1


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("1", FIRST_WAIT),
        ("999999999999", LONGEST_RETRY_AFTER),
        (email.utils.format_datetime(NOW + timedelta(minutes=2), usegmt=True), timedelta(minutes=2)),
        (email.utils.format_datetime(NOW - timedelta(minutes=2), usegmt=True), FIRST_WAIT),
        ("Mon, 23 Nov 2026 00:02:00", FIRST_WAIT),
        ("soon", FIRST_WAIT),
        ("-1", FIRST_WAIT),
        ("", FIRST_WAIT),
    ],
)
def test_retry_after_is_kept_within_reason(said: str, wait: timedelta) -> None:
    assert judged(no(429, retry_after=said)).wait == wait
    assert judged(no(400, retry_after=said)).wait == FIRST_WAIT


def test_waits_double_and_end() -> None:
    assert [wait_after(failures) for failures in (1, 2, 3)] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert wait_after(1_000_000) == LONGEST_WAIT


def test_a_partial_success_refuses_some_and_its_words_are_tamed() -> None:
    body = b'{"partialSuccess": {"rejectedSpans": 3, "errorMessage": "no\\u0007pe' + b"!" * 500 + b'"}}'
    result = judged(Reply(200, None, {}, body))
    assert (result.done, result.failed, result.refused) == (True, False, 3)
    assert result.error is not None
    assert result.error.startswith("3 spans were refused: nope!!")
    assert len(result.error) < 250
    much = judged(Reply(200, None, {}, b'{"partialSuccess": {"rejectedSpans": 99}}'))
    assert (much.refused, much.error) == (4, "4 spans were refused: it does not say why")
