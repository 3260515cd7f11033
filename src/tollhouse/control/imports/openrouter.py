"""What OpenRouter knows of a key, read from its management API, from a dump of that, or from the old table.

The API's shape is section 7.1 of the wire facts. The table is the one that an earlier product kept beside OpenRouter;
its rows are read as JSON and looked at by the names that their columns usually have. Pure, but for the two readers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, get_args

import httpx

from tollhouse.access.keys import BudgetReset
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import BadGateway, BadRequest
from tollhouse.foundation.secrets import Secret

BASE_URL: Final = "https://openrouter.ai/api/v1"
_MOST_PAGES: Final = 1_000
_TIMEOUT_S: Final = 30.0

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "hash": ("hash", "key_hash", "keyHash", "id"),
    "name": ("name", "label"),
    "limit": ("limit", "limit_usd", "limitUsd", "budget_usd", "budgetUsd"),
    "reset": ("limit_reset", "limitReset", "reset", "budget_reset"),
    "owner": ("user_id", "userId", "external_user", "creator_user_id", "createdByUserId"),
    "team": ("team_id", "teamId"),
    "disabled": ("disabled", "isDisabled", "revoked"),
    "expires_at": ("expires_at", "expiresAt"),
}
_LOST: Final[Mapping[str, str]] = {
    "include_byok_in_limit": "calls with own provider keys counted in its limit",
    "workspace_id": "it belonged to a workspace",
}

_sql = queries.load(__file__)


@dataclass(frozen=True, slots=True)
class Source:
    """A key there. `limit` in US dollars; `lost`: what has no counterpart here, in words."""

    hash: str
    name: str
    limit: Decimal | None
    reset: BudgetReset | None
    owner: str | None
    team: str | None
    disabled: bool
    expires_at: datetime | None
    lost: tuple[str, ...] = ()


def read_all(rows: object) -> list[Source]:
    """From a list of keys, or the API's answer around one; raises BadRequest that says which row is none."""
    listed = rows.get("data") if isinstance(rows, dict) else rows
    if not isinstance(listed, list):
        raise BadRequest("this is no list of OpenRouter keys: expected a JSON list, or an object with `data`")
    return [_read(number, row) for number, row in enumerate(listed, 1)]


async def from_api(management_key: Secret, base_url: str = BASE_URL) -> list[Source]:
    """All keys of the account, disabled ones too. Raises BadGateway when OpenRouter does not give them."""
    rows: list[object] = []
    headers = {"Authorization": f"Bearer {management_key.reveal()}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=_TIMEOUT_S) as client:
        for _ in range(_MOST_PAGES):
            page = await _page(client, len(rows))
            if not page:
                return read_all(rows)
            rows += page
    raise BadGateway("OpenRouter gives more keys than anybody has; stopped reading")


async def from_table(connection: Connection) -> list[Source]:
    """From the old table, if there is one. Raises BadRequest when there is none."""
    table = await _sql.old_table(connection)
    if table is None:
        raise BadRequest('there is no table "OpenRouterKey" or openrouter_keys in this database')
    rows = _sql.rows_of_old_camel(connection) if table == "OpenRouterKey" else _sql.rows_of_old_snake(connection)
    return read_all([row["row"] async for row in rows])


async def drop_table(connection: Connection) -> bool:
    """Drop the old table and its enum; whether there was one."""
    if await _sql.old_table(connection) is None:
        return False
    await _sql.drop_old(connection)
    return True


async def _page(client: httpx.AsyncClient, offset: int) -> list[object]:
    try:
        answer = await client.get("/keys", params={"offset": offset, "include_disabled": "true"})
        answer.raise_for_status()
        page = answer.json()["data"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as cause:
        raise BadGateway(f"OpenRouter did not give its keys: {type(cause).__name__}: {cause}") from cause
    return page if isinstance(page, list) else []


def _read(number: int, row: object) -> Source:
    if not isinstance(row, dict):
        raise BadRequest(f"row {number} is no key")
    found = {name: _first(row, names) for name, names in _NAMES.items()}
    if not found["hash"]:
        raise BadRequest(f"row {number} has no hash to know it by")
    lost = list(_lost(row))
    limit = _dollars(number, found["limit"])
    reset = found["reset"]
    if reset is not None and reset not in get_args(BudgetReset):
        lost.append(f"its limit was reset {reset}")
        reset = None
    return Source(
        hash=str(found["hash"]),
        name=str(found["name"] or "imported"),
        limit=limit,
        reset=reset,
        owner=None if found["owner"] is None else str(found["owner"]),
        team=None if found["team"] is None else str(found["team"]),
        disabled=bool(found["disabled"]),
        expires_at=_moment(number, found["expires_at"]),
        lost=tuple(lost),
    )


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _lost(row: Mapping[str, Any]) -> Iterator[str]:
    yield from (words for name, words in _LOST.items() if row.get(name))
    if row.get("usage"):
        yield f"{row['usage']} US dollars were spent with it"


def _dollars(number: int, value: object) -> Decimal | None:
    try:
        amount = None if value is None else Decimal(str(value))
    except InvalidOperation as cause:
        raise BadRequest(f"row {number}: the limit {value!r} is no amount") from cause
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise BadRequest(f"row {number}: the limit {value!r} is no amount")
    return amount


def _moment(number: int, value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as cause:
        raise BadRequest(f"row {number}: {value!r} is no time") from cause
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
