"""What the dashboard costs a browser: its size, when it is usable, and whether long lists scroll without a stall.

    PYTHONPATH=.:tests .venv/bin/python -m bench.dashboard

Sizes are of the compressed JavaScript that a first visit loads. Usable means: the page's heading and numbers stand
there and nothing kept the page busy for 50 ms since. The list has 10,000 keys; this script answers them, because it
is the scrolling that is measured. Everything is headless Chromium on this machine.
"""

import asyncio
import json
from statistics import median
from typing import Any, Final

from playwright.async_api import Browser, Route, expect

from browser.pictures import demo_running
from browser.visiting import Account, Visitor, chromium_running, visiting
from stage import Emulated, Stage

ROUNDS: Final = 5
ROWS: Final = 10_000
_WATCH: Final = """
window.stalls = [];
new PerformanceObserver(list => list.getEntries().forEach(
    entry => window.stalls.push([entry.startTime, entry.duration])
)).observe({type: 'longtask', buffered: true});
"""
_USABLE: Final = """() => {
    const painted = performance.now();
    const busy = window.stalls.map(([start, lasted]) => start + lasted);
    const first = performance.getEntriesByName('first-contentful-paint')[0].startTime;
    return Math.max(first, ...busy.filter(end => end <= painted));
}"""
_SCROLL: Final = """async selector => {
    const scroller = document.querySelector(selector);
    window.stalls = [];
    for (let step = 0; step < 300; step++) {
        scroller.scrollTop += 400;
        await new Promise(requestAnimationFrame);
    }
    await new Promise(done => setTimeout(done, 200));
    return {worst: Math.max(0, ...window.stalls.map(([, lasted]) => lasted)), top: scroller.scrollTop};
}"""


async def main() -> None:
    async with demo_running() as demo, chromium_running() as browser:
        stage = Stage(demo["base_url"], Emulated(demo["emulator_url"]), None)  # type: ignore[arg-type]
        admin = Account(demo["customer_id"], "", demo["email"], demo["password"])  # type: ignore[arg-type]
        shell = await _loads(browser, stage, admin, "/people")
        overview = await _loads(browser, stage, admin, "/?range=30d")
        scrolled = await _scroll(browser, stage, admin)
        await stage.emulator.aclose()
    print("| figure | measured | at most |\n|---|---:|---:|")
    print(f"| JavaScript of the signed-in shell, with a page without charts | {shell[0] / 1000:.0f} kB | 220 kB |")
    print(f"| JavaScript of the Overview with its charts | {overview[0] / 1000:.0f} kB | 350 kB |")
    print(f"| Overview usable, median of {ROUNDS} first visits | {overview[1]:.0f} ms | 1,500 ms |")
    print(f"| longest stall while {ROWS:,} rows scroll (below 50 ms none is told) | {scrolled:.0f} ms | 50 ms |")


async def _loads(browser: Browser, stage: Stage, admin: Account, path: str) -> tuple[int, float]:
    """Bytes of JavaScript as they went over the wire, and when the page could be used, in ms."""
    sizes, times = [], []
    for _ in range(ROUNDS):
        async with visiting(browser, stage, script=_WATCH) as visitor:
            await visitor.sign_in(admin)
            await visitor.go(path)
            await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
            await expect(visitor.page.locator(".mantine-Skeleton-root:visible")).to_have_count(0)
            times.append(float(await visitor.page.evaluate(_USABLE)))
            sizes.append(await _javascript(visitor))
    return max(sizes), median(times)


async def _javascript(visitor: Visitor) -> int:
    size: int = await visitor.page.evaluate(
        "() => performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('.js'))"
        ".reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
    )
    return size


async def _scroll(browser: Browser, stage: Stage, admin: Account) -> float:
    async with visiting(browser, stage, script=_WATCH) as visitor:
        await visitor.sign_in(admin)
        await visitor.context.route("**/v1/ai/keys/customer?*", _many_keys)
        await visitor.context.route("**/v1/ai/keys/customer", _many_keys)
        await visitor.go("/keys")
        await expect(visitor.page.get_by_role("row", name="Key 00003")).to_be_visible()
        told: dict[str, float] = await visitor.page.evaluate(_SCROLL, "[role=region][aria-label]")
        assert told["top"] > 10_000, "the list did not scroll"
        return told["worst"]


async def _many_keys(route: Route) -> None:
    """The demo's first key, ten thousand times, under names and hashes of its own."""
    answer = await route.fetch()
    body: dict[str, Any] = await answer.json()
    key = body["keys"][0]
    body["keys"] = [key | {"name": f"Key {n:05}", "id": f"{n:032x}", "hash": f"{n:064x}"} for n in range(ROWS)]
    await route.fulfill(response=answer, body=json.dumps(body | {"next_cursor": None}))


if __name__ == "__main__":
    asyncio.run(main())
