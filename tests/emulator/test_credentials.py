"""Who pays for a call, and what counts as a secret in the wrong place."""

import pytest

from emulator.conftest import Start
from emulator.emulated import ACCOUNT, CALL, GATEWAY, OTHER_TOKEN, TOKEN, Emulated, call_headers
from emulator.test_dataplane import gateway_code

LLAMA = CALL | {"model": "@cf/meta/llama-3.1-8b-instruct"}
CF_BEARER = {"authorization": f"Bearer {TOKEN}"}
RAW_KEY = "aig_" + "0123456789abcdef" * 2


async def leaks(emulated: Emulated) -> list[tuple[str, str]]:
    return [(leak["kind"], leak["where"]) for leak in (await emulated.book())["leaks"]]


async def payer(emulated: Emulated) -> str:
    last: str = (await emulated.requests())[-1]["payer"]
    return last


async def test_a_careful_call_leaks_nothing_and_forwards_no_credential(emulated: Emulated) -> None:
    await emulated.call()
    assert await leaks(emulated) == []
    forwarded = (await emulated.requests())[-1]["forwarded_headers"]
    assert "content-type" in forwarded
    assert not {"authorization", "cf-aig-authorization", "x-api-key", "host"} & set(forwarded)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("authorization", "Bearer sk-proj-0123456789", "provider_credential"),
        ("authorization", "Bearer dummy", "provider_credential"),
        ("authorization", "dummy", "provider_credential"),
        ("x-api-key", "dummy", "provider_credential"),
        ("x-goog-api-key", "dummy", "provider_credential"),
        ("api-key", "dummy", "provider_credential"),
        ("authorization", f"Bearer {TOKEN}", "cloudflare_token"),
        ("x-api-key", TOKEN, "cloudflare_token"),
    ],
)
@pytest.mark.parametrize("path", ["openai/chat/completions", "deepseek/chat/completions", "compat/chat/completions"])
async def test_a_credential_that_cloudflare_would_pass_on_is_a_leak_and_a_401(
    emulated: Emulated, path: str, name: str, value: str, kind: str
) -> None:
    model = "anthropic/claude-sonnet-4-5" if path.startswith("compat") else "gpt-4o-mini"
    answer = await emulated.call(CALL | {"model": model}, path, headers={name: value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert await leaks(emulated) == [(kind, name)]
    assert value not in answer.text


async def test_the_token_in_the_wrong_header_alone_is_refused_and_a_leak(emulated: Emulated) -> None:
    """Cloudflare might take it; a proxy that relies on that hands its token to the provider some day."""
    answer = await emulated.call(token=None, headers=CF_BEARER)
    assert gateway_code(answer) == 2009
    assert await leaks(emulated) == [("cloudflare_token", "authorization")]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (call_headers() | CF_BEARER, 200),
        (call_headers(), 401),
        (call_headers() | {"authorization": f"Bearer {OTHER_TOKEN}"}, 401),
        (call_headers() | {"authorization": "Bearer sk-proj-0123456789"}, 401),
        (call_headers() | {"x-api-key": "dummy"} | CF_BEARER, 401),
    ],
)
async def test_workers_ai_takes_a_cloudflare_token_in_authorization(
    emulated: Emulated, headers: dict[str, str], status: int
) -> None:
    path = f"/v1/{ACCOUNT}/{GATEWAY}/workers-ai/v1/chat/completions"
    answer = await emulated.client.post(path, json=LLAMA, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["errors"][0]["code"] == 10000


async def test_a_workers_ai_call_with_both_headers_leaks_nothing(emulated: Emulated) -> None:
    native = await emulated.call(LLAMA, "workers-ai/v1/chat/completions", headers=CF_BEARER)
    compat = await emulated.call(CALL | {"model": "workers-ai/@cf/x/y"}, "compat/chat/completions", headers=CF_BEARER)
    assert (native.status_code, compat.status_code) == (200, 200)
    assert await leaks(emulated) == []


async def test_workers_ai_needs_the_gateways_header_too(emulated: Emulated) -> None:
    answer = await emulated.call(LLAMA, "workers-ai/v1/chat/completions", headers=CF_BEARER, token=None)
    assert gateway_code(answer) == 2009


@pytest.mark.parametrize("where", ["header", "body", "path_of_a_dead_gateway"])
@pytest.mark.parametrize("secret", [RAW_KEY, "tht_" + "ab" * 32, "ths_" + "cd" * 32])
async def test_our_own_tokens_are_found_wherever_they_are(emulated: Emulated, where: str, secret: str) -> None:
    body = CALL | {"user": secret} if where != "header" else CALL
    headers = {"x-request-id": secret} if where == "header" else {}
    gateway = "dead" if where == "path_of_a_dead_gateway" else GATEWAY
    await emulated.call(body, headers=headers, gateway=gateway)
    assert await leaks(emulated) == [("tollhouse_token", "x-request-id" if where == "header" else "body")]
    assert secret not in str(await emulated.book())


async def test_the_token_in_a_body_or_any_other_header_is_a_leak(emulated: Emulated) -> None:
    await emulated.call(CALL | {"user": TOKEN})
    await emulated.call(headers={"user-agent": f"proxy {TOKEN}"})
    assert await leaks(emulated) == [("cloudflare_token", "body"), ("cloudflare_token", "user-agent")]


@pytest.mark.parametrize("name", ["cookie", "x-forwarded-for", "forwarded", "x-real-ip"])
async def test_what_belongs_to_the_caller_is_a_leak_but_no_refusal(emulated: Emulated, name: str) -> None:
    answer = await emulated.call(headers={name: "session=1"})
    assert answer.status_code == 200
    assert await leaks(emulated) == [("caller_header", name)]


@pytest.mark.parametrize(
    ("provider", "settings", "headers", "expected"),
    [
        ("openai", {}, {}, "unified"),
        ("deepseek", {}, {}, "stored"),
        ("openai", {"byok_only": True}, {}, 2044),
        ("openai", {}, {"cf-aig-no-wholesale": "true"}, 2044),
        ("openai", {"byok_only": True}, {"cf-aig-no-wholesale": "false"}, 2044),
        ("deepseek", {"byok_only": True}, {}, "stored"),
        ("deepseek", {}, {"cf-aig-no-wholesale": "true"}, "stored"),
        ("deepseek", {}, {"cf-aig-byok-alias": "default"}, "stored"),
        ("deepseek", {}, {"cf-aig-byok-alias": "second"}, 2040),
        ("openai", {}, {"cf-aig-byok-alias": "second"}, 2040),
    ],
)
async def test_precedence_of_stored_keys_and_unified_billing(
    emulated: Emulated,
    provider: str,
    settings: dict[str, object],
    headers: dict[str, str],
    expected: str | int,
) -> None:
    await emulated.gateway("other", **settings)
    model = {"model": "deepseek-chat" if provider == "deepseek" else "gpt-4o-mini"}
    answer = await emulated.call(CALL | model, f"{provider}/chat/completions", gateway="other", headers=headers)
    if isinstance(expected, int):
        assert (answer.status_code, gateway_code(answer)) == (400, expected)
    else:
        assert (answer.status_code, await payer(emulated)) == (200, expected)


async def test_a_provider_that_nobody_sells_and_without_a_key_is_402(start: Start) -> None:
    emulated = await start(stored_keys=frozenset())
    answer = await emulated.call(CALL | {"model": "deepseek-chat"}, "deepseek/chat/completions")
    assert (answer.status_code, gateway_code(answer)) == (402, 2021)
    assert "not available via unified billing" in answer.json()["message"]


async def test_a_key_stored_through_the_api_pays(start: Start) -> None:
    emulated = await start(stored_keys=frozenset())
    key = {"alias": "default", "default_config": True, "provider_slug": "deepseek", "secret_id": "s1"}
    assert (await emulated.manage("POST", f"ai-gateway/gateways/{GATEWAY}/provider_configs", key)).is_success
    await emulated.call(CALL | {"model": "deepseek-chat"}, "deepseek/chat/completions")
    assert await payer(emulated) == "stored"


async def test_a_key_under_another_alias_must_be_named(start: Start) -> None:
    emulated = await start(stored_keys=frozenset())
    key = {"alias": "blue", "default_config": False, "provider_slug": "deepseek", "secret_id": "s1"}
    await emulated.manage("POST", f"ai-gateway/gateways/{GATEWAY}/provider_configs", key)
    body, path = CALL | {"model": "deepseek-chat"}, "deepseek/chat/completions"
    unnamed = await emulated.call(body, path)
    named = await emulated.call(body, path, headers={"cf-aig-byok-alias": "blue"})
    assert gateway_code(unnamed) == 2021
    assert named.status_code == 200


async def test_a_key_that_callers_may_bring_is_no_leak(start: Start) -> None:
    emulated = await start(provider_keys=frozenset({"sk-tenant-0123456789"}))
    headers = {"authorization": "Bearer sk-tenant-0123456789"}
    answer = await emulated.call(headers=headers)
    assert (answer.status_code, await payer(emulated)) == (200, "request")
    assert await leaks(emulated) == []


async def test_an_open_gateway_still_pays_nothing_for_strangers(emulated: Emulated) -> None:
    """Without authentication anyone gets through, but stored keys and Unified Billing want the token."""
    await emulated.gateway("open", authentication=False)
    stranger = await emulated.call(gateway="open", token=None)
    unified = await emulated.call(gateway="open")
    stored = await emulated.call(CALL | {"model": "deepseek-chat"}, "deepseek/chat/completions", gateway="open")
    assert (stranger.status_code, unified.status_code, stored.status_code) == (401, 401, 200)
