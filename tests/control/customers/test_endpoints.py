"""The customer as its people see it."""

from control.house import House
from making import customer


async def test_everybody_sees_the_customer_and_only_admins_why_its_gateway_failed(house: House) -> None:
    async with house.context.database.connection() as connection:
        acme = await customer(
            connection, gateway_state="failed", cf_gateway_id=None, gateway_error="no room", gateway_attempts=3
        )
    for role, error in (("admin", "no room"), ("manager", None), ("member", None)):
        member = await house.member(acme, role)
        found = (await member.api.get("/v1/customers/me")).json()["customer"]
        assert (found["id"], found["name"], found["billing_email"]) == (acme, "Acme", None)
        assert (found["gateway_state"], found["cf_gateway_id"]) == ("failed", None)
        assert (found["gateway_attempts"], found["gateway_error"]) == (3, error)
