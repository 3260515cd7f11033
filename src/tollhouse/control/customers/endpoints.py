"""The customer as its people see it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from tollhouse.control.callers import Person
from tollhouse.control.customers import service
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.shapes import Shown, refusals

router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=ControlRoute)


class CustomerOut(Shown):
    """`gateway_error` is for admins: it is Cloudflare's own text about the last try."""

    id: str
    name: str
    email: str
    billing_email: str | None
    cf_gateway_id: str | None
    gateway_state: Literal["none", "pending", "ready", "failed"]
    gateway_attempts: int
    gateway_error: str | None
    created_at: datetime

    @classmethod
    def of(cls, customer: service.Customer, *, for_admin: bool) -> "CustomerOut":
        gateway = customer.gateway
        return cls(
            id=customer.id,
            name=customer.name,
            email=customer.email,
            billing_email=customer.billing_email,
            cf_gateway_id=gateway.gateway_id,
            gateway_state=gateway.state,
            gateway_attempts=gateway.attempts,
            gateway_error=gateway.error if for_admin else None,
            created_at=customer.created_at,
        )


class CustomerAnswer(Shown):
    customer: CustomerOut


@router.get("/me", summary="The caller's customer and its gateway", responses=refusals(401))
async def my_customer(context: Context, person: Annotated[Person, Depends(allowed("customer.see"))]) -> CustomerAnswer:
    async with context.database.connection() as connection:
        customer = await service.get(connection, person.customer_id)
    return CustomerAnswer(customer=CustomerOut.of(customer, for_admin=person.role == "admin"))
