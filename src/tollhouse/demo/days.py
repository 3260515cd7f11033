"""Thirty days of use, made up: when calls came, how large they were, how they ended. Pure, and the same every time.

What a call costs, and what of that fits into a budget, is not known here.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from tollhouse.demo.cast import Habit, Rhythm, Use
from tollhouse.foundation.tokens import TokenUsage

DAYS: Final = 30

Fate = Literal["completed", "estimated", "limited", "refused", "failed", "broken", "timeout"]


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call. `usage`: what the provider produced, whoever heard of it. `session`: the greater whole it is part of."""

    number: int
    at: datetime
    use: Use
    usage: TokenUsage
    fate: Fate
    stream: bool
    first_byte_s: float
    lasted_s: float
    session: int | None = None

    @property
    def end(self) -> datetime:
        return self.at + timedelta(seconds=self.lasted_s)


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """How likely each hour of a day (UTC) is, and how much of a usual day Saturdays and Sundays are."""

    hours: tuple[int, ...]
    weekend: float


_RHYTHMS: Final[dict[Rhythm, _Rhythm]] = {
    "office": _Rhythm((0, 0, 0, 0, 0, 0, 1, 4, 9, 12, 13, 9, 6, 11, 13, 12, 9, 6, 3, 1, 1, 0, 0, 0), 0.1),
    "late": _Rhythm((2, 1, 0, 0, 0, 0, 0, 0, 2, 5, 6, 5, 4, 5, 7, 8, 8, 6, 5, 6, 7, 7, 5, 3), 0.55),
    "service": _Rhythm((3, 2, 2, 2, 2, 3, 5, 8, 11, 13, 13, 12, 12, 13, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4), 0.6),
    "nightly": _Rhythm((0, 6, 9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1.0),
}
_TOKENS_A_SECOND: Final = {"gpt-4o-mini": 95, "gpt-4o": 70, "claude-haiku-4-5": 130, "gemini-2.5-flash": 170}
_USUAL_SPEED: Final = 60
_BAD_AFTERNOON: Final = timedelta(days=9)
"""So long ago one provider refused every other call for some hours."""
_BAD_PROVIDER: Final = "anthropic"
_BAD_HOURS: Final = range(13, 17)
_FATES: Final[tuple[tuple[Fate, float], ...]] = (
    ("limited", 0.016),
    ("refused", 0.006),
    ("failed", 0.003),
    ("broken", 0.0025),
    ("timeout", 0.0015),
    ("estimated", 0.004),
)
_STEPS: Final = {"claude-code": (3, 9), "support-assistant": (1, 2), "cursor": (2, 6), "research-agent": (3, 5)}


def past_calls(name: str, habit: Habit, end: datetime) -> list[PastCall]:
    """All calls of the days up to `end` in the order in which they began; the name is what chance follows from."""
    chance = random.Random(name)  # noqa: S311 - a story, no secret
    last = end - timedelta(days=habit.last_day)
    calls = [call for began in _beginnings(chance, habit, end) for call in _whole(chance, habit, began, end)]
    done = sorted((call for call in calls if call.end <= last), key=lambda call: call.at)
    return [replace(call, number=number) for number, call in enumerate(done)]


def _beginnings(chance: random.Random, habit: Habit, end: datetime) -> Iterator[datetime]:
    """When calls, or sessions of several, begin: more as the month goes on, fewer at weekends."""
    rhythm = _RHYTHMS[habit.rhythm]
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS - 1, -1, -1):
        day = midnight - timedelta(days=back)
        mean = habit.calls_a_day * (1.15 - 0.4 * back / DAYS) * (rhythm.weekend if day.weekday() >= 5 else 1)
        for _ in range(max(round(chance.gauss(mean, mean**0.5)), 0)):
            hour = chance.choices(range(24), rhythm.hours)[0]
            yield day + timedelta(hours=hour, seconds=chance.uniform(0, 3600))


def _whole(chance: random.Random, habit: Habit, began: datetime, end: datetime) -> Iterator[PastCall]:
    """One call, or those of a session one after the other, the prompts growing."""
    if habit.session is None:
        yield _call(chance, habit, began, end)
        return
    session = int(began.timestamp() * 1000)
    at = began
    for step in range(chance.randint(*_STEPS[habit.session])):
        call = replace(_call(chance, habit, at, end, 1 + 0.2 * step), session=session)
        yield call
        at = call.end + timedelta(seconds=chance.uniform(0.4, 6.0))


def _call(chance: random.Random, habit: Habit, at: datetime, end: datetime, grown: float = 1) -> PastCall:
    use = chance.choices(habit.uses, [use.weight for use in habit.uses])[0]
    fate = _fate(chance, use, at, end)
    usage = _usage(chance, use, grown)
    heard = usage if fate in ("completed", "estimated") else TokenUsage(usage.input)
    first = chance.lognormvariate(-0.6, 0.45) + heard.reasoning / 90
    speed = _TOKENS_A_SECOND.get(use.model, _USUAL_SPEED) * chance.uniform(0.75, 1.3)
    lasted = 60.0 if fate == "timeout" else first + (heard.output - heard.reasoning) / speed
    return PastCall(0, at, use, usage, fate, chance.random() < 0.6, round(first, 3), round(lasted, 3))


def _usage(chance: random.Random, use: Use, grown: float) -> TokenUsage:
    asked = max(round(use.asks * grown * chance.lognormvariate(0, 0.5)), 20)
    answered = max(round(use.answers * chance.lognormvariate(0, 0.55)), 8)
    cached = round(asked * use.cached * chance.uniform(0.6, 1.1)) if use.cached else 0
    reasoned = round(answered * use.reasons * chance.uniform(0.6, 1.2)) if use.reasons else 0
    return TokenUsage(asked, answered, min(cached, asked), 0, min(reasoned, answered))


def _fate(chance: random.Random, use: Use, at: datetime, end: datetime) -> Fate:
    drawn = chance.random()
    if use.provider == _BAD_PROVIDER and at.date() == (end - _BAD_AFTERNOON).date() and at.hour in _BAD_HOURS:
        return "limited" if drawn < 0.5 else "completed"
    for fate, likely in _FATES:
        drawn -= likely
        if drawn < 0:
            return fate
    return "completed"


def scaled(call: PastCall, factor: float) -> PastCall:
    """The same call with a larger or smaller prompt and answer."""
    usage = call.usage
    parts = (usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning)
    grown = [round(part * factor) for part in parts]
    return replace(
        call, usage=TokenUsage(max(grown[0], grown[2] + grown[3], 1), max(grown[1], grown[4], 1), *grown[2:])
    )
