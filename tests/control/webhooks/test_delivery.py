"""From a crossed threshold to its receiver: once if all goes well, again if not, and given up after a day."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from control.webhooks.receiver import NO_CONTENT, Receiver, answer, receiving
from making import ManualClock, book, customer
from tollhouse.control.webhooks import delivery, service
from tollhouse.control.webhooks.delivery import FIRST_WAIT, LONGEST_WAIT, TRIED_FOR, Deliveries, wait_after
from tollhouse.control.webhooks.sending import Outcome, Sender
from tollhouse.control.webhooks.service import Webhook
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.ids import CustomerId
from tollhouse.ledger import budgets
from waiting import until

HOUR = timedelta(hours=1)
SECRET = "thw_" + "0" * 64


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(ManualClock(), private=True)
    yield made
    await made.close()


@pytest.fixture
def deliveries(embedded_database: Database) -> Deliveries:
    return Deliveries(embedded_database, ManualClock(), private=True)


async def _crossed(database: Database, *percents: int, url: str | None = None) -> CustomerId:
    """A customer whose budget crossed thresholds, and where it wants to be told."""
    async with database.connection() as connection:
        customer_id = await customer(connection)
        await _set_webhook(database, customer_id, url)
        budget_id = await connection.fetchval("SELECT ledger_set_budget($1, 'user', $1, 100, NULL)", customer_id)
        for percent in percents:
            await connection.execute(
                "INSERT INTO ledger_events (customer_id, budget_id, period_seq, percent, spent_nanos, limit_nanos)"
                " VALUES ($1, $2, 1, $3, 95, 100)",
                customer_id,
                budget_id,
                percent,
            )
    return customer_id


async def _set_webhook(database: Database, customer_id: CustomerId, url: str | None) -> None:
    async with database.connection() as connection:
        if url is not None:
            await connection.execute(
                "INSERT INTO webhooks (customer_id, url, secret) VALUES ($1, $2, $3)", customer_id, url, SECRET
            )


async def _events(database: Database) -> list[tuple[object, ...]]:
    """percent, delivered, given up, attempts, last error, waits."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT percent, delivered_at IS NOT NULL, given_up_at IS NOT NULL, attempts, last_error,"
            " next_try_at > now() FROM ledger_events ORDER BY percent"
        )
    return [tuple(row) for row in rows]


def _told(receiver: Receiver) -> list[int]:
    return sorted(json.loads(request.body)["data"]["threshold_percent"] for request in receiver.arrived)


# One turn --------------------------------------------------------------------------------------------------


async def test_what_arrived_is_not_sent_again(
    embedded_database: Database, deliveries: Deliveries, sender: Sender
) -> None:
    async with receiving() as receiver:
        await _crossed(embedded_database, 50, url=receiver.url())
        assert [await deliveries.deliver_due(sender) for _ in range(2)] == [1, 0]
        assert _told(receiver) == [50]
    assert await _events(embedded_database) == [(50, True, False, 1, None, True)]
    async with embedded_database.connection() as connection:
        tried = await connection.fetchrow("SELECT last_tried_at IS NOT NULL, last_status, last_error FROM webhooks")
    assert tuple(tried or ()) == (True, 204, None)


async def test_a_customer_gets_one_event_at_a_time_and_many_customers_at_once(
    embedded_database: Database, deliveries: Deliveries, sender: Sender
) -> None:
    async with receiving() as receiver:
        for _ in range(3):
            await _crossed(embedded_database, 50, 80, url=receiver.url())
        assert await deliveries.deliver_due(sender) == 3
        assert _told(receiver) == [50, 50, 50]
        assert await deliveries.deliver_due(sender) == 3
        assert await deliveries.deliver_due(sender) == 0
        assert _told(receiver) == [50, 50, 50, 80, 80, 80]


async def test_without_a_webhook_the_log_is_all(
    embedded_database: Database, deliveries: Deliveries, sender: Sender
) -> None:
    customer_id = await _crossed(embedded_database, 95)
    with capture_logs() as logs:
        assert await deliveries.deliver_due(sender) == 1
    assert await _events(embedded_database) == [(95, True, False, 1, None, True)]
    [line] = logs
    assert line["event"] == "a budget crossed a threshold"
    assert (line["customer_id"], line["percent"], line["spent_usd"]) == (customer_id, 95, "0.000000095")


async def test_what_failed_waits_and_is_sent_again_with_the_same_id(
    embedded_database: Database, deliveries: Deliveries, sender: Sender
) -> None:
    async with receiving(answer(500), NO_CONTENT) as receiver:
        await _crossed(embedded_database, 50, url=receiver.url())
        with capture_logs() as logs:
            assert await deliveries.deliver_due(sender) == 1
            assert await _events(embedded_database) == [(50, False, False, 1, "answered 500", True)]
            assert await deliveries.deliver_due(sender) == 0
            await _make_due(embedded_database)
            assert await deliveries.deliver_due(sender) == 1
        assert len(receiver.arrived) == 2
        assert len({request.headers["Tollhouse-Event-Id"] for request in receiver.arrived}) == 1
    assert await _events(embedded_database) == [(50, True, False, 2, None, True)]
    assert [line["event"] for line in logs] == ["a budget crossed a threshold"], "said once"


async def _make_due(database: Database, *, older: timedelta = timedelta()) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE ledger_events SET next_try_at = now(), at = at - $1::interval", older)


async def test_what_never_arrives_is_given_up_and_logged(
    embedded_database: Database, deliveries: Deliveries, sender: Sender
) -> None:
    async with receiving(answer(410)) as receiver:
        customer_id = await _crossed(embedded_database, 50, url=receiver.url())
        await _make_due(embedded_database, older=TRIED_FOR)
        with capture_logs() as logs:
            assert [await deliveries.deliver_due(sender) for _ in range(2)] == [1, 0]
    assert await _events(embedded_database) == [(50, False, True, 1, "answered 410", True)]
    line = logs[-1]
    assert (line["log_level"], line["event"]) == ("error", "a webhook was given up")
    assert (line["customer_id"], line["error"]) == (customer_id, "answered 410")
    assert SECRET not in str(logs)


async def test_an_event_of_a_process_that_died_is_sent_by_another(
    embedded_database: Database, deliveries: Deliveries, sender: Sender
) -> None:
    async with receiving() as receiver:
        await _crossed(embedded_database, 50, url=receiver.url())
        async with embedded_database.connection() as connection:
            await connection.execute("SELECT ledger_claim_events(1, '1 hour')")
        assert await deliveries.deliver_due(sender) == 0
        await _make_due(embedded_database)
        assert await deliveries.deliver_due(sender) == 1
        assert _told(receiver) == [50]


async def test_one_that_cannot_be_written_down_leaves_the_others_alone(
    embedded_database: Database, deliveries: Deliveries, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver:
        first = await _crossed(embedded_database, 50, url=receiver.url())
        await _crossed(embedded_database, 80, url=receiver.url())
        write = service.note

        async def failing(connection: Connection, webhook: Webhook, outcome: Outcome) -> None:
            if webhook.customer_id == first:
                raise Unavailable("the database is away")
            await write(connection, webhook, outcome)

        monkeypatch.setattr(service, "note", failing)
        with capture_logs() as logs:
            assert await deliveries.deliver_due(sender) == 2
        assert _told(receiver) == [50, 80]
    assert [row[:2] for row in await _events(embedded_database)] == [(50, False), (80, True)]
    assert logs[-1]["event"] == "how a webhook went could not be written down"


# The loop --------------------------------------------------------------------------------------------------


async def test_money_that_is_spent_reaches_the_receiver(embedded_database: Database, deliveries: Deliveries) -> None:
    """The whole way: a flush crosses thresholds, its notice wakes the loop, several loops share the work."""
    others = [Deliveries(embedded_database, ManualClock(), private=True) for _ in range(2)]
    loops = [asyncio.create_task(each.run()) for each in (deliveries, *others)]
    try:
        async with receiving() as receiver, embedded_database.connection() as connection:
            customer_id = await customer(connection)
            made = await book(connection, 100)
            await connection.execute("UPDATE ledger_budgets SET customer_id = $1", customer_id)
            await _set_webhook(embedded_database, customer_id, receiver.url())
            await made.spend(60)
            await made.spend(35)
            async with asyncio.timeout(30):
                while len(receiver.arrived) < 3:
                    for each in (deliveries, *others):
                        each.wake()
                    await asyncio.sleep(0.02)
            assert _told(receiver) == [50, 80, 95]
            assert await budgets.audit(connection) == []
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def test_the_loop_looks_by_itself_and_survives_a_bad_turn(
    embedded_database: Database, deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No notice has to arrive."""
    monkeypatch.setattr(delivery, "LOOK_EVERY_S", 0.01)
    turns = deliveries.deliver_due
    bad = iter([True])

    async def first_fails(sender: Sender) -> int:
        if next(bad, False):
            raise RuntimeError("a bad turn")
        return await turns(sender)

    monkeypatch.setattr(deliveries, "deliver_due", first_fails)
    with capture_logs() as logs:
        loop = asyncio.create_task(deliveries.run())
        async with receiving() as receiver:
            await _crossed(embedded_database, 50, url=receiver.url())
            await until(lambda: receiver.arrived)
        loop.cancel()
        await asyncio.wait([loop])
    assert logs[0]["event"] == "telling of crossed thresholds failed; trying again"


# How long to wait ------------------------------------------------------------------------------------------


def test_waits_double_up_to_an_hour() -> None:
    waits = [wait_after(attempts, timedelta()) for attempts in range(1, 12)]
    assert waits[:4] == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4, FIRST_WAIT * 8]
    assert waits[-1] == wait_after(10_000, timedelta()) == LONGEST_WAIT


def test_an_event_is_tried_for_a_day() -> None:
    assert wait_after(20, TRIED_FOR - LONGEST_WAIT) == LONGEST_WAIT
    assert wait_after(20, TRIED_FOR - LONGEST_WAIT + timedelta(seconds=1)) is None
    age, tries = timedelta(), 1
    while (wait := wait_after(tries, age)) is not None:
        age, tries = age + wait, tries + 1
    assert TRIED_FOR - LONGEST_WAIT < age <= TRIED_FOR
    assert 20 < tries < 40
