"""Cloudflare's errors: what the caller gets, whether a model may have run, and what is nobody's but the provider's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.cloudflare.codes import BY_CODE
from tollhouse.cloudflare.errors import UpstreamFault, translate

JSON = [(b"content-type", b"application/json"), (b"cf-aig-log-id", b"01ABC")]
HTML = [(b"content-type", b"text/html; charset=UTF-8"), (b"server", b"cloudflare")]


def long_form(code: int, message: str, status: int) -> bytes:
    return json.dumps(
        {
            "success": False,
            "result": [],
            "messages": [],
            "error": [{"code": code, "message": message}],
            "name": "AiGatewayError",
            "httpCode": status,
            "internalCode": code,
            "message": message,
            "description": message,
        }
    ).encode()


def short_form(code: int, message: str) -> bytes:
    return json.dumps(
        {"success": False, "result": [], "messages": [], "error": [{"code": code, "message": message}]}
    ).encode()


def plural_form(code: int, message: str) -> bytes:
    return json.dumps(
        {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    ).encode()


def faulty(
    status: int, body: bytes, provider: str = "openai", headers: list[tuple[bytes, bytes]] = JSON
) -> UpstreamFault:
    fault = translate(status, headers, body, provider)
    assert fault is not None
    return fault


# code, status, text -> status and code shown, whether a model ran, retry
GATEWAY = [
    (2001, 400, "Please configure AI Gateway", 503, "gateway_not_ready", "no", False),
    (2003, 429, "Rate limited", 429, "upstream_rate_limited", "no", True),
    (2005, 400, "Failed to get response from provider", 502, "upstream_no_answer", "unknown", True),
    (2008, 400, "Invalid provider", 502, "upstream_misconfigured", "no", False),
    (2009, 401, "Unauthorized", 502, "upstream_misconfigured", "no", False),
    (2016, 424, "Prompt blocked", 400, "content_blocked", "no", False),
    (2017, 424, "Response blocked", 400, "content_blocked", "yes", False),
    (2018, 429, "Unified Billing rate limit exceeded", 429, "upstream_rate_limited", "no", True),
    (2019, 400, "Bad chat format", 502, "upstream_misconfigured", "no", False),
    (2021, 402, "Insufficient credits", 502, "upstream_out_of_credit", "no", False),
    (2021, 402, "Wholesale rate limit exceeded, slow down", 429, "upstream_rate_limited", "no", True),
    (2021, 402, "This model is not available via unified billing", 400, "model_not_available", "no", False),
    (2029, 424, "Request content blocked", 400, "content_blocked", "no", False),
    (2030, 424, "Response content blocked", 400, "content_blocked", "yes", False),
    (2040, 400, "No stored credential with this alias", 502, "upstream_misconfigured", "no", False),
    (2040, 403, "Cannot resolve model", 502, "upstream_misconfigured", "no", False),
    (2041, 429, "Spend limit exceeded", 503, "upstream_spend_limit", "no", False),
    (2044, 400, "No provider key", 502, "upstream_misconfigured", "no", False),
    (2045, 429, "Spend limit exceeded", 503, "upstream_spend_limit", "no", False),
    (2049, 403, "No provider key", 502, "upstream_misconfigured", "no", False),
    (2999, 400, "Something new", 502, "upstream_error", "unknown", True),
    (2999, 429, "Something new", 429, "upstream_rate_limited", "unknown", True),
    (2999, 408, "Something new", 504, "upstream_timeout", "unknown", True),
    (2999, 504, "Something new", 504, "upstream_timeout", "unknown", True),
    (2999, 500, "Something new", 502, "upstream_error", "unknown", True),
    (2009, 500, "Unauthorized", 502, "upstream_misconfigured", "unknown", False),
]

API = [
    (10000, 401, "Authentication error", 502, "upstream_misconfigured", "no", False),
    (9106, 400, "Missing Authorization header", 502, "upstream_misconfigured", "no", False),
    (7003, 404, "Could not route to /accounts/x", 502, "upstream_misconfigured", "no", False),
    (7003, 400, "Model not found", 404, "model_not_found", "no", False),
    (7003, 400, "Model execution failed (User Input Error)", 400, "invalid_request", "unknown", False),
    (7007, 402, "No credit", 502, "upstream_out_of_credit", "no", False),
    (2021, 402, "Insufficient credits", 502, "upstream_out_of_credit", "no", False),
    (5007, 400, "No such model x or task", 404, "model_not_found", "no", False),
    (3042, 404, "The model name is invalid", 404, "model_not_found", "no", False),
    (5004, 400, "Invalid data type", 400, "invalid_request", "no", False),
    (3006, 413, "Request is too large", 413, "request_too_large", "no", False),
    (3007, 408, "Request timeout", 504, "upstream_timeout", "unknown", True),
    (3008, 408, "Request was aborted", 502, "upstream_no_answer", "unknown", True),
    (3023, 403, "Service unavailable for account", 502, "upstream_misconfigured", "no", False),
    (3036, 429, "You have used up your daily free allocation", 502, "upstream_out_of_credit", "no", False),
    (3040, 429, "No more data centers", 429, "upstream_overloaded", "no", True),
    (5016, 403, "Terms not agreed to", 400, "model_not_available", "no", False),
    (9999, 400, "Something new", 400, "invalid_request", "no", False),
    (9999, 403, "Something new", 502, "upstream_misconfigured", "no", False),
    (9999, 408, "Something new", 504, "upstream_timeout", "unknown", True),
    (9999, 413, "Something new", 413, "request_too_large", "no", False),
    (9999, 429, "Something new", 429, "upstream_rate_limited", "no", True),
    (9999, 500, "Something new", 502, "upstream_error", "unknown", True),
    (5007, 500, "No such model", 404, "model_not_found", "unknown", False),
]


@pytest.mark.parametrize("form", ["long", "short"])
@pytest.mark.parametrize(("code", "status", "text", "shown", "shown_code", "sent", "retryable"), GATEWAY)
def test_the_gateways_own_errors(
    form: str, code: int, status: int, text: str, shown: int, shown_code: str, sent: str, retryable: bool
) -> None:
    fault = faulty(status, long_form(code, text, status) if form == "long" else short_form(code, text))
    assert (fault.error.status, fault.error.code) == (shown, shown_code)
    assert (fault.sent_to_provider, fault.retryable) == (sent, retryable)
    assert (fault.cloudflare_code, fault.said) == (code, text)


@pytest.mark.parametrize(("code", "status", "text", "shown", "shown_code", "sent", "retryable"), API)
def test_errors_of_the_api_and_of_workers_ai(
    code: int, status: int, text: str, shown: int, shown_code: str, sent: str, retryable: bool
) -> None:
    fault = faulty(status, plural_form(code, text), "workers-ai")
    assert (fault.error.status, fault.error.code) == (shown, shown_code)
    assert (fault.sent_to_provider, fault.retryable) == (sent, retryable)


def test_an_unlisted_refusal_of_the_api_is_not_blamed_on_the_caller_of_another_provider() -> None:
    fault = faulty(400, plural_form(9999, "Something new"), "openai")
    assert (fault.error.status, fault.sent_to_provider) == (502, "no")


@pytest.mark.parametrize("code", sorted(BY_CODE))
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 424, 429, 500])
def test_no_error_of_cloudflare_reaches_a_tenant_as_401_or_402(code: int, status: int) -> None:
    """401 would say that the virtual key is wrong, 402 that the tenant's own budget is spent."""
    for body in (short_form(code, "x"), plural_form(code, "x")):
        assert faulty(status, body).error.status not in (401, 402)


@pytest.mark.parametrize(
    ("status", "error", "shown", "code"),
    [
        (403, {"message": "Access denied by policy"}, 403, "denied_by_policy"),
        (
            429,
            {"message": "Spending limit exceeded", "bucket": "c:1", "spent": 1, "limit": 1},
            503,
            "upstream_spend_limit",
        ),
        (429, {"message": "Spending limit exceeded"}, 503, "upstream_spend_limit"),
        (429, {"message": "Enough", "limit": 2}, 503, "upstream_spend_limit"),
    ],
)
def test_rejections_by_policy_ran_no_model(status: int, error: dict[str, object], shown: int, code: str) -> None:
    fault = faulty(status, json.dumps({"success": False, "error": error}).encode())
    assert (fault.error.status, fault.error.code, fault.sent_to_provider) == (shown, code, "no")
    assert "c:1" not in str(fault.error.body())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, {"message": "No"}),
        (429, {"message": "Slow down"}),
        (500, {"message": "Spending limit"}),
        (403, {"text": "x"}),
    ],
)
def test_an_object_that_is_no_policys_is_the_providers(status: int, error: dict[str, object]) -> None:
    assert translate(status, JSON, json.dumps({"success": False, "error": error}).encode(), "openai") is None


def test_status_200_with_errors_is_an_error() -> None:
    fault = faulty(200, plural_form(5007, "No such model"), "workers-ai")
    assert (fault.error.status, fault.error.code) == (404, "model_not_found")
    fault = faulty(200, plural_form(9999, "Something new"), "workers-ai")
    assert (fault.error.status, fault.sent_to_provider) == (502, "unknown")


def test_a_listed_code_decides_wherever_it_stands() -> None:
    errors = [{"code": 1, "message": "a"}, {"message": "b"}, {"code": 5007, "message": "c"}]
    fault = faulty(400, json.dumps({"success": False, "errors": errors}).encode(), "workers-ai")
    assert (fault.cloudflare_code, fault.said) == (5007, "c")


def test_codes_written_as_strings_are_codes() -> None:
    body = b'{"success":false,"error":[{"code":"2009","message":"Unauthorized"}]}'
    assert faulty(401, body).cloudflare_code == 2009


@pytest.mark.parametrize("error", [b"[]", b'["text"]', b"null", b'"text"'])
def test_a_gateway_error_without_a_readable_code_is_still_one(error: bytes) -> None:
    fault = faulty(400, b'{"success":false,"name":"AiGatewayError","error":%s}' % error)
    assert (fault.error.code, fault.sent_to_provider, fault.cloudflare_code) == ("upstream_error", "unknown", None)


def test_what_the_caller_can_mend_is_told_in_cloudflares_words_without_ids() -> None:
    text = "AiError: Bad input: account 0123456789abcdef0123456789abcdef: '/messages' must be array"
    fault = faulty(400, plural_form(5004, text), "workers-ai")
    message = fault.error.message
    assert "'/messages' must be array" in message
    assert "0123456789abcdef" not in message


def test_what_the_operator_must_mend_is_not_told_to_the_caller() -> None:
    fault = faulty(400, long_form(2040, "No credential 'acme'; there are: prod-key, test-key", 400))
    assert "prod-key" not in str(fault.error.body())
    assert "prod-key" in fault.said


def test_bodies_of_errors_have_openais_shape() -> None:
    fault = faulty(401, long_form(2009, "Unauthorized", 401))
    assert fault.error.body() == {
        "error": {
            "message": "The connection to the model provider is not set up correctly.",
            "type": "upstream_error",
            "code": "upstream_misconfigured",
            "param": None,
        }
    }


PROVIDERS_OWN = [
    (400, b'{"error":{"message":"bad","type":"invalid_request_error","code":null,"param":"messages"}}'),
    (429, b'{"error":{"message":"quota","type":"insufficient_quota","code":"insufficient_quota"}}'),
    (400, b'[{"error":{"code":400,"message":"Invalid","status":"INVALID_ARGUMENT"}}]'),
    (422, b'{"object":"error","message":{"detail":[{"type":"extra_forbidden"}]},"type":"invalid_request_error"}'),
    (400, b'{"code":"x","error":"plain text"}'),
    (500, b'{"type":"error","error":{"type":"api_error","message":"Internal"}}'),
    (400, b'{"message":"nope","errors":["a","b"]}'),
    (400, b'{"errors":[{"message":"no code and no success"}]}'),
    (404, b"404 page not found"),
    (500, b""),
    (503, b'{"success":"no","error":[]}'),
    (500, b"\xff\xfe not text"),
    (500, b'{"error":' + b"[" * 5000),
    (200, b'{"id":"x","choices":[],"success":false,"errors":[{"code":5007,"message":"quoted"}]}'),
    (200, b'{"id":"x","object":"chat.completion","choices":[{"message":{"content":"hi"}}]}'),
    (200, b""),
]


@pytest.mark.parametrize(("status", "body"), PROVIDERS_OWN)
def test_a_providers_own_answer_passes_through(status: int, body: bytes) -> None:
    assert translate(status, JSON, body, "openai") is None


def test_a_body_too_long_to_be_cloudflares_is_not_searched() -> None:
    body = long_form(2009, "x" * 70_000, 500)
    assert translate(500, JSON, body, "openai") is None


def test_a_providers_401_is_the_operators_fault_and_shows_nothing_of_its_key() -> None:
    fault = faulty(401, b'{"error":{"message":"Incorrect API key provided: sk-abc***xyz","code":"invalid_api_key"}}')
    assert (fault.error.status, fault.error.code, fault.sent_to_provider) == (502, "upstream_credentials", "no")
    assert "sk-abc" not in str(fault.error.body()) + fault.said


def test_a_401_for_a_customers_own_key_is_its_admins_to_mend() -> None:
    body = b'{"error":{"message":"Incorrect API key provided: sk-abc"}}'
    fault = translate(401, JSON, body, "openai", customers_key=True)
    assert fault is not None
    assert (fault.error.status, fault.error.code, fault.sent_to_provider) == (403, "provider_key_refused", "no")
    assert "sk-abc" not in str(fault.error.body()) + fault.said


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_passed_on_with_the_callers_key(status: int) -> None:
    fault = faulty(status, b"")
    assert (fault.error.status, fault.sent_to_provider) == (502, "unknown")


@pytest.mark.parametrize(
    ("status", "shown", "sent"),
    [
        (403, 502, "no"),
        (408, 504, "unknown"),
        (413, 413, "no"),
        (429, 429, "no"),
        (500, 502, "unknown"),
        (502, 502, "unknown"),
        (504, 504, "unknown"),
        (520, 502, "unknown"),
        (522, 504, "unknown"),
        (524, 504, "unknown"),
        (530, 502, "unknown"),
    ],
)
def test_pages_of_the_edge_in_front_of_the_gateway(status: int, shown: int, sent: str) -> None:
    for headers, body in ((HTML, b"<!DOCTYPE html>"), ([(b"content-type", b"text/plain")], b"error code: %d" % status)):
        fault = faulty(status, body, headers=headers)
        assert (fault.error.status, fault.sent_to_provider) == (shown, sent)


def test_a_page_that_came_through_the_gateway_is_the_providers_unless_only_the_edge_has_its_status() -> None:
    through = [*HTML, (b"cf-aig-request-id", b"x")]
    assert translate(503, through, b"<html>", "openai") is None
    assert faulty(524, b"<html>", headers=through).sent_to_provider == "unknown"
    assert translate(524, JSON, b'{"error":{"message":"provider"}}', "openai") is None


@given(st.integers(200, 599), st.binary(max_size=200))
def test_nothing_an_upstream_says_breaks_the_translation(status: int, body: bytes) -> None:
    for headers in (JSON, HTML):
        fault = translate(status, headers, body, "workers-ai")
        assert fault is None or fault.error.status not in (401, 402)
