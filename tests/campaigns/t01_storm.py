"""T1, the storm: many clients, few cents. Whoever asks at the same moment, wherever: the caps hold to the nano-dollar.

Clients {1, 8, 64, 512} x workers {1, 4} x limits {$0.001, $0.10, $10} on two nodes; costs uniform in [0, bound]. Each
cell has a customer, a team, a user and four keys of its own, all with limits that bind.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

from campaigns import books
from campaigns.ground import Ground, family, opened, scripted
from campaigns.load import Order, Tally, chat, drive
from campaigns.result import Result, Scale

DOLLAR: Final = 10**9
MAX_TOKENS: Final = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """`model` is so dear that the limit does not cover `calls`."""

    clients: int
    limit: int
    calls: int
    model: str


def cells(scale: Scale) -> Iterator[Cell]:
    """At full length 12,500 calls for each number of clients and workers: 100,000 in all."""
    if not scale.full:
        yield Cell(8, DOLLAR // 1000, 150, "gpt-4o-mini")
        yield Cell(64, DOLLAR // 10, 350, "gpt-4o")
        return
    for clients in (1, 8, 64, 512):
        yield Cell(clients, DOLLAR // 1000, 1_500, "gpt-4o-mini")
        yield Cell(clients, DOLLAR // 10, 3_000, "gpt-4o-mini")
        yield Cell(clients, DOLLAR * 10, 8_000, "gpt-4")


async def run(scale: Scale) -> Result:
    result = Result("T1 storm", scale.full)
    tally = Tally()
    async with opened(scale, start=False) as ground:

        def costs() -> dict[str, Any]:
            return {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}

        async with scripted(ground.emulator, costs):
            for workers in scale.pick((1,), (1, 4)):
                for node in ground.nodes:
                    node.workers = workers
                await ground.start_nodes()
                for cell in cells(scale):
                    await storm(ground, cell, tally)
                if workers != scale.pick(1, 4):
                    await ground.stop_nodes()
        await books.examine(ground, result)
    judge(result, tally)
    return result


async def storm(ground: Ground, cell: Cell, tally: Tally) -> None:
    keys = await family(ground, cell.limit)

    async def orders() -> AsyncIterator[Order]:
        for number in range(cell.calls):
            asked = chat(f"Toll number {number}.", MAX_TOKENS, stream=number % 3 == 0, model=cell.model)
            yield Order(ground.chance.choice(keys).raw_key, asked)

    await drive(ground.ports, cell.clients, orders(), tally.add)


def judge(result: Result, tally: Tally) -> None:
    """Every call was served or refused for want of money; both happened.

    A 503 says that the book did not answer in time; it counts as a false refusal: five in a thousand at most.
    """
    seen = {status: tally.statuses[status] for status in (200, 402, 429, 503)}
    result.figures |= {"asked": tally.calls} | {str(status): count for status, count in seen.items()}
    result.expect(sum(seen.values()) == tally.calls, f"other answers: {tally.statuses} {tally.codes}")
    result.expect(tally.broken == 0, f"{tally.broken} calls broke although nothing failed")
    result.expect(bool(seen[200] and seen[402]), "the limits did not bind")
    result.expect_in_time(seen[503] * 200 <= tally.calls, f"{seen[503]} calls found no book")
