"""Outcomes reach the book whatever the database does meanwhile, and one bad outcome takes no other along."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from making import Book, ManualClock, book, connected
from tollhouse.access.permits import Permit
from tollhouse.catalog.models import Model
from tollhouse.catalog.prices import Price, Rates
from tollhouse.cloudflare.routes import route_of
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.ids import CustomerId, new_call_id
from tollhouse.foundation.money import Nanos, PicosPerToken
from tollhouse.foundation.tokens import TokenUsage
from tollhouse.gateway import settle
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import Arrival, ChatRequest
from tollhouse.gateway.estimate import Estimate
from tollhouse.gateway.passage import NOT_SENT, Ending, Passage
from tollhouse.gateway.recovery import Sweeper
from tollhouse.gateway.settle import Settler
from tollhouse.ledger import budgets, holds
from tollhouse.ledger.holds import Held, Settlement

RATES = Rates(0, *[PicosPerToken(1_000_000)] * 5)
PRICE = Price((RATES,))


class Moody:
    """The real database, away for the next `away` transactions."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.away = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        if self.away > 0:
            self.away -= 1
            raise Unavailable("away")
        async with self.database.transaction() as connection:
            yield connection


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(settle, "_LONGEST_PAUSE_S", 0.01)


@pytest.fixture
async def moody(embedded_url: str) -> AsyncIterator[Moody]:
    async with connected(embedded_url) as database:
        yield Moody(database)


@pytest.fixture
def settler(moody: Moody) -> Settler:
    return Settler(moody, ManualClock())  # type: ignore[arg-type]


def a_permit(customer_id: CustomerId, made: Book) -> Permit:
    return Permit(
        key_id=made.key_id,
        key_name="k",
        customer_id=customer_id,
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


async def passage(made: Book, *, model: str = "gpt-4o-mini", amount: int = 1_000_000) -> Passage:
    """A call that holds money and is answered exactly."""
    request = made.request(amount)
    held = await holds.reserve(made.connection, made.owner, request)
    assert isinstance(held, Held)
    route = route_of("openai")
    assert route
    entry = Model(model, "openai", "openai", model, None, None, PRICE)
    return Passage(
        arrival=Arrival(request.call_id, "0" * 31 + "1", "0" * 15 + "1", None, datetime.now(UTC), 1, 1.0),
        permit=a_permit(made.customer_id, made),
        chat=ChatRequest({}, model, None, False, False, 1, None, 0),
        destination=Destination("openai", model, route, entry, "a", "g"),
        estimate=Estimate(PRICE, 10, 10, 1, Nanos(amount), Nanos(amount), False, "v"),
        held=held.amount,
        day=held.day,
        ending=Ending("exact", "completed", TokenUsage(3, 4), "provider"),
    )


async def spent(made: Book) -> tuple[int, int]:
    found = await budgets.balances(made.connection, made.customer_id, "key", [made.key_id])
    return found[made.key_id].spent, found[made.key_id].held


@pytest.fixture
async def made(moody: Moody) -> AsyncIterator[Book]:
    async with moody.database.connection() as connection:
        yield await book(connection, None)


async def test_settling_twice_books_once(settler: Settler, made: Book) -> None:
    ended = await passage(made)
    await asyncio.gather(settler.settle(ended), settler.settle(ended))
    await settler.settle(ended)
    assert await spent(made) == (7_000, 0)
    rows = await made.connection.fetch("SELECT cost_nanos, outcome FROM receipts")
    assert [tuple(row) for row in rows] == [(7_000, "completed")]
    assert await made.connection.fetchval("SELECT count(*) FROM usage_events") == 1
    assert await made.connection.fetchval("SELECT cost_nanos FROM telemetry_spans") == 7_000


async def test_a_database_that_is_away_is_waited_out(settler: Settler, made: Book, moody: Moody) -> None:
    moody.away = 5
    await settler.settle(await passage(made))
    assert await spent(made) == (7_000, 0)


async def test_a_caller_does_not_hang_on_a_database_that_stays_away(
    settler: Settler, made: Book, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "PATIENCE_S", 0.02)
    moody.away = 10**9
    await settler.settle(await passage(made))
    assert await spent(made) == (0, 1_000_000)
    moody.away = 0
    await settler.close(5)
    assert await spent(made) == (7_000, 0)


async def test_what_cannot_be_written_before_the_end_is_left_to_the_sweep(
    settler: Settler, made: Book, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "PATIENCE_S", 0.02)
    moody.away = 10**9
    await settler.settle(await passage(made))
    await settler.close(0.05)
    assert settler.waiting == 0
    assert await spent(made) == (0, 1_000_000)
    await holds.retire(made.connection, made.owner)
    await holds.sweep(made.connection, timedelta(seconds=30), most=10)
    assert await spent(made) == (1_000_000, 0)


async def test_one_outcome_that_cannot_be_written_takes_no_other_along(settler: Settler, made: Book) -> None:
    good = [await passage(made) for _ in range(5)]
    bad = await passage(made, model="no\x00text")
    await asyncio.gather(*(settler.settle(ended) for ended in [*good[:2], bad, *good[2:]]))
    assert await spent(made) == (6 * 7_000, 0)  # its money is booked all the same
    assert await made.connection.fetchval("SELECT count(*) FROM receipts") == 5


async def test_an_outcome_that_the_ledger_itself_refuses_is_left_to_the_sweep(settler: Settler, made: Book) -> None:
    ended = await passage(made)
    ended.ending = Ending("unheard of", "completed")  # type: ignore[arg-type]
    await settler.settle(ended)
    assert await spent(made) == (0, 1_000_000)


async def test_a_call_that_was_not_sent_gives_everything_back_and_has_a_span_but_no_receipt(
    settler: Settler, made: Book
) -> None:
    ended = await passage(made)
    ended.ending = NOT_SENT
    await settler.settle(ended)
    assert await spent(made) == (0, 0)
    assert await made.connection.fetchval("SELECT count(*) FROM receipts") == 0
    assert await made.connection.fetchval("SELECT count(*) FROM telemetry_spans") == 1


async def test_voiding_a_hold_that_never_stood_is_harmless(settler: Settler, made: Book) -> None:
    settler.void(Settlement(new_call_id(), date(2026, 11, 23), "void", Nanos(0)))
    await settler.close(5)
    assert await spent(made) == (0, 0)


async def test_more_outcomes_than_may_wait_are_left_to_the_sweep(
    settler: Settler, made: Book, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler._batcher, "_max_waiting", 0)
    await settler.settle(await passage(made))
    assert await spent(made) == (0, 1_000_000)


async def test_an_overrun_is_booked_whole(settler: Settler, made: Book) -> None:
    ended = await passage(made, amount=5_000)
    await settler.settle(ended)
    assert await spent(made) == (7_000, 0)
    assert await made.connection.fetchval("SELECT overrun_nanos FROM ledger_entries") == 2_000


async def test_a_late_outcome_corrects_its_receipt(settler: Settler, made: Book, moody: Moody) -> None:
    ended = await passage(made)
    await holds.retire(made.connection, made.owner)
    sweeper = Sweeper(moody.database, ManualClock(), made.owner, silent_s=30, every_s=1)
    assert await sweeper.sweep() == 1
    assert await made.connection.fetchval("SELECT outcome FROM receipts") == "lost"
    await settler.settle(ended)
    assert await spent(made) == (7_000, 0)
    rows = await made.connection.fetch("SELECT outcome, entry_kind, cost_nanos, output_tokens FROM receipts")
    assert [tuple(row) for row in rows] == [("completed", "exact", 7_000, 4)]
