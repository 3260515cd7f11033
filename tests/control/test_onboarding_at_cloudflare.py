"""Onboarding with the real client of Cloudflare's API, over sockets, against the emulator."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from control.house import House, refusal, registration
from making import ManualClock
from tollhouse.catalog.models import Catalog
from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.management import GatewayManagement
from tollhouse.control.onboarding.gateways import provision_pending
from tollhouse.emulator.app import EmulatorConfig
from tollhouse.emulator.server import running
from tollhouse.foundation.secrets import Secret

TOKEN = "management-token-0123456789"
POOL = tuple(Account(name, Secret(TOKEN), Secret("run-token-0123456789"), 20) for name in ("first", "second"))


@dataclass(frozen=True)
class Cloud:
    """The house on an emulated Cloudflare whose accounts hold two gateways each, though we believe in twenty."""

    house: House
    controls: httpx.AsyncClient

    async def trouble(self, **fault: object) -> None:
        answer = await self.controls.post("/_emulator/management", json={"next": [fault]})
        assert answer.status_code == 200, answer.text

    async def gateways(self) -> set[tuple[str, str]]:
        """What is there, by Cloudflare's own word."""
        found = set()
        for account in POOL:
            path = f"/client/v4/accounts/{account.id}/ai-gateway/gateways"
            listed = await self.controls.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
            found |= {(account.id, gateway["id"]) for gateway in listed.json()["result"]}
        return found

    async def ours(self) -> set[tuple[str, str]]:
        """What our customers believe to have."""
        rows = await self.house.fetch(
            "SELECT cf_account_id, cf_gateway_id FROM customers WHERE gateway_state = 'ready'"
        )
        return {(row["cf_account_id"], row["cf_gateway_id"]) for row in rows}


@pytest.fixture
async def cloud(house: House, catalog: Catalog) -> AsyncIterator[Cloud]:
    accounts = {account.id: frozenset({TOKEN}) for account in POOL}
    async with (
        running(EmulatorConfig(accounts, catalog, gateway_quota=2)) as url,
        GatewayManagement(f"{url}/client/v4", POOL) as management,
        httpx.AsyncClient(base_url=url) as controls,
    ):
        yield Cloud(house.but(management=management, accounts=POOL), controls)


async def test_each_customer_gets_its_own_gateway_until_the_pool_is_full(cloud: Cloud) -> None:
    for name in ("ann", "bob", "cid", "dee", "eve"):
        await cloud.house.register(f"{name}@example.com")
    states = await cloud.house.fetch("SELECT cf_account_id, gateway_state FROM customers ORDER BY created_at, email")
    assert [(row["cf_account_id"], row["gateway_state"]) for row in states] == [
        ("first", "ready"),
        ("first", "ready"),
        ("second", "ready"),
        ("second", "ready"),
        (None, "failed"),
    ]
    assert await cloud.gateways() == await cloud.ours()
    assert len(await cloud.ours()) == 4


@pytest.mark.parametrize(
    "fault", [{"status": 504, "commit": True}, {"status": 400, "code": 7001, "commit": True}, {"drop": True}]
)
async def test_an_unclear_answer_still_ends_in_one_gateway(
    cloud: Cloud, clock: ManualClock, fault: dict[str, object]
) -> None:
    """Made and not told, or neither: at once or at the next try there is one, and the customer knows it."""
    await cloud.trouble(on="create", **fault)
    await cloud.house.register("ann@example.com")
    clock.advance(15)
    await provision_pending(cloud.house.context)
    assert len(await cloud.ours()) == 1
    assert await cloud.gateways() == await cloud.ours()


async def test_a_cloudflare_that_is_down_is_healed_later(cloud: Cloud, clock: ManualClock) -> None:
    await cloud.trouble(status=403, code=10000, message="Authentication error", times=1)
    browser = await cloud.house.register("ann@example.com")
    shown = (await browser.get("/v1/customers/me")).json()["customer"]
    assert shown["gateway_state"] == "failed"
    assert "Authentication error" in shown["gateway_error"]
    assert TOKEN not in shown["gateway_error"]
    clock.advance(15)
    assert await provision_pending(cloud.house.context) == 1
    assert await cloud.gateways() == await cloud.ours()


async def test_whoever_loses_the_race_for_an_address_leaves_no_gateway(cloud: Cloud) -> None:
    """Five at once: whichever gets past the first look, one gateway is left, and it is the winner's."""
    visitors = [await cloud.house.visitor() for _ in range(5)]
    racing = (visitor.post("/v1/customers/register", json=registration("ann@example.com")) for visitor in visitors)
    answers = await asyncio.gather(*racing)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {refusal(answer)[1] for answer in answers if answer.is_error} == {"email_taken"}
    assert len(await cloud.gateways()) == 1
    assert await cloud.gateways() == await cloud.ours()
