"""The checks of the data plane: gateway, token, provider, path, model - and the answer's headers."""

import re

import httpx
import pytest

from emulator.conftest import Start
from emulator.emulated import ACCOUNT, CALL, GATEWAY, OTHER_TOKEN, TOKEN, Emulated, call_headers

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def gateway_code(answer: httpx.Response) -> int:
    body = answer.json()
    assert body["success"] is False
    assert "errors" not in body
    code: int = body["error"][0]["code"]
    return code


async def test_a_call_through_all_checks_is_answered(emulated: Emulated) -> None:
    answer = await emulated.call()
    assert answer.status_code == 200
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("openai/chat/completions", "gpt-4o-mini"),
        ("groq/chat/completions", "llama-3.3-70b-versatile"),
        ("groq/chat/completions", "openai/gpt-oss-120b"),
        ("deepseek/chat/completions", "deepseek-chat"),
        ("perplexity-ai/chat/completions", "sonar"),
        ("openrouter/chat/completions", "openai/gpt-5-mini"),
        ("openrouter/v1/chat/completions", "openai/gpt-5-mini"),
        ("cerebras/chat/completions", "gpt-oss-120b"),
        ("fireworks/chat/completions", "accounts/fireworks/models/kimi-k2"),
        ("grok/v1/chat/completions", "grok-4"),
        ("baseten/v1/chat/completions", "deepseek-ai/DeepSeek-V3.1"),
        ("mistral/v1/chat/completions", "mistral-small-latest"),
        ("google-ai-studio/v1beta/openai/chat/completions", "gemini-2.5-flash"),
        ("google-ai-studio/v1beta/openai/chat/completions", "models/gemini-2.5-flash"),
        ("azure-openai/resource/deployment/chat/completions?api-version=2024-10-21", "gpt-4o"),
        ("compat/chat/completions", "openai/gpt-4o-mini"),
        ("compat/chat/completions", "anthropic/claude-sonnet-4-5"),
        ("compat/chat/completions", "cohere/command-a-03-2025"),
        ("compat/chat/completions", "perplexity/sonar"),
        ("compat/chat/completions", "google-vertex-ai/google/gemini-2.5-pro"),
        ("compat/chat/completions", "aws-bedrock/us.amazon.nova-pro-v1:0"),
        ("compat/chat/completions", "parallel/speed"),
        ("compat/chat/completions", "workers-ai/@cf/meta/llama-3.1-8b-instruct"),
    ],
)
async def test_every_provider_answers_on_its_own_path(emulated: Emulated, path: str, model: str) -> None:
    answer = await emulated.call(CALL | {"model": model}, path)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "path",
    [
        "openai/v1/chat/completions",
        "openai/chat/completions/",
        "openai/chat%2Fcompletions",
        "openai//chat/completions",
        "openai/completions",
        "groq/openai/v1/chat/completions",
        "mistral/chat/completions",
        "grok/chat/completions",
        "baseten/chat/completions",
        "google-ai-studio/chat/completions",
        "google-ai-studio/v1/chat/completions",
        "anthropic/v1/chat/completions",
        "anthropic/chat/completions",
        "cohere/chat/completions",
        "huggingface/chat/completions",
        "replicate/predictions",
        "azure-openai/resource/deployment/chat/completions",
    ],
)
async def test_a_wrong_path_is_the_providers_404_and_costs_nothing(emulated: Emulated, path: str) -> None:
    answer = await emulated.call(path=path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"
    book = await emulated.book()
    assert (book["calls"], book["refused"]) == (0, 1)


async def test_workers_ai_wants_its_v1_path(emulated: Emulated) -> None:
    """The path that looks right is not, although the credential is."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = CALL | {"model": "@cf/meta/llama-3.1-8b-instruct"}
    wrong = await emulated.call(body, "workers-ai/chat/completions", headers=headers)
    right = await emulated.call(body, "workers-ai/v1/chat/completions", headers=headers)
    assert (wrong.status_code, right.status_code) == (404, 200)


@pytest.mark.parametrize(
    ("path", "model", "code"),
    [
        ("open-ai/chat/completions", "gpt-4o-mini", 2008),
        ("compat/v1/chat/completions", "openai/gpt-4o-mini", 2008),
        ("compat/embeddings", "openai/gpt-4o-mini", 2008),
        ("custom-mine/chat/completions", "gpt-4o-mini", 2008),
        ("compat/chat/completions", "gpt-4o-mini", 2019),
        ("compat/chat/completions", "openai/", 2019),
        ("compat/chat/completions", "/gpt-4o-mini", 2019),
        ("compat/chat/completions", "openrouter/openai/gpt-5-mini", 2008),
        ("compat/chat/completions", "perplexity-ai/sonar", 2008),
        ("compat/chat/completions", "google/gemini-2.5-pro", 2008),
        ("compat/chat/completions", "xai/grok-4", 2008),
    ],
)
async def test_cloudflare_refuses_what_it_cannot_route(emulated: Emulated, path: str, model: str, code: int) -> None:
    answer = await emulated.call(CALL | {"model": model}, path)
    assert answer.status_code == 400
    assert gateway_code(answer) == code
    assert (await emulated.book())["rejected"] == {str(code): 1}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("openai/chat/completions", "openai/gpt-4o-mini"),
        ("deepseek/chat/completions", "deepseek/deepseek-chat"),
        ("grok/v1/chat/completions", "xai/grok-4"),
        ("compat/chat/completions", "google-vertex-ai/gemini-2.5-pro"),
    ],
)
async def test_a_provider_does_not_know_the_prefixed_name(emulated: Emulated, path: str, model: str) -> None:
    answer = await emulated.call(CALL | {"model": model}, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_workers_ai_does_not_know_a_bare_name(emulated: Emulated) -> None:
    answer = await emulated.call(CALL | {"model": "workers-ai/llama-3.1-8b-instruct"}, "compat/chat/completions")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == 5007


async def test_only_post_reaches_a_model(emulated: Emulated) -> None:
    answer = await emulated.client.get(f"/v1/{ACCOUNT}/{GATEWAY}/openai/chat/completions", headers=call_headers())
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_supported")


@pytest.mark.parametrize(
    "authorization",
    [None, "", TOKEN, f"Basic {TOKEN}", "Bearer wrong-token-0123456789", f"Bearer {OTHER_TOKEN}", f"Bearer {TOKEN} x"],
)
async def test_a_gateway_with_authentication_wants_its_accounts_token(
    emulated: Emulated, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"cf-aig-authorization": authorization}
    answer = await emulated.call(token=None, headers=headers)
    assert (answer.status_code, gateway_code(answer)) == (401, 2009)


async def test_a_token_twice_is_not_a_token(emulated: Emulated) -> None:
    twice = [("cf-aig-authorization", f"Bearer {TOKEN}")] * 2
    answer = await emulated.client.post(f"/v1/{ACCOUNT}/{GATEWAY}/openai/chat/completions", json=CALL, headers=twice)
    assert gateway_code(answer) == 2009


async def test_an_unknown_gateway_is_not_made(emulated: Emulated) -> None:
    answer = await emulated.call(gateway="nobody")
    assert (answer.status_code, gateway_code(answer)) == (400, 2001)
    assert (await emulated.manage("GET", "ai-gateway/gateways/nobody")).status_code == 404


async def test_the_default_gateway_appears_with_the_first_authorized_call(emulated: Emulated) -> None:
    refused = await emulated.call(gateway="default", token=None)
    answered = await emulated.call(gateway="default")
    made = (await emulated.manage("GET", "ai-gateway/gateways/default")).json()["result"]
    assert gateway_code(refused) == 2001
    assert answered.status_code == 200
    assert (made["is_default"], made["authentication"]) == (True, True)


async def test_a_deleted_gateway_answers_no_more(emulated: Emulated) -> None:
    await emulated.manage("DELETE", f"ai-gateway/gateways/{GATEWAY}")
    assert gateway_code(await emulated.call()) == 2001


async def test_an_unknown_account_has_no_gateways(emulated: Emulated) -> None:
    answer = await emulated.client.post(f"/v1/who/{GATEWAY}/openai/chat/completions", json=CALL, headers=call_headers())
    assert gateway_code(answer) == 2001


@pytest.mark.parametrize("path", ["openai/chat/completions", "openai/nowhere", "nobody/chat/completions"])
async def test_every_answer_carries_cloudflares_headers(emulated: Emulated, path: str) -> None:
    first = await emulated.call(path=path)
    second = await emulated.call(path=path)
    for answer in (first, second):
        assert ULID.fullmatch(answer.headers["cf-aig-log-id"])
        assert answer.headers["cf-aig-request-id"]
        assert answer.headers["cf-aig-step"] == "0"
        assert answer.headers["cf-aig-cache-status"] == "MISS"
    assert first.headers["cf-aig-log-id"] != second.headers["cf-aig-log-id"]


async def test_the_callers_event_id_comes_back(emulated: Emulated) -> None:
    answer = await emulated.call(headers={"cf-aig-event-id": "event-7"})
    assert answer.headers["cf-aig-event-id"] == "event-7"


async def test_an_edge_compresses_for_those_who_ask(emulated: Emulated) -> None:
    plain = await emulated.call(headers={"accept-encoding": "identity"})
    packed = await emulated.call(headers={"accept-encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["choices"] == plain.json()["choices"]


@pytest.mark.parametrize("path", ["/", "/v2/x", "/v1", "/health", "/client"])
async def test_nothing_lives_elsewhere(emulated: Emulated, path: str) -> None:
    assert (await emulated.client.get(path)).status_code == 404


async def test_the_universal_endpoint_is_not_pretended(emulated: Emulated) -> None:
    answer = await emulated.client.post(f"/v1/{ACCOUNT}/{GATEWAY}", json=[], headers=call_headers())
    assert answer.status_code == 501


async def test_a_limit_of_unified_billing_can_be_switched_on(start: Start) -> None:
    emulated = await start(unified_calls_per_minute=2)
    answers = [await emulated.call() for _ in range(3)]
    own_key = await emulated.call(CALL | {"model": "deepseek-chat"}, "deepseek/chat/completions")
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert gateway_code(answers[2]) == 2018
    assert own_key.status_code == 200
