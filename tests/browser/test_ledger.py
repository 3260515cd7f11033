"""Money whose fate somebody has to decide: released, corrected, sent again. In real Chromium."""

import re
from typing import Any

from playwright.async_api import Page, expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import Account, Visitor, call
from making import book_of, key
from stage import Stage
from tollhouse.access.keys import NewKey
from tollhouse.foundation.ids import CustomerId
from tollhouse.ledger import book as ledger_book

DECIDED = ("ledger.release_doubt", "ledger.adjust", "usage_event.retry", "usage_event.retry")


async def test_an_admin_decides_what_nobody_else_can_know(arrive: Arrive, admin: Account, stage: Stage) -> None:
    async with stage.database.transaction() as connection:
        made = await key(connection, admin.customer_id, "5.0000", user_id=admin.user_id)
    await stage.emulator.script(model="gpt-4o-mini", status=500, body={"error": {"message": "oops"}})
    assert (await call(stage, made.raw_key)).status_code == 500
    assert (await call(stage, made.raw_key)).status_code == 200
    await _lose_a_machine(stage, admin.customer_id, made)
    await _cast_usage_out(stage, admin.customer_id)
    visitor = await arrive(admin)

    await visitor.go("/settings/ledger")
    await _release(visitor)
    await _correct(visitor)
    await expect(visitor.page.get_by_text("Nothing is in doubt")).to_be_visible()
    audit = await visitor.api("GET", "/v1/ledger/audit")
    assert (audit["breaches"], audit["in_doubt_usd"]) == ([], "0.000000000")
    key_now = (await visitor.api("GET", f"/v1/ai/keys/{made.key_hash}/details"))["balance"]
    booked = sum(entry["cost_nanos"] for entry in await stage.entries() if entry["key_id"] == made.key_id)
    assert float(key_now["spent_usd"]) * 1e9 == booked

    await visitor.go("/settings/billing")
    await _send_again(visitor)
    lines = (await visitor.api("GET", "/v1/audit?limit=10"))["lines"]
    assert tuple(reversed([line["action"] for line in lines if line["action"] in DECIDED])) == DECIDED


async def _lose_a_machine(stage: Stage, customer_id: CustomerId, made: NewKey) -> None:
    """A worker that held money of the key's budget is gone, and its journal with it."""
    async with stage.database.connection() as connection:
        worker = await book_of(connection, customer_id, made.key_id)
        await worker.reserve(3_000_000)
        await ledger_book.close_epoch(connection, worker.owner, worker.owner.epoch, exact=False)


async def _cast_usage_out(stage: Stage, customer_id: CustomerId) -> None:
    """Of two events one was refused by Stripe, and one may have arrived there."""
    async with stage.database.transaction() as connection:
        changed = await connection.execute(
            "UPDATE usage_events SET dead_at = now(), attempts = 2, last_error = 'it went wrong', "
            "first_tried_at = now(), dead_kind = CASE WHEN entry_id::text = "
            "(SELECT min(entry_id::text) FROM usage_events WHERE customer_id = $1) "
            "THEN 'refused' ELSE 'uncertain' END WHERE customer_id = $1",
            customer_id,
        )
    assert changed == "UPDATE 2"


def _doubt(page: Page, text: str) -> Any:
    return page.get_by_role("table", name="List of what is in doubt").get_by_role("row").filter(has_text=text)


async def _release(visitor: Visitor) -> None:
    page = visitor.page
    await _doubt(page, "set aside by a worker").get_by_role("button", name="Release").click()
    dialog = page.get_by_role("dialog")
    await assert_open_to_everybody(visitor)
    await dialog.get_by_label("Reason").fill("its disk burnt")
    await dialog.get_by_role("button", name="Release").click()
    await expect(_doubt(page, "set aside by a worker")).to_have_count(0)


async def _correct(visitor: Visitor) -> None:
    page = visitor.page
    await _doubt(page, "A call to gpt-4o-mini").get_by_role("button", name="Say what it cost").click()
    dialog = page.get_by_role("dialog")
    await assert_open_to_everybody(visitor)
    await dialog.get_by_label(re.compile("cost", re.I)).fill("0")
    await dialog.get_by_label("Reason").fill("the provider did not charge it")
    await dialog.get_by_role("button", name="Book the").click()
    corrections = page.get_by_role("table", name="List of corrections")
    await expect(corrections.get_by_role("row").filter(has_text="did not charge it")).to_contain_text("gpt-4o-mini")


async def _send_again(visitor: Visitor) -> None:
    """What surely does not count goes at once; what may count is asked about."""
    page = visitor.page
    letters = page.get_by_role("table", name="List of dead letters").get_by_role("row")
    refused, uncertain = letters.filter(has_text="Refused by Stripe"), letters.filter(has_text="May count there")
    await refused.get_by_role("button", name="Send again").click()
    await expect(refused).to_have_count(0)
    await uncertain.get_by_role("button", name="Send again").click()
    await assert_open_to_everybody(visitor)
    await page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    await expect(page.get_by_text("Everything arrived or is on its way")).to_be_visible()
    usage = await visitor.api("GET", "/v1/billing/usage")
    assert usage["dead"]["events"] == 0
