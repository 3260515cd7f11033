"""What the dashboard costs a browser: its size, when it is usable, and whether long lists scroll without a stall.

    PYTHONPATH=.:tests .venv/bin/python -m bench.dashboard

Sizes are of the compressed JavaScript that a first visit of a page loads, with the shell around it. Usable means: the
page's heading and numbers stand there and nothing kept the page busy for 50 ms since. Lists have 10,000 rows, which
this script answers, because it is the scrolling that is measured: one list has them all at once, the others get them in
pages of the size that they ask for, while they scroll. Everything is headless Chromium on this machine.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Browser, Route, expect

from browser.pictures import demo_running
from browser.visiting import Account, Visitor, chromium_running, visiting
from stage import Emulated, Stage

ROUNDS: Final = 5
ROWS: Final = 10_000
_TASKS: Final = "disabled-by-default-devtools.timeline"
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


@dataclass(frozen=True)
class Listed:
    """A page whose list is `field` of what `asked` answers. `row` makes the n-th of the demo's first one."""

    path: str
    asked: str
    field: str
    first: str
    page: int | None = None
    """How many rows come at a time; None: as many as the page asks for."""

    def row(self, sample: dict[str, Any], n: int) -> dict[str, Any]:
        ids = {name: f"{n:032x}" for name in ("id", "hash", "trace_id") if name in sample}
        return sample | ids | {"name": f"{self.first} {n:05}"}


_KEYS: Final = Listed("/keys", "/v1/ai/keys/customer", "keys", "Key")
_LISTS: Final = {
    f"{ROWS:,} keys, all there at once": Listed(**vars(_KEYS) | {"page": ROWS}),
    "keys that come in pages": _KEYS,
    "people that come in pages": Listed("/people", "/v1/users", "users", "Person"),
    "traces that come in pages": Listed("/traces", "/v1/traces/search", "traces", "Trace"),
}
_SETTINGS: Final = (
    "organisation", "gateway", "tokens", "otlp", "exports", "alerts", "billing", "ledger", "audit", "account",
)  # fmt: skip
_PLAIN: Final = ("/keys", "/traces", "/tools", "/people", *(f"/settings/{section}" for section in _SETTINGS))


async def main() -> None:
    async with demo_running() as demo, chromium_running() as browser:
        stage = Stage(demo["base_url"], Emulated(demo["emulator_url"]), None)  # type: ignore[arg-type]
        admin = Account(demo["customer_id"], "", demo["email"], demo["password"])  # type: ignore[arg-type]
        trace, key = await _one_of_each(browser, stage, admin)
        stalls = {name: await _scroll(browser, stage, admin, listed) for name, listed in _LISTS.items()}
        overview = await _loads(browser, stage, admin, "/?range=30d", ROUNDS)
        plain = {path: (await _loads(browser, stage, admin, path))[0] for path in (*_PLAIN, trace)}
        drawn = {"/": overview[0], "/keys/…": (await _loads(browser, stage, admin, key))[0]}
        await stage.emulator.aclose()
    print("| figure | measured | at most |\n|---|---:|---:|")
    for path, size in plain.items():
        print(f"| JavaScript of {path.replace(trace, '/traces/…')} with the shell | {size / 1000:.0f} kB | 220 kB |")
    for path, size in drawn.items():
        print(f"| JavaScript of {path} with its charts | {size / 1000:.0f} kB | 350 kB |")
    print(f"| Overview usable, median of {ROUNDS} first visits | {overview[1]:.0f} ms | 1,500 ms |")
    for name, (stall, task) in stalls.items():
        print(f"| longest stall while scrolling {name} (below 50 ms none is told) | {stall:.0f} ms | 50 ms |")
        print(f"| its longest task, in time of the processor | {task:.0f} ms | 50 ms |")


async def _one_of_each(browser: Browser, stage: Stage, admin: Account) -> tuple[str, str]:
    """The addresses of a trace and of a key."""
    async with visiting(browser, stage) as visitor:
        await visitor.sign_in(admin)
        traces = await visitor.api("GET", "/v1/traces/search?limit=1")
        keys = await visitor.api("GET", "/v1/ai/keys/customer?limit=1")
    return f"/traces/{traces['traces'][0]['trace_id']}", f"/keys/{keys['keys'][0]['hash']}"


async def _loads(browser: Browser, stage: Stage, admin: Account, path: str, rounds: int = 1) -> tuple[int, float]:
    """Bytes of JavaScript as they went over the wire, and when the page could be used, in ms."""
    sizes, times = [], []
    for _ in range(rounds):
        async with visiting(browser, stage, script=_WATCH) as visitor:
            await visitor.sign_in(admin)
            await visitor.go(path)
            await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
            await expect(visitor.page.locator(".mantine-Skeleton-root:visible")).to_have_count(0)
            times.append(float(await visitor.page.evaluate(_USABLE)))
            await visitor.page.wait_for_load_state("networkidle")
            sizes.append(await _javascript(visitor))
    return max(sizes), median(times)


async def _javascript(visitor: Visitor) -> int:
    size: int = await visitor.page.evaluate(
        "() => performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('.js'))"
        ".reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
    )
    return size


async def _scroll(browser: Browser, stage: Stage, admin: Account, listed: Listed) -> tuple[float, float]:
    async with visiting(browser, stage, script=_WATCH) as visitor:
        await visitor.sign_in(admin)
        await visitor.context.route(f"**{listed.asked}", lambda route: _many(route, listed))
        await visitor.context.route(f"**{listed.asked}?*", lambda route: _many(route, listed))
        await visitor.go(listed.path)
        await expect(visitor.page.get_by_role("row", name=f"{listed.first} 00003")).to_be_visible()
        async with _traced(visitor) as tasks:
            told: dict[str, float] = await visitor.page.evaluate(_SCROLL, "[role=region][aria-label]")
        assert told["top"] > 10_000, "the list did not scroll"
        return told["worst"], max(tasks)


@asynccontextmanager
async def _traced(visitor: Visitor) -> AsyncIterator[list[float]]:
    """What the page's tasks took of the processor meanwhile, in ms; there when it is over. Unlike a stall it does not
    grow when something else keeps the machine busy."""
    cdp = await visitor.context.new_cdp_session(visitor.page)
    events: list[dict[str, Any]] = []
    complete = asyncio.Event()
    cdp.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: complete.set())
    await cdp.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": {"includedCategories": [_TASKS]}})
    tasks: list[float] = []
    yield tasks
    await cdp.send("Tracing.end")
    await asyncio.wait_for(complete.wait(), 60)
    pages = {_thread(event) for event in events if event["args"].get("name") == "CrRendererMain"}
    ours = (event for event in events if event["name"] == "RunTask" and _thread(event) in pages)
    tasks += [event["tdur"] / 1000 for event in ours if "tdur" in event]


def _thread(event: dict[str, Any]) -> tuple[int, int]:
    return event["pid"], event["tid"]


async def _many(route: Route, listed: Listed) -> None:
    """The demo's first one again and again, under names and ids of its own; the cursor is how many there were."""
    split = urlsplit(route.request.url)
    asked = parse_qs(split.query)
    start = int(asked.pop("cursor", ["0"])[0])
    size = listed.page or int(asked["limit"][0])
    answer = await route.fetch(url=f"{split.scheme}://{split.netloc}{split.path}?limit=1")
    body: dict[str, Any] = await answer.json()
    sample = body[listed.field][0]
    end = min(start + size, ROWS)
    rows = [listed.row(sample, n) for n in range(start, end)]
    cursor = None if end == ROWS else str(end)
    await route.fulfill(response=answer, body=json.dumps(body | {listed.field: rows, "next_cursor": cursor}))


if __name__ == "__main__":
    asyncio.run(main())
