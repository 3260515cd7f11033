"""Other limits on past calls, from every place that offers to try them out."""

from playwright.async_api import Page, expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import Visitor, admin_of, person_of
from tollhouse.demo.customer import Demo


async def _come(arrive: Arrive, demo: Demo) -> Visitor:
    return await arrive(admin_of(demo))


async def _try(page: Page, whose: str, budget: str) -> None:
    """In the dialog that stands open, which is about these calls."""
    dialog = page.get_by_role("dialog", name=f"What if: {whose}")
    await dialog.get_by_label("Budget in USD").fill(budget)
    await dialog.get_by_role("button", name="Try it").click()
    await expect(dialog.get_by_role("region", name="Outcome")).to_contain_text("calls would have been refused")


async def test_a_keys_page_and_the_list_try_its_budget_out_and_apply_it(arrive: Arrive, demo: Demo) -> None:
    """What is applied stands in the key's form, from either place."""
    visitor = await _come(arrive, demo)
    page = visitor.page
    await visitor.go("/keys")
    await page.get_by_role("button", name="Actions for Claude Code").click()
    await page.get_by_role("menuitem", name="What if").click()
    await _try(page, "Claude Code", "0.5")
    await assert_open_to_everybody(visitor)
    await page.get_by_role("button", name="Apply this budget").click()
    form = page.get_by_role("dialog", name="Claude Code")
    await expect(form.get_by_label("Budget in USD")).to_have_value("0.5")
    await form.get_by_role("button", name="Cancel").click()
    await page.get_by_role("row", name="Claude Code").get_by_text("Claude Code", exact=True).click()
    await page.get_by_role("button", name="What if").click()
    await _try(page, "Claude Code", "0.25")
    await page.get_by_role("button", name="Apply this budget").click()
    await expect(form.get_by_label("Budget in USD")).to_have_value("0.25")


async def test_the_overview_and_the_palette_try_budgets_out(arrive: Arrive, demo: Demo) -> None:
    """A budget at risk as it is; for the whole organisation from the head of the page and from anywhere."""
    visitor = await _come(arrive, demo)
    page = visitor.page
    await visitor.go("/")
    await page.get_by_role("button", name="What if: Nightly reports").click()
    await expect(page.get_by_role("dialog").get_by_label("Budget in USD")).to_have_value("12")
    await _try(page, "Nightly reports", "0.01")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="What if…").click()
    await _try(page, "Demo Inc.", "0.01")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await visitor.go("/traces")
    await page.get_by_role("button", name="Search").first.click()
    await page.get_by_role("textbox", name="Search pages").fill("what if")
    await page.keyboard.press("Enter")
    await _try(page, "Demo Inc.", "0.01")


async def test_members_are_not_offered_what_they_may_not(arrive: Arrive, demo: Demo) -> None:
    member = person_of(demo, "member-1@demo.tollhouse.example")
    visitor = await arrive(member)
    page = visitor.page
    await visitor.go("/?what_if=true")
    await expect(page.get_by_role("heading", name="Budgets at risk")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="What if")).to_have_count(0)
    await visitor.go("/keys")
    await page.get_by_role("button", name="Actions for Notebook").click()
    await expect(page.get_by_role("menuitem", name="Traces")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="What if")).to_have_count(0)
