"""Many workers at once on real connections: nothing is overspent, nothing lost, nobody deadlocks."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from ledger.teller import CUSTOMER, Teller, ask, budget, end, figures, given_back, outcome, reserved, teller
from making import customer, key
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.ids import KeyId, TeamId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets
from tollhouse.ledger.protocol import Fenced, Scope

Tellers = Callable[[int], Awaitable[list[Teller]]]


@pytest.fixture
async def tellers(database: Database) -> AsyncIterator[Tellers]:
    """Workers, each with a connection of its own."""
    async with AsyncExitStack() as stack:

        async def open_all(number: int) -> list[Teller]:
            opened = [await stack.enter_async_context(database.connection()) for _ in range(number)]
            return [await teller(connection, f"w{at}") for at, connection in enumerate(opened)]

        yield open_all


async def _waits(connection: Connection) -> None:
    """Until some other connection waits for a lock."""
    while not await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ):
        await asyncio.sleep(0.005)


async def _deadlocks(connection: Connection) -> int:
    found: int = await connection.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return found


async def test_what_is_granted_at_once_is_never_more_than_there_is(tellers: Tellers) -> None:
    workers = await tellers(6)
    connection = workers[0].connection
    wide, narrow = await budget(connection, 10_000), await budget(connection, 1_000)
    replies = await asyncio.gather(
        *(worker.order(*[ask({wide: 130, narrow: 130}, floor=100)] * 3, wants={wide: 500}) for worker in workers)
    )
    verdicts = [answer.verdict for reply in replies for answer in reply.answers]
    assert verdicts.count("whole") == 7
    assert await figures(connection, narrow) == (0, 7 * 130, 0, 0)


async def test_a_new_life_begins_after_what_the_old_one_has_begun(connection: Connection, tellers: Tellers) -> None:
    """A flush that passed the fence is in the book before the successor reads how far the book is."""
    (old,) = await tellers(1)
    account = await budget(connection, 1_000)
    await old.lease(100, account)
    flushing = old.connection.transaction()
    await flushing.start()
    await old.flush(outcome(reserved(100, account), 60))
    beginning = asyncio.create_task(teller(connection, "w0"))
    await _waits(old.connection)
    assert not beginning.done()
    await flushing.commit()
    successor = await beginning
    assert (await book.marks(connection, successor.owner.worker_id))[0].acked == 1
    with pytest.raises(Fenced):
        await old.flush()


async def test_whoever_is_speaking_is_not_silent(connection: Connection, tellers: Tellers) -> None:
    (speaking,) = await tellers(1)
    account = await budget(connection, 1_000)
    await speaking.lease(100, account)
    async with speaking.connection.transaction():
        await speaking.flush()
        assert await book.doubt_silent(connection, timedelta(seconds=-1)) == []
    assert await book.doubt_silent(connection, timedelta(seconds=-1)) == [speaking.owner.worker_id]


async def test_the_last_cent_is_spent_and_no_more(tellers: Tellers) -> None:
    """Everybody takes as much as there is, until there is none."""
    workers = await tellers(4)
    connection = workers[0].connection
    account = await budget(connection, 10_000)

    async def drain(worker: Teller, seed: int) -> int:
        dice = random.Random(seed)
        spent = held = 0
        while True:
            reply = await worker.order(ask({account: dice.randint(1, 300)}, floor=1), wants={account: 200})
            got = reply.standings[0].granted - held
            held = reply.standings[0].granted
            if reply.answers[0].verdict == "spent":
                return spent
            if got:
                cost = dice.randint(0, got)
                await worker.flush(outcome(reserved(got, account), cost), given_back(got - cost, account))
                spent += cost

    spent = await asyncio.gather(*(drain(worker, seed) for seed, worker in enumerate(workers)))
    assert await figures(connection, account) == (10_000, 0, 0, 0)
    assert sum(spent) == 10_000


class _Storm:
    """A worker that does whatever a worker may do, in any order, and adds up what it told."""

    def __init__(self, worker: Teller, accounts: list[int], scopes: list[Scope], seed: int) -> None:
        self.worker = worker
        self.accounts = accounts
        self.scopes = scopes
        self.dice = random.Random(seed)
        self.told = dict.fromkeys(accounts, 0)
        self.held: dict[tuple[int, int], int] = {}

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            await self.dice.choices((self._call, self._admin, self._die, self._doubt), (16, 3, 1, 1))[0]()
        await self._close()

    async def _call(self) -> None:
        chosen = self.dice.sample(self.accounts, 3)
        reply = await self.worker.order(
            ask(dict.fromkeys(chosen, self.dice.randint(1, 400)), floor=1), wants=dict.fromkeys(chosen, 300)
        )
        if reply.answers[0].verdict in ("spent", "contended"):
            return
        amount = self.dice.randint(1, 500)
        periods = {standing.budget_id: standing.period_seq for standing in reply.standings}
        held = reserved(amount, *sorted(chosen), period=periods[chosen[0]])
        cost = self.dice.randint(0, amount + 50)
        await self.worker.flush(outcome(held, cost), *(given_back(20, account) for account in chosen))
        for account in chosen:
            self.told[account] += cost

    async def _admin(self) -> None:
        scope = self.dice.choice(self.scopes)
        limit = self.dice.choice([None, Nanos(self.dice.randint(0, 50_000))])
        changed = await budgets.set_budget(self.worker.connection, CUSTOMER, scope, limit, None)
        if self.dice.random() < 0.2:
            await end(self.worker.connection, changed)

    async def _die(self) -> None:
        old, self.worker = self.worker, await teller(self.worker.connection, self.worker.owner.worker_id)
        exact = self.dice.random() < 0.7
        await book.close_epoch(self.worker.connection, self.worker.owner, old.owner.epoch, exact=exact)
        await book.abandon_epochs(self.worker.connection, self.worker.owner, [])

    async def _doubt(self) -> None:
        await book.doubt_silent(self.worker.connection, timedelta(milliseconds=5))

    async def _close(self) -> None:
        await book.close_epoch(self.worker.connection, self.worker.owner, self.worker.owner.epoch, exact=True)


async def test_a_storm_of_everything_leaves_the_books_right(connection: Connection, tellers: Tellers) -> None:
    """Calls, admins, deaths and doubts on the same few budgets, and the audit looks all the time."""
    customer_id = await customer(connection)
    keys = [(await key(connection, customer_id, "0.00005")).key_id for _ in range(2)]
    scopes = [Scope("key", key_id) for key_id in keys] + [Scope("team", "t"), Scope("customer", customer_id)]
    accounts = [await budget(connection, 50_000, scope=scope) for scope in scopes]
    storms = [_Storm(worker, accounts, scopes, seed) for seed, worker in enumerate(await tellers(5))]

    async def watch() -> None:
        while True:
            assert await budgets.audit(connection) == []
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(storm.run(40) for storm in storms))
    watching.cancel()
    await asyncio.wait([watching])
    assert watching.cancelled()
    for account in accounts:
        stands = await figures(connection, account)
        assert (stands.spent, stands.leased) == (sum(storm.told[account] for storm in storms), 0)
    assert await _deadlocks(connection) == 0


async def test_many_keys_of_many_teams(connection: Connection, tellers: Tellers) -> None:
    """Each call counts on its key, its team and the customer; every book adds up to the same."""
    key_scopes = [Scope("key", KeyId(f"k{at}")) for at in range(60)]
    team_scopes = [Scope("team", TeamId(f"t{at}")) for at in range(5)]
    keys = [await budget(connection, 5_000, scope=scope) for scope in key_scopes]
    teams = [await budget(connection, 40_000, scope=scope) for scope in team_scopes]
    whole = await budget(connection, 150_000)

    async def work(worker: Teller, seed: int) -> int:
        dice = random.Random(seed)
        spent = 0
        for _ in range(15):
            chosen = [dice.randrange(len(keys)) for _ in range(8)]
            paths = [sorted((keys[at], teams[at % len(teams)], whole)) for at in chosen]
            reply = await worker.order(*(ask(dict.fromkeys(path, 300)) for path in paths))
            served = [path for path, answer in zip(paths, reply.answers, strict=True) if answer.verdict == "whole"]
            costs = [dice.randint(0, 300) for _ in served]
            records = [outcome(reserved(300, *path), cost) for path, cost in zip(served, costs, strict=True)]
            rests = [
                given_back(300 - cost, account) for path, cost in zip(served, costs, strict=True) for account in path
            ]
            await worker.flush(*records, *rests)
            spent += sum(costs)
        return spent

    workers = await tellers(4)
    spent = sum(await asyncio.gather(*(work(worker, seed) for seed, worker in enumerate(workers))))
    assert await figures(connection, whole) == (spent, 0, 0, 0)
    assert sum([(await figures(connection, team)).spent for team in teams]) == spent
    assert sum([(await figures(connection, each)).spent for each in keys]) == spent
    assert await _deadlocks(connection) == 0
