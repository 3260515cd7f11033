"""A state machine over the real SQL: whatever the order of verbs, the audit stays empty and a model agrees."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from making import Book, book
from tollhouse.db import pool
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import budgets, holds
from tollhouse.ledger.budgets import Scope
from tollhouse.ledger.holds import Held, NotHeld, Settlement


def test_any_order_of_verbs_keeps_the_books_right(embedded_url: str) -> None:  # noqa: C901 - rules of one machine
    class Verbs(RuleBasedStateMachine):
        """Two budgets, one worker that dies now and then; `spent` is what a plain dictionary says."""

        calls = Bundle("calls")

        def __init__(self) -> None:
            super().__init__()
            self.loop = asyncio.new_event_loop()
            self.database = self.run(pool.connect(embedded_url, size=2))
            self.stack = self.database.connection()
            self.made: Book = self.run(book(self.run(self.stack.__aenter__()), 5_000))
            self.today = self.run(self.made.connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date"))
            self.open: dict[str, Held] = {}
            self.spent = 0
            self.charged: dict[str, int] = {}

        def run(self, work: Coroutine[Any, Any, Any]) -> Any:
            return self.loop.run_until_complete(work)

        @initialize()
        def a_team_with_less(self) -> None:
            self.team = self.run(self.made.limit("team", self.made.key_id, 3_000))

        @rule(target=calls, amount=st.integers(0, 2_000), floor=st.integers(0, 500))
        def reserve(self, amount: int, floor: int) -> str:
            request = self.made.request(amount, Scope("key", self.made.key_id), self.team, floor=min(floor, amount))
            answer = self.run(holds.reserve(self.made.connection, self.made.owner, request))
            held = sum(item.amount for item in self.open.values())
            left = 3_000 - self.spent - held
            if left >= min(floor, amount):
                assert isinstance(answer, Held)
                assert answer.amount == min(amount, left)
                self.open[request.call_id] = answer
            else:
                assert isinstance(answer, NotHeld)
            return request.call_id

        @rule(call=calls, share=st.floats(0, 1), kind=st.sampled_from(["exact", "estimated", "void"]))
        def settle(self, call: str, share: float, kind: Any) -> None:
            held = self.open.pop(call, None)
            day = held.day if held else self.today
            cost = int((held.amount if held else 100) * share)
            settlement = Settlement(CallId(call), day, kind, Nanos(cost))
            answer = self.run(holds.settle(self.made.connection, [settlement]))[0]
            known = 0 if kind == "void" else cost
            if held is not None:
                assert answer.outcome == ("voided" if kind == "void" else "booked")
                self.spent += known
            elif call in self.charged:
                assert answer.outcome == "adjusted"
                self.spent += known - self.charged.pop(call)
            else:
                assert answer.outcome == "repeated"

        @rule()
        def the_worker_dies_and_is_swept(self) -> None:
            self.made.owner = self.run(holds.register(self.made.connection, self.made.owner.worker_id))
            swept = self.run(holds.sweep(self.made.connection, timedelta(seconds=30), most=1_000))
            assert {item.call_id: item.amount for item in swept} == {c: h.amount for c, h in self.open.items()}
            self.spent += sum(held.amount for held in self.open.values())
            self.charged |= {call: held.amount for call, held in self.open.items()}
            self.open.clear()

        @invariant()
        def the_audit_is_empty_and_the_model_agrees(self) -> None:
            assert self.run(budgets.audit(self.made.connection)) == []
            found = self.run(budgets.balances(self.made.connection, self.made.customer_id, "key", [self.made.key_id]))
            balance = found[self.made.key_id]
            assert (balance.spent, balance.held) == (
                self.spent,
                sum(held.amount for held in self.open.values()),
            )

        def teardown(self) -> None:
            self.run(self.stack.__aexit__(None, None, None))
            self.run(self.database.close())
            self.loop.close()

    run_state_machine_as_test(
        Verbs,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
