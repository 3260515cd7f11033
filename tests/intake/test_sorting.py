"""Many spans let others have the loop, one request at a time; one that is cancelled holds nobody up."""

import asyncio
from collections.abc import Iterator
from itertools import groupby

import pytest

from making import ManualClock, customer
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId
from tollhouse.intake import sorting
from tollhouse.intake.otlp import Origin, Rejected, Sent, Value
from tollhouse.intake.sorting import Sorted, Sorter, Window
from tollhouse.traces.attribution import Attribution, Sender


def sent(index: int, clock: ManualClock) -> Sent:
    now = clock.now_ns()
    attributes: dict[str, str | int | float | bool | list[str]] = {"gen_ai.request.model": "m"}
    return Sent(index, f"{index + 1:032x}", f"{index + 1:016x}", None, "chat", 3, now, now + 1, 0, None, attributes)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sorter(embedded_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Sorter:
    """Every sixteen spans a turn is over."""
    monkeypatch.setattr(sorting, "_TURN_S", -1.0)
    return Sorter(Attribution(embedded_database, clock), clock, Window(86_400))


class Watched:
    """Spans of one request, noting in a common list when each is asked for."""

    def __init__(self, name: str, count: int, clock: ManualClock, seen: list[str]) -> None:
        self._name, self._count, self._clock, self._seen = name, count, clock, seen

    def pieces(self) -> Iterator[Origin | Sent | Rejected]:
        yield Origin({})
        for index in range(self._count):
            self._seen.append(self._name)
            yield sent(index, self._clock)


async def test_requests_are_sorted_one_after_another_and_others_have_the_loop(
    sorter: Sorter, clock: ManualClock, embedded_database: Database
) -> None:
    async with embedded_database.connection() as connection:
        acme = await customer(connection)
    seen: list[str] = []
    sender = Sender("test", acme, fixed=True)

    async def sort(name: str) -> Sorted:
        return await sorter.sort(sender, Watched(name, 100, clock, seen).pieces(), suspect=False)

    rounds = 0

    async def others() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    made = await asyncio.gather(*(sort(name) for name in "abc"))
    beside.cancel()
    assert [len(each.spans) for each in made] == [100] * 3
    assert [name for name, _ in groupby(seen)] == ["a", "b", "c"]
    assert rounds >= 3 * 100 // 16


async def test_a_request_that_is_cancelled_between_turns_holds_nobody_up(sorter: Sorter, clock: ManualClock) -> None:
    seen: list[str] = []
    sender = Sender("test", CustomerId("nobody"), fixed=True)
    tasks = [
        asyncio.create_task(sorter.sort(sender, Watched(name, 500, clock, seen).pieces(), suspect=False))
        for name in "abc"
    ]
    while len(seen) < 100:
        await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    made = await tasks[2]
    assert len(made.spans) == 500
    await asyncio.wait(tasks)
    assert not sorter._work.locked()


async def test_a_resource_is_as_small_as_each_of_its_rows_can_bear(
    sorter: Sorter, clock: ManualClock, embedded_database: Database
) -> None:
    async with embedded_database.connection() as connection:
        acme = await customer(connection)

    def pieces() -> Iterator[Origin | Sent | Rejected]:
        resource: dict[str, Value] = {f"a{number}": "y" * 8_000 for number in range(100)}
        yield Origin({"service.name": "x"} | resource)
        yield sent(0, clock)

    made = await sorter.sort(Sender("test", acme, fixed=True), pieces(), suspect=False)
    (span,) = made.spans
    assert span.resource_attributes["service.name"] == "x"
    assert span.resource_attributes["tollhouse.resource.truncated"] is True
    assert len(str(span.resource_attributes)) < 5_000
