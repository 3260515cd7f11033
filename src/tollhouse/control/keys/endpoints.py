"""`/v1/ai/keys`: the eleven routes' HTTP, but for the models, which have a file of their own.

Lists answer `{"keys": [...]}`, one key `{"key": {...}}`, creation adds `raw_key`: shown this once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from tollhouse.access.keys import BudgetReset, KeyTerms
from tollhouse.access.permits import BoundPolicy
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, SignedIn, allowed
from tollhouse.control.keys import service
from tollhouse.control.keys.forecast import Forecast
from tollhouse.control.keys.service import KeyAccount, KeyState
from tollhouse.control.shapes import AllowedModels, Given, Moment, Name, ReceiptOut, Shown, Usd, refusals
from tollhouse.foundation.money import exact_usd_string, usd_string

router = APIRouter(prefix="/v1/ai/keys", tags=["keys"], route_class=ControlRoute)

MaxOutputTokens = Annotated[int, Field(ge=1, le=10_000_000)]


class KeyIn(Given):
    """A key to make. Without a budget it is not limited; a budget without a reset lasts for the key's life."""

    name: Name
    budget_usd: Usd | None = None
    budget_reset: BudgetReset | None = None
    allowed_models: AllowedModels | None = None
    max_output_tokens: MaxOutputTokens | None = None
    bound_policy: BoundPolicy = "clamp_if_unset"
    expires_at: Moment | None = None

    def terms(self) -> KeyTerms:
        return KeyTerms(
            name=self.name,
            budget_usd=self.budget_usd,
            budget_reset=self.budget_reset,
            allowed_models=_once(self.allowed_models),
            max_output_tokens=self.max_output_tokens,
            bound_policy=self.bound_policy,
            expires_at=self.expires_at,
        )


class UserKeyIn(KeyIn):
    """`user_id` is for admins and managers; without it the key is the caller's own."""

    user_id: str | None = None


class KeyPatch(Given):
    """Fields that are absent stay as they are. Null: no limit, for life, all models, no expiry.

    Only fields that were given are looked at; the factories keep the others out of the published schema.
    """

    name: Name = Field(default_factory=str)
    budget_usd: Usd | None = None
    budget_reset: BudgetReset | None = None
    allowed_models: AllowedModels | None = None
    max_output_tokens: MaxOutputTokens | None = None
    bound_policy: BoundPolicy = Field(default_factory=lambda: "clamp_if_unset")
    disabled: bool = Field(default_factory=bool)
    expires_at: Moment | None = None

    def applied_to(self, terms: KeyTerms) -> KeyTerms:
        given: dict[str, Any] = {field: getattr(self, field) for field in self.model_fields_set}
        if "allowed_models" in given:
            given["allowed_models"] = _once(self.allowed_models)
        return replace(terms, **given)


def _once(models: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(models or ()))


class OwnerOut(Shown):
    email: str
    name: str


class KeyOut(Shown):
    """Money comes from the ledger. `remaining_usd` null: no limit. `resets_at` and `spend_reset_at` are the same."""

    hash: str
    id: str
    name: str
    display: str
    user_id: str | None
    team_id: str | None
    owner: OwnerOut | None
    team_name: str | None
    budget_usd: str | None
    budget_reset: BudgetReset | None
    spend_usd: str
    held_usd: str
    remaining_usd: str | None
    spend_reset_at: datetime | None
    resets_at: datetime | None
    allowed_models: list[str]
    max_output_tokens: int | None
    bound_policy: BoundPolicy
    disabled: bool
    expires_at: datetime | None
    created_at: datetime
    created_by_user_id: str | None
    last_used_at: datetime | None
    state: KeyState

    @classmethod
    def of(cls, account: KeyAccount, now: datetime) -> "KeyOut":
        return cls(**_key_fields(account), **_money_fields(account), state=account.state(now))


def _key_fields(account: KeyAccount) -> Mapping[str, Any]:
    key, terms = account.key, account.key.terms
    owner = None
    if key.owner_email is not None:
        owner = OwnerOut(email=key.owner_email, name=key.owner_name or "")
    return {
        "hash": key.key_hash,
        "id": key.id,
        "name": terms.name,
        "display": key.display,
        "user_id": key.user_id,
        "team_id": key.team_id,
        "owner": owner,
        "team_name": key.team_name,
        "allowed_models": list(terms.allowed_models),
        "max_output_tokens": terms.max_output_tokens,
        "bound_policy": terms.bound_policy,
        "disabled": terms.disabled,
        "expires_at": terms.expires_at,
        "created_at": key.created_at,
        "created_by_user_id": key.created_by_user_id,
        "last_used_at": key.last_used_at,
    }


def _money_fields(account: KeyAccount) -> Mapping[str, Any]:
    terms, balance = account.key.terms, account.balance
    return {
        "budget_usd": None if terms.budget_usd is None else str(terms.budget_usd),
        "budget_reset": terms.budget_reset,
        "spend_usd": usd_string(balance.spent),
        "held_usd": usd_string(balance.held),
        "remaining_usd": None if balance.remaining is None else usd_string(balance.remaining),
        "spend_reset_at": balance.resets_at,
        "resets_at": balance.resets_at,
    }


class BalanceOut(Shown):
    """The key's account in the ledger, in the period that runs now: exact, to the nano-dollar."""

    limit_usd: str | None
    spent_usd: str
    held_usd: str
    in_doubt_usd: str
    remaining_usd: str | None
    resets_at: datetime | None

    @classmethod
    def of(cls, account: KeyAccount) -> "BalanceOut":
        balance = account.balance
        return cls(
            limit_usd=None if balance.limit is None else exact_usd_string(balance.limit),
            spent_usd=exact_usd_string(balance.spent),
            held_usd=exact_usd_string(balance.held),
            in_doubt_usd=exact_usd_string(balance.doubt),
            remaining_usd=None if balance.remaining is None else exact_usd_string(balance.remaining),
            resets_at=balance.resets_at,
        )


class ForecastOut(Shown):
    """When the key's own budget will be spent at the present rate. `exhausted_at` null: never, or not before it resets.

    `calls` and `spent_usd` since `since` are what the rate was made from; `basis` says so in words.
    """

    exhausted_at: datetime | None
    resets_before: bool
    rate_usd_per_day: str | None
    basis: str
    since: datetime
    calls: int
    spent_usd: str

    @classmethod
    def of(cls, made: Forecast) -> "ForecastOut":
        return cls(
            exhausted_at=made.exhausted_at,
            resets_before=made.resets_before,
            rate_usd_per_day=None if made.rate_per_day is None else exact_usd_string(made.rate_per_day),
            basis=made.basis,
            since=made.since,
            calls=made.spending.calls,
            spent_usd=exact_usd_string(made.spending.cost),
        )


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


class Deleted(Shown):
    deleted: Literal[True] = True


@router.get("/customer", summary="All keys of the customer", responses=refusals(401, 403))
async def list_customer_keys(context: Context, person: Annotated[Person, Depends(allowed("key.list_all"))]) -> KeyList:
    return _list(context, await service.of_customer(context.database, person))


@router.get("/user", summary="The caller's keys and those of the caller's teams", responses=refusals(401))
async def list_own_keys(context: Context, person: Annotated[Person, Depends(allowed("key.list_own"))]) -> KeyList:
    return _list(context, await service.of_user(context.database, person, person.user_id))


@router.get(
    "/user/{user_id}", summary="A user's keys and those of the user's teams", responses=refusals(401, 403, 404, 422)
)
async def list_user_keys(context: Context, person: SignedIn, user_id: str) -> KeyList:
    return _list(context, await service.of_user(context.database, person, user_id))


@router.post(
    "/user",
    status_code=201,
    summary="Make a key for oneself or, as admin or manager, for a user",
    responses=refusals(401, 403, 404, 422),
)
async def create_user_key(context: Context, person: SignedIn, given: UserKeyIn) -> NewKeyAnswer:
    issued = await service.create_for_user(context.database, person, given.terms(), given.user_id)
    return _new(context, issued)


@router.post(
    "/team/{team_id}", status_code=201, summary="Make a key for a team", responses=refusals(401, 403, 404, 422)
)
async def create_team_key(context: Context, person: SignedIn, team_id: str, given: KeyIn) -> NewKeyAnswer:
    return _new(context, await service.create_for_team(context.database, person, given.terms(), team_id))


@router.delete("/user/{key_hash}", summary="Delete a user's key", responses=refusals(401, 403, 404, 422))
async def delete_user_key(context: Context, person: SignedIn, key_hash: str) -> Deleted:
    await service.delete_of_user(context, person, key_hash)
    return Deleted()


@router.delete("/team/{team_id}/{key_hash}", summary="Delete a team's key", responses=refusals(401, 403, 404, 422))
async def delete_team_key(context: Context, person: SignedIn, team_id: str, key_hash: str) -> Deleted:
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
async def key_details(context: Context, person: SignedIn, key_hash: str) -> KeyDetailsAnswer:
    now = context.clock.now()
    found = await service.details(context.database, person, key_hash, now)
    return KeyDetailsAnswer(
        key=KeyOut.of(found.account, now),
        balance=BalanceOut.of(found.account),
        forecast=ForecastOut.of(found.forecast),
        recent_calls=[ReceiptOut.of(receipt, found.adjusted.get(receipt.call_id)) for receipt in found.recent],
    )


@router.patch("/{key_hash}", summary="Change a key", responses=refusals(401, 403, 404, 409, 422))
async def change_key(context: Context, person: SignedIn, key_hash: str, given: KeyPatch) -> KeyAnswer:
    changed = await service.change(context, person, key_hash, given.applied_to)
    return KeyAnswer(key=KeyOut.of(changed, context.clock.now()))


def _list(context: Context, accounts: list[KeyAccount]) -> KeyList:
    now = context.clock.now()
    return KeyList(keys=[KeyOut.of(account, now) for account in accounts])


def _new(context: Context, issued: service.Issued) -> NewKeyAnswer:
    return NewKeyAnswer(key=KeyOut.of(issued.account, context.clock.now()), raw_key=issued.raw_key)
