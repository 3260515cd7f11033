"""Keys as they are given and shown."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from tollhouse.access.keys import BudgetReset, KeyState, KeyTerms
from tollhouse.access.permits import BoundPolicy, CallLimits
from tollhouse.control.keys.forecast import Forecast
from tollhouse.control.keys.service import KeyAccount
from tollhouse.control.shapes import AllowedModels, Given, Moment, Name, Shown, Tags, Usd
from tollhouse.foundation.money import exact_usd_string, usd_string

MaxOutputTokens = Annotated[int, Field(ge=1, le=10_000_000)]
RequestsPerMinute = Annotated[int, Field(ge=1, le=10_000_000)]
TokensPerMinute = Annotated[int, Field(ge=1, le=1_000_000_000_000)]
ConcurrentCalls = Annotated[int, Field(ge=1, le=100_000)]

_CALLS = ("requests_per_minute", "tokens_per_minute", "concurrent_calls")


class KeyIn(Given):
    """A key to make. Without a budget it is not limited; a budget without a reset lasts for the key's life."""

    name: Name
    budget_usd: Usd | None = None
    budget_reset: BudgetReset | None = None
    allowed_models: AllowedModels | None = None
    max_output_tokens: MaxOutputTokens | None = None
    bound_policy: BoundPolicy = "clamp_if_unset"
    expires_at: Moment | None = None
    requests_per_minute: RequestsPerMinute | None = None
    tokens_per_minute: TokensPerMinute | None = None
    concurrent_calls: ConcurrentCalls | None = None
    tags: Tags | None = None

    def terms(self) -> KeyTerms:
        return KeyTerms(
            name=self.name,
            budget_usd=self.budget_usd,
            budget_reset=self.budget_reset,
            allowed_models=_once(self.allowed_models),
            max_output_tokens=self.max_output_tokens,
            bound_policy=self.bound_policy,
            expires_at=self.expires_at,
            calls=CallLimits(self.requests_per_minute, self.tokens_per_minute, self.concurrent_calls),
            tags=_once(self.tags),
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
    requests_per_minute: RequestsPerMinute | None = None
    tokens_per_minute: TokensPerMinute | None = None
    concurrent_calls: ConcurrentCalls | None = None
    tags: Tags | None = None

    def applied_to(self, terms: KeyTerms) -> KeyTerms:
        given: dict[str, Any] = {field: getattr(self, field) for field in self.model_fields_set}
        for name in given.keys() & {"allowed_models", "tags"}:
            given[name] = _once(given[name])
        calls = {name: given.pop(name) for name in _CALLS if name in given}
        return replace(terms, **given, calls=replace(terms.calls, **calls))


def _once(listed: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(listed or ()))


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
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None
    tags: list[str]
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
        "requests_per_minute": terms.calls.requests_per_minute,
        "tokens_per_minute": terms.calls.tokens_per_minute,
        "concurrent_calls": terms.calls.concurrent_calls,
        "tags": list(terms.tags),
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
