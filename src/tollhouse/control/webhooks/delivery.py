"""The loop that tells of crossed thresholds: a line in the log, and the customer's webhook if there is one.

Every process runs it; the book hands each event to one of them at a time. At least once, in no order: whoever dies
between sending and saying so leaves the event to be sent again. What does not arrive is tried again for a day, ever
more rarely, then given up and logged.
"""

import asyncio
from datetime import timedelta
from typing import Final

from tollhouse.control.webhooks import news, service
from tollhouse.control.webhooks.sending import Outcome, Sender
from tollhouse.control.webhooks.service import Webhook
from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.money import exact_usd_string
from tollhouse.ledger import crossings
from tollhouse.ledger.crossings import Crossing

AT_ONCE: Final = 8
LOOK_EVERY_S: Final = 5.0
HOLD: Final = timedelta(seconds=60)
"""Much longer than a try lasts."""
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(hours=1)
TRIED_FOR: Final = timedelta(hours=24)
_DOUBLINGS: Final = 16

_log = get_logger(__name__)


class Deliveries:
    """Owns one process's share of the sending."""

    def __init__(self, database: Database, clock: Clock, *, private: bool) -> None:
        self._database = database
        self._clock = clock
        self._private = private
        self._woken = asyncio.Event()

    def wake(self, _notice: str = "") -> None:
        """There is something new."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        sender = Sender(self._clock, private=self._private)
        try:
            while True:
                if not await self._turn(sender):
                    await self._rest()
        finally:
            await sender.close()

    async def deliver_due(self, sender: Sender) -> int:
        """Send what is due, at most `AT_ONCE` events and one of a customer; returns how many there were."""
        async with self._database.transaction() as connection:
            due = await crossings.claim(connection, most=AT_ONCE, hold=HOLD)
            webhooks = await service.of_customers(connection, [crossing.customer_id for crossing in due])
            for crossing in due:
                _tell_log(crossing)
        async with asyncio.TaskGroup() as group:
            for crossing in due:
                group.create_task(self._deliver_apart(sender, crossing, webhooks.get(crossing.customer_id)))
        return len(due)

    async def _turn(self, sender: Sender) -> bool:
        """Whether there may be more at once."""
        try:
            return await self.deliver_due(sender) > 0
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: it must not die of one bad turn
            _log.warning("telling of crossed thresholds failed; trying again", error=repr(error))
            return False

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _deliver_apart(self, sender: Sender, crossing: Crossing, webhook: Webhook | None) -> None:
        """One that goes wrong leaves the others alone, and comes again when its claim has run out."""
        try:
            await self._deliver(sender, crossing, webhook)
        except DATABASE_FAILURES as error:
            _log.warning(
                "how a webhook went could not be written down", event_id=news.crossed(crossing).id, error=repr(error)
            )

    async def _deliver(self, sender: Sender, crossing: Crossing, webhook: Webhook | None) -> None:
        if webhook is None:
            async with self._database.connection() as connection:
                await crossings.delivered(connection, crossing.id)
            return
        outcome = await sender.send(webhook.url, webhook.secret, news.crossed(crossing))
        wait = wait_after(crossing.attempts, crossing.age)
        async with self._database.transaction() as connection:
            await service.note(connection, webhook, outcome)
            if outcome.error is None:
                await crossings.delivered(connection, crossing.id)
            else:
                await crossings.failed(connection, crossing.id, outcome.error, wait)
        if outcome.error is not None and wait is None:
            _tell_given_up(crossing, outcome)


def wait_after(attempts: int, age: timedelta) -> timedelta | None:
    """How long to wait after so many tries; None: the event is a day old, or would be."""
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, _DOUBLINGS), LONGEST_WAIT)
    return wait if age + wait <= TRIED_FOR else None


def _tell_log(crossing: Crossing) -> None:
    """Once: with the first try. Said before the claim is committed, so that a crash repeats it."""
    if crossing.attempts == 1:
        _log.info(
            "a budget crossed a threshold",
            customer_id=crossing.customer_id,
            budget_id=crossing.budget_id,
            scope=crossing.scope.kind,
            scope_id=crossing.scope.id,
            percent=crossing.percent,
            spent_usd=exact_usd_string(crossing.spent),
            limit_usd=exact_usd_string(crossing.limit),
        )


def _tell_given_up(crossing: Crossing, outcome: Outcome) -> None:
    _log.error(
        "a webhook was given up",
        customer_id=crossing.customer_id,
        event_id=news.crossed(crossing).id,
        attempts=crossing.attempts,
        error=outcome.error,
    )
