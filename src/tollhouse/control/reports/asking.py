"""What reports may be asked for over HTTP: filters, times and their checks, for `Depends`."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query

from tollhouse.control.callers import Person
from tollhouse.control.reports.questions import Dimension, Question, asked_by
from tollhouse.control.shapes import Moment, Searched

MOST_VALUES: Final = 50

_about = "Repeat it for several values; the empty value is for calls that have none."
Values = Annotated[list[Searched], Query(max_length=MOST_VALUES, description=_about)]
Since = Annotated[Moment | None, Query(description="Begin, with an offset; seven days before `until` if left out.")]
Until = Annotated[Moment | None, Query(description="End, not included; now if left out.")]


class Filters:
    """Of which calls. Values of one dimension are alternatives, dimensions narrow each other."""

    def __init__(
        self,
        model: Values = [],  # noqa: B006 - FastAPI copies defaults
        provider: Values = [],  # noqa: B006
        vendor: Values = [],  # noqa: B006
        tool: Values = [],  # noqa: B006
        user: Values = [],  # noqa: B006
        team: Values = [],  # noqa: B006
        key: Values = [],  # noqa: B006
        source: Annotated[
            list[Searched],
            Query(max_length=2, description="`proxy`: calls through Tollhouse; `otlp`: spans that others sent."),
        ] = [],  # noqa: B006
    ) -> None:
        given: dict[Dimension, list[str]] = {
            "model": model,
            "provider": provider,
            "vendor": vendor,
            "tool": tool,
            "user": user,
            "team": team,
            "key": key,
            "source": source,
        }
        self.chosen = {dimension: values for dimension, values in given.items() if values}

    def of(self, person: Person) -> Question:
        return asked_by(person, self.chosen)


class Times:
    """`since <= t < until`."""

    def __init__(self, since: Since = None, until: Until = None) -> None:
        self.since: datetime | None = since
        self.until: datetime | None = until
