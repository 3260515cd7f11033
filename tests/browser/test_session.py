"""Coming in, going out, and what happens when a session ends by itself. In real Chromium."""

from playwright.async_api import expect

from browser.conftest import Arrive
from browser.visiting import PASSWORD, Account
from stage import Stage


async def test_a_stranger_is_led_to_the_sign_in_page_and_back_to_where_they_wanted(
    arrive: Arrive, admin: Account
) -> None:
    visitor = await arrive()
    page = visitor.page
    await visitor.go("/keys")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.get_by_label("E-mail address").fill(admin.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Keys")).to_be_visible()


async def test_a_wrong_password_is_said_in_words(arrive: Arrive, admin: Account) -> None:
    visitor = await arrive()
    page = visitor.page
    await visitor.go("/sign-in")
    await page.get_by_label("E-mail address").fill(admin.email)
    await page.get_by_label("Password", exact=True).fill("not the password at all")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def test_who_signs_out_is_a_stranger_again(arrive: Arrive, admin: Account) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    await visitor.go("/")
    await visitor.button("Account of Ada Admin").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await visitor.go("/keys")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_session_that_ended_leads_to_the_sign_in_page_and_back(
    arrive: Arrive, admin: Account, stage: Stage
) -> None:
    visitor = await arrive(admin)
    page = visitor.page
    await visitor.go("/keys")
    await expect(page.get_by_role("heading", level=1, name="Keys")).to_be_visible()
    await page.wait_for_load_state("networkidle")
    async with stage.database.connection() as connection:
        await connection.execute("UPDATE sessions SET revoked_at = now() WHERE user_id = $1", admin.user_id)
    await page.get_by_role("link", name="People").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.get_by_label("E-mail address").fill(admin.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="People")).to_be_visible()
