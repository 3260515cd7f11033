"""The journal's second reader: told once, in order, and never before the money is booked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.working import Told, account, working
from tollhouse.db.pool import Database
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book
from tollhouse.ledger.outbox import Outbox
from tollhouse.ledger.records import Reserved
from tollhouse.ledger.turns import Turns
from tollhouse.ledger.worker import Worker


@pytest.fixture
async def worker(embedded_database: Database, data_dir: Path) -> AsyncIterator[Worker]:
    mine = await account(embedded_database)
    async with working(embedded_database, data_dir) as worker:
        for _ in range(3):
            reserved = await worker.keeper.hold(mine.wish(10))
            assert isinstance(reserved, Reserved)
            worker.keeper.settle(reserved.call.call_id, "exact", Nanos(10), b"story")
        await worker.keeper.drained()
        yield worker


async def recorded(database: Database, worker: Worker) -> int:
    async with database.connection() as connection:
        return (await book.marks(connection, worker.slot.worker_id))[-1].recorded


def outbox(database: Database, worker: Worker, told: Told, after: int = 0) -> Outbox:
    owner = worker.keeper.owner
    return Outbox(database, worker.keeper.journal, owner, owner.epoch, after, told.tell, Turns())


async def test_nothing_is_told_beyond_what_is_booked(embedded_database: Database, worker: Worker) -> None:
    told = Told()
    sent = outbox(embedded_database, worker, told)
    assert not await sent.send(4)
    assert (len(told.heard), sent.told) == (2, 4)
    assert not await sent.send(4)
    assert not await sent.send(6)
    assert len(told.heard) == 3


async def test_what_is_missing_in_the_journal_is_passed_over(embedded_database: Database, worker: Worker) -> None:
    sent = outbox(embedded_database, worker, Told(), after=6)
    await sent.pass_over(9)
    await sent.pass_over(9)
    assert (sent.told, await recorded(embedded_database, worker)) == (9, 9)


async def test_a_database_that_fails_is_told_again(embedded_database: Database, worker: Worker) -> None:
    told = Told()

    class Failing(Told):
        async def tell(self, *_args: object) -> None:
            raise TimeoutError

    sent = outbox(embedded_database, worker, Failing())
    with pytest.raises(TimeoutError):
        await sent.send(6)
    assert sent.told == 0
    sent._tell = told.tell
    await sent.send(6)
    assert len(told.heard) == 3
