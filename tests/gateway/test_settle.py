"""An outcome is written down once, and told as receipt, usage event and span; of a lost call, what is known."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
import structlog

from ledger.working import Account, account, accounts, working
from making import ManualClock
from tollhouse.access.permits import Permit
from tollhouse.catalog.models import Model
from tollhouse.catalog.prices import Price, Rates
from tollhouse.cloudflare.routes import route_of
from tollhouse.db.pool import Database
from tollhouse.foundation.money import Nanos, PicosPerToken
from tollhouse.foundation.tokens import TokenUsage
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import Arrival, ChatRequest
from tollhouse.gateway.counts import Counts
from tollhouse.gateway.estimate import Estimate
from tollhouse.gateway.passage import NOT_SENT, Ending, Passage
from tollhouse.gateway.records import receipt_of, span_of
from tollhouse.gateway.settle import Settler, Story, opening_of, tell
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Call, Reserved, Resolved, entry_day
from tollhouse.ledger.worker import Worker
from tollhouse.tallies.cells import Tally

RATES = Rates(0, *[PicosPerToken(1_000_000)] * 5)
PRICE = Price((RATES,))
TRACE, SPAN, PARENT = "0" * 31 + "1", "0" * 15 + "1", "0" * 15 + "2"


class Tells:
    """`tell` as production has it, in the place of the test's own."""

    tell = staticmethod(tell)


@pytest.fixture
async def worker(embedded_database: Database, data_dir: Path) -> AsyncIterator[Worker]:
    async with working(embedded_database, data_dir, Tells()) as worker:  # type: ignore[arg-type]
        yield worker


@pytest.fixture
async def mine(embedded_database: Database) -> Account:
    return await account(embedded_database)


@pytest.fixture
def settler(worker: Worker, tmp_path: Path) -> Settler:
    return Settler(worker.keeper, ManualClock(), Counts(Tally(tmp_path, 0)))


def a_permit(mine: Account) -> Permit:
    return Permit(
        key_id=mine.key_id,
        key_name="k",
        customer_id=mine.customer_id,
        user_id=None,
        team_id=None,
        disabled=False,
        expires_at=None,
        allowed_models=(),
        max_output_tokens=None,
        bound_policy="strict",
        gateway_state="ready",
        gateway_id="g",
        account_id="a",
        credential_mode="unified",
    )


def opened(wish: Wish) -> Wish:
    arrival = Arrival(wish.call.call_id, TRACE, SPAN, PARENT, datetime.now(UTC), 1, 1.0)
    return Wish(wish.call, wish.budgets, wish.amount, wish.floor, opening_of(arrival, stream=True))


async def passage(worker: Worker, mine: Account, *, amount: int = 1_000_000) -> Passage:
    """A call that holds money and is answered exactly."""
    reserved = await worker.keeper.hold(opened(mine.wish(amount)))
    assert isinstance(reserved, Reserved)
    route = route_of("openai")
    assert route
    entry = Model("gpt-4o-mini", "openai", "openai", "gpt-4o-mini", None, None, PRICE)
    return Passage(
        arrival=Arrival(reserved.call.call_id, TRACE, SPAN, PARENT, datetime.now(UTC), 1, 1.0),
        permit=a_permit(mine),
        chat=ChatRequest({}, "gpt-4o-mini", None, False, False, 1, None, 0),
        destination=Destination("openai", "gpt-4o-mini", route, entry, "a", "g"),
        estimate=Estimate(PRICE, 10, 10, 1, Nanos(amount), Nanos(amount), False, "v"),
        held=reserved.amount,
        day=entry_day(reserved),
        ending=Ending("exact", "completed", TokenUsage(3, 4), "provider"),
    )


def reserved_of(ended: Passage) -> Reserved:
    call = Call(ended.arrival.call_id, ended.permit.customer_id, ended.permit.key_id, None, None, "openai", "m", "v")
    return Reserved(call, ended.arrival.at_ns // 1000, (), ended.held)


async def told(database: Database) -> list[tuple[str, str, int]]:
    """(outcome, entry kind, cost) of every receipt."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT outcome, entry_kind, cost_nanos FROM receipts")
    return [tuple(row) for row in rows]


async def test_settling_twice_books_and_tells_once(
    settler: Settler, worker: Worker, mine: Account, embedded_database: Database
) -> None:
    ended = await passage(worker, mine)
    for _ in range(3):
        settler.settle(ended)
    await worker.keeper.drained()
    assert await accounts(embedded_database) == [(7_000, 0, 0, 0)]
    assert await told(embedded_database) == [("completed", "exact", 7_000)]
    async with embedded_database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM usage_events") == 1
        assert await connection.fetchval("SELECT cost_nanos FROM telemetry_spans") == 7_000


async def test_a_call_that_was_not_sent_gives_everything_back_and_has_a_span_but_no_receipt(
    settler: Settler, worker: Worker, mine: Account, embedded_database: Database
) -> None:
    ended = await passage(worker, mine)
    ended.ending = NOT_SENT
    settler.settle(ended)
    await worker.keeper.drained()
    assert await accounts(embedded_database) == [(0, 0, 0, 0)]
    assert await told(embedded_database) == []
    async with embedded_database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM telemetry_spans") == 1


async def test_an_overrun_is_booked_whole_and_said_aloud(
    settler: Settler, worker: Worker, mine: Account, embedded_database: Database
) -> None:
    ended = await passage(worker, mine, amount=5_000)
    with structlog.testing.capture_logs() as logs:
        settler.settle(ended)
    assert [(line["event"], line["overrun_nanos"]) for line in logs] == [("a call cost more than its bound", 2_000)]
    await worker.keeper.drained()
    async with embedded_database.connection() as connection:
        rows = await connection.fetch("SELECT cost_nanos, overrun_nanos FROM ledger_entries")
    assert [tuple(row) for row in rows] == [(7_000, 2_000)]


async def test_a_lost_call_is_told_with_what_its_opening_knew(
    worker: Worker, mine: Account, embedded_database: Database
) -> None:
    reserved = await worker.keeper.hold(opened(mine.wish(900)))
    assert isinstance(reserved, Reserved)
    async with embedded_database.transaction() as connection:
        await tell(connection, [Resolved(reserved, "in_doubt", reserved.amount)])
        receipt = await connection.fetchrow("SELECT * FROM receipts")
        span = await connection.fetchrow("SELECT * FROM telemetry_spans")
    assert receipt is not None
    assert span is not None
    assert (receipt["outcome"], receipt["stream"], receipt["trace_id"]) == ("lost", True, TRACE)
    assert (receipt["hold_nanos"], receipt["cost_nanos"], receipt["entry_kind"]) == (900, 900, "in_doubt")
    assert (span["span_id"], span["parent_span_id"], span["status"]) == (SPAN, PARENT, 2)
    assert receipt["entry_day"] == entry_day(reserved) == span["day"]
    assert isinstance(span["day"], date)
    worker.keeper.settle(reserved.call.call_id, "void", Nanos(0), b"")


async def test_a_call_told_in_doubt_and_then_as_it_was_counts_once_at_what_the_book_has(
    worker: Worker, settler: Settler, mine: Account, embedded_database: Database
) -> None:
    ended = await passage(worker, mine, amount=9_000)
    ended.ending = Ending("in_doubt", "broken", TokenUsage(0, 0), "none")
    settler.settle(ended)
    await worker.keeper.drained()
    ended.ending = Ending("exact", "completed", TokenUsage(3, 4), "provider")
    receipt, span = receipt_of(ended, 2.0), span_of(ended, ended.arrival.at_ns + 5_000_000)
    known = Resolved(reserved_of(ended), "exact", Nanos(7_000), msgspec.msgpack.encode(Story(receipt, span)))
    for _ in range(2):
        async with embedded_database.transaction() as connection:
            await tell(connection, [known])
    async with embedded_database.connection() as connection:
        rows = await connection.fetch("SELECT status, output_tokens, cost_nanos FROM telemetry_spans")
        sums = await connection.fetchrow(
            "SELECT sum(calls), sum(errors), sum(output_tokens), sum(cost_nanos) FROM rollup_pending"
        )
        assert await connection.fetchval("SELECT sum(cost_nanos) FROM ledger_entries") == 9_000
    assert [tuple(row) for row in rows] == [(1, 4, 9_000)]
    assert sums is not None
    assert tuple(sums) == (1, 0, 4, 9_000)


async def test_a_caller_who_left_before_the_road_began_is_told_to_nobody(
    worker: Worker, mine: Account, embedded_database: Database
) -> None:
    reserved = await worker.keeper.hold(opened(mine.wish(900)))
    assert isinstance(reserved, Reserved)
    worker.keeper.settle(reserved.call.call_id, "void", Nanos(0))
    await worker.keeper.drained()
    assert await told(embedded_database) == []
    async with embedded_database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM telemetry_spans") == 0
