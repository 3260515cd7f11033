"""The customer as its people see it."""

from typing import Any

from control.house import House, refusal
from making import customer


async def test_everybody_sees_the_customer_and_only_admins_what_is_between_us_and_others(house: House) -> None:
    """Why its gateway failed, and its account at Stripe."""
    state: dict[str, Any] = {"gateway_state": "failed", "gateway_error": "no room", "gateway_attempts": 3}
    async with house.context.database.connection() as connection:
        acme = await customer(connection, cf_gateway_id=None, stripe_customer_id="cus_1", **state)
    for role, error, account_id in (("admin", "no room", "cus_1"), ("manager", None, None), ("member", None, None)):
        member = await house.member(acme, role)
        found = (await member.api.get("/v1/customers/me")).json()["customer"]
        assert (found["id"], found["name"], found["billing_email"]) == (acme, "Acme", None)
        assert (found["gateway_state"], found["cf_gateway_id"]) == ("failed", None)
        assert (found["gateway_attempts"], found["gateway_error"]) == (3, error)
        assert found["stripe_customer_id"] == account_id


async def test_admins_change_what_the_customer_is_and_everybody_sees_it(house: House) -> None:
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
    admin, member = await house.member(acme, "admin"), await house.member(acme)
    given = {
        "name": "Acme & Sons",
        "billing_email": "bills@example.com",
        "credential_mode": "byok",
        "capture_content": True,
        "trace_retention_days": 14,
        "member_keys": {"max_budget_usd": "25", "allowed_models": ["openai/*", "openai/*"], "max_keys": 3},
    }
    assert (await admin.api.patch("/v1/customers/me", json=given)).status_code == 200
    seen = (await member.api.get("/v1/customers/me")).json()["customer"]
    assert (seen["name"], seen["billing_email"]) == ("Acme & Sons", "bills@example.com")
    assert seen["settings"] == {
        "credential_mode": "byok",
        "capture_content": True,
        "trace_retention_days": 14,
        "member_keys": {"max_budget_usd": "25.0000", "allowed_models": ["openai/*"], "max_keys": 3},
    }
    assert (await admin.api.patch("/v1/customers/me", json={"member_keys": None})).status_code == 200
    now = (await admin.api.get("/v1/customers/me")).json()["customer"]["settings"]
    assert now["member_keys"] == {"max_budget_usd": None, "allowed_models": [], "max_keys": None}
    assert now["credential_mode"] == "byok"
    rows = await house.fetch("SELECT before, after FROM audit_log WHERE action = 'customer.update' ORDER BY id")
    assert rows[0]["after"]["credential_mode"] == "byok"
    assert set(rows[1]["after"]) == {"member_max_budget_usd", "member_allowed_models", "member_max_keys"}


async def test_a_change_that_is_none_leaves_no_line_and_nonsense_is_refused(house: House) -> None:
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
    admin, manager = await house.member(acme, "admin"), await house.member(acme, "manager")
    assert (await admin.api.patch("/v1/customers/me", json={})).status_code == 200
    assert await house.fetch("SELECT 1 FROM audit_log WHERE action = 'customer.update'") == []
    wrongs: tuple[dict[str, Any], ...] = (
        {"credential_mode": "free"}, {"trace_retention_days": 0}, {"member_keys": {"max_keys": -1}}, {"settings": {}},
        {"member_keys": {"allowed_models": ["no spaces"]}}, {"name": ""}, {"cf_gateway_id": "x"}, {"name": None},
    )  # fmt: skip
    for wrong in wrongs:
        assert (await admin.api.patch("/v1/customers/me", json=wrong)).status_code == 422, wrong
    assert refusal(await manager.api.patch("/v1/customers/me", json={"name": "x"})) == (403, "forbidden")
