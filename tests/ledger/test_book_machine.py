"""Whatever the order of verbs, the SQL does what the model does, and the audit of both stays empty.

One transaction an example, rolled back at its end: `now()` stands still, and time passes by moving what the tables
remember into the past. A fail-over that forgets commits is a savepoint that is rolled back.

`TOLLHOUSE_MACHINE_EXAMPLES` and `TOLLHOUSE_MACHINE_STEPS` make it longer.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.model_book import ModelBook
from ledger.teller import end
from tollhouse.db import pool
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, KeyId, WorkerId, new_call_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import book, budgets
from tollhouse.ledger.protocol import Ask, Fenced, Gap, GrantOrder, Need, Owner, Reset, Scope, batch_of
from tollhouse.ledger.records import Amount, Call, Part, Record, Reserved, Resolved, Returned, SettlementKind

EXAMPLES = int(os.environ.get("TOLLHOUSE_MACHINE_EXAMPLES", "200"))
STEPS = int(os.environ.get("TOLLHOUSE_MACHINE_STEPS", "40"))
CUSTOMER = CustomerId("customer")
SCOPES = (Scope("key", "k"), Scope("team", "t"), Scope("customer", "customer"), Scope("user", "u"))

# Everything that both books must agree on, in one round trip.
BOOK = """
    SELECT
        (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM ledger_audit x),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(budget_id, period_seq, limit_nanos, spent_nanos, leased_nanos,
            doubt_nanos, overrun_nanos, fired) ORDER BY budget_id, period_seq), '[]') FROM ledger_accounts),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(worker_id, epoch, budget_id, period_seq, granted, settled,
            returned, state) ORDER BY worker_id, epoch, budget_id, period_seq), '[]') FROM ledger_leases),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(worker_id, epoch, acked_seq, recorded_seq, grant_number, state)
            ORDER BY worker_id, epoch), '[]') FROM ledger_marks)
"""

lives = st.integers(0, 3)
workers = st.sampled_from([WorkerId("w1"), WorkerId("w2")])
budget_ids = st.integers(1, len(SCOPES))
nanos = st.one_of(st.integers(0, 8).map(lambda n: n * 100), st.integers(0, 4_000))
limits = st.one_of(st.none(), st.integers(0, 16).map(lambda n: n * 500), st.integers(0, 8_000))
resets: st.SearchStrategy[Reset | None] = st.sampled_from([None, "daily", "weekly", "monthly"])


@st.composite
def needs(draw: st.DrawFn, budget_id: int) -> Need:
    amount = draw(nanos)
    return Need(budget_id, Nanos(amount), Nanos(draw(st.integers(0, amount))))


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    named = draw(st.lists(budget_ids, min_size=1, max_size=3, unique=True))
    return Ask(tuple(draw(needs(budget_id)) for budget_id in named), unpriced=draw(st.integers(0, 9)) == 0)


@dataclass
class Life:
    """A worker's epoch as its worker sees it: what it was told, what it wrote down, what it believes was taken."""

    owner: Owner
    journal: list[tuple[int, Record]] = field(default_factory=list)
    acked: int = 0
    number: int = 0
    order: GrantOrder | None = None
    granted: dict[tuple[int, int], int] = field(default_factory=dict)
    flushed: tuple[Any, ...] | None = None


class BookMachine(RuleBasedStateMachine):
    """Two workers with as many lives as it pleases, four budgets, every verb, and calls that may be anything."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    connection: ClassVar[Connection]

    def __init__(self) -> None:
        super().__init__()
        self.transaction = self.connection.transaction()
        self.run(self.transaction.start())
        self.model = ModelBook(now=self.run(self.connection.fetchval("SELECT extract(epoch FROM now())::float8")))
        self.lives: list[Life] = []
        self.standby: ModelBook | None = None

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def sql(self, statement: str, *arguments: object) -> None:
        self.run(self.connection.execute(statement, *arguments))

    def both(self, verb: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any, **named: Any) -> Any:
        """Let the SQL and the model do the same; they answer or refuse alike. None if refused."""
        told, refused = self._ask(lambda: self.run(self._apart(verb, *arguments, **named)))
        expected, refusal = self._ask(lambda: getattr(self.model, verb.__name__)(*arguments, **named))
        assert (type(refused), str(refused)) == (type(refusal), str(refusal))
        assert told == expected
        return refused or told

    async def _apart(self, verb: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any, **named: Any) -> Any:
        async with self.connection.transaction():
            return await verb(self.connection, *arguments, **named)

    def _ask(self, verb: Callable[[], Any]) -> tuple[Any, Exception | None]:
        try:
            return verb(), None
        except Gap as gap:
            return None, gap
        except Fenced:
            return None, Fenced()

    def life(self, at: int) -> Life:
        return self.lives[-1 - at % len(self.lives)]

    def newest(self, worker_id: WorkerId) -> Owner:
        return max((life.owner for life in self.lives if life.owner.worker_id == worker_id), key=lambda o: o.epoch)

    # Rules --------------------------------------------------------------------------------------------------

    @initialize(first=st.lists(limits, min_size=len(SCOPES), max_size=len(SCOPES)), reset=resets)
    def begin(self, first: list[int | None], reset: Reset | None) -> None:
        self.sql("ALTER TABLE ledger_budgets ALTER budget_id RESTART WITH 1")
        for scope, limit in zip(SCOPES, first, strict=True):
            self.set_budget(scope, limit, reset)
        for worker_id in (WorkerId("w1"), WorkerId("w2")):
            self.a_new_life(worker_id)

    @rule(scope=st.sampled_from(SCOPES), limit=limits, reset=resets)
    def set_budget(self, scope: Scope, limit: int | None, reset: Reset | None) -> None:
        amount = None if limit is None else Nanos(limit)
        made = self.run(budgets.set_budget(self.connection, CUSTOMER, scope, amount, reset))
        assert made == self.model.set_budget(scope, limit, reset)

    @rule(budget_id=budget_ids)
    def end_budget(self, budget_id: int) -> None:
        self.run(end(self.connection, budget_id))
        self.model.end_budget(budget_id)

    @rule(budget_id=budget_ids, extra=st.integers(0, 3_000), seconds=st.integers(-5, 60))
    def raise_limit(self, budget_id: int, extra: int, seconds: int) -> None:
        self.sql("SELECT ledger_lock(ARRAY[$1::bigint])", budget_id)
        self.sql(
            "UPDATE ledger_budgets SET raise_nanos = $2, raise_until = now() + $3 * interval '1 second',"
            " changed_at = now() WHERE budget_id = $1",
            budget_id,
            extra,
            seconds,
        )
        self.sql("SELECT ledger_heighten(ARRAY[$1::bigint])", budget_id)
        self.model.raise_limit(budget_id, extra, self.model.now + seconds)

    @rule(seconds=st.sampled_from([1, 5, 40, 100_000]))
    def time_passes(self, seconds: int) -> None:
        self.sql("UPDATE ledger_marks SET seen_at = seen_at - $1 * interval '1 second'", seconds)
        self.sql(
            "UPDATE ledger_budgets SET wanted_at = wanted_at - $1 * interval '1 second',"
            " changed_at = changed_at - $1 * interval '1 second', raise_until = raise_until - $1 * interval '1 second',"
            " resets_at = resets_at - $1 * interval '1 second'",
            seconds,
        )
        for row in self.model.rows.values():
            row.seen_at -= seconds
        for budget in self.model.budgets.values():
            budget.wanted_at -= seconds
            budget.changed_at -= seconds
            budget.raise_until -= seconds
            budget.resets_at -= seconds

    @rule(worker_id=workers)
    def a_new_life(self, worker_id: WorkerId) -> None:
        above = max((life.owner.epoch for life in self.lives if life.owner.worker_id == worker_id), default=0)
        registered = self.both(book.register, worker_id, above)
        self.lives.append(Life(registered.owner))

    @rule(at=lives, made=st.lists(asks(), max_size=3), wants=st.dictionaries(budget_ids, st.integers(0, 500)))
    def grant(self, at: int, made: list[Ask], wants: dict[int, int]) -> None:
        life = self.life(at)
        life.number += 1
        sizes = tuple((budget_id, Nanos(want)) for budget_id, want in sorted(wants.items()))
        life.order = GrantOrder(life.number, tuple(made), sizes)
        self._granted(life, life.order)

    @rule(at=lives)
    def repeat_the_order(self, at: int) -> None:
        life = self.life(at)
        if life.order is not None:
            self._granted(life, life.order)

    def _granted(self, life: Life, order: GrantOrder) -> None:
        reply = self.both(book.grant, life.owner, order)
        if not isinstance(reply, Exception):
            for standing in reply.standings:
                account = (standing.budget_id, standing.period_seq)
                life.granted[account] = max(life.granted.get(account, 0), standing.granted)

    @rule(
        at=lives,
        named=st.lists(st.tuples(budget_ids, st.integers(-1, 1), st.booleans()), max_size=3, unique_by=lambda p: p[0]),
        amount=nanos,
        cost=nanos,
        kind=st.sampled_from(["exact", "exact", "estimated", "in_doubt", "void"]),
    )
    def write_an_outcome(
        self, at: int, named: list[tuple[int, int, bool]], amount: int, cost: int, kind: SettlementKind
    ) -> None:
        """Of any call: one the leases pay for, one they do not, in a period that is over or was forgotten."""
        life = self.life(at)
        parts = tuple(
            Part(
                budget_id, max(self.model.budgets[budget_id].period_seq + min(shift, len(life.journal) % 2), 1), leased
            )
            for budget_id, shift, leased in named
        )
        self._resolve(life, parts, amount, cost, kind)

    @rule(at=lives, most=st.integers(1, 3), amount=nanos, cost=nanos, back=nanos, flushed=st.booleans())
    def spend_what_is_held(self, at: int, most: int, amount: int, cost: int, back: int, flushed: bool) -> None:
        """A call that the life's leases should pay for, and money given back from the same ones."""
        life = self.life(at)
        accounts = sorted(life.granted)[-most:]
        self._resolve(life, tuple(Part(*account, leased=True) for account in accounts), amount, cost, "exact")
        self._write(life, Returned(tuple(Amount(*account, Nanos(back)) for account in accounts)))
        if flushed:
            self.flush(at, by=False, most=9, forgotten=None)

    @rule(at=lives, parts=st.dictionaries(budget_ids, nanos, min_size=1))
    def write_a_return(self, at: int, parts: dict[int, int]) -> None:
        amounts = [Amount(b, self.model.budgets[b].period_seq, Nanos(given)) for b, given in sorted(parts.items())]
        self._write(self.life(at), Returned(tuple(amounts)))

    @rule(at=lives)
    def write_an_outcome_again(self, at: int) -> None:
        """As recovery does when it cannot know what was flushed: another record about the same call."""
        life = self.life(at)
        told = [record for _, record in life.journal if isinstance(record, Resolved)]
        if told:
            self._write(life, Resolved(told[-1].reserved, "in_doubt", told[-1].reserved.amount))

    def _resolve(self, life: Life, parts: tuple[Part, ...], amount: int, cost: int, kind: SettlementKind) -> None:
        call = Call(new_call_id(), CUSTOMER, KeyId("k"), None, None, "openai", "gpt", "v1")
        reserved = Reserved(call, int(self.model.now * 1_000_000), parts, Nanos(amount))
        self._write(life, Resolved(reserved, kind, Nanos(cost)))

    def _write(self, life: Life, record: Record) -> None:
        life.journal.append((len(life.journal) + 1, record))

    @rule(at=lives, by=st.booleans(), most=st.integers(0, 6), forgotten=st.none() | st.integers(0, 5))
    def flush(self, at: int, by: bool, most: int, forgotten: int | None) -> None:
        """By the life itself, or by the newest one of its worker, for it; saying again what it was granted, among
        that what the book may have forgotten."""
        life = self.life(at)
        caller = self.newest(life.owner.worker_id) if by else life.owner
        for account in life.granted:
            life.granted[account] += 100 * (forgotten or 0)
        granted = [Amount(*account, Nanos(amount)) for account, amount in sorted(life.granted.items())]
        records = life.journal[life.acked : life.acked + most]
        batch = batch_of(life.acked, records, granted if forgotten is not None else ())
        life.flushed = (caller, life.owner.epoch, batch)
        reply = self.both(book.flush, *life.flushed)
        if isinstance(reply, Gap) or not isinstance(reply, Exception):
            life.acked = reply.acked

    @rule(at=lives)
    def repeat_the_batch(self, at: int) -> None:
        life = self.life(at)
        if life.flushed is not None:
            self.both(book.flush, *life.flushed)

    @rule(at=lives, jump=st.integers(1, 3))
    def flush_with_a_gap(self, at: int, jump: int) -> None:
        life = self.life(at)
        after = life.acked + jump
        refused = self.both(book.flush, life.owner, life.owner.epoch, batch_of(after, (), through=after + 1))
        assert isinstance(refused, Gap | Fenced)

    @rule(at=lives)
    def bury(self, at: int) -> None:
        life = self.life(at)
        for number, record in life.journal[life.acked : life.acked + 1]:
            arguments = (life.owner, life.owner.epoch, life.acked, number, record, "no flush takes it")
            if not isinstance(self.both(book.bury, *arguments), Exception):
                self.both(book.bury, *arguments)
                life.acked = number

    @rule(at=lives, exact=st.booleans())
    def close_epoch(self, at: int, exact: bool) -> None:
        life = self.life(at)
        self.both(book.close_epoch, self.newest(life.owner.worker_id), life.owner.epoch, exact=exact)

    @rule(at=lives, kept=st.sets(st.integers(1, 6)))
    def abandon_epochs(self, at: int, kept: set[int]) -> None:
        self.both(book.abandon_epochs, self.life(at).owner, sorted(kept))

    @rule(seconds=st.sampled_from([0, 30]))
    def doubt_silent(self, seconds: int) -> None:
        self.both(book.doubt_silent, timedelta(seconds=seconds))

    @rule(at=lives, number=st.integers(0, 20))
    def mark_recorded(self, at: int, number: int) -> None:
        life = self.life(at)
        self.both(book.mark_recorded, life.owner, life.owner.epoch, number)

    @rule()
    def the_standby_is_cut_off(self) -> None:
        self.sql("SAVEPOINT standby")
        self.standby = self.model.copy()

    @precondition(lambda self: self.standby is not None)
    @rule()
    def the_standby_takes_over(self) -> None:
        """Nobody is told: grants, acks, even the workers' newest lives are forgotten."""
        assert self.standby is not None
        self.sql("ROLLBACK TO SAVEPOINT standby")
        self.model.forget(self.standby)

    # What is always so --------------------------------------------------------------------------------------

    @invariant()
    def both_books_are_right_and_alike(self) -> None:
        audit, accounts, leases, marks = self.run(self.connection.fetchrow(BOOK))
        assert audit == []
        assert self.model.audit() == []
        assert accounts == [
            [*key, row.limit, row.spent, row.leased, row.doubt, row.overrun, row.fired]
            for key, row in sorted(self.model.accounts.items())
        ]
        assert leases == [
            [*life, *account, row.granted, row.settled, row.returned, row.state]
            for life, rows in sorted(self.model.leases.items())
            for account, row in sorted(rows.items())
        ]
        assert marks == [
            [*life, row.acked, row.recorded, row.number, row.state] for life, row in sorted(self.model.rows.items())
        ]

    def teardown(self) -> None:
        assert self.run(_crossings(self.connection)) == set(self.model.crossings.values())
        self.run(self.transaction.rollback())


async def _crossings(connection: Connection) -> set[tuple[Any, ...]]:
    rows = await connection.fetch("SELECT budget_id, period_seq, percent, spent_nanos, limit_nanos FROM ledger_events")
    return {tuple(row) for row in rows}


def test_the_sql_does_what_the_model_does(embedded_url: str) -> None:
    loop = asyncio.new_event_loop()
    try:
        database = loop.run_until_complete(pool.connect(embedded_url, size=1))
        stack = database.connection()
        BookMachine.loop, BookMachine.connection = loop, loop.run_until_complete(stack.__aenter__())
        try:
            run_state_machine_as_test(
                BookMachine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    report_multiple_bugs=False,
                ),
            )
        finally:
            loop.run_until_complete(stack.__aexit__(None, None, None))
            loop.run_until_complete(database.close())
    finally:
        loop.close()
