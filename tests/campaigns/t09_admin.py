"""T9, changes under load: limits lowered and raised, keys disabled, deleted and replaced, ten times a second.

Keys are changed by HTTP, at any of the nodes; budgets of people, teams and the customer where they are kept. What is
closed must be refused everywhere one second after the change was answered, and stay so until it is opened again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from campaigns import books
from campaigns.ground import Ground, opened, scripted
from campaigns.load import Answer, Order, Pace, chat, drive
from campaigns.result import Result, Scale
from making import user
from tollhouse.control.callers import Actor
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.secrets import sha256_hex
from tollhouse.ledger.budgets import ScopeKind

MAX_TOKENS: Final = 60
WIDE: Final = 10**12
CLOSED_WITHIN_S: Final = 1.0
STAYS_CLOSED_S: Final = 2.5
_KEYS: Final = 6
_FOREVER: Final = float("inf")


@dataclass(slots=True)
class Closable:
    """A key or a budget above it. `closed`: [answered, opened again) by the loop's clock, each time."""

    name: str
    closed: list[list[float]] = field(default_factory=list)
    how: str = "close"

    @property
    def is_closed(self) -> bool:
        return bool(self.closed) and self.closed[-1][1] == _FOREVER

    def closed_for(self, answer: Answer) -> float:
        """How long it had been closed when a call began that also ended before it was opened again; else 0."""
        times = (answer.began - since for since, until in self.closed if since < answer.began and answer.ended < until)
        return max(times, default=0.0)


@dataclass(slots=True)
class Key:
    raw_key: str
    own: Closable
    above: list[Closable]
    deleted: bool = False

    def is_long_gone(self, now: float) -> bool:
        return self.deleted and self.own.is_closed and now - self.own.closed[-1][0] > STAYS_CLOSED_S

    @property
    def key_hash(self) -> str:
        return sha256_hex(self.raw_key)


@dataclass(slots=True)
class Office:
    """The customer, its scopes, and an admin who changes them."""

    ground: Ground
    customer_id: CustomerId
    user_id: UserId
    team_id: TeamId
    token: str
    keys: list[Key]
    scopes: dict[tuple[ScopeKind, str], Closable]
    changes: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    late: list[str] = field(default_factory=list)
    longest_open_s: float = 0.0


async def run(scale: Scale) -> Result:
    result = Result("T9 admin changes", scale.full)
    async with opened(scale, workers=scale.pick(1, 2)) as ground:

        def costs() -> dict[str, Any]:
            return {"completion_tokens": ground.chance.randint(0, MAX_TOKENS)}

        office = await _office(ground)
        async with scripted(ground.emulator, costs):
            changing = asyncio.create_task(_change(office, scale.seconds(6, 600)))
            orders = _orders(office, scale.pick(80, 200), changing)
            await drive(ground.ports, scale.pick(16, 64), orders, lambda order, answer: _sink(office, order, answer))
            await changing
        await books.examine(ground, result)
    _judge(result, office)
    return result


async def _office(ground: Ground) -> Office:
    customer_id = await ground.customer(WIDE)
    async with ground.database.transaction() as connection:
        admin = await user(connection, customer_id, "admin")
        token = await tokens.create_token(
            connection, Actor(customer_id, admin, user_id=admin), admin, TokenTerms("campaign")
        )
    user_id, team_id = await ground.user(customer_id, WIDE), await ground.team(customer_id, WIDE)
    scopes: dict[tuple[ScopeKind, str], Closable] = {
        ("customer", customer_id): Closable("customer"),
        ("user", user_id): Closable("user"),
        ("team", team_id): Closable("team"),
    }
    office = Office(ground, customer_id, user_id, team_id, token.raw.reveal(), [], scopes)
    async with _client(office) as client:
        for number in range(_KEYS):
            office.keys.append(await _make_key(office, client, number))
    return office


def _client(office: Office) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=20, headers={"Authorization": f"Bearer {office.token}"})


async def _make_key(office: Office, client: httpx.AsyncClient, number: int) -> Key:
    """Even ones belong to the user, odd ones to the team."""
    body: dict[str, Any] = {"name": f"key {number}", "budget_usd": "900.0000", "budget_reset": "monthly"}
    path, kind, scope_id = f"team/{office.team_id}", "team", str(office.team_id)
    if number % 2 == 0:
        path, kind, scope_id = "user", "user", str(office.user_id)
        body["user_id"] = office.user_id
    answer = await client.post(f"{_any_node(office)}/v1/ai/keys/{path}", json=body)
    assert answer.status_code == 201, answer.text
    above = [each for (of, name), each in office.scopes.items() if of == "customer" or (of, name) == (kind, scope_id)]
    return Key(answer.json()["raw_key"], Closable(f"key {number}"), above)


def _any_node(office: Office) -> str:
    return office.ground.chance.choice(office.ground.nodes).url


# Changes -----------------------------------------------------------------------------------------------------


async def _change(office: Office, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    pace = Pace(10)
    async with _client(office) as client:
        while loop.time() < end:
            await pace.turn()
            await _one_change(office, client)
        for key in office.keys:
            if key.own.is_closed and not key.deleted:
                await _open_key(office, client, key)
        for scope, closable in office.scopes.items():
            if closable.is_closed:
                await _open_scope(office, scope, closable)


async def _one_change(office: Office, client: httpx.AsyncClient) -> None:
    """Open what was closed long enough; else close something, or change a limit to another that does not bind."""
    now = asyncio.get_running_loop().time()
    for key in office.keys:
        if key.own.is_closed and not key.deleted and now - key.own.closed[-1][0] > STAYS_CLOSED_S:
            return await _open_key(office, client, key)
    for scope, closable in office.scopes.items():
        if closable.is_closed and now - closable.closed[-1][0] > STAYS_CLOSED_S:
            return await _open_scope(office, scope, closable)
    chance = office.ground.chance
    open_keys = [key for key in office.keys if not key.own.is_closed]
    kind = chance.choice(("disable", "lower", "replace", "raise", "raise", "scope"))
    if kind == "scope" and not any(each.is_closed for each in office.scopes.values()):
        scope, closable = chance.choice(list(office.scopes.items()))
        return await _close_scope(office, scope, closable)
    if kind in ("raise", "scope") or len(open_keys) <= _KEYS // 2:
        budget = {"budget_usd": f"{chance.randint(500, 999)}.0000"}
        return await _patch(office, client, chance.choice(open_keys), "limit", budget)
    return await _close_key(office, client, chance.choice(open_keys), kind)


async def _close_key(office: Office, client: httpx.AsyncClient, key: Key, kind: str) -> None:
    if kind == "replace":
        answer = await client.delete(f"{_any_node(office)}/v1/ai/keys/{key.key_hash}")
        _note(office, "delete", answer)
        key.deleted = True
        office.keys.append(await _make_key(office, client, len(office.keys)))
    elif kind == "lower":
        await _patch(office, client, key, "lower to nothing", {"budget_usd": "0"})
    else:
        await _patch(office, client, key, "disable", {"disabled": True})
    key.own.how = kind
    key.own.closed.append([asyncio.get_running_loop().time(), _FOREVER])


async def _open_key(office: Office, client: httpx.AsyncClient, key: Key) -> None:
    key.own.closed[-1][1] = asyncio.get_running_loop().time()
    await _patch(office, client, key, "open", {"disabled": False, "budget_usd": "900.0000"})


async def _patch(office: Office, client: httpx.AsyncClient, key: Key, what: str, body: dict[str, Any]) -> None:
    answer = await client.patch(f"{_any_node(office)}/v1/ai/keys/{key.key_hash}", json=body)
    _note(office, what, answer)


def _note(office: Office, what: str, answer: httpx.Response) -> None:
    office.changes[what] += 1
    if answer.status_code != 200:
        office.failed.append(f"{what}: {answer.status_code} {answer.text[:100]}")


async def _close_scope(office: Office, scope: tuple[ScopeKind, str], closable: Closable) -> None:
    await office.ground.limit(office.customer_id, *scope, 0)
    office.changes[f"close {scope[0]}"] += 1
    closable.closed.append([asyncio.get_running_loop().time(), _FOREVER])


async def _open_scope(office: Office, scope: tuple[ScopeKind, str], closable: Closable) -> None:
    closable.closed[-1][1] = asyncio.get_running_loop().time()
    await office.ground.limit(office.customer_id, *scope, WIDE)
    office.changes[f"open {scope[0]}"] += 1


# Calls -------------------------------------------------------------------------------------------------------


async def _orders(office: Office, per_s: float, until: "asyncio.Task[None]") -> AsyncIterator[Order]:
    """Also with keys that are closed, or gone a moment ago: somebody has to find out.

    Not with those gone long ago: they are strangers by then, and many strangers are answered late.
    """
    pace = Pace(per_s)
    number = 0
    while not until.done():
        await pace.turn()
        number += 1
        now = asyncio.get_running_loop().time()
        key = office.ground.chance.choice([key for key in office.keys[-2 * _KEYS :] if not key.is_long_gone(now)])
        yield Order(key.raw_key, chat(f"Call number {number}.", MAX_TOKENS, stream=number % 3 == 0), about=key)


def _sink(office: Office, order: Order, answer: Answer) -> None:
    key = order.about
    assert isinstance(key, Key)
    office.answers[answer.status] += 1
    if answer.status == 200:
        seconds, name, how = max((each.closed_for(answer), each.name, each.how) for each in (key.own, *key.above))
        office.longest_open_s = max(office.longest_open_s, seconds)
        if seconds > CLOSED_WITHIN_S:
            office.late.append(f"{name}, {how}, after {seconds:.2f} s")


def _judge(result: Result, office: Office) -> None:
    result.figures |= {"changes": office.changes.total(), "of them": dict(office.changes)}
    result.figures |= {str(status): count for status, count in sorted(office.answers.items())}
    result.figures |= {"served a second after it was closed": len(office.late), "longest s": office.longest_open_s}
    result.expect_in_time(not office.late, f"{len(office.late)} calls passed what was closed: {office.late[:3]}")
    result.expect(not office.failed, f"changes that failed: {office.failed[:3]}")
    allowed = {200, 401, 402, 403, 429}
    result.expect(office.answers.keys() <= allowed, f"other answers: {dict(office.answers)}")
    tried = {"disable", "delete", "lower to nothing", "close customer", "close team", "close user"}
    result.expect_in_time(
        tried <= office.changes.keys() and office.answers[403] > 0, f"not everything was tried: {dict(office.changes)}"
    )
