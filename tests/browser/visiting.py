"""People in front of a real Chromium. Whatever the browser complains of fails the test that it happened in.

Debian's Chromium, one for all tests of a process; each visitor has a context (cookies, storage) of their own.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response, async_playwright, expect

from stage import Stage
from tollhouse.control.callers import Actor, Role
from tollhouse.control.onboarding.registration import Registration, register
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import users
from tollhouse.demo.customer import Demo
from tollhouse.foundation.ids import CustomerId, UserId, new_id
from tollhouse.foundation.secrets import Secret
from waiting import eventually

PASSWORD: Final = "correct horse battery staple"
PROVIDER_KEY: Final = "sk-canary-of-the-dashboard-0123456789"
"""Of a customer's own; the emulated providers know it."""
WAIT_MS: Final = 15_000
"""How long a test looks for something before it says that it is not there; the machine may be busy."""
_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip

_KEPT: Final = """
    () => [
        ...[localStorage, sessionStorage].map((each) => JSON.stringify(each)),
        ...[...document.querySelectorAll('input, textarea')].map((field) => field.value),
        JSON.stringify(history.state), document.cookie,
    ]
"""

Theme = Literal["light", "dark"]

expect.set_options(timeout=WAIT_MS)


@asynccontextmanager
async def chromium_running() -> AsyncIterator[Browser]:
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    assert program, "no Chromium: run the tests with `make test`, or install the package chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Account:
    """Somebody who can sign in."""

    customer_id: CustomerId
    user_id: UserId
    email: str
    password: str = PASSWORD


@dataclass
class Visitor:
    """A page of somebody's, and what the browser complained of in it."""

    page: Page
    context: BrowserContext
    stage: Stage
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.stage.url}{path}")

    async def sign_in(self, account: Account) -> None:
        """Without the page for it: the cookie comes from the API."""
        async with httpx.AsyncClient(base_url=self.stage.url) as client:
            answer = await client.post("/v1/login", json={"email": account.email, "password": account.password})
            assert answer.status_code == 200, answer.text
            cookies = [
                {"name": cookie.name, "value": cookie.value or "", "url": self.stage.url}
                for cookie in client.cookies.jar
            ]
        await self.context.add_cookies(cookies)  # type: ignore[arg-type]

    async def api(self, method: str, path: str, body: object = None) -> Any:
        """A request of the signed-in person from within the page."""
        me = await (await self.context.request.get(f"{self.stage.url}/v1/me")).json()
        answer = await self.context.request.fetch(
            f"{self.stage.url}{path}", method=method, data=body,
            headers={"X-CSRF-Token": me["csrf_token"], "Origin": self.stage.url},
        )  # fmt: skip
        assert answer.ok, await answer.text()
        return await answer.json() if answer.status != 204 else None

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name)


@asynccontextmanager
async def visiting(
    browser: Browser, stage: Stage, *, width: int = 1280, height: int = 900, theme: Theme = "light", script: str = ""
) -> AsyncIterator[Visitor]:
    """`script` runs before each page's own; it is not subject to the pages' policy."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB", timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(WAIT_MS)
    if script:
        await context.add_init_script(script=script)
    page = await context.new_page()
    visitor = Visitor(page, context, stage)
    page.on("console", lambda message: _hear(visitor, message))
    page.on("pageerror", lambda error: visitor.complaints.append(f"page error: {error}"))
    page.on("response", lambda response: _look_at(visitor, response))
    try:
        yield visitor
    finally:
        await context.close()
    assert visitor.complaints == []


def _hear(visitor: Visitor, message: ConsoleMessage) -> None:
    """Chromium also writes a line for each answer that is a refusal; those are the API's business."""
    if message.type == "error" and not message.text.startswith("Failed to load resource"):
        visitor.complaints.append(f"console: {message.text}")


def _look_at(visitor: Visitor, response: Response) -> None:
    if response.status >= 500:
        visitor.complaints.append(f"{response.status} of {response.request.method} {response.url}")


async def an_account(stage: Stage, name: str = "Acme") -> Account:
    """A fresh customer with its admin, as registration makes them."""
    assert stage.house is not None
    email = f"{new_id()}@example.com"
    given = Registration(name, email, Secret(PASSWORD), "Ada Admin")
    made = await register(stage.house.control, Passwords(), given)
    return Account(made.customer.id, made.user.id, email)


async def a_colleague(stage: Stage, admin: Account, role: Role = "member", name: str = "Max Member") -> Account:
    """Somebody else of the same customer."""
    email = f"{new_id()}@example.com"
    hashed = await Passwords().hash(Secret(PASSWORD))
    async with stage.database.transaction() as connection:
        made = await users.create_user(
            connection, Actor(admin.customer_id, "test"), email, name, role, password_hash=hashed
        )
    return Account(admin.customer_id, made.id, email)


def person_of(demo: Demo, email: str) -> Account:
    """Somebody of the demo's customer; all of them have one password."""
    return Account(CustomerId(demo.customer_id), UserId(""), email, demo.password)


def admin_of(demo: Demo) -> Account:
    return person_of(demo, demo.email)


async def call(stage: Stage, raw_key: str, model: str = "gpt-4o-mini", *, most: int = 40) -> httpx.Response:
    """One call as a program makes it; returns when its entry is in the book."""
    assert stage.house is not None
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": most}
    async with httpx.AsyncClient(base_url=stage.url, timeout=30) as client:
        answer = await client.post("/v1/ai/chat/completions", json=body, headers={"Authorization": f"Bearer {raw_key}"})
    await asyncio.wait_for(stage.house.road.keeper.drained(), 20)
    return answer


async def read_secret(page: Page, begins: str = "aig_") -> str:
    """What is shown this once; afterwards it is nowhere in the page, its fields or what the browser keeps."""
    shown = page.get_by_test_id("secret")
    secret = (await shown.text_content() or "").strip()
    assert secret.startswith(begins)
    await page.get_by_role("button", name="I have stored it").click()
    await expect(shown).to_have_count(0)
    await assert_forgotten(page, secret)
    return secret


async def assert_forgotten(page: Page, secret: str) -> None:
    assert secret not in await page.content()
    assert secret not in page.url
    kept: list[str] = await page.evaluate(_KEPT)
    assert [each for each in kept if secret in each] == []


async def comes_to(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    """The first answer of this status: pages show what was done before it is."""

    async def look() -> httpx.Response | None:
        answer = await ask()
        return answer if answer.status_code == status else None

    answer = await eventually(look, f"never {status}")
    assert answer is not None
    return answer
