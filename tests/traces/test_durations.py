"""Histograms are added as numbers are, and a percentile is near the true one, within the bound that is promised."""

import random

import pytest

from tollhouse.db.pool import Connection
from tollhouse.traces.durations import BUCKETS, DIGITS, counts_of, histogram_of, most_ms, percentile_ms


async def bucket(connection: Connection, milliseconds: float) -> int:
    found = await connection.fetchval("SELECT duration_bucket(0, $1)", round(milliseconds * 1_000_000))
    return int(found)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
async def test_a_percentile_is_wrong_by_five_percent_at_most(connection: Connection, share: float) -> None:
    chance = random.Random(7)
    took = sorted(chance.lognormvariate(6.5, 1.2) + 1 for _ in range(1_000))
    buckets = await connection.fetch(
        "SELECT duration_bucket(0, ns) AS bucket FROM unnest($1::bigint[]) AS ns", [round(ms * 1e6) for ms in took]
    )
    total = sum(10 ** (DIGITS * row["bucket"]) for row in buckets)
    told = percentile_ms(counts_of(str(total)), share)
    exact = took[int(share * 1_000) - 1]
    assert told is not None
    assert exact / 1.045 <= told <= exact * 1.045


async def test_buckets_meet_where_they_are_said_to(connection: Connection) -> None:
    assert await bucket(connection, 0.001) == 0
    assert await bucket(connection, 10**12) == BUCKETS - 1
    for number in (1, 8, 77, 190):
        assert await bucket(connection, most_ms(number) * 0.999) == number
        assert await bucket(connection, most_ms(number) * 1.001) == number + 1


def test_counts_survive_being_a_number() -> None:
    counts = [0, 3, 0, 10**11, 7]
    assert counts_of(str(histogram_of(counts))) == counts
    assert counts_of("0") == []
    assert counts_of(None) == []
    assert percentile_ms([], 0.5) is None
