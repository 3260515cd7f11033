"""Many keys at once: found page by page, switched off or on together, written into a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tollhouse.access import keys
from tollhouse.access.keys import KeySearch, Place, StateTotal
from tollhouse.control import audit
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.control.keys.service import KeyAccount, is_hash, with_balances
from tollhouse.control.permissions import require
from tollhouse.control.tables import Cell
from tollhouse.db.pool import Database
from tollhouse.foundation.money import exact_usd_string

MOST_AT_ONCE: Final = 1000
MOST_EXPORTED: Final = 100_000
COLUMNS: Final = (
    "hash", "id", "name", "display", "state", "owner_email", "team", "tags", "budget_usd", "budget_reset", "spent_usd",
    "held_usd", "remaining_usd", "resets_at", "allowed_models", "requests_per_minute", "tokens_per_minute",
    "concurrent_calls", "expires_at", "created_at", "last_used_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """`end`: where the next page begins; None: there is none."""

    accounts: list[KeyAccount]
    end: Place | None


@dataclass(frozen=True, slots=True)
class Switched:
    """Hashes: of keys that were changed, of those that were so already, and of those that do not exist."""

    changed: list[str]
    unchanged: list[str]
    missing: list[str]


async def search(database: Database, person: Person, wanted: KeySearch, now: datetime) -> Page:
    """A page of the customer's keys with what stands in their accounts."""
    require(person, "key.list_all")
    async with database.searching() as connection:
        one_more = replace(wanted, most=wanted.most + 1)
        found = await keys.search(connection, person.customer_id, one_more, now)
        page = found[: wanted.most]
        accounts = await with_balances(connection, person.customer_id, [each.key for each in page])
    return Page(accounts, page[-1].place if len(found) > wanted.most else None)


async def totals(database: Database, person: Person, wanted: KeySearch, now: datetime) -> list[StateTotal]:
    """What the customer's keys that are found come to, by state."""
    require(person, "key.list_all")
    async with database.searching() as connection:
        return await keys.totals(connection, person.customer_id, wanted, now)


async def switch(context: ControlContext, person: Person, key_hashes: Sequence[str], *, disabled: bool) -> Switched:
    """All or none of them."""
    require(person, "key.change_many")
    wanted = list(dict.fromkeys(key_hashes))
    async with context.database.transaction() as connection:
        asked = [each for each in wanted if is_hash(each)]
        found = await keys.lock_many(connection, person.customer_id, asked)
        changing = [key for key in found if key.terms.disabled is not disabled]
        await keys.set_disabled(connection, person.customer_id, changing, disabled=disabled)
        for key in changing:
            before, after = {"disabled": not disabled}, {"disabled": disabled}
            await audit.append(connection, person.actor, "key.update", key.key_hash, before=before, after=after)
    changed = {key.key_hash for key in changing}
    for key_hash in changed:
        context.after_key_change(key_hash)
    exists = {key.key_hash for key in found}
    return Switched(
        [each for each in wanted if each in changed],
        [each for each in wanted if each in exists - changed],
        [each for each in wanted if each not in exists],
    )


async def export(database: Database, person: Person, wanted: KeySearch, now: datetime) -> list[tuple[Cell, ...]]:
    """All keys that are found, as rows of `COLUMNS`."""
    rows: list[tuple[Cell, ...]] = []
    after = wanted.after
    while len(rows) < MOST_EXPORTED:
        page = await search(database, person, replace(wanted, after=after, most=MOST_AT_ONCE), now)
        rows.extend(_row(account, now) for account in page.accounts)
        after = page.end
        if after is None:
            break
    return rows


def _row(account: KeyAccount, now: datetime) -> tuple[Cell, ...]:
    return tuple(_cells(account, now))


def _cells(account: KeyAccount, now: datetime) -> Iterator[Cell]:
    """In the order of `COLUMNS`."""
    key, terms, balance = account.key, account.key.terms, account.balance
    yield from (key.key_hash, key.id, terms.name, key.display, account.state(now), key.owner_email, key.team_name)
    yield " ".join(terms.tags)
    yield from (None if terms.budget_usd is None else str(terms.budget_usd), terms.budget_reset)
    yield from (exact_usd_string(balance.spent), exact_usd_string(balance.held))
    yield None if balance.remaining is None else exact_usd_string(balance.remaining)
    yield balance.resets_at
    yield " ".join(terms.allowed_models)
    yield from (terms.calls.requests_per_minute, terms.calls.tokens_per_minute, terms.calls.concurrent_calls)
    yield from (terms.expires_at, key.created_at, key.last_used_at)
