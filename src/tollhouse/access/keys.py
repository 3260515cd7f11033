"""Virtual keys as rows: made, listed, changed, deleted. The raw key exists only in the answer that creates it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, cast

from tollhouse.access.permits import UNLIMITED, BoundPolicy, CallLimits
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId, new_id
from tollhouse.foundation.money import Nanos
from tollhouse.foundation.secrets import display, new_raw_key, sha256_hex

BudgetReset = Literal["daily", "weekly", "monthly"]
KeyState = Literal["active", "disabled", "expired", "exhausted"]
KeySort = Literal["newest", "oldest", "name", "spend", "last_used"]
"""In the direction that people mean: names from A, spend from the highest, use from the latest."""

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What an owner may set on a key. `budget_usd` None: no limit; `allowed_models` empty: all."""

    name: str
    budget_usd: Decimal | None = None
    budget_reset: BudgetReset | None = None
    allowed_models: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    bound_policy: BoundPolicy = "clamp_if_unset"
    disabled: bool = False
    expires_at: datetime | None = None
    calls: CallLimits = UNLIMITED
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored. `spend_usd` is the ledger's projection for the period that ends at `spend_reset_at`."""

    id: KeyId
    customer_id: CustomerId
    user_id: UserId | None
    team_id: TeamId | None
    key_hash: str
    display: str
    terms: KeyTerms
    spend_usd: Decimal
    spend_reset_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    created_by_user_id: UserId | None
    owner_email: str | None
    owner_name: str | None
    team_name: str | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with its raw form: shown once, kept nowhere."""

    key_id: KeyId
    key_hash: str
    raw_key: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended, in whatever order it had."""

    at: datetime
    word: str
    number: int
    key_id: str


@dataclass(frozen=True, slots=True)
class KeySearch:
    """Which keys, in which order. `text` is looked for in names, owners, tags and hashes."""

    text: str = ""
    state: KeyState | None = None
    user_id: str | None = None
    team_id: str | None = None
    tag: str | None = None
    sort: KeySort = "newest"
    after: Place | None = None
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A key of a page, and where the page would end with it."""

    key: Key
    place: Place


@dataclass(frozen=True, slots=True)
class StateTotal:
    """How many of the keys that were found are in this state, and what they spent in the periods that run now."""

    state: KeyState
    keys: int
    spent: Nanos


async def create(
    connection: Connection,
    customer_id: CustomerId,
    terms: KeyTerms,
    *,
    user_id: UserId | None = None,
    team_id: TeamId | None = None,
    created_by: UserId | None = None,
    made_at: datetime | None = None,
) -> NewKey:
    """Insert a key for a user, a team or neither; `made_at` None: it is made now.

    The caller opens its budget in the same transaction.
    """
    raw = new_raw_key()
    made = NewKey(KeyId(new_id()), sha256_hex(raw), raw)
    await _sql.insert_key(
        connection,
        id=made.key_id,
        customer_id=customer_id,
        user_id=user_id,
        team_id=team_id,
        key_hash=made.key_hash,
        display=display(raw),
        created_by_user_id=created_by,
        made_at=made_at,
        **_columns(terms),
    )
    return made


async def update(connection: Connection, key: Key, terms: KeyTerms) -> Key:
    """Write new terms. The caller read `key` with `lock` in the same transaction."""
    await _sql.update_key(connection, id=key.id, customer_id=key.customer_id, **_columns(terms))
    return replace(key, terms=terms)


async def delete(connection: Connection, key: Key) -> None:
    await _sql.delete_key(connection, id=key.id, customer_id=key.customer_id)


async def lock(connection: Connection, customer_id: CustomerId, key_hash: str) -> Key | None:
    """The key, locked until the transaction ends; None if this customer has no such key."""
    row = await _sql.key_for_update(connection, customer_id=customer_id, key_hash=key_hash)
    return None if row is None else _key(row)


async def find(connection: Connection, customer_id: CustomerId, key_hash: str) -> Key | None:
    row = await _sql.key_by_hash(connection, customer_id=customer_id, key_hash=key_hash)
    return None if row is None else _key(row)


async def search(connection: Connection, customer_id: CustomerId, wanted: KeySearch, now: datetime) -> list[Found]:
    """A page of the customer's keys."""
    after = wanted.after
    asked = {
        "customer_id": customer_id,
        "text": wanted.text,
        "state": wanted.state,
        "user_id": wanted.user_id,
        "team_id": wanted.team_id,
        "tag": wanted.tag,
        "now": now,
        "after_id": "" if after is None else after.key_id,
        "most": wanted.most,
    }
    if wanted.sort == "newest":
        rows = _sql.newest_keys(connection, **asked, after_at=None if after is None else after.at)
    else:
        word, number = (None, 0) if after is None else (after.word, after.number)
        rows = _sql.sorted_keys(connection, **asked, sort=wanted.sort, after_word=word, after_number=number)
    return [Found(_key(row), Place(row["created_at"], row["word"], row["number"], row["id"])) async for row in rows]


async def totals(connection: Connection, customer_id: CustomerId, wanted: KeySearch, now: datetime) -> list[StateTotal]:
    """What all keys that are found come to, whatever the page. States without a key are missing."""
    rows = _sql.key_totals(
        connection,
        customer_id=customer_id,
        text=wanted.text,
        state=wanted.state,
        user_id=wanted.user_id,
        team_id=wanted.team_id,
        tag=wanted.tag,
        now=now,
    )
    return [StateTotal(row["state"], row["keys"], Nanos(row["spent_nanos"])) async for row in rows]


async def count_of_maker(connection: Connection, customer_id: CustomerId, user_id: UserId) -> int:
    """How many keys are a person's own, or were made by them."""
    count: int = await _sql.count_keys_of_maker(connection, customer_id=customer_id, user_id=user_id)
    return count


async def lock_many(connection: Connection, customer_id: CustomerId, key_hashes: Sequence[str]) -> list[Key]:
    """Those that exist, locked until the transaction ends."""
    rows = _sql.lock_keys(connection, customer_id=customer_id, key_hashes=list(key_hashes))
    return [_key(row) async for row in rows]


async def set_disabled(connection: Connection, customer_id: CustomerId, keys: Sequence[Key], *, disabled: bool) -> None:
    """The caller locked the keys in the same transaction."""
    key_ids = [key.id for key in keys]
    await _sql.set_disabled(connection, customer_id=customer_id, key_ids=key_ids, disabled=disabled)


async def date_last_use(connection: Connection, customer_id: CustomerId, moments: Mapping[KeyId, datetime]) -> None:
    """For calls that come from elsewhere: the book takes the moment at which it hears of one."""
    await _sql.date_last_use(connection, customer_id=customer_id, key_ids=list(moments), moments=list(moments.values()))


async def rotate(connection: Connection, key: Key, now: datetime, ends_at: datetime) -> NewKey:
    """Give a key another secret, and so another hash. The former one opens it until `ends_at`.

    Former ones before it keep their ends, unless this one ends now: then all do. The caller locked the key.
    """
    await _sql.forget_retired(connection, key_id=key.id, now=now)
    if ends_at > now:
        await _sql.retire_hash(connection, key_hash=key.key_hash, key_id=key.id, ends_at=ends_at)
    else:
        await _sql.end_retired(connection, key_id=key.id)
    raw = new_raw_key()
    made = NewKey(key.id, sha256_hex(raw), raw)
    await _sql.set_hash(
        connection, id=key.id, customer_id=key.customer_id, key_hash=made.key_hash, display=display(raw)
    )
    return made


async def of_user(connection: Connection, customer_id: CustomerId, user_id: UserId) -> list[Key]:
    """A user's keys and the keys of the user's teams, newest first."""
    return [_key(row) async for row in _sql.keys_of_user(connection, customer_id=customer_id, user_id=user_id)]


def _columns(terms: KeyTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "budget_usd": terms.budget_usd,
        "budget_reset": terms.budget_reset,
        "allowed_models": list(terms.allowed_models) or None,
        "max_output_tokens": terms.max_output_tokens,
        "bound_policy": terms.bound_policy,
        "disabled": terms.disabled,
        "expires_at": terms.expires_at,
        "tags": list(terms.tags),
        "requests_per_minute": terms.calls.requests_per_minute,
        "tokens_per_minute": terms.calls.tokens_per_minute,
        "concurrent_calls": terms.calls.concurrent_calls,
    }


def _key(row: Mapping[str, Any]) -> Key:
    return Key(
        id=KeyId(row["id"]),
        customer_id=CustomerId(row["customer_id"]),
        user_id=cast("UserId | None", row["user_id"]),
        team_id=cast("TeamId | None", row["team_id"]),
        key_hash=row["key_hash"],
        display=row["display"],
        terms=_terms(row),
        spend_usd=row["spend_usd"],
        spend_reset_at=row["spend_reset_at"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        created_by_user_id=cast("UserId | None", row["created_by_user_id"]),
        owner_email=row["owner_email"],
        owner_name=row["owner_name"],
        team_name=row["team_name"],
    )


def _terms(row: Mapping[str, Any]) -> KeyTerms:
    return KeyTerms(
        name=row["name"],
        budget_usd=row["budget_usd"],
        budget_reset=row["budget_reset"],
        allowed_models=tuple(row["allowed_models"] or ()),
        max_output_tokens=row["max_output_tokens"],
        bound_policy=row["bound_policy"],
        disabled=row["disabled"],
        expires_at=row["expires_at"],
        calls=CallLimits(row["requests_per_minute"], row["tokens_per_minute"], row["concurrent_calls"]),
        tags=tuple(row["tags"]),
    )
