"""Nobody is shut out: axe finds nothing serious or critical on any page, light or dark."""

import pytest

from browser.axe import violations
from browser.conftest import Arrive
from browser.places import INSIDE, OUTSIDE, Place, open_place
from browser.visiting import Account, Theme
from tollhouse.demo.customer import Demo


def admin_of(demo: Demo) -> Account:
    return Account(demo.customer_id, "", demo.email, demo.password)  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", OUTSIDE, ids=lambda place: place.name)
async def test_a_page_for_strangers_is_open_to_everybody(arrive: Arrive, place: Place, theme: Theme) -> None:
    visitor = await arrive(theme=theme)
    await open_place(visitor, place)
    assert await violations(visitor.page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_pages_of_an_admin_are_open_to_everybody(arrive: Arrive, demo: Demo, theme: Theme) -> None:
    visitor = await arrive(admin_of(demo), theme=theme)
    found = {}
    for place in INSIDE:
        await open_place(visitor, place)
        found[place.name] = await violations(visitor.page)
    told = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    assert not told, "\n".join(told)
