"""axe in a visitor's page: what it finds that shuts somebody out."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page, expect

from browser.visiting import Visitor

AXE: Final = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
_GRAVE: Final = {"serious", "critical"}

_STILL: Final = """
    () => Promise.allSettled(
        document.getAnimations()
            .filter((each) => each.effect?.getComputedTiming().iterations !== Infinity)
            .map((each) => each.finished)
    ).then(() => null)
"""
"""What fades in is pale until then."""


@cache
def _axe() -> str:
    assert AXE.is_file(), "axe-core is not installed: run the tests with `make test`"
    return AXE.read_text()


async def violations(page: Page, within: str = "html") -> list[str]:
    """One line each: the rule, and where it is broken."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_axe())
    await page.evaluate(_STILL)
    result: dict[str, Any] = await page.evaluate(
        "(within) => axe.run(within === 'html' ? document : within, {resultTypes: ['violations']})", within
    )
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in result["violations"]
        if rule["impact"] in _GRAVE
        for node in rule["nodes"][:3]
    ]


async def assert_open_to_everybody(visitor: Visitor, within: str = "[role=dialog]") -> None:
    """In light and in dark, where somebody happens to be."""
    page = visitor.page
    await expect(page.locator(within).first).to_be_visible()
    for theme in ("dark", "light"):
        await page.emulate_media(color_scheme=theme)
        await expect(page.locator(f"html[data-mantine-color-scheme={theme}]")).to_have_count(1)
        found = await violations(page, within)
        assert not found, "\n".join((f"in {theme}:", *found))
