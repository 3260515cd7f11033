"""Whatever a client sends, the answer is in the envelope and never a 5xx."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from control.house import House, refusal, registration
from making import customer
from tollhouse.control import edge
from tollhouse.control.edge import MAX_BODY_BYTES, Doorstep
from tollhouse.foundation.errors import Unavailable

JSON = {"Content-Type": "application/json"}
KEYS = "/v1/ai/keys/user"


@pytest.fixture(scope="module")
async def api(busy_house: House) -> httpx.AsyncClient:
    async with busy_house.context.database.connection() as connection:
        acme = await customer(connection)
    return (await busy_house.member(acme)).api


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"name": "\xff\xfe"}',
        b'{"name": NaN}',
        b'{"name": "k", "budget_usd": Infinity}',
        b'{"name": "k", "budget_usd": ' + b"9" * 5000 + b"}",
        b'{"name": "k", "budget_usd": 1e9999999999999999999}',
        b"[" * 100_000,
        b'{"name":' * 100_000,
    ],
)
async def test_what_is_not_json_is_a_400(api: httpx.AsyncClient, body: bytes) -> None:
    assert refusal(await api.post(KEYS, content=body, headers=JSON)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "missing_body", None),
        (b"[]", "invalid_body", None),
        (b'"k"', "invalid_body", None),
        (b"null", "invalid_body", None),
        (b"{}", "missing_field", "name"),
        (b'{"name": "k", "colour": 1}', "unknown_field", "colour"),
        (b'{"name": "k", "\\ud800": 1}', "invalid_body", None),
        ('{"name": "k", "clé": 1}'.encode(), "unknown_field", "cl?"),
        (b'{"name": "k", "' + b"x" * 5000 + b'": 1}', "unknown_field", "x" * 120),
        (b'{"name": "\\u0000"}', "invalid_field", "name"),
        (b'{"name": "a\\u0000b"}', "invalid_field", "name"),
        (b'{"name": "\\ud800"}', "invalid_field", "name"),
        (b'{"name": "\xed\xa0\x80"}', "invalid_field", "name"),
        (b'{"name": "two\\nlines"}', "invalid_field", "name"),
        (b'{"name": "   "}', "invalid_field", "name"),
        (b'{"name": "' + b"x" * 201 + b'"}', "invalid_field", "name"),
        (b'{"name": 7}', "invalid_field", "name"),
        (b'{"name": null}', "invalid_field", "name"),
        (b'{"name": {"deep": ' + b"[" * 500 + b"]" * 500 + b"}}", "invalid_field", "name"),
    ],
)
async def test_a_body_that_does_not_fit_is_a_422_that_names_the_field(
    api: httpx.AsyncClient, body: bytes, code: str, param: str | None
) -> None:
    answer = await api.post(KEYS, content=body, headers=JSON)
    assert refusal(answer) == (422, code)
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "\xff"])
async def test_another_content_type_is_refused_with_the_right_one(api: httpx.AsyncClient, kind: str) -> None:
    """Also a wall against other sites' forms: they cannot send JSON without asking first."""
    answer = await api.post(KEYS, content=b'{"name": "k"}', headers=[(b"Content-Type", kind.encode("latin-1"))])
    assert refusal(answer) == (422, "invalid_body")
    assert "application/json" in answer.json()["error"]["message"]


async def test_text_of_any_script_is_kept_as_it_came(api: httpx.AsyncClient) -> None:
    answer = await api.post(KEYS, json={"name": " clé de 渡辺 👩‍👩‍👧 "})
    assert answer.json()["key"]["name"] == "clé de 渡辺 👩‍👩‍👧"


async def test_numbers_keep_every_digit(api: httpx.AsyncClient) -> None:
    """As a float, the first would be 0.3 and pass."""
    for number, status in ((b"0.30000000000000001", 422), (b"0.3000", 201), (b"3e-1", 201), (b"1e-4", 201)):
        body = b'{"name": "k", "budget_usd": ' + number + b"}"
        assert (await api.post(KEYS, content=body, headers=JSON)).status_code == status, number


@pytest.mark.parametrize(
    "path", ["/x", "/v1", "/v1/nothing", "/v1/ai/keys/", "/v1/me/", "/docs", "/v1/ai/keys/%00/details/x"]
)
async def test_an_unknown_address_is_a_404_in_the_envelope(api: httpx.AsyncClient, path: str) -> None:
    assert refusal(await api.get(path)) == (404, "not_found")


async def test_an_unknown_method_is_a_405_with_those_that_are_allowed(api: httpx.AsyncClient) -> None:
    answer = await api.put("/v1/me")
    assert refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("name", ["%00", "%ED%A0%80", "%FF", "..%2F..%2F", "x" * 3000, "'; DROP TABLE users; --"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/ai/keys/user/{}"),
        ("GET", "/v1/ai/keys/{}/details"),
        ("DELETE", "/v1/ai/keys/user/{}"),
        ("DELETE", "/v1/ai/keys/team/{}/{}"),
        ("POST", "/v1/ai/keys/team/{}"),
        ("PATCH", "/v1/ai/keys/{}"),
        ("GET", "/v1/ai/receipts/{}"),
        ("GET", "/v1/ai/models/{}"),
        ("DELETE", "/v1/tokens/{}"),
    ],
)
async def test_odd_names_in_an_address_do_not_exist(api: httpx.AsyncClient, method: str, path: str, name: str) -> None:
    body = {"name": "k"} if method in ("POST", "PATCH") else None
    assert refusal(await api.request(method, path.replace("{}", name), json=body))[0] == 404


async def test_odd_names_in_a_body_or_a_query_are_refused(busy_house: House) -> None:
    async with busy_house.context.database.connection() as connection:
        admin = await busy_house.member(await customer(connection), "admin")
    for user_id in ("\x00", "nobody", "x" * 10_000):
        assert refusal(await admin.api.post(KEYS, json={"name": "k", "user_id": user_id}))[0] == 404
    for query in (
        "limit=0",
        "limit=201",
        "limit=many",
        "limit=1e2",
        "trace_id=%00",
        "trace_id=ABC",
        "limit=" + "9" * 5000,
    ):
        assert refusal(await admin.api.get(f"/v1/traces?{query}")) == (422, "invalid_field")
    for cursor in ("%00", "x", "%FF", "A" * 5000):
        assert refusal(await admin.api.get(f"/v1/traces?cursor={cursor}")) == (400, "invalid_cursor")


async def test_a_body_over_the_limit_is_a_413(api: httpx.AsyncClient) -> None:
    """Whether its length is announced or not."""
    body = json.dumps({"name": "x" * MAX_BODY_BYTES}).encode()

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    assert refusal(await api.post(KEYS, content=body, headers=JSON)) == (413, "request_too_large")
    assert refusal(await api.post(KEYS, content=in_pieces(), headers=JSON)) == (413, "request_too_large")
    assert refusal(await api.get("/v1/me", headers={"Content-Length": "9" * 30})) == (413, "request_too_large")


async def test_a_body_at_the_limit_is_read(api: httpx.AsyncClient) -> None:
    body = b'{"name": "k"}'.ljust(MAX_BODY_BYTES)
    assert (await api.post(KEYS, content=body, headers=JSON)).status_code == 201


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the app must not be asked")


def _scope() -> Scope:
    return {"type": "http", "method": "POST", "path": "/", "headers": [], "http_version": "1.1", "query_string": b""}


async def test_a_body_that_does_not_arrive_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "_BODY_TIMEOUT_S", 0.01)
    sent: list[Message] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await Doorstep(_nothing)(_scope(), never, send)
    assert sent[0]["status"] == 408


async def test_a_caller_who_leaves_halfway_is_not_answered() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"na', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await Doorstep(_nothing)(_scope(), receive, send)
    assert sent == []


async def test_answers_are_not_cached(api: httpx.AsyncClient) -> None:
    """A raw key must not stay in anybody's cache; a refusal must not either."""
    for answer in (await api.post(KEYS, json={"name": "k"}), await api.get("/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


class _NoDatabase:
    """A pool whose server is gone: nobody gets a connection, or the one they get is cut."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def connection(self) -> "_NoDatabase":
        return self

    transaction = connection

    async def __aenter__(self) -> None:
        raise self._error

    async def __aexit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("the database cannot be reached right now", code="database_unavailable", retry_after_s=2),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        ConnectionRefusedError(),
    ],
)
async def test_without_a_database_everything_is_a_503(busy_house: House, error: Exception) -> None:
    """The client may come back; nothing about the database is told."""
    away = busy_house.but(database=_NoDatabase(error))
    visitor = await away.visitor(token="tht_" + "0" * 64)
    for answer in (
        await visitor.get("/v1/health"),
        await visitor.get("/v1/me"),
        await visitor.post("/v1/customers/register", json=registration("ann@example.com")),
    ):
        assert refusal(answer) == (503, "database_unavailable")
        assert answer.headers["retry-after"] == "2"


async def test_health_says_the_version_and_nothing_else(busy_house: House) -> None:
    visitor = await busy_house.visitor()
    answer = await visitor.get("/v1/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": "0.1.0"})


async def test_a_fault_of_ours_tells_nothing_of_itself(busy_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = busy_house.but(database=_NoDatabase(KeyError("secret detail")))
    transport = httpx.ASGITransport(broken.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tollhouse.test") as visitor:
        answer = await visitor.get("/v1/health")
    assert refusal(answer) == (500, "internal_error")
    assert "secret" not in answer.text


async def test_the_page_at_the_root_loads_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    answer = await api.get("/")
    assert answer.status_code == 200
    assert "Tollhouse is running" in answer.text
    assert "<script" not in answer.text
    assert "://" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
