"""The built pages are read as the build leaves them, or not at all."""

import re
from pathlib import Path

import pytest

from tollhouse.control.dashboard import built
from tollhouse.foundation.errors import StartupError

PAGE = b'<meta name="csp-nonce" content="__CSP_NONCE__">'


def _written(directory: Path, **files: bytes) -> Path:
    (directory / "assets").mkdir()
    (directory / "index.html").write_bytes(PAGE)
    for name, body in files.items():
        (directory / name.replace("__", "/").replace("_", ".")).write_bytes(body)
    return directory


def test_where_nothing_was_built_there_is_none(tmp_path: Path) -> None:
    assert built.read_site(tmp_path / "site") is None
    assert built.read_site(tmp_path) is None


def test_packed_forms_belong_to_their_file_and_have_no_address(tmp_path: Path) -> None:
    site = built.read_site(_written(tmp_path, assets__a_js=b"1", assets__a_js_br=b"2", assets__a_js_gz=b"3"))
    assert site is not None
    assert list(site.files) == ["/assets/a.js"]
    file = site.files["/assets/a.js"]
    assert (file.media_type, file.plain.body) == ("text/javascript; charset=utf-8", b"1")
    assert {coding: form.body for coding, form in file.packed.items()} == {"br": b"2", "gzip": b"3"}
    assert len({file.plain.etag, *(form.etag for form in file.packed.values())}) == 3


def test_the_page_has_no_address_and_takes_a_nonce(tmp_path: Path) -> None:
    site = built.read_site(_written(tmp_path))
    assert site is not None
    assert site.files == {}
    assert site.page_with("abc") == PAGE.replace(b"__CSP_NONCE__", b"abc")


def test_a_page_without_a_place_for_the_nonce_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(b"<!doctype html>")
    with pytest.raises(StartupError, match="build the pages anew"):
        built.read_site(tmp_path)


def test_more_than_we_would_build_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "_MOST_BYTES", 8)
    with pytest.raises(StartupError, match="build the pages anew"):
        built.read_site(_written(tmp_path))


@pytest.mark.skipif(not (built.SITE / built.PAGE).is_file(), reason="the pages were not built: make pages")
def test_what_was_really_built_is_whole() -> None:
    site = built.read_site()
    assert site is not None
    named = re.findall(r'(?:src|href)="(/[^"]+)"', site.page.decode())
    assert len(named) >= 4
    assert [path for path in named if path not in site.files] == []
    large = {path: file for path, file in site.files.items() if path.endswith((".js", ".css")) and _is_large(file)}
    assert large
    assert all(set(file.packed) == {"br", "gzip"} for file in large.values())
    assert b"<script>" not in site.page
    assert b"<style" not in site.page


def _is_large(file: built.BuiltFile) -> bool:
    return len(file.plain.body) >= 1_000
