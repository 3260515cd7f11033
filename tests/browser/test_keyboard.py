"""Somebody without a mouse, from the sign-in page to a key that is stored. In real Chromium."""

import re
from typing import Any, Final

from playwright.async_api import Page, expect

from browser.axe import assert_open_to_everybody
from browser.conftest import Arrive
from browser.visiting import PASSWORD, Account, assert_forgotten, call
from stage import Stage

_MOST_STEPS: Final = 40
_SHOWN: Final = """
    () => {
        const here = document.activeElement;
        if (here === document.body) return null;
        const box = here.getBoundingClientRect();
        const inside = box.width > 0 && box.left >= 0 && box.top >= 0 && box.top < innerHeight;
        const {outlineStyle, outlineWidth, borderColor} = getComputedStyle(here);
        const outlined = outlineStyle !== 'none' && parseFloat(outlineWidth) > 0;
        const others = [...document.querySelectorAll('input')].filter((each) => each !== here && each.type !== 'radio');
        const bordered = here.tagName === 'INPUT'
            && (others.length === 0 || others.some((each) => getComputedStyle(each).borderColor !== borderColor));
        return inside && (outlined || bordered || here.type === 'radio');
    }
"""
"""Whether what has the focus looks like it: an outline, or a field's border that is not that of others."""


async def test_a_key_is_made_without_a_mouse(arrive: Arrive, admin: Account, stage: Stage) -> None:
    visitor = await arrive()
    page = visitor.page
    await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visitor.go("/sign-in")
    await expect(page.get_by_label("E-mail address")).to_be_focused()
    await page.keyboard.type(admin.email)
    await _tab_to(page, page.get_by_label("Password", exact=True))
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")

    await _tab_to(page, page.get_by_role("link", name="Skip to content"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.activeElement.closest('#main') !== null")

    await page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search and commands")
    await expect(palette.get_by_role("textbox")).to_be_focused()
    await assert_open_to_everybody(visitor)
    await page.keyboard.type("keys")
    await expect(palette.get_by_role("button", name="Keys", exact=True)).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Keys")).to_be_visible()
    await expect(palette).to_have_count(0)

    button = page.get_by_role("main").get_by_role("button", name="New key").first
    await _tab_to(page, button)
    await page.keyboard.press("Enter")
    await _fill(page)
    await _tab_to(page, page.get_by_role("button", name="Make key"))
    await page.keyboard.press("Enter")

    shown = page.get_by_test_id("secret")
    await expect(page.get_by_role("button", name="Copy", exact=True)).to_be_focused()
    await assert_open_to_everybody(visitor)
    await page.keyboard.press("Enter")
    raw_key: str = await page.evaluate("() => navigator.clipboard.readText()")
    assert raw_key == await shown.text_content()
    await _tab_to(page, page.get_by_role("button", name="I have stored it"))
    await page.keyboard.press("Enter")
    await expect(shown).to_have_count(0)
    await expect(button).to_be_focused()
    await assert_forgotten(page, raw_key)
    assert (await call(stage, raw_key)).status_code == 200
    assert (await call(stage, raw_key, "claude-haiku-4-5")).status_code == 403


async def _fill(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("By hand")
    models = dialog.get_by_role("combobox", name="Allowed models")
    await _tab_to(page, models)
    await page.keyboard.type("gpt-4o-mini")
    await expect(page.get_by_role("option", name="gpt-4o-mini").first).to_be_visible()
    chosen = page.get_by_role("option", name=re.compile("^gpt-4o-mini(?!-)")).first
    here = await chosen.get_attribute("id")
    for _ in range(_MOST_STEPS):
        if await models.get_attribute("aria-activedescendant") == here:
            break
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("option")).to_have_count(0)
    await expect(dialog).to_contain_text("gpt-4o-mini")


async def _tab_to(page: Page, wanted: Any) -> None:
    """Press Tab until it has the focus. On the way there is always something to be seen of where one is."""
    await expect(wanted).to_be_visible()
    for _ in range(_MOST_STEPS):
        await page.keyboard.press("Tab")
        assert await page.evaluate(_SHOWN) is not False, await page.evaluate("() => document.activeElement.outerHTML")
        if await wanted.evaluate("(each) => each === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by {_MOST_STEPS} times Tab")
