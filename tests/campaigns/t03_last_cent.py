"""T3, the last cent: a budget that covers exactly k calls lets exactly k through, and turns nobody away too early.

All calls cost the same. The limit is k - 1 costs and one bound, so the k-th call fits when all others are settled. Who
is refused asks on for a while. A refusal was false when, from its beginning to its end, there was room for the call by
what clients have seen: calls that were answered count with their cost, calls under way with their bound, which is
never less than what the ledger holds.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from campaigns import books
from campaigns.ground import Ground, opened
from campaigns.load import Answer, Client, Order, chat
from campaigns.result import Result, Scale

PATIENCE_S: Final = 1.5
ASK_AGAIN_S: Final = 0.1
QUIET_S: Final = 2.0
_NEVER_LONGER_S: Final = 1.0
_GIVE_UP_S: Final = 20.0
BODY: Final = chat("What is the toll today?", 40)


@dataclass(slots=True)
class Round:
    """One budget and all that was answered on it. `limit`, `cost` and `bound` in nano-USD.

    `in_the_end`: refusals that one client got in a row, and the service that followed.
    """

    limit: int
    cost: int
    bound: int
    admitted: list[Answer] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    in_the_end: list[tuple[list[Answer], Answer]] = field(default_factory=list)
    false: list[Answer] = field(default_factory=list)
    still_aside: int = 0


async def run(scale: Scale) -> Result:
    result = Result("T3 last cent", scale.full)
    clients, fitting = scale.pick(24, 64), scale.pick(100, 1_000)
    async with opened(scale, workers=scale.pick(1, 4)) as ground:
        cost, bound = await _learn(ground)
        rounds = [
            await _round(ground, kind, Round((fitting - 1) * cost + bound, cost, bound), clients)
            for kind in scale.pick(("customer",), ("customer", "team", "user") * 4)
        ]
        await books.examine(ground, result)
    _judge(result, rounds, fitting)
    return result


async def _learn(ground: Ground) -> tuple[int, int]:
    """What one such call costs and what is held for it."""
    made = await ground.key(await ground.customer(), 10**9)
    client = Client(ground.ports[0])
    answer = await client.call(Order(made.raw_key, BODY))
    client.close()
    assert answer.status == 200, answer
    for _ in range(200):
        entry = (await books.entries_of(ground.database)).get(answer.call_id or "")
        if entry is not None:
            return entry.cost, entry.reserved
        await asyncio.sleep(0.1)
    raise AssertionError("the first call has no entry")


async def _round(ground: Ground, kind: str, asked: Round, clients: int) -> Round:
    customer_id = await ground.customer(asked.limit if kind == "customer" else None)
    team_id = await ground.team(customer_id, asked.limit) if kind == "team" else None
    user_id = await ground.user(customer_id, asked.limit) if kind == "user" else None
    made = await ground.key(customer_id, 10**12, team_id=team_id, user_id=user_id)
    order = Order(made.raw_key, BODY)
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(_ask_on(Client(ground.ports[number % len(ground.ports)]), order, asked))
    scope_id = str({"customer": customer_id, "team": team_id, "user": user_id}[kind])
    await asyncio.sleep(QUIET_S)
    asked.still_aside = await books.set_aside(ground.database, scope_id)
    async with asyncio.timeout(_GIVE_UP_S):
        while await books.set_aside(ground.database, scope_id):
            await asyncio.sleep(0.1)
    asked.false = false_refusals(asked)
    return asked


async def _ask_on(client: Client, order: Order, asked: Round) -> None:
    """One client: until it was refused for so long that nobody can say it is only for the moment."""
    refused: list[Answer] = []
    while True:
        answer = await client.call(order)
        if answer.status == 200 and answer.complete:
            asked.admitted.append(answer)
            asked.in_the_end.append((refused, answer))
            refused = []
        elif answer.status in (402, 429, 503):
            asked.refused.append(answer)
            refused.append(answer)
            waited = answer.ended - refused[0].began
            if waited > (PATIENCE_S if answer.status == 402 else _GIVE_UP_S):
                break
            await asyncio.sleep(ASK_AGAIN_S)
        else:
            asked.strange.append(f"{answer.status} {answer.code}")
            break
    client.close()


def false_refusals(asked: Round) -> list[Answer]:
    """Refusals (402) during which there was always room for one more bound."""
    moves = sorted(
        move
        for answer in asked.admitted
        for move in ((answer.began, -asked.bound), (answer.ended, asked.bound - asked.cost))
    )
    times = [when for when, _ in moves]
    room = list(accumulate((amount for _, amount in moves), initial=asked.limit))
    return [
        answer
        for answer in asked.refused
        if answer.status == 402 and _least(room, times, answer.began, answer.ended) >= asked.bound
    ]


def longest_false_s(asked: Round) -> float:
    """From the first false refusal of somebody to that one's service."""
    false = {id(answer) for answer in asked.false}
    return max(
        (
            served.began - refused.began
            for refusals, served in asked.in_the_end
            for refused in refusals
            if id(refused) in false
        ),
        default=0.0,
    )


def _least(room: Sequence[int], times: Sequence[float], began: float, ended: float) -> int:
    """`room[i]` is what is left before `times[i]`, so after `times[i - 1]`."""
    return min(room[bisect_left(times, began) : bisect_right(times, ended) + 1])


def _judge(result: Result, rounds: Sequence[Round], fitting: int) -> None:
    admitted = [len(each.admitted) for each in rounds]
    asked = sum(len(each.admitted) + len(_before_the_end(each)) for each in rounds)
    false = sum(len(each.false) for each in rounds)
    longest = max(longest_false_s(each) for each in rounds)
    aside = max(each.still_aside for each in rounds)
    strange = [what for each in rounds for what in each.strange]
    result.figures |= {
        "rounds": len(rounds), "k": fitting, "admitted": f"{min(admitted)} to {max(admitted)}",
        "false refusals": false, "of decisions": asked, "share %": 100 * false / asked,
        "longest s": longest, "set aside after 2 s nUSD": aside,
    }  # fmt: skip
    result.expect(all(count == fitting for count in admitted), f"not exactly {fitting} admitted: {admitted}")
    result.expect_in_time(false * 200 <= asked, f"{false} of {asked} refusals were false")
    result.expect_in_time(longest <= _NEVER_LONGER_S, f"somebody was refused falsely for {longest:.2f} s")
    result.expect_in_time(aside == 0, f"{aside} nano-USD still set aside after {QUIET_S:g} quiet seconds")
    result.expect(not strange, f"other answers: {strange[:3]}")


def _before_the_end(each: Round) -> list[Answer]:
    """Refusals while somebody was still being served; what follows only shows that refusals last."""
    last = max(answer.ended for answer in each.admitted)
    return [answer for answer in each.refused if answer.began <= last]
