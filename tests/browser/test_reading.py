"""What people read: traces down to a span, a member's own things, and strings that would like to be code."""

import httpx
import pytest
from playwright.async_api import expect

from browser.conftest import Arrive
from browser.places import INSIDE, open_place
from browser.visiting import Account, a_colleague, admin_of, call, person_of
from making import key
from stage import Stage
from tollhouse.access.keys import KeyTerms
from tollhouse.control.callers import Actor
from tollhouse.control.people import teams
from tollhouse.demo.customer import Demo

EVIL = "<img src=x onerror=\"window.evil='yes'\"><script>window.evil='yes'</script>"


async def test_a_search_leads_to_a_trace_and_its_span(arrive: Arrive, demo: Demo) -> None:
    visitor = await arrive(admin_of(demo))
    page = visitor.page
    await visitor.go("/traces?range=30d")
    await page.get_by_label("Search in names, messages and attributes").fill("claude-code")
    await page.keyboard.press("Enter")
    rows = page.get_by_role("table", name="Traces").get_by_role("row")
    await expect(rows.filter(has_text="invoke_agent claude-code").first).to_be_visible()
    await rows.filter(has_text="invoke_agent claude-code").first.click()
    spans = page.get_by_role("tree", name="Spans")
    await expect(spans.get_by_role("treeitem").nth(2)).to_be_visible()
    await spans.get_by_role("treeitem", name="execute_tool").first.click()
    panel = page.get_by_role("region", name="Span")
    await panel.get_by_role("tab", name="Attributes").click()
    await expect(panel).to_contain_text("gen_ai.tool.name")


async def test_a_lead_adds_somebody_to_the_team(arrive: Arrive, stage: Stage, admin: Account) -> None:
    """By the beginning of a name; nobody is listed before that."""
    lead = await a_colleague(stage, admin, name="Lea Lead")
    await a_colleague(stage, admin, name="Kim Robinson")
    async with stage.database.transaction() as connection:
        actor = Actor(admin.customer_id, "test")
        team = await teams.create_team(connection, actor, "Harbour")
        await teams.add_member(connection, actor, team.id, lead.user_id, "lead")
    visitor = await arrive(lead)
    page = visitor.page
    await visitor.go(f"/people?tab=teams&team={team.id}")
    field = page.get_by_role("combobox", name="Add somebody to Harbour")
    await field.click()
    await expect(page.get_by_text("Type the beginning")).to_be_visible()
    await field.press_sequentially("robin")
    await page.get_by_role("option", name="Kim Robinson").click()
    await expect(page.get_by_role("button", name="Take Kim Robinson out of the team")).to_be_visible()


async def test_a_member_sees_what_is_theirs_and_their_teams(arrive: Arrive, demo: Demo) -> None:
    member = person_of(demo, "member-1@demo.tollhouse.example")
    visitor = await arrive(member)
    page = visitor.page
    await visitor.go("/keys")
    await expect(page.get_by_role("row", name="Notebook")).to_be_visible()
    await expect(page.get_by_role("row", name="Research team")).to_be_visible()
    await expect(page.get_by_text("Nightly reports")).to_have_count(0)
    await visitor.go("/?range=30d")
    await expect(page.get_by_text("gpt-4o-mini").first).to_be_visible()
    await expect(page.get_by_text("Nightly reports")).to_have_count(0)


@pytest.fixture
async def evil(stage: Stage, admin: Account) -> Account:
    """A customer where every name is an attack."""
    actor = Actor(admin.customer_id, "test")
    member = await a_colleague(stage, admin, name=EVIL)
    async with stage.database.transaction() as connection:
        await connection.execute("UPDATE customers SET name = $1 WHERE id = $2", EVIL, admin.customer_id)
        team = await teams.create_team(connection, actor, EVIL)
        await teams.add_member(connection, actor, team.id, member.user_id)
        made = await key(
            connection, admin.customer_id, user_id=member.user_id, terms=KeyTerms(EVIL, None, None, ("gpt-*", EVIL))
        )
    assert (await call(stage, made.raw_key)).status_code == 200
    assert (await call(stage, made.raw_key, EVIL)).status_code >= 400
    attributes = [
        {"key": name, "value": {"stringValue": EVIL}}
        for name in ("gen_ai.request.model", "gen_ai.provider.name", "gen_ai.input.messages", EVIL)
    ]
    span = {
        "traceId": "ab" * 16, "spanId": "cd" * 8, "name": EVIL, "attributes": attributes, "kind": 3,
        "status": {"code": 2, "message": EVIL},
    }  # fmt: skip
    now = await _now_ns(stage)
    span |= {"startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now)}
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": EVIL}}]}
    async with httpx.AsyncClient(base_url=stage.url) as client:
        answer = await client.post(
            "/v1/traces", json={"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": [span]}]}]},
            headers={"Authorization": f"Bearer {made.raw_key}"},
        )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return admin


async def _now_ns(stage: Stage) -> int:
    async with stage.database.connection() as connection:
        now: int = await connection.fetchval("SELECT (extract(epoch FROM now()) * 1e9)::bigint")
    return now


async def test_no_name_is_ever_code(arrive: Arrive, evil: Account) -> None:
    """Nothing executes anywhere, and what was written is shown as it was written."""
    visitor = await arrive(evil)
    page = visitor.page
    for place in INSIDE:
        if "{" not in place.path:
            await open_place(visitor, place)
            assert await page.evaluate("() => window.evil") is None, place.name
            assert await page.locator("img[src='x']").count() == 0, place.name
    await visitor.go("/keys")
    await expect(page.get_by_role("table").first).to_contain_text("onerror=")
    await visitor.go(f"/traces/{'ab' * 16}")
    await expect(page.get_by_role("tree", name="Spans")).to_contain_text("onerror=")
    assert await page.evaluate("() => window.evil") is None
