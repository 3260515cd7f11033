"""People, teams and whole organisations that are deleted, to the end. In real Chromium."""

from playwright.async_api import expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import PASSWORD, Account, Visitor, a_colleague, call, comes_to
from making import key
from stage import Stage
from tollhouse.access.keys import KeyTerms
from tollhouse.control.callers import Actor
from tollhouse.control.people import teams


async def test_what_is_deleted_calls_no_model_any_more(arrive: Arrive, admin: Account, stage: Stage) -> None:
    """Keys of a person and of a team stay with the organisation, switched off; with the organisation all keys go."""
    member = await a_colleague(stage, admin)
    async with stage.database.transaction() as connection:
        team = await teams.create_team(connection, Actor(admin.customer_id, "test"), "Harbour")
        persons = await key(connection, admin.customer_id, user_id=member.user_id, terms=KeyTerms("Person's"))
        teams_own = await key(connection, admin.customer_id, team_id=team.id, terms=KeyTerms("Team's"))
        last = await key(connection, admin.customer_id, user_id=admin.user_id, terms=KeyTerms("Last"))
    for made in (persons, teams_own, last):
        assert (await call(stage, made.raw_key)).status_code == 200
    guest = await arrive(member)
    await guest.go("/keys")
    visitor = await arrive(admin)
    page = visitor.page

    await visitor.go(f"/people?user={member.user_id}")
    await _delete(visitor, "Delete person", "Delete person", member.email)
    await expect(page.get_by_role("table", name="People")).not_to_contain_text("Max Member")
    assert (await comes_to(lambda: call(stage, persons.raw_key), 403)).json()["error"]["code"] == "key_disabled"
    await guest.page.get_by_role("link", name="Traces").click()
    await expect(guest.page.get_by_role("heading", name="Sign in")).to_be_visible()

    await visitor.go(f"/people?tab=teams&team={team.id}")
    await _delete(visitor, "Delete team", "Delete team", "Harbour")
    await expect(page.get_by_text("No teams yet")).to_be_visible()
    assert (await comes_to(lambda: call(stage, teams_own.raw_key), 403)).json()["error"]["code"] == "key_disabled"
    await visitor.go("/keys")
    for name in ("Person's", "Team's"):
        await expect(page.get_by_role("row", name=name)).to_contain_text("Disabled")

    await visitor.go("/settings/organisation")
    await _delete(visitor, "Delete organisation", "Delete organisation", "Acme")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert (await comes_to(lambda: call(stage, last.raw_key), 401)).json()["error"]["code"] == "invalid_api_key"
    assert (await call(stage, persons.raw_key)).status_code == 401
    await page.get_by_label("E-mail address").fill(admin.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def _delete(visitor: Visitor, button: str, verb: str, typed: str) -> None:
    """The button works only when what goes was named."""
    page = visitor.page
    await page.get_by_role("button", name=button, exact=True).click()
    asked = page.get_by_role("dialog").filter(has_text="cannot be undone")
    await expect(asked.get_by_role("button", name=verb)).to_be_disabled()
    await assert_open_to_everybody(visitor)
    await asked.get_by_role("textbox").fill(typed)
    await asked.get_by_role("button", name=verb).click()
    await expect(asked).to_have_count(0)
