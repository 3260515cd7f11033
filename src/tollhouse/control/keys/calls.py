"""The calls of one key, page by page, with what people said later that they cost."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tollhouse.control.callers import Person
from tollhouse.control.keys.service import account_of, newest_calls, subject_of
from tollhouse.control.permissions import require
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.usage.receipts import Receipt

MOST_ON_A_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Calls:
    """Newest first. `adjusted`: by how much calls were corrected; `more`: there are older ones."""

    receipts: list[Receipt]
    adjusted: dict[CallId, Nanos]
    more: bool


async def page(
    database: Database, person: Person, key_hash: str, *, before: tuple[datetime, str] | None, most: int
) -> Calls:
    """`before`: start and id of the last call of the page before. Raises NotFound and Forbidden as for the key."""
    async with database.connection() as connection:
        key = (await account_of(connection, person.customer_id, key_hash)).key
        require(person, "key.see", subject_of(key))
        found, adjusted = await newest_calls(connection, key, most=most + 1, before=before)
    return Calls(found[:most], adjusted, more=len(found) > most)
