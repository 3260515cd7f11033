"""T8, rollover under load: budgets end their period while calls are under way, and each call counts in exactly one.

Each round makes customers of all kinds of periods, moves the end of the running one a few seconds ahead, and asks
across it. The limits bind before the boundary and again after it. Some answers take seconds, so that they begin in one
period and end in the next; money then goes where the call began.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Answer, Order, Pace, chat, drive
from campaigns.result import Result, Scale
from tollhouse.ledger.budgets import Reset

MAX_TOKENS: Final = 60
AHEAD_S: Final = 2.5
AFTER_S: Final = 2.5
GIVE_UP_S: Final = 20.0
USABLE_WITHIN_S: Final = 1.0
RESETS: Final[tuple[Reset, ...]] = ("daily", "weekly", "monthly")


@dataclass(slots=True)
class Customer:
    """One family and what its calls saw. `boundary`: when its period ends, by the loop's clock."""

    raw_keys: list[str]
    boundary: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    def first_service_after(self) -> float | None:
        """Seconds from the boundary to the begin of the first call that was served after it."""
        began = [answer.began for answer in self.answers if answer.status == 200 and answer.began >= self.boundary]
        return min(began) - self.boundary if began else None


async def run(scale: Scale) -> Result:
    result = Result("T8 rollover", scale.full)
    customers: list[Customer] = []
    async with opened(scale, workers=scale.pick(1, 2)) as ground:
        async with scripted(ground.emulator, lambda: _script(ground)):
            for _ in range(scale.pick(1, 40)):
                customers += await _round(ground)
        booked = await books.examine(ground, result)
    _judge(result, customers, booked)
    return result


def _script(ground: Ground) -> dict[str, Any]:
    """One answer in twenty takes up to three seconds."""
    script: dict[str, Any] = {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}
    if ground.chance.random() < 0.05:
        script["latency_ms"] = ground.chance.randint(100, 3_000)
    return script


async def _round(ground: Ground) -> list[Customer]:
    limit = ground.scale.pick(1_000_000, 2_500_000)
    customers = [Customer([key.raw_key for key in await family(ground, limit, reset=reset)]) for reset in RESETS]
    boundary = await _move_boundaries(ground)
    for customer in customers:
        customer.boundary = boundary

    async def orders() -> AsyncIterator[Order]:
        pace = Pace(ground.scale.pick(90, 300))
        number = 0
        while not _is_over(customers, boundary):
            await pace.turn()
            number += 1
            customer = customers[number % len(customers)]
            asked = chat(f"Call number {number}.", MAX_TOKENS, stream=number % 2 == 0)
            yield Order(ground.chance.choice(customer.raw_keys), asked, about=customer)

    await drive(ground.ports, ground.scale.pick(48, 128), orders(), _sink)
    return customers


def _is_over(customers: list[Customer], boundary: float) -> bool:
    """Some seconds after the boundary; later, if somebody was not served yet."""
    after = asyncio.get_running_loop().time() - boundary
    return after > AFTER_S and (after > GIVE_UP_S or all(each.first_service_after() is not None for each in customers))


def _sink(order: Order, answer: Answer) -> None:
    assert isinstance(order.about, Customer)
    order.about.answers.append(answer)


async def _move_boundaries(ground: Ground) -> float:
    """Of all periods that nothing was counted in yet; returns the moment by the loop's clock."""
    loop = asyncio.get_running_loop()
    async with ground.database.transaction() as connection:
        left = await connection.fetchval(
            "WITH moved AS (UPDATE ledger_budgets SET resets_at = clock_timestamp() + make_interval(secs => $1)"
            "  WHERE period_seq = 1 AND reset IS NOT NULL RETURNING budget_id, resets_at),"
            " closing AS (UPDATE ledger_accounts a SET closes_at = m.resets_at FROM moved m"
            "  WHERE (a.budget_id, a.period_seq) = (m.budget_id, 1))"
            " SELECT extract(epoch FROM max(resets_at) - clock_timestamp())::float8 FROM moved",
            AHEAD_S,
        )
        read_at = loop.time()
    return read_at + float(left)


def _judge(result: Result, customers: list[Customer], booked: Mapping[str, books.Booked]) -> None:
    answers = [answer for customer in customers for answer in customer.answers]
    statuses: dict[int, int] = defaultdict(int)
    for answer in answers:
        statuses[answer.status] += 1
    waits = [customer.first_service_after() for customer in customers]
    slowest = max((wait for wait in waits if wait is not None), default=0.0)
    twice, misplaced = _periods(customers, booked)
    result.figures |= {
        "boundaries": len(customers), "asked": len(answers), "200": statuses[200], "402": statuses[402],
        "429": statuses[429], "503": statuses[503],
        "calls across a boundary": _across(customers), "first service after it s": slowest,
    }  # fmt: skip
    result.expect(None not in waits, "customers were not served at all in their new period")
    result.expect_in_time(slowest <= USABLE_WITHIN_S, f"a new period could be used after {slowest:.2f} s only")
    result.expect(set(statuses) <= {200, 402, 429, 503}, f"other answers: {dict(statuses)}")
    result.expect_in_time(statuses[503] * 200 <= len(answers), f"{statuses[503]} calls found no book")
    result.expect(all(answer.complete for answer in answers), "broken answers although nothing failed")
    result.expect(not twice, f"{len(twice)} calls count in two periods of a budget: {twice[:3]}")
    result.expect(not misplaced, f"{len(misplaced)} calls count in the wrong period: {misplaced[:3]}")
    result.expect(statuses[402] + statuses[429] > 0, "the limits did not bind")


def _across(customers: list[Customer]) -> int:
    return sum(
        answer.status == 200 and answer.began < customer.boundary < answer.ended
        for customer in customers
        for answer in customer.answers
    )


def _periods(customers: list[Customer], booked: Mapping[str, books.Booked]) -> tuple[list[str], list[str]]:
    """Calls in two periods of one budget, and calls that a second or more lies between and their period."""
    twice, misplaced = [], []
    for customer in customers:
        for answer in customer.answers:
            entry = booked.get(answer.call_id or "")
            if answer.status != 200 or entry is None:
                continue
            if len(dict(entry.accounts)) != len(entry.accounts):
                twice.append(answer.call_id or "")
            periods = {period for _, period in entry.accounts}
            early, late = answer.ended < customer.boundary - 1, answer.began > customer.boundary + 1
            if (early and periods != {1}) or (late and periods != {2}):
                misplaced.append(answer.call_id or "")
    return twice, misplaced
