"""The head of a request: exact bytes, and nothing that could smuggle."""

import pytest

from tollhouse.cloudflare.failures import UnsafeRequest
from tollhouse.cloudflare.request import head_of, origin_of

ORIGIN = origin_of("https://gateway.test/v1/")


def test_the_head_is_these_bytes() -> None:
    head = head_of(ORIGIN, "/a/b", [(b"accept", b"*/*")], 12)
    assert head == b"POST /v1/a/b HTTP/1.1\r\nhost: gateway.test\r\naccept: */*\r\ncontent-length: 12\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8081", ("localhost", 8081, False, b"localhost:8081", "")),
        ("https://gateway.test/v1", ("gateway.test", 443, True, b"gateway.test", "/v1")),
        ("http://[::1]:80/", ("::1", 80, False, b"[::1]:80", "")),
        ("http://bücher.test", ("bücher.test", 80, False, b"xn--bcher-kva.test", "")),
    ],
)
def test_a_base_url_is_taken_apart(url: str, expected: tuple[str, int, bool, bytes, str]) -> None:
    origin = origin_of(url)
    assert (origin.host, origin.port, origin.tls, origin.authority, origin.path) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:80",
        "ftp://x",
        "http://",
        "http://u:p@x",
        "http://x?q",
        "http://x#f",
        "http://x:99999",
        "http://x/a b",
    ],
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        origin_of(url)


@pytest.mark.parametrize("path", ["", "a", "/a b", "/a\r\nx: y", "/a\n", "/é", "/\0", "http://evil.test/"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(UnsafeRequest):
        head_of(ORIGIN, path, [], 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x", b"a\r\nevil: 1"),
        (b"x", b"a\n"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x\r\nevil", b"1"),
        (b"x y", b"1"),
        (b"x:", b"1"),
        (b"", b"1"),
        (b"host", b"evil.test"),
        (b"Content-Length", b"0"),
        (b"transfer-encoding", b"chunked"),
        (b"Connection", b"close"),
        (b"expect", b"100-continue"),
    ],
)
def test_a_header_that_could_end_its_line_or_change_the_framing_is_refused(name: bytes, value: bytes) -> None:
    with pytest.raises(UnsafeRequest) as refused:
        head_of(ORIGIN, "/", [(name, value)], 0)
    assert refused.value.sent is False
