"""What the dashboard's own checks leave out: sizes, its lock, and words that must not be in its sources."""

import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
SOURCES = sorted(path for path in (WEB / "src").rglob("*") if path.suffix in {".ts", ".tsx", ".css"})
OURS = [path for path in SOURCES if path.name != "schema.d.ts"]
LONGEST_FILE = 250
FORBIDDEN = re.compile(r"dangerouslySetInnerHTML|@ts-ignore|@ts-nocheck|\.innerHTML\b|\beval\(|new Function\(")


@pytest.mark.parametrize("source", OURS, ids=lambda path: str(path.relative_to(WEB)))
def test_a_file_has_one_subject_and_makes_no_html_from_text(source: Path) -> None:
    text = source.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    assert FORBIDDEN.findall(text) == []


def test_a_feature_imports_no_other_feature() -> None:
    features = WEB / "src" / "features"
    found = [path for path in OURS if features in path.parents and "@/features/" in path.read_text()]
    assert found == []


def test_the_lock_has_hashes_and_no_addresses() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_all_of_mantine_is_of_one_version() -> None:
    dependencies = json.loads((WEB / "package.json").read_text())["dependencies"]
    versions = {version for name, version in dependencies.items() if name.startswith("@mantine/")}
    assert len(versions) == 1
    assert re.fullmatch(r"\d+\.\d+\.\d+", versions.pop())
