"""What the dashboard's door gives to whom, with which headers; and what it leaves to the API."""

import re

import httpx
import pytest

from control.house import House, refusal, served

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
SCRIPT = "/assets/index-1a2b.js"


@pytest.fixture
async def visitor(busy_house: House) -> httpx.AsyncClient:
    return await busy_house.with_pages().visitor()


@pytest.mark.parametrize("path", ["/", "/keys", "/sign-in", "/traces/0123?x=%00", "/v10", "/%2e%2e/etc/passwd", "//x"])
async def test_every_address_that_a_browser_can_show_gets_the_page(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["vary"] == "Accept"
    assert "etag" not in answer.headers


async def test_styles_must_carry_a_number_that_no_other_answer_has(visitor: httpx.AsyncClient) -> None:
    nonces = set()
    for _ in range(3):
        answer = await visitor.get("/", headers=HTML)
        policy = dict(each.strip().partition(" ")[::2] for each in answer.headers["content-security-policy"].split(";"))
        (nonce,) = re.findall(r"'nonce-([\w-]+)'", policy["style-src"])
        assert f'content="{nonce}"' in answer.text
        nonces.add(nonce)
    assert len(nonces) == 3
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("path", ["/nothing", "/docs", "/keys"])
async def test_a_program_that_takes_anything_gets_the_refusal(visitor: httpx.AsyncClient, path: str) -> None:
    assert refusal(await visitor.get(path)) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/ai/keys/", "/metrics", "/metrics/x"])
async def test_addresses_of_the_api_and_of_operators_never_get_the_page(visitor: httpx.AsyncClient, path: str) -> None:
    assert refusal(await visitor.get(path, headers=HTML)) == (404, "not_found")


async def test_only_reading_is_answered_here(visitor: httpx.AsyncClient) -> None:
    assert refusal(await visitor.post("/keys", headers=HTML)) == (404, "not_found")
    assert refusal(await visitor.delete(SCRIPT, headers=HTML)) == (404, "not_found")
    assert (await visitor.get("/v1/health", headers=HTML)).json()["status"] == "ok"


# Files -------------------------------------------------------------------------------------------------------


async def test_a_file_that_is_named_for_its_content_is_kept_for_ever(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get(SCRIPT, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.text) == (200, "let a = 1")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    other = await visitor.get("/favicon.svg")
    assert other.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "br"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000", None),
        ("gzip;q=...", None),
        ("brotli, *", None),
        ("", None),
    ],
)
async def test_the_smallest_form_that_the_caller_takes(busy_house: House, accepted: str, coding: str | None) -> None:
    async with (
        served(busy_house.with_pages()) as base,
        httpx.AsyncClient(base_url=base) as client,
        client.stream("GET", SCRIPT, headers={"Accept-Encoding": accepted}) as answer,
    ):
        body = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert body == {"br": b"<brotli>", "gzip": b"<gzip>", None: b"let a = 1"}[coding]


@pytest.mark.parametrize("known", ['"plain"', 'W/"plain"', '"other", "plain"', "*"])
async def test_what_the_caller_has_is_not_sent_again(visitor: httpx.AsyncClient, known: str) -> None:
    answer = await visitor.get(SCRIPT, headers={"Accept-Encoding": "identity", "If-None-Match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"plain"'
    assert "content-length" not in answer.headers


async def test_another_form_of_the_file_is_another_thing_to_have(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get(SCRIPT, headers={"Accept-Encoding": "identity", "If-None-Match": '"plain-br"'})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", SCRIPT])
async def test_a_head_is_an_answer_without_its_body(visitor: httpx.AsyncClient, path: str) -> None:
    asked = HTML | {"Accept-Encoding": "identity"}
    head, whole = await visitor.head(path, headers=asked), await visitor.get(path, headers=asked)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers.keys() == whole.headers.keys()


@pytest.mark.parametrize("path", ["/assets/index-gone.js", "/assets/", "/assets/%2e%2e/index.html", SCRIPT + ".br"])
async def test_an_asset_that_is_not_there_is_not_the_page(busy_house: House, path: str) -> None:
    """Nor a way out of the folder: paths are looked up, never opened."""
    async with served(busy_house.with_pages()) as base, httpx.AsyncClient(base_url=base) as client:
        request = client.build_request("GET", "/", headers=HTML)
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = await client.send(request)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "text/html" not in answer.headers["content-type"]
