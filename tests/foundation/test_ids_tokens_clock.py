"""Small words that every room uses."""

import uuid
from datetime import UTC

import pytest

from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.errors import PaymentRequired
from tollhouse.foundation.ids import is_uuid, new_call_id
from tollhouse.foundation.tokens import TokenUsage, usage_from_counts


def test_call_ids_are_uuids_of_version_7_and_sort_by_time() -> None:
    ids = [new_call_id() for _ in range(200)]
    assert {uuid.UUID(call_id).version for call_id in ids} == {7}
    assert {uuid.UUID(call_id).variant for call_id in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == 200
    stamps = [call_id[:13] for call_id in ids]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("108b25dc-a0ab-47e2-9ddf-31d18ad7d0ef", True),
        ("108B25DC-A0AB-47E2-9DDF-31D18AD7D0EF", True),
        ("", False),
        ("x", False),
        ("{108b25dc-a0ab-47e2-9ddf-31d18ad7d0ef}", False),
        ("0" * 32, False),
    ],
)
def test_only_the_usual_form_is_a_uuid(text: str, answer: bool) -> None:
    assert is_uuid(text) is answer


def test_odd_counts_are_clamped() -> None:
    assert usage_from_counts(input=-5, output=-1, cached=9, cache_write=9, reasoning=9) == TokenUsage()
    assert usage_from_counts(input=10, output=4, cached=8, cache_write=8, reasoning=9) == TokenUsage(10, 4, 8, 2, 4)
    assert TokenUsage(input=3, output=4).total == 7


def test_the_clock_is_aware_and_in_utc() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now_ns() / 1e9 - clock.now().timestamp()) < 5
    assert clock.monotonic() <= clock.monotonic()


def test_errors_have_openais_shape_with_their_detail_inside() -> None:
    error = PaymentRequired("spent", detail={"scope": "key"}, param="model")
    assert error.body() == {
        "error": {
            "message": "spent",
            "type": "insufficient_quota",
            "code": "budget_exhausted",
            "param": "model",
            "scope": "key",
        }
    }
