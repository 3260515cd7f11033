"""A new secret for a key: its terms, its budget and its past stay. Both secrets work until the grace is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tollhouse.access import keys
from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.keys.service import Issued, account_of, locked, subject_of
from tollhouse.control.permissions import require

LONGEST_GRACE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rotated:
    """`former_ends_at`: when the former secret stops working."""

    issued: Issued
    former_ends_at: datetime


async def rotate(context: ControlContext, person: Person, key_hash: str, grace: timedelta) -> Rotated:
    """Raises NotFound and Forbidden. The key has another hash, and so another name in URLs, from now on."""
    now = context.clock.now()
    ends_at = now + grace
    async with context.database.transaction() as connection:
        key = await locked(connection, person.customer_id, key_hash)
        require(person, "key.rotate", subject_of(key))
        made = await keys.rotate(connection, key, now, ends_at)
        before, after = {"hash": key.key_hash}, {"hash": made.key_hash, "former_ends_at": ends_at.isoformat()}
        await audit.append(connection, person.actor, "key.rotate", made.key_hash, before=before, after=after)
        account = await account_of(connection, person.customer_id, made.key_hash)
    context.after_key_change(key_hash)
    return Rotated(Issued(account, made.raw_key), ends_at)
