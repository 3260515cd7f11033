"""HTTP for onboarding: registering, and asking for the gateway now."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from tollhouse.control.callers import Person
from tollhouse.control.customers.endpoints import CustomerAnswer, CustomerOut
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Address, Context, allowed, hand_session, own_pages_only
from tollhouse.control.onboarding import ending, gateways, registration
from tollhouse.control.onboarding.registration import Registration
from tollhouse.control.people.endpoints import Doorkeeper
from tollhouse.control.people.shapes import UserOut, session_out
from tollhouse.control.shapes import Email, Given, Name, NewPassword, SessionOut, Shown, refusals
from tollhouse.foundation.secrets import Secret

router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=ControlRoute)


class RegistrationIn(Given):
    """`name` is the customer's; the first admin is called `admin_name`, or like the e-mail address."""

    name: Name
    email: Email
    password: NewPassword
    admin_name: Name | None = None
    billing_email: Email | None = None

    def registration(self, address: str | None) -> Registration:
        return Registration(
            name=self.name,
            email=self.email,
            password=Secret(self.password.get_secret_value()),
            admin_name=self.admin_name or self.email.partition("@")[0],
            billing_email=self.billing_email,
            address=address,
        )


class RegistrationAnswer(Shown):
    customer: CustomerOut
    user: UserOut
    session: SessionOut


@router.post(
    "/register",
    status_code=201,
    summary="Make a customer with its gateway and first admin, and sign in",
    dependencies=[Depends(own_pages_only)],
    responses=refusals(403, 409, 422),
)
async def register(
    context: Context, doorkeeper: Doorkeeper, address: Address, given: RegistrationIn, response: Response
) -> RegistrationAnswer:
    made = await registration.register(context, doorkeeper.passwords, given.registration(address))
    hand_session(response, context, made.session.raw.reveal())
    return RegistrationAnswer(
        customer=CustomerOut.of(made.customer, for_admin=True),
        user=UserOut.of(made.user),
        session=session_out(made.session),
    )


@router.post(
    "/me/gateway",
    summary="Make the customer's gateway now, if it is not ready",
    responses=refusals(401, 403, 409, 502),
)
async def provision_gateway(
    context: Context, person: Annotated[Person, Depends(allowed("gateway.provision"))]
) -> CustomerAnswer:
    customer = await gateways.provision_now(context, person)
    return CustomerAnswer(customer=CustomerOut.of(customer, for_admin=True))


class DeletionIn(Given):
    name: Annotated[str, Field(max_length=200, description="The customer's name, word for word.")]


@router.post(
    "/me/delete",
    status_code=204,
    summary="Delete the customer: keys are dead at once, its gateway goes, the ledger and its invoices stay",
    responses=refusals(401, 403, 404, 409, 422),
)
async def delete_customer(
    context: Context, person: Annotated[Person, Depends(allowed("customer.delete"))], given: DeletionIn
) -> None:
    await ending.end_customer(context, person, given.name)
