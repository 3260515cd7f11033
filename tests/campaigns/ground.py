"""The ground of a campaign: one database, an emulated Cloudflare, nodes, and customers with budgets at every level."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx

from campaigns import proxy
from campaigns.nodes import EmulatorProcess, Node
from campaigns.proxy import Proxy
from campaigns.result import Scale
from making import connected, customer, key, team, user
from stage import ACCOUNT, Emulated, emulated, environment, make_gateway
from tollhouse.access.keys import KeyTerms, NewKey
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.money import Nanos, nanos_to_usd
from tollhouse.ledger.budgets import Reset, Scope, ScopeKind, set_budget

_POOL_OF_A_WORKER: Final = 8
_BATCH: Final = 500
_ENOUGH_SCRIPTS: Final = 3_000


@dataclass(slots=True)
class Ground:
    """What a campaign stands on. The database is reached directly, whatever happens to the nodes' way to it.

    `state` is the emulator's file: its whole book.
    """

    scale: Scale
    database: Database
    emulator: Emulated
    state: Path
    nodes: list[Node]
    proxies: list[Proxy] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(20261124))

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self.nodes]

    async def customer(self, limit: int | None = None, reset: Reset | None = None) -> CustomerId:
        """With a gateway at the emulator, and a budget if there is a limit (nano-USD)."""
        async with self.database.transaction() as connection:
            customer_id = await customer(connection, cf_account_id=ACCOUNT)
        await make_gateway(self.emulator.url, f"tollhouse-{customer_id}")
        await self.limit(customer_id, "customer", customer_id, limit, reset)
        return customer_id

    async def team(self, customer_id: CustomerId, limit: int | None = None, reset: Reset | None = None) -> TeamId:
        async with self.database.transaction() as connection:
            team_id = await team(connection, customer_id)
        await self.limit(customer_id, "team", team_id, limit, reset)
        return team_id

    async def user(self, customer_id: CustomerId, limit: int | None = None, reset: Reset | None = None) -> UserId:
        async with self.database.transaction() as connection:
            user_id = await user(connection, customer_id)
        await self.limit(customer_id, "user", user_id, limit, reset)
        return user_id

    async def key(
        self,
        customer_id: CustomerId,
        limit: int | None,
        reset: Reset | None = None,
        *,
        user_id: UserId | None = None,
        team_id: TeamId | None = None,
    ) -> NewKey:
        """Keys have limits in hundredths of a cent: less than that is cut off."""
        dollars = None if limit is None else nanos_to_usd(Nanos(limit)).quantize(Decimal("0.0001"), "ROUND_DOWN")
        terms = KeyTerms("campaign", budget_usd=dollars, budget_reset=reset)
        async with self.database.transaction() as connection:
            return await key(connection, customer_id, user_id=user_id, team_id=team_id, terms=terms)

    async def limit(
        self, customer_id: CustomerId, kind: ScopeKind, scope_id: str, limit: int | None, reset: Reset | None = None
    ) -> None:
        if limit is not None:
            async with self.database.transaction() as connection:
                await set_budget(connection, customer_id, Scope(kind, scope_id), Nanos(limit), reset)

    async def start_nodes(self, **more: str) -> None:
        await asyncio.gather(*(node.start(**more) for node in self.nodes))

    async def stop_nodes(self) -> list[int]:
        """Exit statuses of a clean stop."""
        return list(await asyncio.gather(*(node.stop() for node in self.nodes if not node.ended)))


async def family(ground: Ground, limit: int, *, reset: Reset | None = None) -> list[NewKey]:
    """A customer whose four keys belong to a team and a user: every level binds before the one below is spent.

    `limit` is the customer's; team and user have 6/10 of it each, every key 4/10.
    """
    customer_id = await ground.customer(limit, reset)
    part = limit * 6 // 10
    team_id = await ground.team(customer_id, part, reset)
    user_id = await ground.user(customer_id, part, reset)
    keys = [await ground.key(customer_id, limit * 4 // 10, reset, team_id=team_id) for _ in range(2)]
    return keys + [await ground.key(customer_id, limit * 4 // 10, reset, user_id=user_id) for _ in range(2)]


@asynccontextmanager
async def opened(
    scale: Scale, *, nodes: int = 2, workers: int = 1, proxied: bool = False, start: bool = True, **more: object
) -> AsyncIterator[Ground]:
    """`proxied`: each node reaches the database by a proxy of its own. `more`: settings of the nodes."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connected(scale.database_url, size=4))
        state = scale.folder / "emulator.jsonl"
        emulator = await stack.enter_async_context(_emulator(scale, state))
        ground = Ground(scale, database, emulator, state, [])
        for number in range(nodes):
            url = scale.database_url
            if proxied:
                between = await stack.enter_async_context(proxy.running(proxy.place_of(url)))
                ground.proxies.append(between)
                url = proxy.through(between, url)
            settings = {"database_pool_size": _POOL_OF_A_WORKER, "log_level": "warning"} | more
            told = environment(emulator.url, url, scale.folder, **settings)
            node = Node(f"node{number + 1}", told, scale.folder, workers)
            stack.push_async_callback(node.clear_away)
            ground.nodes.append(node)
        if start:
            await ground.start_nodes()
        yield ground


@asynccontextmanager
async def _emulator(scale: Scale, state: Path) -> AsyncIterator[Emulated]:
    """A process of its own where its share of the work counts."""
    if not scale.full:
        async with emulated(state_file=state) as emulator:
            yield emulator
        return
    process = EmulatorProcess(scale.folder, state)
    await process.begin()
    try:
        emulator = await process.ready()
        yield emulator
        await emulator.aclose()
    finally:
        await process.clear_away()


@asynccontextmanager
async def scripted(emulator: Emulated, make: Callable[[], dict[str, Any]]) -> AsyncIterator[None]:
    """As long as the block lasts, every call finds a script of its own at the provider."""
    async with httpx.AsyncClient(base_url=emulator.url, timeout=30) as client:
        await _add(client, [make() for _ in range(_BATCH)])
        feeder = asyncio.create_task(_feed(client, make))
        try:
            yield
        finally:
            feeder.cancel()
            await asyncio.wait([feeder])


async def _feed(client: httpx.AsyncClient, make: Callable[[], dict[str, Any]]) -> None:
    while True:
        if await _add(client, []) < _ENOUGH_SCRIPTS:
            await _add(client, [make() for _ in range(_BATCH)])
        else:
            await asyncio.sleep(0.1)


async def _add(client: httpx.AsyncClient, scripts: list[dict[str, Any]]) -> int:
    """Returns how many wait."""
    answer = await client.post("/_emulator/script", json=scripts)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["waiting"])
