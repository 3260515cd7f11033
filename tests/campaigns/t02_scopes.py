"""T2, many scopes: 50 keys, 5 teams, one customer, all with limits that bind, called in random order.

The more budgets a call counts in, the more ways there are to overspend one of them, or to lock two the wrong way round.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

from campaigns import books
from campaigns.ground import Ground, opened, scripted
from campaigns.load import Answer, Order, Tally, chat, drive
from campaigns.result import Result, Scale
from campaigns.t01_storm import MAX_TOKENS, judge

TEAMS: Final = 5
KEYS_OF_A_TEAM: Final = 10


async def run(scale: Scale) -> Result:
    result = Result("T2 many scopes", scale.full)
    tally, refused_by = Tally(), Counter[str]()
    async with opened(scale, workers=scale.pick(1, 4)) as ground:

        def costs() -> dict[str, Any]:
            return {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}

        def sink(order: Order, answer: Answer) -> None:
            tally.add(order, answer)
            if answer.status in (402, 429):
                refused_by[json.loads(answer.body)["error"]["scope"]] += 1

        calls = scale.pick(600, 20_000)
        raw_keys = await _keys(ground, calls)
        async with scripted(ground.emulator, costs):
            await drive(ground.ports, scale.pick(32, 128), _orders(ground, raw_keys, calls), sink)
        await books.examine(ground, result)
    judge(result, tally)
    result.figures |= {f"refused by {kind}": refused_by[kind] for kind in ("key", "team", "customer")}
    # In the small form chance may leave one of them with room.
    result.expect(len(refused_by) >= scale.pick(2, 3), f"not all bound: {refused_by}")
    return result


async def _keys(ground: Ground, calls: int) -> list[str]:
    """The limits follow from what all calls together would cost: a little more than half of it."""
    demand = calls * 600_000
    customer_id = await ground.customer(demand * 50 // 100)
    raw_keys = []
    for _ in range(TEAMS):
        team_id = await ground.team(customer_id, demand * 14 // 100)
        made = [await ground.key(customer_id, demand * 2 // 100, team_id=team_id) for _ in range(KEYS_OF_A_TEAM)]
        raw_keys += [each.raw_key for each in made]
    return raw_keys


async def _orders(ground: Ground, raw_keys: list[str], calls: int) -> AsyncIterator[Order]:
    """Some teams and some keys ask more than others, so that each level is the tightest for somebody."""
    for number in range(calls):
        place = int(len(raw_keys) * ground.chance.random() ** 2)
        asked = chat(f"Scope number {number}.", MAX_TOKENS, stream=number % 3 == 0, model="gpt-4o")
        yield Order(raw_keys[place], asked)
