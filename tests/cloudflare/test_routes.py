"""The path table and the header allow-list: what leaves, and above all what does not."""

import json

import pytest

from tollhouse.cloudflare.routes import (
    SLUGS,
    CallMetadata,
    ProviderRoute,
    chat_url_path,
    log_id,
    model_on_the_wire,
    request_headers,
    route_of,
)
from tollhouse.foundation.errors import BadRequest, Unavailable
from tollhouse.foundation.secrets import Secret

TOKEN = "cf-run-token"
OWN_KEY = "sk-own-key"
WITHOUT_BEARER_KEY = {"workers-ai", "google-vertex-ai", "aws-bedrock"}
METADATA = CallMetadata(customer="c1", key_id="k1", user=None, team=None, call_id="call1")
COMPAT = "compat/chat/completions"

PATHS = [
    ("openai", "openai/chat/completions"),
    ("groq", "groq/chat/completions"),
    ("deepseek", "deepseek/chat/completions"),
    ("perplexity-ai", "perplexity-ai/chat/completions"),
    ("openrouter", "openrouter/chat/completions"),
    ("cerebras", "cerebras/chat/completions"),
    ("fireworks", "fireworks/chat/completions"),
    ("grok", "grok/v1/chat/completions"),
    ("baseten", "baseten/v1/chat/completions"),
    ("workers-ai", "workers-ai/v1/chat/completions"),
    ("mistral", "mistral/v1/chat/completions"),
    ("google-ai-studio", "google-ai-studio/v1beta/openai/chat/completions"),
    ("anthropic", COMPAT),
    ("google-vertex-ai", COMPAT),
    ("aws-bedrock", COMPAT),
    ("cohere", COMPAT),
    ("parallel", COMPAT),
]


def route(slug: str) -> ProviderRoute:
    found = route_of(slug)
    assert found is not None
    return found


def headers(mode: str = "unified", provider: str = "openai", metadata: CallMetadata = METADATA) -> dict[bytes, bytes]:
    sent = request_headers(mode, Secret(TOKEN), metadata, provider=provider, provider_key=Secret(OWN_KEY))
    assert len({name for name, _ in sent}) == len(sent)
    return dict(sent)


@pytest.mark.parametrize(("slug", "path"), PATHS)
def test_each_provider_is_reached_on_the_path_of_the_contract(slug: str, path: str) -> None:
    assert route(slug).chat_path == path
    assert route(slug).compat is (path == COMPAT)


def test_the_table_holds_these_providers_and_no_others() -> None:
    assert {slug for slug, _ in PATHS} == SLUGS


@pytest.mark.parametrize(
    "slug",
    [
        "replicate",
        "huggingface",
        "elevenlabs",
        "fal",
        "azure-openai",
        "adobe-firefly",
        "custom-x",
        "OpenAI",
        "",
        "../x",
    ],
)
def test_providers_without_openai_style_chat_and_unknown_ones_have_no_route(slug: str) -> None:
    assert route_of(slug) is None


@pytest.mark.parametrize(
    ("slug", "model", "wire"),
    [
        ("openai", "gpt-4o", "gpt-4o"),
        ("workers-ai", "@cf/meta/llama-3.1-8b-instruct", "@cf/meta/llama-3.1-8b-instruct"),
        ("openrouter", "openrouter/auto", "openrouter/auto"),
        ("groq", "meta-llama/llama-4", "meta-llama/llama-4"),
        ("anthropic", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("cohere", "command-a", "cohere/command-a"),
        ("google-vertex-ai", "gemini-2.5-pro", "google-vertex-ai/google/gemini-2.5-pro"),
        ("google-vertex-ai", "google-vertex-ai/anthropic/claude", "google-vertex-ai/anthropic/claude"),
    ],
)
def test_models_are_bare_on_native_paths_and_carry_one_prefix_on_compat(slug: str, model: str, wire: str) -> None:
    assert model_on_the_wire(route(slug), model) == wire


@pytest.mark.parametrize("slug", sorted(SLUGS))
def test_every_call_has_exactly_one_output_cap_and_nothing_is_proven_unbilled(slug: str) -> None:
    """A provider that refuses both caps together would refuse every call; one that ignores ours has no bound."""
    assert route(slug).max_tokens_field in ("max_tokens", "max_completion_tokens")
    assert route(slug).unbilled_5xx == frozenset()


def test_openai_is_capped_by_the_field_that_its_reasoning_models_accept() -> None:
    assert route("openai").max_tokens_field == "max_completion_tokens"
    assert route("mistral").max_tokens_field == "max_tokens"


def test_only_known_byte_level_tokenisers_are_trusted_not_to_normalise() -> None:
    assert {slug for slug in SLUGS if not route(slug).normalises_text} == {"openai"}


def test_usage_is_asked_for_except_where_asking_is_an_error_or_needless() -> None:
    assert {slug for slug in SLUGS if not route(slug).stream_usage} == {"mistral", "perplexity-ai"}


def test_unified_billing_sells_these() -> None:
    sold = {slug for slug in SLUGS if route(slug).unified_billing}
    assert sold == {"openai", "anthropic", "google-ai-studio", "google-vertex-ai", "grok", "groq"}


def test_the_path_is_account_gateway_and_the_providers_own() -> None:
    assert chat_url_path("0a1b", "tollhouse-c1", route("grok")) == "/0a1b/tollhouse-c1/grok/v1/chat/completions"


@pytest.mark.parametrize(
    ("account", "gateway"),
    [("a/b", "g"), ("", "g"), ("a", "../g"), ("a", "G"), ("a", ""), ("a\r\n", "g"), ("a", "g?x")],
)
def test_ids_that_are_none_never_become_part_of_a_path(account: str, gateway: str) -> None:
    with pytest.raises(Unavailable) as refused:
        chat_url_path(account, gateway, route("openai"))
    assert refused.value.code == "gateway_not_ready"


@pytest.mark.parametrize("mode", ["unified", "byok"])
@pytest.mark.parametrize("slug", sorted(SLUGS - {"workers-ai"}))
def test_no_provider_but_workers_ai_ever_sees_an_authorization(mode: str, slug: str) -> None:
    """A copy of the token in Authorization would be forwarded to the provider."""
    sent = headers(mode, slug)
    assert sent[b"cf-aig-authorization"] == b"Bearer " + TOKEN.encode()
    assert OWN_KEY not in str(sent)
    leaking = [name for name, value in sent.items() if TOKEN.encode() in value]
    assert leaking == [b"cf-aig-authorization"]
    assert not sent.keys() & {b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"}


@pytest.mark.parametrize("mode", ["unified", "byok", "workers-ai", "pass-through"])
def test_workers_ai_takes_the_token_in_both(mode: str) -> None:
    sent = headers(mode, "workers-ai")
    assert sent[b"authorization"] == sent[b"cf-aig-authorization"] == b"Bearer " + TOKEN.encode()


def test_a_customer_confined_to_workers_ai_cannot_call_others() -> None:
    with pytest.raises(BadRequest) as refused:
        headers("workers-ai", "openai")
    assert (refused.value.code, refused.value.param) == ("provider_not_available", "model")


@pytest.mark.parametrize("slug", sorted(SLUGS - WITHOUT_BEARER_KEY))
def test_a_customers_own_key_goes_where_the_provider_reads_it_and_our_token_does_not(slug: str) -> None:
    sent = headers("pass-through", slug)
    assert sent[b"authorization"] == b"Bearer " + OWN_KEY.encode()
    assert sent[b"cf-aig-authorization"] == b"Bearer " + TOKEN.encode()
    assert sent[b"cf-aig-no-wholesale"] == b"true"
    assert [name for name, value in sent.items() if TOKEN.encode() in value] == [b"cf-aig-authorization"]
    assert sent.keys() - headers("byok", slug).keys() == {b"authorization"}


def test_providers_without_a_plain_key_cannot_be_called_with_ones_own() -> None:
    assert {slug for slug in SLUGS if not route(slug).bearer_key} == WITHOUT_BEARER_KEY
    for slug in WITHOUT_BEARER_KEY - {"workers-ai"}:
        with pytest.raises(BadRequest) as refused:
            headers("pass-through", slug)
        assert (refused.value.code, refused.value.param) == ("provider_not_available", "model")


def test_where_the_own_key_is_missing_nothing_is_sent() -> None:
    with pytest.raises(Unavailable):
        request_headers("pass-through", Secret(TOKEN), METADATA, provider="openai")


@pytest.mark.parametrize("mode", ["", "passthrough", "Unified"])
def test_an_unknown_credential_mode_sends_nothing(mode: str) -> None:
    with pytest.raises(Unavailable):
        headers(mode)


def test_the_whole_allow_list() -> None:
    assert headers() == {
        b"content-type": b"application/json",
        b"accept": b"application/json, text/event-stream",
        b"accept-encoding": b"identity",
        b"user-agent": b"tollhouse",
        b"cf-aig-authorization": b"Bearer cf-run-token",
        b"cf-aig-skip-cache": b"true",
        b"cf-aig-metadata": b'{"customer":"c1","key_id":"k1","call_id":"call1"}',
        b"cf-aig-collect-log-payload": b"false",
        b"cf-aig-max-attempts": b"1",
    }


def test_with_stored_keys_cloudflare_may_never_fall_back_to_its_own_billing() -> None:
    assert headers("byok").keys() - headers("unified").keys() == {b"cf-aig-no-wholesale"}
    assert headers("byok")[b"cf-aig-no-wholesale"] == b"true"


def test_metadata_is_at_most_five_scalars_and_never_null() -> None:
    full = CallMetadata(customer="c", key_id="k", user="u", team="t", call_id="x")
    sent = json.loads(headers(metadata=full)[b"cf-aig-metadata"])
    assert sent == {"customer": "c", "key_id": "k", "user": "u", "team": "t", "call_id": "x"}
    assert "null" not in headers()[b"cf-aig-metadata"].decode()


def test_odd_ids_cannot_leave_their_header() -> None:
    odd = CallMetadata(customer="a\r\nx-evil: 1", key_id='"', user="émile\x00", team=None, call_id="x")
    sent = headers(metadata=odd)[b"cf-aig-metadata"]
    assert sent.isascii()
    assert not set(b"\r\n\0") & set(sent)
    assert json.loads(sent)["user"] == "émile\x00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"01JADMCQQQBWH3NXZ5GCRN98DP", "01JADMCQQQBWH3NXZ5GCRN98DP"), (b"", None), (b"a b", None), (b"x" * 65, None)],
)
def test_the_log_id_is_read_if_it_looks_like_one(value: bytes, expected: str | None) -> None:
    assert log_id([(b"date", b"now"), (b"cf-aig-log-id", value)]) == expected


def test_an_answer_without_a_log_id_has_none() -> None:
    assert log_id([(b"date", b"now")]) is None
