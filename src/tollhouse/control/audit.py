"""The audit log: who changed what, from what, to what. Written in the transaction of the change, or not at all."""

from collections.abc import Mapping

from tollhouse.control.callers import Actor
from tollhouse.db import queries
from tollhouse.db.pool import Connection

_sql = queries.load(__file__)

Record = Mapping[str, "str | int | bool | list[str] | None"]
"""What a thing looked like, as JSON. Never holds a credential."""


async def append(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    *,
    before: Record | None = None,
    after: Record | None = None,
) -> None:
    """Add a line. `action` is `thing.verb`, `subject` the id (for keys the hash) of what changed."""
    await _sql.append_audit(
        connection,
        customer_id=actor.customer_id,
        actor=actor.name,
        action=action,
        subject=subject,
        before=before,
        after=after,
        address=actor.address,
    )


async def append_change(
    connection: Connection, actor: Actor, action: str, subject: str, before: Record, after: Record
) -> None:
    """Add a line with what is different; nothing, if nothing is."""
    names = [name for name in after if before[name] != after[name]]
    if names:
        changed_before, changed_after = ({name: record[name] for name in names} for record in (before, after))
        await append(connection, actor, action, subject, before=changed_before, after=changed_after)
