"""A world to ask who may do what in: callers of every kind; things of theirs, a sibling's, others', nobody's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

import httpx

from control.house import House, Member
from making import a_receipt, book_of, customer, key
from tollhouse.access import provider_keys
from tollhouse.access.keys import KeyTerms, NewKey
from tollhouse.control.callers import Actor
from tollhouse.control.people import sessions, tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.foundation.ids import CallId, CustomerId, TeamId, UserId, new_call_id, new_id
from tollhouse.foundation.secrets import Secret
from tollhouse.traces.exports import exporters
from tollhouse.traces.exports.exporters import Headers, Terms
from tollhouse.traces.ingest import ingest
from tollhouse.traces.spans import Span, new_span_id, new_trace_id
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

Caller = Literal["nobody", "virtual key", "member", "teammate", "manager", "admin", "stranger"]
"""Members: the one whose own things are, and another of the same team. The stranger is another customer's admin."""
Whose = Literal["own", "sibling's", "others'", "random"]

CALLERS: Final[tuple[Caller, ...]] = get_args(Caller)
WHOSE: Final[tuple[Whose, ...]] = get_args(Whose)

Ids = Mapping[str, str]


@dataclass(frozen=True)
class World:
    """`things`: ids for every name that stands in a path, by whose the things are."""

    clients: Mapping[Caller, httpx.AsyncClient]
    things: Mapping[Whose, Ids]

    async def ask(self, caller: Caller, whose: Whose, method: str, path: str, body: Any) -> httpx.Response:
        ids = self.things[whose]
        named = {"key_hash": ids["team_key_hash" if "/team/" in path else "key_hash"]}
        url = re.sub(r"\{(\w+)(?::\w+)?\}", lambda hit: (dict(ids) | named)[hit[1]], path)
        return await self.clients[caller].request(method, url, json=_filled(body, ids))


async def make_world(house: House) -> World:
    async with house.context.database.connection() as connection:
        acme, other = await customer(connection), await customer(connection, "Other")
    roles = ("member", "member", "member", "manager", "admin")
    me, mate, colleague, manager, admin = [await house.member(acme, role) for role in roles]
    stranger = await house.member(other, "admin")
    await house.member(other, "admin")  # or the stranger would be the last one
    ours, theirs = await house.team(acme, me, mate), await house.team(acme, colleague)
    foreign = await house.team(other, stranger)
    own, own_key = await _things(house, me, ours)
    siblings, _ = await _things(house, colleague, theirs)
    others, _ = await _things(house, stranger, foreign)
    clients: dict[Caller, httpx.AsyncClient] = {
        "nobody": await house.visitor(),
        "virtual key": await house.visitor(own_key.raw_key),
        "member": me.api,
        "teammate": mate.api,
        "manager": manager.api,
        "admin": admin.api,
        "stranger": stranger.api,
    }
    return World(clients, {"own": own, "sibling's": siblings, "others'": others, "random": _nothing()})


async def _things(house: House, owner: Member, team_id: TeamId) -> tuple[Ids, NewKey]:
    """One thing of each kind that belongs to somebody."""
    now = house.context.clock.now()
    async with house.context.database.connection() as connection:
        actor = Actor(owner.customer_id, owner.id, user_id=owner.id)
        mine = await _key(connection, owner.customer_id, owner.id, None, owner.id)
        ours = await _key(connection, owner.customer_id, None, team_id, owner.id)
        token = await tokens.create_token(connection, actor, owner.id, TokenTerms("thing"))
        await sessions.open_session(connection, actor, owner.id, now, house.context.session_lifetime)
        session_id = await connection.fetchval("SELECT id FROM sessions WHERE user_id = $1", owner.id)
        book = await book_of(connection, owner.customer_id, mine.key_id)
        held = await book.reserve(1)
        await book.settle(held, "in_doubt")
        invitation_id = new_id()
        await connection.execute(
            "INSERT INTO invitations (id, customer_id, email, name, role, token_hash, expires_at) "
            "VALUES ($1, $2, $1, 'Eve', 'member', $1, now() + interval '1 day')",
            invitation_id,
            owner.customer_id,
        )
        envelope = house.context.keyrings.keyring().seal(Secret("sk-thing"), owner.customer_id, "openai")
        await provider_keys.put(connection, owner.customer_id, "openai", envelope, "hing", owner.id)
        exporter_id = new_id()
        terms = Terms("thing", "https://collector.example/", "json", "none", enabled=True, include_content=False)
        await exporters.insert(connection, owner.customer_id, exporter_id, terms, Headers(), owner.id)
        span = _span(owner, mine, now)
        await ingest(connection, [span])
        await receipts.write(connection, [_receipt(owner, mine, held.call.call_id, now)])
        await connection.execute(
            "UPDATE usage_events SET dead_at = now(), dead_kind = 'refused' WHERE entry_id = $1", held.call.call_id
        )
        budget_id = await connection.fetchval("SELECT budget_id FROM ledger_budgets WHERE scope_id = $1", mine.key_id)
    return {
        "key_hash": mine.key_hash, "team_key_hash": ours.key_hash, "user_id": owner.id, "team_id": team_id,
        "token_id": token.token.id, "session_id": session_id, "call_id": held.call.call_id,
        "budget_id": str(budget_id), "kind": "key", "ref": mine.key_hash, "model_id": "openai/gpt-4o",
        "invitation_id": invitation_id, "provider": "openai", "entry_id": held.call.call_id, "exporter_id": exporter_id,
        "dimension": "user", "trace_id": span.trace_id, "span_id": span.span_id,
    }, mine  # fmt: skip


async def _key(
    connection: Any, customer_id: CustomerId, user_id: UserId | None, team_id: TeamId | None, maker: UserId
) -> NewKey:
    made = await key(connection, customer_id, user_id=user_id, team_id=team_id, terms=KeyTerms("thing"))
    await connection.execute("UPDATE ai_gateway_keys SET created_by_user_id = $1 WHERE id = $2", maker, made.key_id)
    return made


def _receipt(owner: Member, made: NewKey, call_id: CallId, now: datetime) -> Receipt:
    lost = {"outcome": "lost", "usage_source": "none", "entry_kind": "in_doubt"}
    return a_receipt(owner.customer_id, made.key_id, now, call_id=call_id, user_id=owner.id, **lost)


def _span(owner: Member, made: NewKey, now: datetime) -> Span:
    start_ns = int(now.timestamp()) * 1_000_000_000 - 60_000_000_000
    return Span(
        day=now.date(), customer_id=owner.customer_id, trace_id=new_trace_id(), span_id=new_span_id(),
        user_id=owner.id, key_id=made.key_id, vendor="thing", tool="thing", name="chat gpt-4o", start_ns=start_ns,
        end_ns=start_ns + 1_000_000, status=2, model="gpt-4o", provider="openai", cost_nanos=1, source="otlp",
    )  # fmt: skip


def _nothing() -> Ids:
    """Ids that look right."""
    return {
        "key_hash": "0" * 64, "team_key_hash": "0" * 64, "user_id": new_id(), "team_id": new_id(),
        "token_id": new_id(), "session_id": new_id(), "call_id": new_call_id(), "budget_id": "999999999",
        "kind": "key", "ref": "0" * 64, "model_id": "nobody/nothing", "invitation_id": new_id(),
        "provider": "openai", "entry_id": new_call_id(), "exporter_id": new_id(), "dimension": "user",
        "trace_id": "0" * 32, "span_id": "0" * 16,
    }  # fmt: skip


def _filled(body: Any, ids: Ids) -> Any:
    """`{name}` in a body stands for an id, `{soon}` for tomorrow."""
    if isinstance(body, dict):
        return {name: _filled(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, ids) for value in body]
    if body == "{soon}":
        return (datetime.now(UTC) + timedelta(days=1)).isoformat()
    if body == "{budget_id}":
        return int(ids["budget_id"])
    return ids[body[1:-1]] if isinstance(body, str) and body.startswith("{") else body
