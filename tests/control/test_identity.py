"""Who is let in, by what, and who is turned away."""

import httpx
import pytest

from control.house import ORIGIN, House, refusal
from making import ManualClock, key, user
from tollhouse.access.keys import KeyTerms
from tollhouse.control.callers import Actor
from tollhouse.control.identity import SECURE_SESSION_COOKIE as SESSION_COOKIE
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.foundation.ids import CustomerId, new_id

TOKEN = "/v1/tokens"


def _session(browser: httpx.AsyncClient) -> str:
    return browser.headers["Cookie"].partition("=")[2]


@pytest.mark.parametrize("path", ["/v1/me", "/v1/tokens", "/v1/ai/keys/user", "/v1/ai/models", "/v1/traces"])
async def test_nobody_is_told_what_to_send(busy_house: House, path: str) -> None:
    answer = await (await busy_house.visitor()).get(path)
    assert refusal(answer) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "tht_" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "tht_1234",
        "Bearer nonsense",
        "Bearer tht_" + "0" * 64,
        "Bearer tht_",
        "Bearer ths_" + "0" * 64,
        "Bearer aig_" + "0" * 32,
        "Bearer aig_short",
        "Bearer t\xffht_",
        "Bearer " + "x" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/me", "/v1/ai/models"])
async def test_a_bad_credential_is_refused_even_beside_a_good_cookie(busy_house: House, path: str, header: str) -> None:
    browser = await busy_house.register(f"{new_id()}@example.com")
    answer = await browser.get(path, headers=[(b"Authorization", header.encode("latin-1"))])
    assert refusal(answer) == (401, "invalid_api_key")


@pytest.mark.parametrize("cookie", ["ths_" + "0" * 64, "tht_" + "0" * 64, "x", "\xff"])
async def test_a_cookie_that_is_no_session_is_refused(busy_house: House, cookie: str) -> None:
    visitor = await busy_house.visitor()
    header = f"{SESSION_COOKIE}={cookie}".encode("latin-1")
    assert refusal(await visitor.get("/v1/me", headers=[(b"Cookie", header)])) == (401, "not_signed_in")


async def test_an_api_token_is_not_taken_from_a_cookie_nor_a_session_from_the_header(
    house: House, acme: CustomerId
) -> None:
    """Browsers send cookies by themselves; tokens must never ride along."""
    browser = await house.register("ann@example.com")
    async with house.context.database.connection() as connection:
        member = await user(connection, acme)
        made = await tokens.create_token(connection, Actor(acme, "test"), member, TokenTerms("test"))
    visitor = await house.visitor()
    as_cookie = {"Cookie": f"{SESSION_COOKIE}={made.raw.reveal()}"}
    assert refusal(await visitor.get("/v1/me", headers=as_cookie)) == (401, "not_signed_in")
    as_header = {"Authorization": f"Bearer {_session(browser)}"}
    assert refusal(await visitor.get("/v1/me", headers=as_header)) == (401, "invalid_api_key")


async def test_a_virtual_key_does_not_open_what_belongs_to_people(house: House, acme: CustomerId) -> None:
    async with house.context.database.connection() as connection:
        made = await key(connection, acme)
    caller = await house.visitor(made.raw_key)
    for path in ("/v1/me", "/v1/tokens", "/v1/ai/keys/user", "/v1/ai/keys/customer", "/v1/traces"):
        assert refusal(await caller.get(path)) == (401, "invalid_api_key")
    assert refusal(await caller.post("/v1/ai/keys/user", json={"name": "more"})) == (401, "invalid_api_key")


async def test_a_key_that_is_off_is_told_why(house: House, acme: CustomerId, clock: ManualClock) -> None:
    async with house.context.database.connection() as connection:
        off = await key(connection, acme, terms=KeyTerms("off", disabled=True))
        await connection.execute("UPDATE ai_gateway_keys SET disabled = true WHERE id = $1", off.key_id)
        old = await key(connection, acme, terms=KeyTerms("old", expires_at=clock.now()))
    assert refusal(await (await house.visitor(off.raw_key)).get("/v1/ai/models")) == (403, "key_disabled")
    assert refusal(await (await house.visitor(old.raw_key)).get("/v1/ai/models")) == (403, "key_expired")


async def test_a_session_ends_when_its_time_is_over(house: House, clock: ManualClock) -> None:
    browser = await house.register("ann@example.com")
    clock.advance(14 * 86_400 - 1)
    assert (await browser.get("/v1/me")).status_code == 200
    clock.advance(1)
    assert refusal(await browser.get("/v1/me")) == (401, "not_signed_in")


async def test_a_disabled_user_is_out_at_once(house: House, acme: CustomerId) -> None:
    member = await house.member(acme)
    browser = await house.register("ann@example.com")
    async with house.context.database.connection() as connection:
        await connection.execute("UPDATE users SET disabled = true")
    assert refusal(await member.api.get("/v1/me")) == (401, "invalid_api_key")
    assert refusal(await browser.get("/v1/me")) == (401, "not_signed_in")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[broken"},
        {"Origin": f"{ORIGIN}.evil.example"},
        {"Origin": "http://evil.example/tollhouse.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    ],
)
async def test_a_write_from_a_foreign_page_is_refused(house: House, headers: dict[str, str]) -> None:
    browser = await house.register("ann@example.com")
    for path in ("/v1/ai/keys/user", "/v1/tokens"):
        answer = await browser.post(path, json={"name": "theirs"}, headers=headers)
        assert refusal(answer) == (403, "foreign_origin")
    assert refusal(await browser.post("/v1/logout", headers=headers)) == (403, "foreign_origin")
    assert await house.fetch("SELECT 1 FROM ai_gateway_keys UNION ALL SELECT 1 FROM api_tokens") == []


async def test_a_foreign_page_cannot_sign_its_visitor_in(house: House) -> None:
    """Or the visitor would work, unknowing, in somebody else's account."""
    visitor = await house.visitor()
    for path in ("/v1/login", "/v1/customers/register"):
        answer = await visitor.post(path, json={}, headers={"Origin": "https://evil.example"})
        assert refusal(answer) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ORIGIN},
        {"Origin": ORIGIN.upper()},
        {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:5173"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_a_write_from_our_own_page_or_a_program_is_taken(busy_house: House, headers: dict[str, str]) -> None:
    browser = await busy_house.register(f"{new_id()}@example.com")
    assert (await browser.post(TOKEN, json={"name": "mine"}, headers=headers)).status_code == 201


@pytest.mark.parametrize("token", [None, "", "0" * 64, "\xff"])
async def test_a_write_with_the_cookie_needs_the_token_that_only_our_pages_know(
    busy_house: House, token: str | None
) -> None:
    browser = await busy_house.register(f"{new_id()}@example.com")
    del browser.headers["X-CSRF-Token"]
    headers = [] if token is None else [(b"X-CSRF-Token", token.encode("latin-1"))]
    for path in (TOKEN, "/v1/ai/keys/user", "/v1/logout"):
        answer = await browser.post(path, json={"name": "theirs"}, headers=headers)
        assert refusal(answer) == (403, "csrf_token_missing")
    assert (await browser.get("/v1/me", headers=headers)).status_code == 200


async def test_the_token_against_forgery_is_told_to_whoever_has_the_session(house: House) -> None:
    ann = await house.register("ann@example.com")
    told = (await ann.get("/v1/me")).json()["csrf_token"]
    assert told == ann.headers["X-CSRF-Token"]
    bob = await house.register("bob@example.com")
    answer = await bob.post(TOKEN, json={"name": "mine"}, headers={"X-CSRF-Token": told})
    assert refusal(answer) == (403, "csrf_token_missing")


async def test_a_narrow_token_is_kept_within_its_scopes(house: House) -> None:
    ann = await house.register("ann@example.com")
    made = await ann.post(TOKEN, json={"name": "reader", "scopes": ["keys:read", "reports:read", "keys:read"]})
    assert made.json()["token"]["scopes"] == ["keys:read", "reports:read"]
    reader = await house.visitor(made.json()["raw_token"])
    assert (await reader.get("/v1/ai/keys/customer")).status_code == 200
    assert (await reader.get("/v1/traces")).status_code == 200
    for method, path in (
        ("POST", "/v1/ai/keys/user"),
        ("GET", "/v1/users"),
        ("GET", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("GET", "/v1/tokens"),
        ("DELETE", f"/v1/ai/keys/{'0' * 64}"),
    ):
        assert refusal(await reader.request(method, path, json={"name": "x"})) == (403, "scope_missing"), path


async def test_a_token_of_unknown_scope_is_not_made(busy_house: House) -> None:
    ann = await busy_house.register(f"{new_id()}@example.com")
    for scopes in (["everything"], [], "keys:read"):
        assert refusal(await ann.post(TOKEN, json={"name": "x", "scopes": scopes})) == (422, "invalid_field")


async def test_foreign_pages_may_be_read_for_and_tokens_do_not_care(house: House, acme: CustomerId) -> None:
    """Reading is guarded by the browser itself; a token is only sent by whoever has it."""
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    browser = await house.register("ann@example.com")
    assert (await browser.get("/v1/me", headers=foreign)).status_code == 200
    member = await house.member(acme)
    answer = await member.api.post("/v1/ai/keys/user", json={"name": "k"}, headers=foreign)
    assert answer.status_code == 201


async def test_the_use_of_a_token_is_noted_at_most_once_a_minute(
    house: House, acme: CustomerId, clock: ManualClock
) -> None:
    member = await house.member(acme)
    noted = []
    for wait_s in (0, 59, 1):
        clock.advance(wait_s)
        await member.api.get("/v1/me")
        noted.append((await house.fetch("SELECT last_used_at FROM api_tokens"))[0]["last_used_at"])
    assert noted[0] == noted[1] == clock.now().replace(minute=0, second=0)
    assert noted[2] == clock.now()


async def test_the_scheme_is_known_in_any_case(house: House, acme: CustomerId) -> None:
    member = await house.member(acme)
    raw = member.api.headers["Authorization"].partition(" ")[2]
    visitor = await house.visitor()
    assert (await visitor.get("/v1/me", headers={"Authorization": f"bEARER  {raw} "})).status_code == 200
