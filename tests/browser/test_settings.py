"""Settings, each to the point where it has an effect, and who does not even see them. In real Chromium."""

from dataclasses import dataclass
from typing import Final

import httpx
import pytest
from playwright.async_api import Page, expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import (
    PROVIDER_KEY,
    Account,
    Visitor,
    a_colleague,
    assert_forgotten,
    call,
    comes_to,
    read_secret,
)
from control.exporters.collector import Collector, collecting
from control.webhooks.receiver import Receiver, receiving
from making import key
from stage import Stage
from tollhouse.access.keys import NewKey
from waiting import until

AUDITED: Final = (
    "Organisation: update", "Gateway: ready", "Provider key: set", "Token: create", "Token: delete",
    "Trace exporter: create", "Webhook: set", "Budget: replace",
)  # fmt: skip


@dataclass
class Office:
    """An admin in the settings, with a key that calls can be made with."""

    visitor: Visitor
    stage: Stage
    key: NewKey

    @property
    def page(self) -> Page:
        return self.visitor.page

    async def open(self, section: str, title: str) -> None:
        await self.visitor.go(f"/settings/{section}")
        await expect(self.page.get_by_role("heading", level=2, name=title, exact=True)).to_be_visible()

    async def copied(self, what: str) -> str:
        await self.visitor.button(f"Copy {what}").click()
        text: str = await self.page.evaluate("() => navigator.clipboard.readText()")
        return text

    async def said(self, words: str) -> None:
        await expect(self.page.get_by_role("alert").filter(has_text=words)).to_be_visible()


@pytest.fixture
async def office(arrive: Arrive, admin: Account, stage: Stage) -> Office:
    async with stage.database.transaction() as connection:
        made = await key(connection, admin.customer_id, user_id=admin.user_id)
    visitor = await arrive(admin)
    await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return Office(visitor, stage, made)


async def test_an_admin_sets_everything_and_the_audit_log_tells_it(office: Office, admin: Account) -> None:
    await _rename(office)
    await _repair(office, admin)
    await _keep_a_provider_key(office)
    await _make_and_revoke_a_token(office)
    await _copy_how_to_send_traces(office)
    async with collecting() as collector, receiving() as receiver:
        await _export(office, collector)
        await _set_a_webhook(office, receiver)
        await _cross_a_threshold(office, receiver)
    await office.open("audit", "Audit log")
    for line in AUDITED:
        await expect(office.page.get_by_role("row").filter(has_text=line).first).to_be_visible()
    await office.page.get_by_role("row").filter(has_text="Provider key: set").first.click()
    await expect(office.page.get_by_role("dialog")).to_contain_text(admin.email)
    await assert_forgotten(office.page, PROVIDER_KEY)


async def _rename(office: Office) -> None:
    page = office.page
    await office.open("organisation", "Organisation")
    name = page.get_by_role("region", name="Name and invoices").get_by_label("Name")
    account = office.visitor.button("Account of Ada Admin")
    await name.fill("Quay & Sons")
    await page.get_by_role("region", name="Name and invoices").get_by_role("button", name="Save").click()
    await expect(account).to_contain_text("Quay & Sons")
    await office.visitor.button("Undo").click()
    await expect(account).to_contain_text("Acme")
    await expect(name).to_have_value("Acme")


async def _repair(office: Office, admin: Account) -> None:
    async with office.stage.database.connection() as connection:
        await connection.execute(
            "UPDATE customers SET gateway_state = 'failed', gateway_error = 'no room for another gateway', "
            "gateway_attempts = 9, gateway_tried_at = now() WHERE id = $1",
            admin.customer_id,
        )
    await comes_to(lambda: call(office.stage, office.key.raw_key), 503)
    await office.open("gateway", "Gateway")
    state = office.page.get_by_role("region", name="Cloudflare AI Gateway")
    await expect(state).to_contain_text("Failed")
    await expect(state).to_contain_text("no room for another gateway")
    await state.get_by_role("button", name="Repair now").click()
    await expect(state).to_contain_text("Ready")
    await comes_to(lambda: call(office.stage, office.key.raw_key), 200)


async def _keep_a_provider_key(office: Office) -> None:
    """A provider's key goes in, to the provider, and nowhere else."""
    page = office.page
    who_pays = page.get_by_role("region", name="Who pays the providers")
    await who_pays.get_by_label("Your keys, stored here").check()
    await who_pays.get_by_role("button", name="Change it").click()
    await office.said("The mode is changed")
    refused = await comes_to(lambda: call(office.stage, office.key.raw_key), 403)
    assert refused.json()["error"]["code"] == "provider_key_missing"
    await office.visitor.button("Store a key").click()
    dialog = page.get_by_role("dialog")
    await assert_open_to_everybody(office.visitor)
    await dialog.get_by_label("Provider").fill("openai")
    await dialog.get_by_label("Key", exact=True).fill(PROVIDER_KEY)
    await dialog.get_by_role("button", name="Store key").click()
    await expect(page.get_by_role("region", name="Keys of providers")).to_contain_text("…6789")
    await expect(dialog).to_have_count(0)
    await assert_forgotten(page, PROVIDER_KEY)
    await comes_to(lambda: call(office.stage, office.key.raw_key), 200)
    sent = (await office.stage.emulator.calls())[-1]
    assert PROVIDER_KEY in str(sent["headers"])


async def _make_and_revoke_a_token(office: Office) -> None:
    page = office.page
    await office.open("tokens", "API tokens")
    await office.visitor.button("New token").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("CI")
    await dialog.get_by_label("List keys and models").check()
    await assert_open_to_everybody(office.visitor)
    await dialog.get_by_role("button", name="Make token").click()
    token = await read_secret(page, "tht_")
    async with httpx.AsyncClient(base_url=office.stage.url, headers={"Authorization": f"Bearer {token}"}) as client:
        assert (await client.get("/v1/ai/keys/customer")).status_code == 200
        assert (await client.get("/v1/audit")).status_code == 403
        await office.visitor.button("Revoke CI").click()
        await assert_open_to_everybody(office.visitor)
        await page.get_by_role("dialog").get_by_role("button", name="Revoke token").click()
        await expect(page.get_by_text("You have no API tokens")).to_be_visible()
        await comes_to(lambda: client.get("/v1/ai/keys/customer"), 401)


async def _copy_how_to_send_traces(office: Office) -> None:
    await office.open("otlp", "Send traces")
    assert await office.copied("endpoint") == f"{office.stage.url}/v1/traces"
    tabs = office.page.get_by_role("tab")
    for at in range(await tabs.count()):
        await tabs.nth(at).click()
        snippet = await office.copied(f"snippet for {await tabs.nth(at).text_content()}")
        assert office.stage.url in snippet


async def _export(office: Office, collector: Collector) -> None:
    page = office.page
    await office.open("exports", "Trace exports")
    await office.visitor.button("New export").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name", exact=True).fill("Our collector")
    await dialog.get_by_label("Address").fill(collector.url)
    await dialog.get_by_label("Value of header 1").fill(f"Bearer {PROVIDER_KEY}")
    await assert_open_to_everybody(office.visitor)
    await dialog.get_by_role("button", name="Start sending").click()
    await expect(page.get_by_role("region", name="Our collector")).to_be_visible()
    await office.visitor.button("Test now: Our collector").click()
    await office.said("Our collector took the test span")
    assert (await call(office.stage, office.key.raw_key)).status_code == 200
    await expect(page.get_by_role("region", name="Our collector")).to_contain_text("Arrived1")
    assert "chat gpt-4o-mini" in collector.names
    assert collector.headers[0]["authorization"] == f"Bearer {PROVIDER_KEY}"


async def _set_a_webhook(office: Office, receiver: Receiver) -> None:
    page = office.page
    await office.open("alerts", "Alerts")
    await office.visitor.button("Set a webhook").click()
    await page.get_by_role("dialog").get_by_label("Address").fill(receiver.url())
    await assert_open_to_everybody(office.visitor)
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await read_secret(page, "")
    await office.visitor.button("Send a test event").click()
    await office.said("The receiver answered with 204")
    await expect(page.get_by_role("region", name="Webhook")).to_contain_text("Arrived · 204")


async def _cross_a_threshold(office: Office, receiver: Receiver) -> None:
    """Calls cross a threshold of a budget of the organisation: that is told to whoever listens."""
    page = office.page
    await office.open("organisation", "Organisation")
    await office.visitor.button("Set a budget").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Budget in US dollars").fill("0.0002")
    await assert_open_to_everybody(office.visitor)
    await dialog.get_by_role("button", name="Save budgets").click()
    await expect(dialog).to_have_count(0)
    while (answer := await call(office.stage, office.key.raw_key, most=60)).status_code == 200:
        pass
    assert answer.status_code == 402
    await until(lambda: any(b"budget.threshold_crossed" in each.body for each in receiver.arrived))


async def test_a_member_finds_only_what_is_their_own(arrive: Arrive, admin: Account, stage: Stage) -> None:
    """What is for others is neither in the menu nor at its address, and nothing of it was asked for."""
    visitor = await arrive(await a_colleague(stage, admin))
    page = visitor.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(stage.url)))
    await visitor.go("/settings")
    links = page.get_by_role("navigation", name="Settings").get_by_role("link")
    await expect(links).to_have_text(["Your account", "API tokens", "Send traces"])
    for section in ("organisation", "gateway", "exports", "alerts", "billing", "ledger", "audit"):
        await visitor.go(f"/settings/{section}")
        await expect(page.get_by_text("is for admins")).to_be_visible()
    assert [path for path in asked if path.startswith(("/v1/customers/me/", "/v1/audit", "/v1/ledger"))] == []
