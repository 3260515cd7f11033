"""API tokens: what programs send instead of a session. Hashed, shown once; as good as their owner or narrower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tollhouse.control import audit
from tollhouse.control.callers import Actor, Person, TokenScope
from tollhouse.control.permissions import Subject, require, require_session
from tollhouse.db import queries
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation.errors import Conflict, NotFound
from tollhouse.foundation.ids import UserId, is_uuid, new_id
from tollhouse.foundation.secrets import Secret, display, new_api_token, sha256_hex

MOST_TOKENS: Final = 100

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """`scopes` None: whatever its owner may do."""

    id: str
    user_id: UserId
    name: str
    display: str
    scopes: tuple[TokenScope, ...] | None
    last_used_at: datetime | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewToken:
    token: ApiToken
    raw: Secret


@dataclass(frozen=True, slots=True)
class TokenTerms:
    name: str
    expires_at: datetime | None = None
    scopes: Sequence[TokenScope] | None = None


async def create_token(connection: Connection, actor: Actor, user_id: UserId, terms: TokenTerms) -> NewToken:
    """A token for this person; raises Conflict at a hundred of them."""
    if await _sql.count_tokens(connection, user_id=user_id) >= MOST_TOKENS:
        raise Conflict(f"a person has at most {MOST_TOKENS} API tokens; delete one first", code="too_many_tokens")
    raw = new_api_token()
    scopes = None if terms.scopes is None else sorted(set(terms.scopes))
    row = await _sql.insert_token(
        connection,
        id=new_id(),
        user_id=user_id,
        token_hash=sha256_hex(raw),
        display=display(raw),
        name=terms.name,
        scopes=scopes,
        expires_at=terms.expires_at,
    )
    after = {"name": terms.name, "user_id": user_id, "scopes": None if scopes is None else [str(s) for s in scopes]}
    await audit.append(connection, actor, "token.create", row["id"], after=after)
    return NewToken(_token(row), Secret(raw))


async def create_own(database: Database, person: Person, terms: TokenTerms) -> NewToken:
    """Only from a session: a token that leaked must not be able to make itself permanent."""
    require_session(person, "make API tokens")
    async with database.transaction() as connection:
        return await create_token(connection, person.actor, person.user_id, terms)


async def of_person(database: Database, person: Person) -> list[ApiToken]:
    """The person's own tokens, newest first."""
    async with database.connection() as connection:
        return [_token(row) async for row in _sql.tokens_of_user(connection, user_id=person.user_id)]


async def delete(database: Database, person: Person, token_id: str) -> None:
    """Raises NotFound, or Forbidden for somebody else's token (admins may)."""
    if not is_uuid(token_id):
        raise _no_such_token()
    async with database.transaction() as connection:
        row = await _sql.token_for_update(connection, token_id=token_id, customer_id=person.customer_id)
        if row is None:
            raise _no_such_token()
        require(person, "token.delete", Subject(user_id=UserId(row["user_id"])))
        await _sql.delete_token(connection, token_id=token_id)
        before = {"name": row["name"], "user_id": row["user_id"]}
        await audit.append(connection, person.actor, "token.delete", token_id, before=before)


def _no_such_token() -> NotFound:
    return NotFound("there is no such API token")


def _token(row: Mapping[str, Any]) -> ApiToken:
    return ApiToken(
        id=row["id"],
        user_id=UserId(row["user_id"]),
        name=row["name"],
        display=row["display"],
        scopes=None if row["scopes"] is None else tuple(row["scopes"]),
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
