"""Nobody is shut out: axe finds nothing serious or critical on any page, light or dark."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from browser.conftest import Arrive
from browser.places import INSIDE, OUTSIDE, Place, open_place
from browser.visiting import Account, Theme, Visitor
from tollhouse.demo.customer import Demo

AXE: Final = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
_GRAVE: Final = {"serious", "critical"}


@cache
def axe() -> str:
    assert AXE.is_file(), "axe-core is not installed: run the tests with `make test`"
    return AXE.read_text()


def admin_of(demo: Demo) -> Account:
    return Account(demo.customer_id, "", demo.email, demo.password)  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", OUTSIDE, ids=lambda place: place.name)
async def test_a_page_for_strangers_is_open_to_everybody(arrive: Arrive, place: Place, theme: Theme) -> None:
    visitor = await arrive(theme=theme, script=axe())
    await open_place(visitor, place)
    assert await _violations(visitor) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_pages_of_an_admin_are_open_to_everybody(arrive: Arrive, demo: Demo, theme: Theme) -> None:
    visitor = await arrive(admin_of(demo), theme=theme, script=axe())
    found = {}
    for place in INSIDE:
        await open_place(visitor, place)
        found[place.name] = await _violations(visitor)
    told = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    assert not told, "\n".join(told)


async def _violations(visitor: Visitor) -> list[str]:
    """One line each: the rule, and where it is broken."""
    result: dict[str, Any] = await visitor.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in result["violations"]
        if rule["impact"] in _GRAVE
        for node in rule["nodes"][:3]
    ]
