"""T18, usage at Stripe: gateways and exporters die by kill -9 in the middle of things, and each call is billed once.

Calls come at a steady pace, each worker is a gateway and an exporter, and Stripe is slow, refuses, breaks off, and
loses answers to what it has taken. A strike waits until a meter event is on its way, or taken and not yet answered, and
then kills one worker or all of them. In the end the double must have every entry of the ledger exactly once, for the
right account and with the right amount.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

import stripe_double
from campaigns import books
from campaigns.ground import Ground, opened, scripted
from campaigns.load import Order, Pace, Tally, chat, drive
from campaigns.result import Result, Scale
from campaigns.t04_kills import MAX_TOKENS, slow_and_fast
from stripe_double import SECRET, FaultKind, StripeDouble
from stripe_meters import SEND
from tollhouse.access.keys import NewKey

STRIPE_THINKS_S: Final = 0.05
FAULTS: Final[tuple[FaultKind, ...]] = ("500 before", "500 after", "close before", "close after", "429")
FAULTY: Final = 0.06
SENT_WITHIN_S: Final = 240.0


@dataclass(slots=True)
class Strikes:
    """`aimed`: those that met an event on its way. `kills`: processes that died."""

    count: int = 0
    aimed: int = 0
    kills: int = 0


@dataclass(slots=True)
class Standing:
    """The outbox, against the book."""

    entries: int
    events: int
    waiting: int
    dead: int


async def run(scale: Scale) -> Result:
    result = Result("T18 billing", scale.full)
    tally, strikes = Tally(), Strikes()
    async with stripe_double.running() as stripe, opened(scale, nodes=1, workers=2, start=False) as ground:
        keys = await _keys(ground, stripe)
        await ground.start_nodes(STRIPE_SECRET_KEY=SECRET, STRIPE_API_BASE=stripe.url)
        stripe.delay_s = STRIPE_THINKS_S
        stripe.chaos = lambda verb: _fault(ground, verb)
        async with scripted(ground.emulator, lambda: slow_and_fast(ground)):
            striking = asyncio.create_task(_strike(ground, stripe, strikes, scale))
            await drive(ground.ports, 16, _orders(ground, keys, striking, scale), tally.add)
            await striking  # is over; this is for its errors
        stripe.chaos = lambda _verb: None
        standing = await _all_sent(ground, scale)
        booked = await books.examine(ground, result, killed=True)
        await _judge(result, ground, stripe, standing)
    result.figures |= {
        "asked": tally.calls, "200": tally.statuses[200], "broken by a kill": tally.broken, "strikes": strikes.count,
        "of them on an event under way": strikes.aimed, "processes killed": strikes.kills,
        "meter events sent": stripe.count(SEND), "of them repetitions": stripe.repeated + stripe.metering.duplicates,
    }  # fmt: skip
    result.expect(strikes.aimed > 0, "no strike met an event on its way")
    result.expect(tally.calls >= scale.pick(20, 1_000), f"only {tally.calls} calls were made")
    books.judge_what_was_seen(result, tally, booked)
    return result


def _fault(ground: Ground, verb: str) -> FaultKind | None:
    if verb == SEND and ground.chance.random() < FAULTY:
        return ground.chance.choice(FAULTS)
    return None


async def _keys(ground: Ground, stripe: StripeDouble) -> list[NewKey]:
    """Of customers of whom every other one has no account at Stripe yet: they get theirs while they call.

    There are many, because the turns of the dead take a while to end.
    """
    customers = [await ground.customer() for _ in range(ground.scale.pick(8, 60))]
    async with ground.database.connection() as connection:
        for customer_id in customers[::2]:
            account_id = stripe.put(f"{customer_id}@example.com", owner=customer_id)
            await connection.execute(
                "UPDATE customers SET stripe_customer_id = $1 WHERE id = $2", account_id, customer_id
            )
    return [await ground.key(customer_id, None) for customer_id in customers]


async def _orders(
    ground: Ground, keys: Sequence[NewKey], until: "asyncio.Task[None]", scale: Scale
) -> AsyncIterator[Order]:
    pace = Pace(scale.pick(12.0, 10.0))
    number = 0
    while not until.done() or number < scale.pick(20, 1_200):
        await pace.turn()
        number += 1
        asked = chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0)
        yield Order(ground.chance.choice(keys).raw_key, asked)


# Strikes ---------------------------------------------------------------------------------------------------


async def _strike(ground: Ground, stripe: StripeDouble, strikes: Strikes, scale: Scale) -> None:
    for _ in range(scale.pick(2, 50)):
        await asyncio.sleep(scale.pick(1.0, 2.0))
        hold = stripe.hold(SEND, after=ground.chance.random() < 0.5)
        with suppress(TimeoutError):
            await asyncio.wait_for(hold.reached.wait(), 10)
        strikes.count += 1
        strikes.aimed += hold.reached.is_set()
        working = ground.nodes[0].working()
        victims = working if ground.chance.random() < 0.5 else working[:1]
        strikes.kills += sum(_killed(victim) for victim in victims)
        stripe.let_go(hold)


def _killed(victim: psutil.Process) -> bool:
    try:
        victim.kill()
    except psutil.NoSuchProcess:
        return False
    return True


# The verdict -----------------------------------------------------------------------------------------------


async def _all_sent(ground: Ground, scale: Scale) -> Standing:
    """Once the outbox has every entry and nothing waits in it, or when that takes too long.

    A short run does not wait until the turns of the dead are over.
    """
    await books.provider_is_quiet(ground)
    await books.complete_entries(ground.database, books.truth_of(ground.state))
    if not scale.full:
        async with ground.database.connection() as connection:
            await connection.execute("UPDATE usage_exports SET due_at = now()")
            await connection.execute("UPDATE usage_events SET due_at = now() WHERE sent_at IS NULL")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SENT_WITHIN_S
    while True:
        standing = await _standing(ground)
        done = standing.events == standing.entries and not standing.waiting
        if done or loop.time() > deadline:
            return standing
        await asyncio.sleep(0.2)


async def _standing(ground: Ground) -> Standing:
    async with ground.database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM ledger_entries) AS entries, count(*) AS events, "
            "count(*) FILTER (WHERE sent_at IS NULL AND dead_at IS NULL) AS waiting, "
            "count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead FROM usage_events"
        )
    assert row is not None
    return Standing(**row)


async def _judge(result: Result, ground: Ground, stripe: StripeDouble, standing: Standing) -> None:
    async with ground.database.connection() as connection:
        entries = await connection.fetch("SELECT call_id::text AS id, customer_id, cost_nanos FROM ledger_entries")
        customers = await connection.fetch("SELECT id, stripe_customer_id FROM customers")
    accounts = {row["id"]: row["stripe_customer_id"] for row in customers}
    owed: dict[str, int] = {}
    for entry in entries:
        account = accounts[entry["customer_id"]]
        owed[account] = owed.get(account, 0) + entry["cost_nanos"]
    times = stripe.metering.times()
    lost = {entry["id"] for entry in entries} - times.keys()
    doubled = {name for name, many in times.items() if many > 1}
    foreign = times.keys() - {entry["id"] for entry in entries}
    result.figures |= {
        "usage events": standing.events, "waiting": standing.waiting, "dead": standing.dead, "lost": len(lost),
        "doubled": len(doubled), "billed USD": sum(stripe.metering.values().values()) / 1e9,
    }  # fmt: skip
    result.expect(standing.events == len(entries), f"{standing.events} usage events of {len(entries)} entries")
    result.expect(not standing.waiting, f"{standing.waiting} events were not sent in time")
    result.expect(not standing.dead, f"{standing.dead} dead letters")
    result.expect(not lost, f"lost at Stripe: {sorted(lost)[:3]}")
    result.expect(not doubled, f"twice at Stripe: {sorted(doubled)[:3]}")
    result.expect(not foreign, f"at Stripe and not in the book: {sorted(foreign)[:3]}")
    result.expect(stripe.metering.values() == owed, "accounts at Stripe differ from the book")
