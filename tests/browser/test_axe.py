"""Nobody is shut out: axe finds nothing serious or critical on any page, light or dark."""

import pytest
from playwright.async_api import Route, expect

from browser.axe import assert_open_to_everybody, violations
from browser.conftest import Arrive
from browser.places import INSIDE, OUTSIDE, Place, open_place
from browser.visiting import Theme, admin_of
from tollhouse.demo.customer import Demo


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", OUTSIDE, ids=lambda place: place.name)
async def test_a_page_for_strangers_is_open_to_everybody(arrive: Arrive, place: Place, theme: Theme) -> None:
    visitor = await arrive(theme=theme)
    await open_place(visitor, place)
    assert await violations(visitor.page) == []


async def test_closed_registration_is_open_to_everybody(arrive: Arrive) -> None:
    """The page that says it; the answer is another only on its way to the page."""
    visitor = await arrive()

    async def close(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=await answer.json() | {"registration_open": False})

    await visitor.page.route("**/v1/sign-in-options", close)
    await visitor.go("/register")
    await expect(visitor.page.get_by_text("Registration is closed here")).to_be_visible()
    await assert_open_to_everybody(visitor, "html")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_pages_of_an_admin_are_open_to_everybody(arrive: Arrive, demo: Demo, theme: Theme) -> None:
    visitor = await arrive(admin_of(demo), theme=theme)
    found = {}
    for place in INSIDE:
        await open_place(visitor, place)
        found[place.name] = await violations(visitor.page)
    told = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    assert not told, "\n".join(told)
