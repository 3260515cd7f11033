"""What we believe of an identity provider, and how it is asked."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from control.people.provider import (
    CLIENT_ID,
    EMAIL,
    SUBJECT,
    ScriptedProvider,
    elliptic_key,
    scripted,
    shared_key,
    signing_key,
)
from making import ManualClock
from tollhouse.control.people.oidc import Identity, Metadata, Provider, Returned
from tollhouse.control.people.oidc_wire import MOST_BYTES, Tokens, decoded
from tollhouse.foundation.errors import BadGateway, BadRequest, Forbidden, TollhouseError

CALLBACK = "http://tollhouse.test/v1/oidc/callback"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
async def far(clock: ManualClock) -> AsyncIterator[ScriptedProvider]:
    async with scripted(clock) as provider:
        yield provider


async def _begin(ours: Provider, far: ScriptedProvider) -> tuple[str, str]:
    """The state and the sealed attempt of somebody who was sent away."""
    url, sealed = await ours.begin(CALLBACK, "/keys")
    query = parse_qs(urlsplit(url).query)
    far.nonce, far.challenge = query["nonce"][0], query["code_challenge"][0]
    return query["state"][0], sealed


async def _come_back(far: ScriptedProvider, ours: Provider | None = None, **said: Any) -> Identity:
    ours = ours or far.provider()
    state, sealed = await _begin(ours, far)
    identity, return_to = await ours.finish(CALLBACK, sealed, Returned(**{"state": state, "code": "good"} | said))
    assert return_to == "/keys"
    return identity


async def _refused(far: ScriptedProvider, **said: Any) -> TollhouseError:
    with pytest.raises(TollhouseError) as refusal:
        await _come_back(far, **said)
    assert far.nonce not in refusal.value.message
    return refusal.value


# There and back ----------------------------------------------------------------------------------------------


async def test_the_browser_is_sent_with_everything_that_comes_back_only_from_it(far: ScriptedProvider) -> None:
    url, sealed = await far.provider().begin(CALLBACK, "/keys")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{far.issuer}/authorize?")
    assert {
        "tenant": "acme", "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": CALLBACK,
        "scope": "openid email", "code_challenge_method": "S256",
    }.items() <= query.items()  # fmt: skip
    assert len({query["state"], query["nonce"], query["code_challenge"], sealed}) == 4


async def test_nothing_is_fetched_before_somebody_signs_in_and_then_once(far: ScriptedProvider) -> None:
    ours = far.provider()
    assert far.asked == []
    for _ in range(2):
        assert await _come_back(far, ours) == Identity(far.issuer, SUBJECT, EMAIL)
    assert far.asked == [DISCOVERY, "/token", "/jwks", "/token"]


async def test_id_and_secret_are_encoded_before_they_are_a_basic_credential(far: ScriptedProvider) -> None:
    await _come_back(far)
    scheme, _, credential = far.proofs[0].partition(" ")
    assert (scheme, base64.b64decode(credential)) == ("Basic", b"tollhouse:a+s%25cret%2Bwith%3Asigns")


async def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(far: ScriptedProvider) -> None:
    far.changes = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    await _come_back(far)
    assert far.proofs == ["a s%cret+with:signs"]
    far.changes = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    assert "takes no client secret" in (await _refused(far)).message


async def test_tokens_are_never_printed() -> None:
    assert "x" not in repr(Tokens(id_token="x", access_token="x")).replace("Tokens", "")


# What is not believed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "what"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["another"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["another", CLIENT_ID]}, "azp"),
        ({"aud": ["another", CLIENT_ID], "azp": "another"}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": 0}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": 1 << 40}, "iat"),
        ({"iat": None}, "iat"),
        ({"nbf": 1 << 40}, "nbf"),
        ({"nonce": "of another attempt"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "x\0"}, "sub"),
        ({"sub": "ü"}, "sub"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused_by_its_name(
    far: ScriptedProvider, claims: dict[str, Any], what: str
) -> None:
    far.claims = claims
    refusal = await _refused(far)
    assert (refusal.status, refusal.code) == (403, "invalid_id_token")
    assert f"its {what} is wrong" in refusal.message


async def test_several_audiences_are_fine_when_the_token_was_made_for_us(far: ScriptedProvider) -> None:
    far.claims = {"aud": ["another", CLIENT_ID], "azp": CLIENT_ID}
    assert (await _come_back(far)).subject == SUBJECT


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_only_the_providers_own_signature_counts(far: ScriptedProvider, algorithm: str) -> None:
    """Also when the secret, which the provider shares with us, is among its keys."""
    far.header = {"alg": algorithm, "kid": "shared"}
    far.key = shared_key()
    far.keys = [signing_key(), {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}]
    refusal = await _refused(far)
    assert (refusal.code, refusal.status) == ("invalid_id_token", 403)


async def test_a_signature_by_another_key_of_the_same_name_is_refused(far: ScriptedProvider) -> None:
    far.key = signing_key("first but another")
    assert "signature" in (await _refused(far)).message


async def test_a_key_of_another_kind_than_the_signature_is_refused(far: ScriptedProvider) -> None:
    curve = elliptic_key()
    far.keys, far.key, far.header = [curve], signing_key(), {"alg": "RS256", "kid": "curve"}
    assert "signature" in (await _refused(far)).message


async def test_other_algorithms_and_unknown_or_broken_keys_beside_them_are_fine(far: ScriptedProvider) -> None:
    curve = elliptic_key()
    broken = {"kty": "RSA", "kid": "broken"}
    far.keys, far.key, far.header = [{"kty": "new"}, broken, curve], curve, {"alg": "ES256", "kid": "curve", "x": 1}
    assert (await _come_back(far)).email == EMAIL


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", 7, None])
async def test_what_is_no_token_is_refused(far: ScriptedProvider, token: object) -> None:
    far.answers["/token"] = 200, json.dumps({"id_token": token, "access_token": "x"}).encode()
    assert (await _refused(far)).code in ("invalid_id_token", "provider_failed")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"email_verified": False}, "email_not_verified"),
        ({"email_verified": None}, "email_not_verified"),
        ({"email_verified": "true"}, "email_not_verified"),
        ({"email": "nobody"}, "email_missing"),
        ({"email": "a b@example.com"}, "email_missing"),
        ({"email": "a\0@example.com"}, "email_missing"),
        ({"email": "x" * 255 + "@example.com"}, "email_missing"),
        ({"email": 7}, "invalid_id_token"),
    ],
)
async def test_an_address_counts_when_it_is_one_and_verified(
    far: ScriptedProvider, claims: dict[str, Any], code: str
) -> None:
    far.claims = claims
    refusal = await _refused(far)
    assert (refusal.status, refusal.code) == (403, code)


async def test_an_address_that_is_not_in_the_token_is_asked_for(far: ScriptedProvider) -> None:
    far.claims = {"email": None, "email_verified": None}
    far.userinfo = {"sub": SUBJECT, "email": "bob@example.com", "email_verified": True}
    assert (await _come_back(far)).email == "bob@example.com"
    far.userinfo["sub"] = "somebody else"
    assert (await _refused(far)).code == "invalid_id_token"
    far.changes = {"userinfo_endpoint": None}
    assert (await _refused(far)).code == "email_missing"


# What the browser brings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"state": "of another attempt"}, 400, "sign_in_not_begun"),
        ({"state": ""}, 400, "sign_in_not_begun"),
        ({"code": ""}, 400, "invalid_code"),
        ({"code": "guessed"}, 400, "invalid_code"),
        ({"error": "access_denied"}, 403, "access_denied"),
        ({"error": "server_error"}, 403, "sign_in_refused"),
        ({"error": "<script>"}, 403, "sign_in_refused"),
        ({"issuer": "https://evil.example"}, 403, "invalid_id_token"),
    ],
)
async def test_a_browser_with_something_else_is_refused_before_the_provider_is_asked(
    far: ScriptedProvider, said: dict[str, str], status: int, code: str
) -> None:
    refusal = await _refused(far, **said)
    assert (refusal.status, refusal.code) == (status, code)
    assert "<" not in refusal.message
    assert far.asked == [DISCOVERY, *(["/token"] if said == {"code": "guessed"} else [])]


async def test_a_provider_that_says_who_answers_must_say_it(far: ScriptedProvider) -> None:
    far.changes = {"authorization_response_iss_parameter_supported": True}
    assert (await _refused(far)).code == "invalid_id_token"
    assert (await _come_back(far, issuer=far.issuer)).subject == SUBJECT


# A provider in trouble -----------------------------------------------------------------------------------------


async def test_a_provider_that_is_away_is_named_and_not_asked_again_at_once(
    far: ScriptedProvider, clock: ManualClock
) -> None:
    ours = far.provider()
    far.answers[DISCOVERY] = 500, b""
    for _ in range(3):
        with pytest.raises(BadGateway, match="answered 500"):
            await ours.look()
    assert far.asked == [DISCOVERY]
    del far.answers[DISCOVERY]
    clock.advance(5)
    await ours.look()
    assert far.asked == [DISCOVERY, DISCOVERY, "/jwks"]


async def test_nobody_listening_and_nobody_answering_are_the_same(far: ScriptedProvider) -> None:
    far.silent = True
    with pytest.raises(BadGateway, match="cannot be reached") as silent:
        await far.provider(patience_s=0.1).look()
    far.issuer = "http://127.0.0.1:9"
    with pytest.raises(BadGateway, match="cannot be reached") as away:
        await far.provider().look()
    assert silent.value.code == away.value.code == "provider_unreachable"


async def test_those_who_wait_for_the_same_answer_wait_once(far: ScriptedProvider) -> None:
    ours = far.provider()
    await asyncio.gather(*(ours.begin(CALLBACK, "/") for _ in range(20)))
    assert far.asked == [DISCOVERY]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 5000, b'{"issuer": 1}'])
async def test_nonsense_about_itself_is_its_fault(far: ScriptedProvider, body: bytes) -> None:
    far.answers[DISCOVERY] = 200, body
    with pytest.raises(BadGateway, match="specification"):
        await far.provider().look()


async def test_an_answer_is_bounded(far: ScriptedProvider) -> None:
    far.answers[DISCOVERY] = 200, b" " * (MOST_BYTES + 1)
    with pytest.raises(BadGateway, match="too long"):
        await far.provider().look()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"token_endpoint": "http://id.example/token"}, "without TLS"),
        ({"userinfo_endpoint": "http://id.example/me"}, "without TLS"),
        ({"jwks_uri": "https://x:y:z/"}, "cannot be reached"),
    ],
)
async def test_it_must_be_who_it_should_be_and_asked_in_private(
    far: ScriptedProvider, changes: dict[str, str], why: str
) -> None:
    far.changes = changes
    with pytest.raises(BadGateway, match=why):
        await far.provider().look()


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (401, b'{"error": "invalid_client"}', "invalid_client"),
        (400, b'{"error": {"x": 1}}', "unknown"),
        (200, b"nonsense", "cannot be read"),
        (200, b'{"expires_in": "soon"}', "cannot be read"),
        (200, b'{"access_token": "x"}', "no tokens"),
        (500, b"", "cannot be reached"),
        (404, b"", "cannot be reached"),
    ],
)
async def test_no_tokens_are_its_fault(far: ScriptedProvider, status: int, body: bytes, why: str) -> None:
    far.answers["/token"] = status, body
    refusal = await _refused(far)
    assert (refusal.status, why in refusal.message) == (502, True), refusal.message


async def test_new_keys_are_fetched_for_a_signature_by_one_but_not_each_time(
    far: ScriptedProvider, clock: ManualClock
) -> None:
    ours = far.provider()
    await _come_back(far, ours)
    new = signing_key("second")
    far.key, far.keys, far.header = new, [new], {"alg": "RS256", "kid": "second"}
    with pytest.raises(Forbidden):
        await _come_back(far, ours)
    clock.advance(10)
    await _come_back(far, ours)
    assert far.asked.count("/jwks") == 2
    assert far.asked.count(DISCOVERY) == 1
    clock.advance(3600)
    await _come_back(far, ours)
    assert far.asked.count(DISCOVERY) == 2


async def test_an_attempt_of_another_installation_is_not_finished_here(far: ScriptedProvider) -> None:
    with pytest.raises(BadRequest):
        await far.provider().finish(CALLBACK, "", Returned(state="x", code="good"))
    assert far.asked == []


def test_bytes_that_are_no_text_are_the_providers_fault() -> None:
    with pytest.raises(BadGateway):
        decoded(b'{"issuer": "\xff"}', Metadata)
