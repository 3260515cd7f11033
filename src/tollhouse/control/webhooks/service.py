"""A customer's webhook: one address, one secret. The secret is shown when it is made and never again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.throttle import Throttle
from tollhouse.control.webhooks import news
from tollhouse.control.webhooks.sending import Outcome, Sender
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import NotFound, Unprocessable
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret, new_webhook_secret
from tollhouse.outbound.addresses import NotAllowed, destination

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """`tried_at`, `status` and `error` are of the last try to send to this address."""

    customer_id: CustomerId
    url: str
    secret: Secret
    created_at: datetime
    changed_at: datetime
    tried_at: datetime | None
    status: int | None
    error: str | None


async def find(database: Database, customer_id: CustomerId) -> Webhook | None:
    async with database.connection() as connection:
        row = await _sql.webhook(connection, customer_id=customer_id)
    return None if row is None else _webhook(row)


async def replace(context: ControlContext, person: Person, url: str, *, rotate: bool) -> tuple[Webhook, Secret | None]:
    """Set the address. A secret is made for the first one, or if `rotate`; it comes back only then.

    Raises Unprocessable for an address that webhooks must not go to.
    """
    try:
        destination(url, private=context.allow_private_webhooks)
    except NotAllowed as refusal:
        raise Unprocessable(f"`url` {refusal}", code="invalid_field", param="url") from refusal
    async with context.database.transaction() as connection:
        before = await _sql.webhook_for_update(connection, customer_id=person.customer_id)
        fresh = Secret(new_webhook_secret())
        row = await _sql.set_webhook(
            connection, customer_id=person.customer_id, url=url, fresh_secret=fresh.reveal(), rotate=rotate
        )
        made = _webhook(row)
        new_secret = fresh if made.secret == fresh else None
        await audit.append(
            connection,
            person.actor,
            "webhook.set",
            person.customer_id,
            before=None if before is None else {"url": before["url"]},
            after={"url": url, "new_secret": new_secret is not None},
        )
    return made, new_secret


async def delete(database: Database, person: Person) -> None:
    """Without a webhook, nothing changes."""
    async with database.transaction() as connection:
        before = await _sql.webhook_for_update(connection, customer_id=person.customer_id)
        if before is not None:
            await _sql.delete_webhook(connection, customer_id=person.customer_id)
            await audit.append(
                connection, person.actor, "webhook.delete", person.customer_id, before={"url": before["url"]}
            )


async def send_trial(context: ControlContext, throttle: Throttle, person: Person) -> Outcome:
    """Send a test event now, once. Raises NotFound without a webhook, TooManyRequests."""
    webhook = await find(context.database, person.customer_id)
    if webhook is None:
        raise NotFound("no webhook is set", code="webhook_not_set")
    throttle.admit((person.customer_id,))
    sender = Sender(context.clock, private=context.allow_private_webhooks)
    try:
        event = news.trial(person.customer_id, context.clock.now())
        outcome = await sender.send(webhook.url, webhook.secret, event)
    finally:
        await sender.close()
    async with context.database.connection() as connection:
        await note(connection, webhook, outcome)
    return outcome


async def of_customers(connection: Connection, customer_ids: Sequence[CustomerId]) -> dict[CustomerId, Webhook]:
    """Customers without a webhook are missing."""
    rows = [_webhook(row) async for row in _sql.webhooks_of(connection, customer_ids=list(customer_ids))]
    return {webhook.customer_id: webhook for webhook in rows}


async def note(connection: Connection, webhook: Webhook, outcome: Outcome) -> None:
    """How the last try went, for its owner to see."""
    await _sql.note_try(
        connection,
        customer_id=webhook.customer_id,
        url=webhook.url,
        status=outcome.status,
        error=outcome.error,
    )


def _webhook(row: Mapping[str, Any]) -> Webhook:
    return Webhook(
        customer_id=CustomerId(row["customer_id"]),
        url=row["url"],
        secret=Secret(row["secret"]),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        tried_at=row["last_tried_at"],
        status=row["last_status"],
        error=row["last_error"],
    )
