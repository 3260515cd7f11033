"""Keys with their accounts. Every change writes key, budget and audit line in one transaction, or nothing.

Locks are taken in the ledger's order: a budget before its key. A settlement holds the budget and then writes the
key's projection; whoever locked the key first and then asked for the budget would deadlock with it. So a change
is made against the key as it was read, without a lock, and started again if somebody else was faster.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tollhouse.access import keys
from tollhouse.access.keys import Key, KeyState, KeyTerms
from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person
from tollhouse.control.context import ControlContext
from tollhouse.control.keys import policy
from tollhouse.control.keys.forecast import MOST_CALLS, Forecast, forecast, look_back_from
from tollhouse.control.permissions import Action, Subject, require
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import CallId, CustomerId, TeamId, UserId, is_uuid
from tollhouse.foundation.money import Nanos, usd_to_nanos
from tollhouse.ledger import budgets, corrections
from tollhouse.ledger.budgets import Balance, Scope
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

Edit = Callable[[KeyTerms], KeyTerms]

RECENT_CALLS: Final = 20
_MOST_TRIES: Final = 5
_HASH_LENGTH: Final = 64

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class KeyAccount:
    """A key and what stands in its account in the period that runs now: the truth, not the row's projection."""

    key: Key
    balance: Balance

    def state(self, now: datetime) -> KeyState:
        """The first reason why calls are refused for good. Money that is only held does not exhaust a key."""
        terms, balance = self.key.terms, self.balance
        if terms.disabled:
            return "disabled"
        if terms.expires_at is not None and terms.expires_at <= now:
            return "expired"
        if balance.limit is not None and balance.spent + balance.doubt >= balance.limit:
            return "exhausted"
        return "active"


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, a team, or neither: then the key is the customer's."""

    user_id: UserId | None = None
    team_id: TeamId | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A key just made; `raw_key` is kept nowhere."""

    account: KeyAccount
    raw_key: str


@dataclass(frozen=True, slots=True)
class KeyDetails:
    account: KeyAccount
    recent: list[Receipt]
    adjusted: dict[CallId, Nanos]
    """By how much people corrected the cost of recent calls."""
    forecast: Forecast


class _Overtaken(Exception):
    """The key is not as it was read; nothing was changed."""


# Looking ---------------------------------------------------------------------------------------------------


async def of_user(database: Database, person: Person, user_id: str) -> list[KeyAccount]:
    """A user's keys and those of the user's teams; raises NotFound for people of other customers."""
    async with database.transaction() as connection:
        user = await _user(connection, person.customer_id, user_id)
        require(person, "key.list_of_user", Subject(user_id=user))
        return await with_balances(
            connection, person.customer_id, await keys.of_user(connection, person.customer_id, user)
        )


async def details(database: Database, person: Person, key_hash: str, now: datetime) -> KeyDetails:
    async with database.connection() as connection:
        account = await account_of(connection, person.customer_id, key_hash)
        require(person, "key.see", subject_of(account.key))
        key = account.key
        recent, adjusted = await newest_calls(connection, key, most=RECENT_CALLS)
        since = look_back_from(account.balance, key.created_at, now)
        spending = await receipts.spent_by_key(connection, key.customer_id, key.id, since=since, most=MOST_CALLS)
    return KeyDetails(account, recent, adjusted, forecast(account.balance, spending, since, now))


async def newest_calls(
    connection: Connection, key: Key, *, most: int, before: tuple[datetime, str] | None = None
) -> tuple[list[Receipt], dict[CallId, Nanos]]:
    """Calls of the key, newest first, and by how much people corrected the cost of which; `before` as in receipts."""
    found = await receipts.recent_of_key(connection, key.customer_id, key.id, most=most, before=before)
    days = {receipt.call_id: receipt.entry_day for receipt in found}
    return found, await corrections.adjusted(connection, key.customer_id, days)


# Making ----------------------------------------------------------------------------------------------------


async def create_for_user(database: Database, person: Person, terms: KeyTerms, user_id: str | None) -> Issued:
    """A key for oneself (`user_id` None) or for somebody of the customer."""
    async with database.transaction() as connection:
        user = await _user(connection, person.customer_id, user_id or person.user_id)
        require(person, "key.create_for_user", Subject(user_id=user))
        await policy.require_room(connection, person, terms)
        return await issue(connection, person.actor, Owner(user_id=user), terms)


async def create_for_team(database: Database, person: Person, terms: KeyTerms, team_id: str) -> Issued:
    async with database.transaction() as connection:
        team = await _team(connection, person.customer_id, team_id)
        require(person, "key.create_for_team", Subject(team_id=team))
        await policy.require_room(connection, person, terms)
        return await issue(connection, person.actor, Owner(team_id=team), terms)


async def issue(
    connection: Connection, actor: Actor, owner: Owner, terms: KeyTerms, *, made_at: datetime | None = None
) -> Issued:
    """Key, budget and audit line; the caller has the transaction and asked whether it is allowed.

    `made_at`: when a key that comes from elsewhere was made; None: now.

    Every key has a budget in the ledger, also without a limit: it counts the spend.
    """
    made = await keys.create(
        connection,
        actor.customer_id,
        terms,
        user_id=owner.user_id,
        team_id=owner.team_id,
        created_by=actor.user_id,
        made_at=made_at,
    )
    await _set_budget(connection, actor.customer_id, Scope("key", made.key_id), terms)
    after = _record(terms) | {"user_id": owner.user_id, "team_id": owner.team_id}
    await audit.append(connection, actor, "key.create", made.key_hash, after=after)
    return Issued(await account_of(connection, actor.customer_id, made.key_hash), made.raw_key)


# Changing --------------------------------------------------------------------------------------------------


async def change(context: ControlContext, person: Person, key_hash: str, edit: Edit) -> KeyAccount:
    """Apply `edit` to the key's terms. Raises NotFound, Forbidden, or Conflict when others keep changing it."""
    for _ in range(_MOST_TRIES):
        try:
            async with context.database.transaction() as connection:
                changed = await _change_once(connection, person, key_hash, edit)
        except _Overtaken:
            continue
        context.after_key_change(key_hash)
        return changed
    raise Conflict("the key is being changed by others at this moment; try again", code="key_busy")


async def _change_once(connection: Connection, person: Person, key_hash: str, edit: Edit) -> KeyAccount:
    seen = await _key(connection, person.customer_id, key_hash)
    require(person, "key.change", subject_of(seen))
    terms = edit(seen.terms)
    await policy.require_change(connection, person, seen.terms, terms)
    if terms != seen.terms:
        await _write(connection, person.actor, seen, terms)
    return await account_of(connection, person.customer_id, key_hash)


async def _write(connection: Connection, actor: Actor, seen: Key, terms: KeyTerms) -> None:
    """Budget first, then key: see the module's words on locks."""
    if (terms.budget_usd, terms.budget_reset) != (seen.terms.budget_usd, seen.terms.budget_reset):
        await _set_budget(connection, actor.customer_id, Scope("key", seen.id), terms)
    held = await keys.lock(connection, actor.customer_id, seen.key_hash)
    if held is None or held.terms != seen.terms:
        raise _Overtaken
    await keys.update(connection, held, terms)
    await audit.append_change(connection, actor, "key.update", seen.key_hash, _record(seen.terms), _record(terms))


# Deleting --------------------------------------------------------------------------------------------------


async def delete(context: ControlContext, person: Person, key_hash: str) -> None:
    """Delete any key. The ledger keeps its book."""
    require(person, "key.delete_any")
    await _delete(context, person, key_hash, "key.delete_any", lambda _key: True)


async def delete_of_user(context: ControlContext, person: Person, key_hash: str) -> None:
    """Delete a user's key; a team's key is not found here."""
    await _delete(context, person, key_hash, "key.delete_of_user", lambda key: key.user_id is not None)


async def delete_of_team(context: ControlContext, person: Person, team_id: str, key_hash: str) -> None:
    """Delete a key of this team; keys of others are not found here."""
    await _delete(context, person, key_hash, "key.delete_of_team", lambda key: key.team_id == team_id)


async def _delete(
    context: ControlContext, person: Person, key_hash: str, action: Action, belongs: Callable[[Key], bool]
) -> None:
    async with context.database.transaction() as connection:
        key = await locked(connection, person.customer_id, key_hash)
        if not belongs(key):
            raise _no_such_key()
        require(person, action, subject_of(key))
        await keys.delete(connection, key)
        before = _record(key.terms) | {"user_id": key.user_id, "team_id": key.team_id}
        await audit.append(connection, person.actor, "key.delete", key_hash, before=before)
    context.after_key_change(key_hash)


# Parts -----------------------------------------------------------------------------------------------------


async def _key(connection: Connection, customer_id: CustomerId, key_hash: str) -> Key:
    key = await keys.find(connection, customer_id, key_hash) if is_hash(key_hash) else None
    if key is None:
        raise _no_such_key()
    return key


async def locked(connection: Connection, customer_id: CustomerId, key_hash: str) -> Key:
    """The key, held until the transaction ends. Raises NotFound."""
    key = await keys.lock(connection, customer_id, key_hash) if is_hash(key_hash) else None
    if key is None:
        raise _no_such_key()
    return key


async def account_of(connection: Connection, customer_id: CustomerId, key_hash: str) -> KeyAccount:
    """Raises NotFound."""
    key = await _key(connection, customer_id, key_hash)
    return (await with_balances(connection, customer_id, [key]))[0]


async def with_balances(connection: Connection, customer_id: CustomerId, found: list[Key]) -> list[KeyAccount]:
    """In the same order."""
    balances = await budgets.balances(connection, customer_id, "key", [key.id for key in found])
    return [KeyAccount(key, balances.get(key.id) or _unwritten(key)) for key in found]


def _unwritten(key: Key) -> Balance:
    """A key that nobody opened an account for: nothing was spent, and nothing limits it."""
    return Balance(
        Scope("key", key.id), limit=None, reset=None, resets_at=None, spent=Nanos(0), held=Nanos(0), doubt=Nanos(0)
    )


async def _set_budget(connection: Connection, customer_id: CustomerId, scope: Scope, terms: KeyTerms) -> None:
    limit = None if terms.budget_usd is None else usd_to_nanos(terms.budget_usd)
    await budgets.set_budget(connection, customer_id, scope, limit, terms.budget_reset)


async def _user(connection: Connection, customer_id: CustomerId, user_id: str) -> UserId:
    found = None
    if is_uuid(user_id):
        found = await _sql.user_of_customer(connection, customer_id=customer_id, user_id=user_id)
    if found is None:
        raise NotFound("there is no such person", param="user_id")
    return UserId(found)


async def _team(connection: Connection, customer_id: CustomerId, team_id: str) -> TeamId:
    found = None
    if is_uuid(team_id):
        found = await _sql.team_of_customer(connection, customer_id=customer_id, team_id=team_id)
    if found is None:
        raise NotFound("there is no such team", param="team_id")
    return TeamId(found)


def is_hash(text: str) -> bool:
    """Whether it can be a key's name at all; asked before it reaches SQL."""
    return len(text) == _HASH_LENGTH and text.isascii() and text.isalnum()


def _no_such_key() -> NotFound:
    """Also for a key of others."""
    return NotFound("there is no such key", code="key_not_found")


def subject_of(key: Key) -> Subject:
    """Whose it is, for the table of permissions."""
    return Subject(user_id=key.user_id, team_id=key.team_id, made_by=key.created_by_user_id)


def _record(terms: KeyTerms) -> dict[str, str | int | bool | list[str] | None]:
    """Terms as the audit log keeps them."""
    return {
        "name": terms.name,
        "budget_usd": None if terms.budget_usd is None else str(terms.budget_usd),
        "budget_reset": terms.budget_reset,
        "allowed_models": list(terms.allowed_models),
        "max_output_tokens": terms.max_output_tokens,
        "bound_policy": terms.bound_policy,
        "disabled": terms.disabled,
        "expires_at": None if terms.expires_at is None else terms.expires_at.isoformat(),
        "tags": list(terms.tags),
        "requests_per_minute": terms.calls.requests_per_minute,
        "tokens_per_minute": terms.calls.tokens_per_minute,
        "concurrent_calls": terms.calls.concurrent_calls,
    }
