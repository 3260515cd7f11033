"""From a stranger to an organisation that calls models, as the first steps lead there. In real Chromium."""

from typing import Any

from playwright.async_api import Page, expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import PASSWORD, Visitor, call, read_secret
from stage import Stage
from tollhouse.foundation.ids import new_id


async def test_somebody_registers_and_sees_the_first_call_arrive(arrive: Arrive, stage: Stage) -> None:
    """Each step is done where the list leads; the call appears without a reload, and then everywhere."""
    visitor = await arrive()
    page = visitor.page
    await _register(visitor)
    steps = page.get_by_role("region", name="First steps")
    await expect(steps).to_contain_text("1 of 4 done")
    await assert_open_to_everybody(visitor, "#first-steps")

    await steps.get_by_role("link", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("First")
    await visitor.button("Make key").click()
    raw_key = await read_secret(page)

    await _go_by_menu(page, "Overview")
    await expect(steps).to_contain_text("2 of 4 done")
    await expect(steps).to_contain_text(f"curl {stage.url}/v1/ai/chat/completions")
    await expect(steps.get_by_role("status")).to_contain_text("Waiting for the call")
    assert (await call(stage, raw_key)).status_code == 200
    await expect(steps.get_by_role("status")).to_contain_text("Your first call is here")
    await expect(steps.get_by_role("status")).to_contain_text("gpt-4o-mini")
    await expect(steps).to_contain_text("3 of 4 done")
    await expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()

    await steps.get_by_role("link", name="Invite people").click()
    link = await _invite(visitor)
    await _go_by_menu(page, "Overview")
    await page.get_by_role("region", name="Everything is set up").get_by_role("button", name="Done").click()
    await expect(page.get_by_role("region", name="Everything is set up")).to_have_count(0)

    await expect(page.get_by_role("region", name="Where it goes")).to_contain_text("gpt-4o-mini")
    await _go_by_menu(page, "Traces")
    await expect(_row(page, "Traces", "gpt-4o-mini")).to_be_visible()
    await _go_by_menu(page, "Keys")
    await _row(page, "Keys", "First").get_by_text("First", exact=True).click()
    await expect(_row(page, "Calls", "gpt-4o-mini")).to_be_visible()
    await _join(await arrive(), link)


async def _register(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.go("/register")
    await page.get_by_label("Organisation").fill("Harbour Ltd")
    await page.get_by_label("Your name").fill("Hana Harbour")
    await page.get_by_label("E-mail address").fill(f"{new_id()}@example.com")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await visitor.button("Register").click()
    await expect(page.get_by_role("heading", level=1, name="Welcome, Hana Harbour")).to_be_visible()


async def _go_by_menu(page: Page, name: str) -> None:
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()


def _row(page: Page, table: str, text: str) -> Any:
    return page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text).first


async def _invite(visitor: Visitor) -> str:
    page = visitor.page
    await expect(page.get_by_role("tab", name="Invitations")).to_have_attribute("aria-selected", "true")
    await visitor.button("Invite").first.click()
    await page.get_by_role("dialog").get_by_label("E-mail address").fill(f"{new_id()}@example.com")
    await visitor.button("Make invitation").click()
    return await read_secret(page, "http")


async def _join(guest: Visitor, link: str) -> None:
    page = guest.page
    await page.goto(link)
    await expect(page.get_by_role("heading", name="Join Harbour Ltd")).to_be_visible()
    await expect(page.get_by_label("E-mail address")).to_be_visible()
    await assert_open_to_everybody(guest, "html")
    await page.get_by_label("Your name").fill("Gus Guest")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await guest.button("Join").click()
    await expect(guest.button("Account of Gus Guest")).to_be_visible()
