"""`/v1/ai/keys`: the eleven routes' HTTP, but for the models, which have a file of their own.

Lists answer `{"keys": [...]}`, one key `{"key": {...}}`, creation adds `raw_key`: shown this once.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from tollhouse.access.keys import KeySearch, KeySort, KeyState, StateTotal
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.keys import calls, many, rotation, service
from tollhouse.control.keys.service import KeyAccount
from tollhouse.control.keys.shapes import BalanceOut, ForecastOut, KeyIn, KeyOut, KeyPatch, UserKeyIn
from tollhouse.control.pages import key_cursor, place_cursor, read_key_cursor, read_place_cursor
from tollhouse.control.shapes import Given, ReceiptOut, Searched, Shown, Tag, refusals
from tollhouse.control.tables import csv_text
from tollhouse.foundation.money import exact_usd_string

router = APIRouter(prefix="/v1/ai/keys", tags=["keys"], route_class=ControlRoute)

MOST_IN_A_PAGE = many.MOST_AT_ONCE


class KeyList(Shown):
    keys: list[KeyOut]


class KeyAnswer(Shown):
    key: KeyOut


class NewKeyAnswer(Shown):
    """`raw_key` is shown this once and kept nowhere."""

    key: KeyOut
    raw_key: str


class KeyDetailsAnswer(Shown):
    key: KeyOut
    balance: BalanceOut
    forecast: ForecastOut
    recent_calls: list[ReceiptOut]


class CallPage(Shown):
    """`next_cursor` null: there are no more."""

    calls: list[ReceiptOut]
    next_cursor: str | None


class Deleted(Shown):
    deleted: Literal[True] = True


class KeyPage(Shown):
    """`next_cursor` null: there are no more."""

    keys: list[KeyOut]
    next_cursor: str | None


class KeyTotals(Shown):
    """`spend_usd`: what the keys spent in the periods that run now, to the nano-dollar."""

    keys: int
    spend_usd: str
    by_state: dict[KeyState, int]

    @classmethod
    def of(cls, found: list[StateTotal]) -> "KeyTotals":
        return cls(
            keys=sum(each.keys for each in found),
            spend_usd=exact_usd_string(sum(each.spent for each in found)),
            by_state={each.state: each.keys for each in found},
        )


class RotationIn(Given):
    """For how long the former secret works beside the new one; 0: it ends at once."""

    grace_s: Annotated[int, Field(ge=0, le=int(rotation.LONGEST_GRACE.total_seconds()))] = 0


class RotationAnswer(Shown):
    """`raw_key` is shown this once. The key's hash, its name in URLs, is another one now."""

    key: KeyOut
    raw_key: str
    former_ends_at: datetime


class SwitchIn(Given):
    hashes: Annotated[list[Searched], Field(min_length=1, max_length=many.MOST_AT_ONCE)]
    disabled: bool


class SwitchAnswer(Shown):
    """Hashes: of keys that were changed, of those that were so already, and of those that do not exist."""

    changed: list[str]
    unchanged: list[str]
    missing: list[str]


class Wanted:
    """Which keys to list; for `Depends`."""

    def __init__(
        self,
        search: Searched = "",
        state: KeyState | None = None,
        user_id: Searched | None = None,
        team_id: Searched | None = None,
        tag: Tag | None = None,
        sort: KeySort = "newest",
    ) -> None:
        self.search = KeySearch(search, state, user_id, team_id, tag, sort)


@router.get("/customer", summary="The customer's keys, up to 1,000 at a time", responses=refusals(400, 401, 403, 422))
async def list_customer_keys(
    context: Context,
    person: Annotated[Person, Depends(allowed("key.list_all"))],
    wanted: Annotated[Wanted, Depends()],
    limit: Annotated[int, Query(ge=1, le=MOST_IN_A_PAGE)] = MOST_IN_A_PAGE,
    cursor: str | None = None,
) -> KeyPage:
    after = None if cursor is None else read_key_cursor(cursor, wanted.search.sort)
    now = context.clock.now()
    page = await many.search(context.database, person, replace(wanted.search, after=after, most=limit), now)
    return KeyPage(
        keys=[KeyOut.of(account, now) for account in page.accounts],
        next_cursor=None if page.end is None else key_cursor(page.end, wanted.search.sort),
    )


@router.get(
    "/totals", summary="What the customer's keys come to, however many there are", responses=refusals(401, 403, 422)
)
async def key_totals(
    context: Context,
    person: Annotated[Person, Depends(allowed("key.list_all"))],
    wanted: Annotated[Wanted, Depends()],
) -> KeyTotals:
    return KeyTotals.of(await many.totals(context.database, person, wanted.search, context.clock.now()))


@router.get(
    "/export",
    summary="The customer's keys as CSV",
    response_class=Response,
    responses=refusals(401, 403, 422) | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_keys(
    context: Context,
    person: Annotated[Person, Depends(allowed("key.list_all"))],
    wanted: Annotated[Wanted, Depends()],
) -> Response:
    rows = await many.export(context.database, person, wanted.search, context.clock.now())
    headers = {"Content-Disposition": 'attachment; filename="keys.csv"'}
    return Response(csv_text([many.COLUMNS, *rows]), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/switch", summary="Disable or enable many keys, all or none", responses=refusals(401, 403, 422))
async def switch_keys(
    context: Context, person: Annotated[Person, Depends(allowed("key.change_many"))], given: SwitchIn
) -> SwitchAnswer:
    done = await many.switch(context, person, given.hashes, disabled=given.disabled)
    return SwitchAnswer(changed=done.changed, unchanged=done.unchanged, missing=done.missing)


@router.get("/user", summary="The caller's keys and those of the caller's teams", responses=refusals(401, 403))
async def list_own_keys(context: Context, person: Annotated[Person, Depends(allowed("key.list_own"))]) -> KeyList:
    return _list(context, await service.of_user(context.database, person, person.user_id))


@router.get(
    "/user/{user_id}", summary="A user's keys and those of the user's teams", responses=refusals(401, 403, 404, 422)
)
async def list_user_keys(
    context: Context, person: Annotated[Person, Depends(allowed("key.list_of_user"))], user_id: str
) -> KeyList:
    return _list(context, await service.of_user(context.database, person, user_id))


@router.post(
    "/user",
    status_code=201,
    summary="Make a key for oneself or, as admin or manager, for a user",
    responses=refusals(401, 403, 404, 422),
)
async def create_user_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.create_for_user"))], given: UserKeyIn
) -> NewKeyAnswer:
    issued = await service.create_for_user(context.database, person, given.terms(), given.user_id)
    return _new(context, issued)


@router.post(
    "/team/{team_id}", status_code=201, summary="Make a key for a team", responses=refusals(401, 403, 404, 422)
)
async def create_team_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.create_for_team"))], team_id: str, given: KeyIn
) -> NewKeyAnswer:
    return _new(context, await service.create_for_team(context.database, person, given.terms(), team_id))


@router.delete("/user/{key_hash}", summary="Delete a user's key", responses=refusals(401, 403, 404, 422))
async def delete_user_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.delete_of_user"))], key_hash: str
) -> Deleted:
    await service.delete_of_user(context, person, key_hash)
    return Deleted()


@router.delete("/team/{team_id}/{key_hash}", summary="Delete a team's key", responses=refusals(401, 403, 404, 422))
async def delete_team_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.delete_of_team"))], team_id: str, key_hash: str
) -> Deleted:
    await service.delete_of_team(context, person, team_id, key_hash)
    return Deleted()


@router.delete("/{key_hash}", summary="Delete any key", responses=refusals(401, 403, 404, 422))
async def delete_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.delete_any"))], key_hash: str
) -> Deleted:
    await service.delete(context, person, key_hash)
    return Deleted()


@router.get(
    "/{key_hash}/details", summary="A key, its balance and its last calls", responses=refusals(401, 403, 404, 422)
)
async def key_details(
    context: Context, person: Annotated[Person, Depends(allowed("key.see"))], key_hash: str
) -> KeyDetailsAnswer:
    now = context.clock.now()
    found = await service.details(context.database, person, key_hash, now)
    return KeyDetailsAnswer(
        key=KeyOut.of(found.account, now),
        balance=BalanceOut.of(found.account),
        forecast=ForecastOut.of(found.forecast),
        recent_calls=[ReceiptOut.of(receipt, found.adjusted.get(receipt.call_id)) for receipt in found.recent],
    )


@router.get(
    "/{key_hash}/calls", summary="The calls of a key, newest first", responses=refusals(400, 401, 403, 404, 422)
)
async def key_calls(
    context: Context,
    person: Annotated[Person, Depends(allowed("key.see"))],
    key_hash: str,
    limit: Annotated[int, Query(ge=1, le=calls.MOST_ON_A_PAGE)] = 50,
    cursor: str | None = None,
) -> CallPage:
    before = None if cursor is None else read_place_cursor(cursor, by_uuid=True)
    found = await calls.page(context.database, person, key_hash, before=before, most=limit)
    last = found.receipts[-1] if found.more else None
    return CallPage(
        calls=[ReceiptOut.of(receipt, found.adjusted.get(receipt.call_id)) for receipt in found.receipts],
        next_cursor=None if last is None else place_cursor(last.started_at, last.call_id),
    )


@router.patch("/{key_hash}", summary="Change a key", responses=refusals(401, 403, 404, 409, 422))
async def change_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.change"))], key_hash: str, given: KeyPatch
) -> KeyAnswer:
    changed = await service.change(context, person, key_hash, given.applied_to)
    return KeyAnswer(key=KeyOut.of(changed, context.clock.now()))


@router.post(
    "/{key_hash}/rotate",
    summary="Give a key a new secret; the former one may go on for a while",
    responses=refusals(401, 403, 404, 422),
)
async def rotate_key(
    context: Context, person: Annotated[Person, Depends(allowed("key.rotate"))], key_hash: str, given: RotationIn
) -> RotationAnswer:
    made = await rotation.rotate(context, person, key_hash, timedelta(seconds=given.grace_s))
    key = KeyOut.of(made.issued.account, context.clock.now())
    return RotationAnswer(key=key, raw_key=made.issued.raw_key, former_ends_at=made.former_ends_at)


def _list(context: Context, accounts: list[KeyAccount]) -> KeyList:
    now = context.clock.now()
    return KeyList(keys=[KeyOut.of(account, now) for account in accounts])


def _new(context: Context, issued: service.Issued) -> NewKeyAnswer:
    return NewKeyAnswer(key=KeyOut.of(issued.account, context.clock.now()), raw_key=issued.raw_key)
