"""What people use to call models: profiles of tools."""

from collections.abc import Mapping
from typing import Any, Final

from tollhouse.control.reports.questions import Question
from tollhouse.db import queries
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.traces import rollups

MOST_TOOLS: Final = 1_000

_sql = queries.load(__file__)


async def profiles(
    database: Database, customer_id: CustomerId, question: Question, *, most: int
) -> list[Mapping[str, Any]]:
    """By when they were last seen; of tools that are the caller's to see."""
    await rollups.freshen(database)
    async with database.connection() as connection:
        rows = _sql.tools(
            connection,
            customer_id=customer_id,
            own_user=question.own_user,
            own_teams=list(question.own_teams),
            most=most,
        )
        return [row async for row in rows]
