"""What a campaign is told and what it gives back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from campaigns.postgres import Postgres

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a campaign is to be, and on which ground.

    `database_url`: an empty, migrated database of its own. `postgres`: its server, when that may be stopped.
    `minutes` overrules the length of campaigns that last, not those that count.
    """

    database_url: str
    folder: Path
    full: bool = False
    postgres: Postgres | None = None
    minutes: float | None = None

    def pick(self, small: T, full: T) -> T:
        return full if self.full else small

    def seconds(self, small: float, full: float) -> float:
        return self.minutes * 60 if self.minutes is not None else self.pick(small, full)


@dataclass(slots=True)
class Result:
    """`figures`: what was seen, in the order it is shown. `broken`: promises that were not kept; empty: passed."""

    name: str
    full: bool = False
    figures: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def expect(self, kept: bool, promise: str) -> None:
        """Put down a promise that was broken; the promise is worded as what went wrong."""
        if not kept:
            self.broken.append(promise)

    def expect_in_time(self, kept: bool, promise: str) -> None:
        """A promise that a busy machine may break in a short run: judged at full length only."""
        self.expect(kept or not self.full, promise)

    def row(self) -> str:
        """One line of a table in Markdown: name, verdict, figures."""
        verdict = "passed" if not self.broken else f"**broken**: {'; '.join(self.broken)}"
        figures = ", ".join(f"{name} {_shown(value)}" for name, value in self.figures.items())
        return f"| {self.name} | {verdict} | {figures} |"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
