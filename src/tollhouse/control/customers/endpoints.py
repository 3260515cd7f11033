"""The customer as its people see it."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from tollhouse.access.member_policy import MemberPolicy
from tollhouse.cloudflare.routes import CredentialMode
from tollhouse.control.callers import Person
from tollhouse.control.customers import service
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.shapes import AllowedModels, Email, Given, Name, Shown, Usd, refusals
from tollhouse.traces.retention import MOST_DAYS

router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=ControlRoute)


class MemberKeysOut(Shown):
    """What keys that members make may be. Null or empty: not limited."""

    max_budget_usd: str | None
    allowed_models: list[str]
    max_keys: int | None


class SettingsOut(Shown):
    """`trace_retention_days` null: spans are kept as long as the installation keeps them."""

    credential_mode: CredentialMode
    capture_content: bool
    trace_retention_days: int | None
    member_keys: MemberKeysOut

    @classmethod
    def of(cls, settings: service.Settings) -> "SettingsOut":
        return cls(
            credential_mode=settings.credential_mode,
            capture_content=settings.capture_content,
            trace_retention_days=settings.trace_retention_days,
            member_keys=MemberKeysOut.model_validate(settings.member_keys.stored()),
        )


class MemberKeysIn(Given):
    """With a budget, each of members' keys must have one, and at most this."""

    max_budget_usd: Usd | None = None
    allowed_models: AllowedModels | None = None
    max_keys: Annotated[int, Field(ge=0, le=1_000_000)] | None = None

    def policy(self) -> MemberPolicy:
        return MemberPolicy(self.max_budget_usd, tuple(dict.fromkeys(self.allowed_models or ())), self.max_keys)


class CustomerPatch(Given):
    """Fields that are absent stay as they are. `member_keys` is set as a whole; null: not limited."""

    name: Name = Field(default_factory=str)
    billing_email: Email | None = None
    credential_mode: CredentialMode = Field(default_factory=lambda: "unified")
    capture_content: bool = Field(default_factory=bool)
    trace_retention_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    member_keys: MemberKeysIn | None = None

    def applied_to(self, profile: service.Profile) -> service.Profile:
        given: dict[str, Any] = {field: getattr(self, field) for field in self.model_fields_set}
        if "member_keys" in given:
            given["member_keys"] = (self.member_keys or MemberKeysIn()).policy()
        own = {name: given.pop(name) for name in ("name", "billing_email") if name in given}
        return replace(profile, **own, settings=replace(profile.settings, **given))


class CustomerOut(Shown):
    """For admins only: `gateway_error`, Cloudflare's own text about the last try, and `stripe_customer_id`."""

    id: str
    name: str
    email: str
    billing_email: str | None
    stripe_customer_id: str | None
    cf_gateway_id: str | None
    gateway_state: Literal["none", "pending", "ready", "failed"]
    gateway_attempts: int
    gateway_error: str | None
    settings: SettingsOut
    created_at: datetime

    @classmethod
    def of(cls, customer: service.Customer, *, for_admin: bool) -> "CustomerOut":
        gateway = customer.gateway
        return cls(
            id=customer.id,
            name=customer.name,
            email=customer.email,
            billing_email=customer.billing_email,
            stripe_customer_id=customer.billing.account_id if for_admin else None,
            cf_gateway_id=gateway.gateway_id,
            gateway_state=gateway.state,
            gateway_attempts=gateway.attempts,
            gateway_error=gateway.error if for_admin else None,
            settings=SettingsOut.of(customer.settings),
            created_at=customer.created_at,
        )


class CustomerAnswer(Shown):
    customer: CustomerOut


@router.get("/me", summary="The caller's customer and its gateway", responses=refusals(401, 403))
async def my_customer(context: Context, person: Annotated[Person, Depends(allowed("customer.see"))]) -> CustomerAnswer:
    async with context.database.connection() as connection:
        customer = await service.get(connection, person.customer_id)
    return CustomerAnswer(customer=CustomerOut.of(customer, for_admin=person.role == "admin"))


@router.patch(
    "/me", summary="Change the customer's name, billing address or settings", responses=refusals(401, 403, 422)
)
async def change_customer(
    context: Context, person: Annotated[Person, Depends(allowed("customer.change"))], given: CustomerPatch
) -> CustomerAnswer:
    changed = await service.change(context.database, person, given.applied_to)
    return CustomerAnswer(customer=CustomerOut.of(changed, for_admin=True))
