"""The pages of the dashboard, with something on each, as axe and the pictures visit them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from playwright.async_api import expect

from browser.visiting import Visitor

SECTIONS: Final = (
    "account", "tokens", "otlp", "organisation", "gateway", "exports", "alerts", "billing", "ledger", "audit",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """`name` is that of its picture; `path` may hold `{key}` and `{trace}`."""

    name: str
    path: str
    signed_in: bool = True


OUTSIDE: Final = (
    Place("sign-in", "/sign-in", signed_in=False),
    Place("register", "/register", signed_in=False),
    Place("reset-password", "/reset-password#thr_no-such-secret", signed_in=False),
)
INSIDE: Final = (
    Place("overview", "/?range=7d"),
    Place("keys", "/keys"),
    Place("key", "/keys/{key}"),
    Place("traces", "/traces"),
    Place("trace", "/traces/{trace}"),
    Place("tools", "/tools"),
    Place("people", "/people"),
    Place("teams", "/people?tab=teams"),
    *(Place(f"settings-{section}", f"/settings/{section}") for section in SECTIONS),
)


async def open_place(visitor: Visitor, place: Place) -> None:
    """Until nothing on it is still coming."""
    page = visitor.page
    await visitor.go(place.path.format(**(await _examples(visitor) if "{" in place.path else {})))
    await expect(page.get_by_role("heading", level=1).first).to_be_visible()
    await page.wait_for_load_state("networkidle")
    await expect(page.locator(".mantine-Skeleton-root:visible")).to_have_count(0)


async def _examples(visitor: Visitor) -> dict[str, str]:
    """A key with much in it, and a trace with calls of ours below those of an agent."""
    keys: list[dict[str, Any]] = (await visitor.api("GET", "/v1/ai/keys/customer"))["keys"]
    key = next(key for key in keys if key["name"] == "Claude Code")
    since = (datetime.now(UTC) - timedelta(days=31)).strftime("%Y-%m-%dT00:00:00Z")
    found = await visitor.api("GET", f"/v1/traces/search?vendor=anthropic&since={since}&limit=10")
    return {"key": key["hash"], "trace": max(found["traces"], key=lambda trace: trace["spans"])["trace_id"]}
