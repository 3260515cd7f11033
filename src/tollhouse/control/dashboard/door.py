"""Which requests are answered with the dashboard's files, and how; the rest is the API's.

Names under `/assets/` say what is in the file, so browsers may keep them for ever; whatever else lies beside the
page is asked for again after an hour. The page itself is never kept: it names the assets, and carries a number
(*nonce*) that no other answer has. All addresses that a browser can show get the page, which finds out what to draw.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tollhouse.control.dashboard.built import BuiltFile, BuiltSite, Form
from tollhouse.foundation.asgi import Headers, Scope, Send, header_of

_READING: Final = frozenset({"GET", "HEAD"})
_NOT_OURS: Final = re.compile(r"/(v1|metrics)(/|$)")
_ASSETS: Final = "/assets/"
_CODINGS: Final = ("br", "gzip")
"""The smallest first."""
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_AN_HOUR: Final = "public, max-age=3600"
_MANNERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_PAGES_MANNERS: Final = {
    "cache-control": "no-cache",
    "vary": "Accept",
    "content-type": "text/html; charset=utf-8",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def answer_of(site: BuiltSite, scope: Scope) -> Answer | None:
    """None: the request is not for the pages."""
    path: str = scope["path"]
    if scope["type"] != "http" or scope["method"] not in _READING or _NOT_OURS.match(path):
        return None
    file = site.files.get(path)
    if file is not None:
        return _file(file, _FOR_EVER if path.startswith(_ASSETS) else _AN_HOUR, scope["headers"])
    if path.startswith(_ASSETS):
        # Not the page: a script that is gone must fail as a script, and not be remembered as one.
        headers = {"cache-control": "no-store", "content-type": "text/plain; charset=utf-8"}
        return Answer(404, {**_MANNERS, **headers}, b"There is no such file.\n")
    if path == "/" or _wants_page(scope["headers"]):
        return _page(site)
    return None


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    if answer.status != 304:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


def _page(site: BuiltSite) -> Answer:
    nonce = secrets.token_urlsafe(18)
    policy = {"content-security-policy": _POLICY.format(nonce=nonce)}
    return Answer(200, {**_MANNERS, **_PAGES_MANNERS, **policy}, site.page_with(nonce))


def _file(file: BuiltFile, kept: str, asked: Headers) -> Answer:
    coding = _coding(file, _text(asked, b"accept-encoding"))
    form: Form = file.plain if coding is None else file.packed[coding]
    headers: dict[str, str] = {**_MANNERS, "cache-control": kept, "etag": form.etag, "vary": "Accept-Encoding"}
    if _has_it(_text(asked, b"if-none-match"), form.etag):
        return Answer(304, headers)
    headers["content-type"] = file.media_type
    if coding is not None:
        headers["content-encoding"] = coding
    return Answer(200, headers, form.body)


def _coding(file: BuiltFile, accepted: str) -> str | None:
    """The smallest form that the caller takes; None: as it is. What is named with q=0 is refused."""
    weights = dict(_weighed(part) for part in accepted.split(","))
    return next((coding for coding in _CODINGS if coding in file.packed and weights.get(coding, 0.0) > 0), None)


def _weighed(part: str) -> tuple[str, float]:
    name, _, parameter = part.strip().lower().partition(";")
    weight = re.fullmatch(r"\s*q=([0-9.]{1,6})\s*", parameter)
    try:
        return name.strip(), 1.0 if weight is None else float(weight[1])
    except ValueError:
        return name.strip(), 0.0


def _has_it(known: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return etag in tags or "*" in tags


def _wants_page(headers: Headers) -> bool:
    """Browsers name HTML when they want something to show; programs that take anything get the API's refusal."""
    return "text/html" in _text(headers, b"accept").lower()


def _text(headers: Any, name: bytes) -> str:
    return (header_of(headers, name) or b"").decode("latin-1")
