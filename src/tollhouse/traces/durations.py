"""How long calls took, as percentiles out of sums. Pure.

A duration is counted in one of 200 buckets, eight to each doubling: bucket b holds durations above 2^((b-1)/8) and
up to 2^(b/8) milliseconds, the first all up to a millisecond, the last all above eight hours. A percentile is told
as the middle of its bucket, on the scale of the buckets: it is wrong by 4.5 % at most (2^(1/16)), whatever is
summed.

A histogram is one number: the count of bucket b is its digits from 12 * b on. So histograms are added as numbers
are, which PostgreSQL does for a hundred thousand rows in a few hundredths of a second, and taken away again, too.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, zip_longest
from typing import Final

DIGITS: Final = 12
BUCKETS: Final = 200
PER_DOUBLING: Final = 8

_BASE: Final = 10**DIGITS
_COUNT: Final = re.compile(f"[0-9]{{{DIGITS}}}")


def counts_of(histogram: str | None) -> list[int]:
    """How many durations are in each bucket, up to the last that has any. Takes the number's digits."""
    digits = (histogram or "").lstrip("0")
    empty = (len(digits) - len(digits.rstrip("0"))) // DIGITS
    digits = digits[: len(digits) - empty * DIGITS]
    digits = digits.zfill(-(-len(digits) // DIGITS) * DIGITS)
    return [0] * empty + [int(count) for count in reversed(_COUNT.findall(digits))]


def added(histograms: Iterable[Sequence[int]]) -> list[int]:
    """The counts of all of them together."""
    return [sum(counts) for counts in zip_longest(*histograms, fillvalue=0)]


def histogram_of(counts: Sequence[int]) -> int:
    """The number that holds these counts."""
    return sum(count * _BASE**bucket for bucket, count in enumerate(counts))


def percentile_ms(counts: Sequence[int], share: float) -> float | None:
    """The duration that `share` (0 to 1) of them do not exceed; None of none."""
    total = sum(counts)
    if not total:
        return None
    sums = list(accumulate(counts))
    return middle_ms(min(bisect_left(sums, share * total), len(sums) - 1))


def middle_ms(bucket: int) -> float:
    """What a duration in this bucket is taken for."""
    return 1.0 if bucket == 0 else round(2 ** ((bucket - 0.5) / PER_DOUBLING), 1)


def most_ms(bucket: int) -> float:
    """The longest duration in this bucket."""
    return round(2 ** (bucket / PER_DOUBLING), 3)
