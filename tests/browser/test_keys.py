"""Keys from the first to the last day: made, used, exhausted, raised, switched off, rotated. In real Chromium."""

import re

from playwright.async_api import Page, expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import Account, Visitor, a_colleague, admin_of, call, comes_to, read_secret
from stage import Stage
from tollhouse.control.callers import Actor
from tollhouse.control.people import teams
from tollhouse.demo.customer import Demo


async def _fill_new_key(page: Page, name: str, *, budget: str = "", model: str = "") -> None:
    """The form of a new key, up to its button."""
    await page.get_by_role("button", name="New key").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill(name)
    if budget:
        await dialog.get_by_label("Budget in USD").fill(budget)
    if model:
        chooser = dialog.get_by_role("combobox", name="Allowed models")
        await chooser.fill(model)
        await page.get_by_role("option", name=model).first.click()
        await chooser.press("Escape")


async def _new_key(visitor: Visitor, name: str, *, budget: str = "", model: str = "") -> str:
    """Make a key on the page of keys; returns it."""
    await visitor.go("/keys")
    await _fill_new_key(visitor.page, name, budget=budget, model=model)
    return await _make(visitor.page)


async def _do(page: Page, deed: str) -> None:
    """One of the things that are done with a key now and then."""
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name=deed).click()


async def _make(page: Page) -> str:
    """Press the button; the raw key is shown this once."""
    await page.get_by_role("button", name="Make key").click()
    return await read_secret(page)


async def _open_key(visitor: Visitor, name: str) -> None:
    await visitor.go("/keys")
    await visitor.page.get_by_role("row", name=name).get_by_text(name, exact=True).click()
    await expect(visitor.page.get_by_role("heading", level=1, name=name)).to_be_visible()


async def test_a_key_with_a_budget_is_spent_to_its_end_raised_and_works_again(
    arrive: Arrive, admin: Account, stage: Stage
) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    raw_key = await _new_key(visitor, "Shop", budget="0.0001", model="gpt-4o-mini")
    assert (await call(stage, raw_key)).status_code == 200
    assert (await call(stage, raw_key, "claude-haiku-4-5")).json()["error"]["code"] == "model_not_allowed"
    while (answer := await call(stage, raw_key, most=60)).status_code == 200:
        pass
    assert answer.status_code == 402

    await _open_key(visitor, "Shop")
    await expect(page.get_by_text("Total usage")).to_be_visible()
    await expect(page.get_by_role("table", name="Calls").get_by_text("gpt-4o-mini").first).to_be_visible()
    await page.get_by_role("button", name="Edit", exact=True).click()
    await assert_open_to_everybody(visitor)
    await page.get_by_role("dialog").get_by_label("Budget in USD").fill("5")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await call(stage, raw_key)).status_code == 200


async def test_a_call_is_explained_by_its_receipt(arrive: Arrive, admin: Account, stage: Stage) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    raw_key = await _new_key(visitor, "Receipts")
    call_id = (await call(stage, raw_key)).headers["x-tollhouse-call-id"]
    await _open_key(visitor, "Receipts")
    await page.get_by_role("table", name="Calls").get_by_text("gpt-4o-mini").first.click()
    receipt = page.get_by_role("dialog", name="Receipt")
    await expect(receipt.get_by_text(call_id[:8]).first).to_be_visible()
    await assert_open_to_everybody(visitor)


async def test_a_key_is_switched_off_and_on(arrive: Arrive, admin: Account, stage: Stage) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    raw_key = await _new_key(visitor, "Switch")
    await _open_key(visitor, "Switch")
    await _do(page, "Disable")
    await expect(page.get_by_role("main").get_by_text("Disabled").first).to_be_visible()
    assert (await comes_to(lambda: call(stage, raw_key), 403)).json()["error"]["code"] == "key_disabled"
    await _do(page, "Enable")
    await expect(page.get_by_role("main").get_by_text("Active").first).to_be_visible()
    await comes_to(lambda: call(stage, raw_key), 200)


async def test_a_rotated_key_has_another_secret_and_the_former_ends(
    arrive: Arrive, admin: Account, stage: Stage
) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    former = await _new_key(visitor, "Turn")
    await _open_key(visitor, "Turn")
    await _do(page, "Rotate")
    await assert_open_to_everybody(visitor)
    await page.get_by_label("The former key ends").first.click()
    await page.get_by_role("option", name="At once").click()
    await page.get_by_role("button", name="Rotate key").click()
    present = await read_secret(page)
    assert (await call(stage, former)).status_code == 401
    assert (await call(stage, present)).status_code == 200


async def test_a_team_has_a_key_that_its_member_sees_and_another_does_not(
    arrive: Arrive, admin: Account, stage: Stage
) -> None:
    member, stranger = await a_colleague(stage, admin), await a_colleague(stage, admin, name="Sten Stranger")
    async with stage.database.transaction() as connection:
        actor = Actor(admin.customer_id, "test")
        team = await teams.create_team(connection, actor, "Harbour")
        await teams.add_member(connection, actor, team.id, member.user_id)
    visitor = await arrive(admin)
    page = visitor.page
    await visitor.go("/keys")
    await page.get_by_role("button", name="New key").first.click()
    await page.get_by_role("radiogroup", name="Whose key").get_by_text("Team", exact=True).click()
    chooser = page.get_by_role("dialog").get_by_label(re.compile("^Team")).and_(page.locator("input:not([type=radio])"))
    await chooser.click()
    await page.get_by_role("option", name="Harbour").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("Cranes")
    raw_key = await _make(page)
    assert (await call(stage, raw_key)).status_code == 200

    seeing = await arrive(member)
    await seeing.go("/keys")
    await expect(seeing.page.get_by_role("row", name="Cranes")).to_be_visible()
    blind = await arrive(stranger)
    await blind.go("/keys")
    await expect(blind.page.get_by_role("heading", level=1, name="Keys")).to_be_visible()
    await expect(blind.page.get_by_role("button", name="New key").first).to_be_visible()
    await expect(blind.page.get_by_text("Cranes")).to_have_count(0)


async def test_all_calls_of_a_key_are_reached_and_its_traces(arrive: Arrive, demo: Demo) -> None:
    """The last 50 at first; the others as somebody scrolls to them."""
    visitor = await arrive(admin_of(demo))
    page = visitor.page
    await _open_key(visitor, "Claude Code")
    calls = page.get_by_role("table", name="Calls")
    await expect(calls.get_by_role("row").nth(5)).to_be_visible()
    scroller = calls.locator("..")
    for _ in range(300):
        if int(await calls.get_by_role("row").last.get_attribute("aria-rowindex") or 0) > 102:
            break
        await scroller.evaluate("scroller => { scroller.scrollTop += 1000 }")
        await page.wait_for_timeout(50)
    else:
        raise AssertionError("the third page never came")
    await page.get_by_role("link", name="All traces of this key").click()
    await expect(page.get_by_role("heading", level=1, name="Traces")).to_be_visible()
    await expect(page.get_by_role("button", name="Key Claude Code")).to_be_visible()
    await expect(page.get_by_role("table", name="Traces").get_by_role("row").nth(2)).to_be_visible()


async def test_a_deleted_key_is_gone(arrive: Arrive, admin: Account, stage: Stage) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    raw_key = await _new_key(visitor, "Farewell")
    await _open_key(visitor, "Farewell")
    await _do(page, "Delete")
    await assert_open_to_everybody(visitor)
    await page.get_by_role("button", name="Delete key").click()
    await expect(page.get_by_role("heading", level=1, name="Keys")).to_be_visible()
    await expect(page.get_by_text("Farewell")).to_have_count(0)
    assert (await call(stage, raw_key)).status_code == 401
