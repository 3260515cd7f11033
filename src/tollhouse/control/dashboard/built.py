"""The built pages, read once: every file with its packed forms, and the page that all addresses share.

`make run` and the wheel have them in `site/` beside this file; a checkout where nothing was built has none. Files
`x.br` and `x.gz` are forms of `x` that the build has packed, so that nothing is packed while somebody waits.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollhouse.foundation.errors import StartupError

SITE: Final = Path(__file__).with_name("site")
PAGE: Final = "index.html"
_NONCE: Final = b"__CSP_NONCE__"
_MOST_BYTES: Final = 64 << 20
_CODINGS: Final = {".br": "br", ".gz": "gzip"}
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a file: as it is, or packed. `etag` is of this form, as a strong one must be."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """`packed` by content coding."""

    media_type: str
    plain: Form
    packed: Mapping[str, Form]


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """`files` by path, such as `/assets/index-1a2b.js`. The page is not among them."""

    files: Mapping[str, BuiltFile]
    page: bytes

    def page_with(self, nonce: str) -> bytes:
        """The page, with the number that its styles must carry."""
        return self.page.replace(_NONCE, nonce.encode())


def read_site(directory: Path = SITE) -> BuiltSite | None:
    """None: the pages were not built. Raises StartupError when this is not what a build leaves."""
    if not (directory / PAGE).is_file():
        return None
    contents = _contents(directory)
    page = contents.pop(f"/{PAGE}")
    if _NONCE not in page:
        raise StartupError(f"{directory / PAGE} has no place for the nonce: build the pages anew")
    plain = {path: body for path, body in contents.items() if Path(path).suffix not in _CODINGS}
    return BuiltSite({path: _file(path, body, contents) for path, body in plain.items()}, page)


def _contents(directory: Path) -> dict[str, bytes]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    if sum(path.stat().st_size for path in files) > _MOST_BYTES:
        raise StartupError(f"{directory} holds more than {_MOST_BYTES >> 20} MiB: build the pages anew")
    return {f"/{path.relative_to(directory).as_posix()}": path.read_bytes() for path in files}


def _file(path: str, body: bytes, contents: Mapping[str, bytes]) -> BuiltFile:
    packed = {
        coding: _form(contents[path + suffix], f"-{coding}")
        for suffix, coding in _CODINGS.items()
        if path + suffix in contents
    }
    return BuiltFile(_MEDIA_TYPES.get(Path(path).suffix, "application/octet-stream"), _form(body, ""), packed)


def _form(body: bytes, mark: str) -> Form:
    return Form(body, f'"{hashlib.sha256(body).hexdigest()[:24]}{mark}"')
