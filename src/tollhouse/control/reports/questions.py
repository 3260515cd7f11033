"""What a report is asked: of whose calls, of which, and of what time. Pure.

Time is asked in whole steps, in UTC: a period is widened to the steps that it begins and ends in. Hours are kept for
some months only; what reaches back further is told by days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

from tollhouse.control.callers import Person
from tollhouse.foundation.errors import BadRequest
from tollhouse.traces.retention import HOURS_KEPT

Dimension = Literal["model", "provider", "vendor", "tool", "user", "team", "key", "source"]
Measure = Literal[
    "calls",
    "errors",
    "error_rate",
    "tokens",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
    "reported_cost",
    "p50",
    "p95",
    "p99",
]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
Step = Literal["hour", "day", "week", "month"]
Rolled = Literal["hour", "day"]

SHARES: Final[Mapping[Measure, float]] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
MOST_STEPS: Final = 2_200
"""Three months by the hour."""
MOST_PERCENTILES: Final = 2_500
USUAL_PERIOD: Final = timedelta(days=7)
_BY_THE_HOUR: Final = timedelta(days=3)
_BY_THE_DAY: Final = timedelta(days=92)
_BY_THE_WEEK: Final = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Question:
    """Of whose calls and of which. `own_user` None: all of the customer's.

    `filters`: allowed values by dimension; the empty word is for calls that have none.
    """

    own_user: str | None
    own_teams: Sequence[str]
    filters: Mapping[Dimension, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """`since <= t < until`, in whole steps of `rolled`, in which sums are kept."""

    since: datetime
    until: datetime
    rolled: Rolled

    @property
    def before(self) -> datetime:
        """When the period of the same length before it began."""
        return self.since - (self.until - self.since)


def asked_by(person: Person, filters: Mapping[Dimension, Sequence[str]]) -> Question:
    """Members see what is theirs and their teams', whatever they ask for."""
    all_of_it = person.role != "member"
    return Question(None if all_of_it else person.user_id, sorted(person.team_ids), filters)


def period_of(since: datetime | None, until: datetime | None, now: datetime) -> Period:
    """By the hour if it is short and not long ago, else by the day. Raises BadRequest for one that ends too early."""
    begin, end = _bounds(since, until, now)
    hourly = end - begin <= _BY_THE_HOUR and begin >= now - HOURS_KEPT
    rolled: Rolled = "hour" if hourly else "day"
    return Period(floor(begin, rolled), ceiling(end, rolled), rolled)


def steps_of(
    since: datetime | None, until: datetime | None, step: Step | None, now: datetime
) -> tuple[Period, Step, list[datetime]]:
    """The period, its step (chosen by its length if None) and when each begins. Raises BadRequest for too many."""
    begin, end = _bounds(since, until, now)
    step = step or _fitting(begin, end, now)
    if step == "hour" and begin < now - HOURS_KEPT:
        raise BadRequest(
            f"hours are kept for {HOURS_KEPT.days} days; ask for `step=day`", code="step_too_short", param="step"
        )
    begin, end = floor(begin, step), ceiling(end, step)
    times = [begin]
    while (following := after(times[-1], step)) < end and len(times) <= MOST_STEPS:
        times.append(following)
    if len(times) > MOST_STEPS:
        raise BadRequest(
            f"that would be more than {MOST_STEPS} points; choose a longer `step` or a shorter time",
            code="too_many_steps",
            param="step",
        )
    return Period(begin, end, "hour" if step == "hour" else "day"), step, times


def require_few(points: int) -> None:
    """Percentiles take their time: raises BadRequest for a chart with more points than anybody can see."""
    if points > MOST_PERCENTILES:
        raise BadRequest(
            f"that would be {points} percentiles, more than {MOST_PERCENTILES}; choose a longer `step`, "
            "a shorter time or a smaller `most`",
            code="too_many_steps",
            param="step",
        )


def floor(moment: datetime, step: Step) -> datetime:
    """When the step began that this moment is in."""
    moment = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if step == "hour":
        return moment
    day = moment.replace(hour=0)
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def ceiling(moment: datetime, step: Step) -> datetime:
    begun = floor(moment, step)
    return begun if begun == moment else after(begun, step)


def after(begun: datetime, step: Step) -> datetime:
    """When the step after this one begins."""
    if step == "month":
        return (begun.replace(day=1) + timedelta(days=32)).replace(day=1)
    return begun + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[step]


def _bounds(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    end = until or now
    begin = since or end - USUAL_PERIOD
    if begin >= end:
        raise BadRequest("`since` must be before `until`", code="empty_period", param="since")
    return begin, end


def _fitting(begin: datetime, end: datetime, now: datetime) -> Step:
    length = end - begin
    if length <= _BY_THE_HOUR and begin >= now - HOURS_KEPT:
        return "hour"
    if length <= _BY_THE_DAY:
        return "day"
    return "week" if length <= _BY_THE_WEEK else "month"
