"""Signing in at an identity provider: whom it lets in as whom, and everybody whom it does not."""

import asyncio
import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import httpx
import pytest

from control.house import PASSWORD, House, Member, refusal, registration
from control.people.provider import EMAIL, SUBJECT, Browser, ScriptedProvider, browser, scripted
from making import ManualClock, customer
from tollhouse.control.people import identities, users
from tollhouse.control.people.identities import Visitor
from tollhouse.control.people.oidc import Identity
from tollhouse.foundation.errors import Conflict
from tollhouse.foundation.ids import CustomerId, new_id

COOKIE = "tollhouse_sign_in"


@pytest.fixture
async def far(clock: ManualClock) -> AsyncIterator[ScriptedProvider]:
    async with scripted(clock) as provider:
        yield provider


@pytest.fixture
async def ann(house: House, far: ScriptedProvider) -> Browser:
    """The browser of somebody whom the provider knows as ann@example.com."""
    return await browser(house, far)


async def _invite(admin: Member, email: str = EMAIL, **fields: object) -> None:
    answer = await admin.api.post("/v1/invitations", json={"email": email} | fields)
    assert answer.status_code == 201, answer.text


async def _known(house: House, email: str) -> None:
    """Somebody who has no password."""
    await house.register(email)
    await house.fetch("UPDATE users SET password_hash = NULL WHERE email = $1 RETURNING id", email)


async def _audit(house: House) -> list[str]:
    return [row["action"] for row in await house.fetch("SELECT action FROM audit_log ORDER BY id")]


def _used_up(answer: httpx.Response) -> bool:
    """Whether the answer takes the attempt's cookie away."""
    return any(
        each.startswith(f'{COOKIE}=""; ') and "Max-Age=0" in each for each in answer.headers.get_list("set-cookie")
    )


# What a sign-in page needs to know -------------------------------------------------------------------------------


async def test_the_options_say_what_there_is(house: House, ann: Browser) -> None:
    plain = await (await house.but(registration_open=False).visitor()).get("/v1/sign-in-options")
    assert plain.json() == {"password": True, "oidc": None, "registration_open": False}
    both = await ann.client.get("/v1/sign-in-options")
    assert both.json() == {"password": True, "oidc": {"name": "Acme ID"}, "registration_open": True}


@pytest.mark.parametrize("path", ["/v1/oidc/start", "/v1/oidc/callback"])
async def test_without_a_provider_there_is_nothing_to_start(busy_house: House, path: str) -> None:
    assert refusal(await (await busy_house.visitor()).get(path)) == (404, "no_single_sign_on")


# Who comes in ------------------------------------------------------------------------------------------------


async def test_a_known_person_comes_in_and_goes_on_where_they_wanted(house: House, ann: Browser) -> None:
    await _known(house, "Ann@Example.com")
    began = await ann.begin("/keys?team=a")
    assert began.status_code == 303
    assert ann.sent["redirect_uri"] == "http://tollhouse.test/v1/oidc/callback"
    answer = await ann.come_back()
    assert (answer.status_code, answer.headers["location"]) == (303, "/keys?team=a")
    assert _used_up(answer)
    me = (await ann.client.get("/v1/me")).json()
    assert (me["user"]["email"], me["user"]["role"]) == ("Ann@Example.com", "admin")
    signed_out = await ann.client.post("/v1/logout", headers={"X-CSRF-Token": me["csrf_token"]})
    assert signed_out.status_code == 204
    assert (await _audit(house))[-3:] == ["identity.bind", "session.open", "session.close"]


async def test_the_address_of_the_installation_is_where_one_comes_back_to(house: House, far: ScriptedProvider) -> None:
    visitor = await browser(house.but(public_url="https://toll.example/house"), far)
    await visitor.begin()
    assert visitor.sent["redirect_uri"] == "https://toll.example/house/v1/oidc/callback"


async def test_the_attempt_stays_with_the_browser_and_out_of_reach(house: House, far: ScriptedProvider) -> None:
    secure = await house.but(single_sign_on=far.terms).visitor()
    answer = await secure.get("/v1/oidc/start")
    cookie = SimpleCookie(answer.headers["set-cookie"])[f"__Host-{COOKIE}"]
    assert cookie["secure"] is cookie["httponly"] is True
    assert (cookie["samesite"], cookie["path"], cookie["max-age"], cookie["domain"]) == ("lax", "/", "600", "")
    assert answer.headers["cache-control"] == "no-store"
    gone = await secure.get("/v1/oidc/callback")
    assert f'__Host-{COOKIE}=""; ' in gone.headers["set-cookie"]


async def test_an_invitation_is_accepted_on_the_way(
    house: House, ann: Browser, acme: CustomerId, admin: Member, clock: ManualClock
) -> None:
    team_id = await house.team(acme)
    await _invite(admin, "ANN@example.com", name="Ann", role="manager", team_ids=[team_id])
    assert (await ann.sign_in()).status_code == 303
    me = (await ann.client.get("/v1/me")).json()
    assert (me["customer"]["id"], me["user"]["role"], me["user"]["name"]) == (acme, "manager", "Ann")
    assert [team["id"] for team in me["teams"]] == [team_id]
    listed = (await admin.api.get(f"/v1/users/{me['user']['id']}")).json()["user"]
    assert listed["has_password"] is False
    assert (await admin.api.get("/v1/invitations")).json()["invitations"] == []
    clock.advance(30 * 86_400)
    assert (await ann.sign_in()).status_code == 303


async def test_strangers_and_those_whose_invitation_is_too_old_are_refused(
    house: House, ann: Browser, admin: Member, clock: ManualClock
) -> None:
    assert refusal(await ann.sign_in()) == (403, "unknown_person")
    await _invite(admin)
    clock.advance(7 * 86_400)
    assert refusal(await ann.sign_in()) == (403, "unknown_person")
    assert await house.fetch("SELECT * FROM user_identities") == []


async def test_somebody_with_several_invitations_must_choose(house: House, ann: Browser, admin: Member) -> None:
    async with house.context.database.connection() as connection:
        other = await house.member(await customer(connection, "Other"), "admin")
    await _invite(admin)
    await _invite(other)
    assert refusal(await ann.sign_in()) == (403, "several_invitations")
    assert len((await admin.api.get("/v1/invitations")).json()["invitations"]) == 1


async def test_a_disabled_person_stays_out_bound_or_not(house: House, ann: Browser) -> None:
    await _known(house, EMAIL)
    async with house.context.database.connection() as connection:
        await connection.execute("UPDATE users SET disabled = true")
        assert refusal(await ann.sign_in()) == (403, "user_disabled")
        assert await house.fetch("SELECT * FROM user_identities") == []
        await connection.execute("UPDATE users SET disabled = false")
        assert (await ann.sign_in()).status_code == 303
        await connection.execute("UPDATE users SET disabled = true")
    assert refusal(await ann.sign_in()) == (403, "user_disabled")


async def test_who_has_a_password_signs_in_with_it_once_before(house: House, ann: Browser) -> None:
    """Anybody may have registered with this address; only who knows the password can have meant to."""
    await house.register(EMAIL)
    await house.register("bob@example.com")
    assert refusal(await ann.sign_in()) == (409, "sign_in_first")
    await ann.client.post("/v1/login", json={"email": "bob@example.com", "password": PASSWORD})
    assert refusal(await ann.sign_in()) == (409, "sign_in_first")
    await ann.client.post("/v1/login", json={"email": EMAIL, "password": PASSWORD})
    await house.fetch("UPDATE sessions SET revoked_at = now() RETURNING id")
    assert refusal(await ann.sign_in()) == (409, "sign_in_first")
    assert await house.fetch("SELECT * FROM user_identities") == []
    await ann.client.post("/v1/login", json={"email": EMAIL, "password": PASSWORD})
    assert (await ann.sign_in()).status_code == 303
    ann.client.cookies.clear()
    assert (await ann.sign_in()).status_code == 303
    assert (await ann.client.get("/v1/me")).json()["user"]["email"] == EMAIL


# Subjects ----------------------------------------------------------------------------------------------------


async def test_the_subject_decides_once_it_is_bound(house: House, ann: Browser) -> None:
    """A new address at the provider changes nothing, also when it is somebody else's here."""
    await _known(house, EMAIL)
    await _known(house, "bob@example.com")
    await ann.sign_in()
    ann.provider.claims = {"email": "bob@example.com"}
    await ann.sign_in()
    assert (await ann.client.get("/v1/me")).json()["user"]["email"] == EMAIL


async def test_another_subject_with_the_same_address_is_refused_until_an_admin_unbinds(
    house: House, ann: Browser, acme: CustomerId, admin: Member
) -> None:
    await _invite(admin)
    await ann.sign_in()
    user_id = (await ann.client.get("/v1/me")).json()["user"]["id"]
    ann.provider.claims = {"sub": "subject-2"}
    assert refusal(await ann.sign_in()) == (409, "other_identity")
    member = await house.member(acme)
    assert refusal(await member.api.delete(f"/v1/users/{user_id}/identity")) == (403, "forbidden")
    for _ in range(2):
        assert (await admin.api.delete(f"/v1/users/{user_id}/identity")).status_code == 204
    assert refusal(await ann.client.get("/v1/me")) == (401, "not_signed_in")
    assert (await _audit(house)).count("identity.unbind") == 1
    assert (await ann.sign_in()).status_code == 303
    rows = await house.fetch("SELECT issuer, subject, user_id FROM user_identities")
    assert [tuple(row.values()) for row in rows] == [(ann.provider.issuer, "subject-2", user_id)]


async def test_who_is_bound_twice_at_once_is_bound_once(house: House, ann: Browser) -> None:
    await _known(house, EMAIL)
    identity = Identity(ann.provider.issuer, SUBJECT, EMAIL)
    now, lifetime = house.context.clock.now(), house.context.session_lifetime
    await asyncio.gather(
        *(identities.come_in(house.context.database, identity, Visitor(None), now, lifetime) for _ in range(5))
    )
    assert (await _audit(house)).count("identity.bind") == 1


async def test_binding_again_is_nothing_and_binding_elsewhere_is_a_conflict(house: House) -> None:
    for email in (EMAIL, "bob@example.com"):
        await _known(house, email)
    async with house.context.database.connection() as connection:
        ann, bob = [users.user_of(dict(row)) for row in await connection.fetch("SELECT * FROM users ORDER BY email")]
        for _ in range(2):
            await identities.bind(connection, Identity("https://id.example", SUBJECT, EMAIL), ann, None)
        with pytest.raises(Conflict):
            await identities.bind(connection, Identity("https://id.example", SUBJECT, EMAIL), bob, None)
        with pytest.raises(Conflict):
            await identities.bind(connection, Identity("https://id.example", "another", EMAIL), ann, None)


async def test_a_bound_person_can_be_deleted(house: House, ann: Browser, admin: Member) -> None:
    await _invite(admin)
    await ann.sign_in()
    user_id = (await ann.client.get("/v1/me")).json()["user"]["id"]
    assert (await admin.api.delete(f"/v1/users/{user_id}")).status_code == 204
    assert refusal(await ann.sign_in()) == (403, "unknown_person")
    assert refusal(await admin.api.delete(f"/v1/users/{new_id()}/identity")) == (404, "not_found")


# Who does not ------------------------------------------------------------------------------------------------


async def test_an_attempt_works_once_whatever_comes_of_it(house: House, ann: Browser) -> None:
    await _known(house, EMAIL)
    assert (await ann.sign_in()).status_code == 303
    assert refusal(await ann.come_back()) == (400, "sign_in_not_begun")
    await ann.begin()
    for state in ("guessed", ann.sent["state"]):
        answer = await ann.come_back(state=state)
        assert refusal(answer) == (400, "sign_in_not_begun")
        assert _used_up(answer)


async def test_an_attempt_that_took_too_long_is_told_so(house: House, ann: Browser, clock: ManualClock) -> None:
    await _known(house, EMAIL)
    await ann.begin()
    clock.advance(600)
    answer = await ann.come_back()
    assert refusal(answer) == (400, "sign_in_not_begun")
    assert "longer than 10 minutes" in answer.text


async def test_a_cookie_that_was_tampered_with_is_none(house: House, ann: Browser) -> None:
    await _known(house, EMAIL)
    await ann.begin()
    sealed = ann.client.cookies[COOKIE]
    ann.client.cookies.clear()
    ann.client.cookies.set(COOKIE, re.sub("^.", lambda hit: "A" if hit[0] != "A" else "B", sealed))
    assert refusal(await ann.come_back()) == (400, "sign_in_not_begun")


async def test_another_browser_cannot_finish_what_this_one_began(house: House, ann: Browser) -> None:
    """Somebody who is lured to another's callback is not signed in as that one."""
    await _known(house, EMAIL)
    await ann.begin()
    victim = await browser(house, ann.provider)
    victim.sent = ann.sent
    answer = await victim.come_back()
    assert refusal(answer) == (400, "sign_in_not_begun")
    assert "tollhouse_session" not in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"nonce": "of another attempt"}, 403, "invalid_id_token"),
        ({"aud": "another"}, 403, "invalid_id_token"),
        ({"email_verified": False}, 403, "email_not_verified"),
    ],
)
async def test_what_is_not_believed_of_the_provider_opens_no_session(
    house: House, ann: Browser, claims: dict[str, object], status: int, code: str
) -> None:
    await _known(house, EMAIL)
    ann.provider.claims = claims
    answer = await ann.sign_in()
    assert refusal(answer) == (status, code)
    assert _used_up(answer)
    assert refusal(await ann.client.get("/v1/me")) == (401, "not_signed_in")


async def test_who_is_refused_there_is_told_so_here(ann: Browser) -> None:
    await ann.begin()
    assert refusal(await ann.come_back(code="", error="access_denied")) == (403, "access_denied")


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/x", "", "keys"])
async def test_one_goes_on_only_here(ann: Browser, path: str) -> None:
    answer = await ann.begin(path)
    assert refusal(answer) == (422, "invalid_field")
    assert answer.json()["error"]["param"] == "return_to"


async def test_a_provider_that_is_down_is_not_our_fault_and_passwords_still_work(house: House, ann: Browser) -> None:
    await house.register(EMAIL)
    await ann.begin()
    ann.provider.answers["/token"] = 503, b""
    assert refusal(await ann.come_back()) == (502, "provider_unreachable")
    down = await browser(house, ann.provider)
    ann.provider.answers["/.well-known/openid-configuration"] = 503, b""
    answer = await down.begin()
    assert refusal(answer) == (502, "provider_failed")
    assert "identity provider" in answer.text
    signed_in = await down.client.post("/v1/login", json={"email": EMAIL, "password": PASSWORD})
    assert signed_in.status_code == 200


async def test_a_browser_that_is_refused_sees_the_sign_in_page(house: House, far: ScriptedProvider) -> None:
    """With the refusal's code; the words are the page's own. Programs get the refusal, as where there are no pages."""
    ann = await browser(house.with_pages(), far)
    shows_pages = {"Accept": "text/html,*/*;q=0.8"}
    ann.client.headers.update(shows_pages)
    await ann.begin()
    answer = await ann.come_back(code="", error="access_denied")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?refused=access_denied")
    assert _used_up(answer)
    far.answers["/.well-known/openid-configuration"] = 503, b""
    late = await browser(house.with_pages(), far)
    assert refusal(await late.client.get("/v1/oidc/start")) == (502, "provider_failed")
    answer = await late.client.get("/v1/oidc/start", headers=shows_pages)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?refused=provider_failed")
    plain = await house.but(single_sign_on=far.terms).visitor()
    assert (await plain.get("/v1/oidc/callback", headers=shows_pages)).status_code == 400


async def test_trying_is_slowed_for_an_address(ann: Browser) -> None:
    answers = [await ann.come_back() for _ in range(101)]
    assert [answer.status_code for answer in answers] == [400] * 100 + [429]
    assert refusal(await ann.begin()) == (429, "rate_limited")


async def test_nothing_secret_of_the_way_is_kept_or_said(
    house: House, ann: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    visitor = await house.visitor()
    await visitor.post("/v1/customers/register", json=registration(EMAIL))
    await ann.sign_in()
    ann.provider.answers["/token"] = 400, b'{"error": "invalid_client"}'
    said = (await ann.sign_in()).text
    rows = await house.fetch("SELECT i::text AS row FROM user_identities i UNION ALL SELECT a::text FROM audit_log a")
    told = said + "".join(row["row"] for row in rows) + "".join(capsys.readouterr())
    for secret in (ann.provider.nonce, ann.sent["state"], ann.provider.terms.client_secret.reveal(), "access"):
        assert secret not in told.replace("access_denied", "")
