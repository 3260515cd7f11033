"""What the linter of the pages cannot check: sizes, walls, ways around types, one Mantine, locks without addresses."""

import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
SOURCE = WEB / "src"
FILES = sorted(
    path for path in SOURCE.rglob("*") if path.suffix in {".ts", ".tsx", ".css"} and path.name != "schema.d.ts"
)

LONGEST = 250
WAYS_AROUND = re.compile(
    r"@ts-ignore|@ts-nocheck|@ts-expect-error|dangerouslySetInnerHTML|\beval\(|new Function\(|\.innerHTML\b"
    r"|:\s*any\b|\bas any\b|<any\b|\bany\[\]"
)
MANTINES_DIALOG = re.compile(r"""import \{[^}]*\b(?:Modal|Drawer)\b[^}]*\} from '@mantine/core'""")
IMPORTS = re.compile(r"""(?:from|import)\s*\(?\s*['"]([^'"]+)['"]""")


def _relative(path: Path) -> str:
    return str(path.relative_to(WEB))


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 50


def test_no_file_is_longer_than_it_should_be() -> None:
    lengths = {_relative(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_nothing_goes_around_types_or_the_policy() -> None:
    found = {
        _relative(path): WAYS_AROUND.findall(_without_comments(path.read_text()))
        for path in FILES
        if path.suffix != ".css"
    }
    assert {name: ways for name, ways in found.items() if ways} == {}


def test_dialogs_are_those_that_give_the_focus_back() -> None:
    """Mantine's own do not when they are taken out of the page."""
    found = [
        _relative(path) for path in FILES if path.name != "dialogs.tsx" and MANTINES_DIALOG.search(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize("storey", ["features", "ui", "api"])
def test_walls_between_features_and_storeys(storey: str) -> None:
    """routes -> features -> ui | api; a feature knows no other feature."""
    wrong = []
    for path in (SOURCE / storey).rglob("*.ts*"):
        for name in IMPORTS.findall(path.read_text()):
            target = _target(path, name)
            if target is not None and not _may(path.relative_to(SOURCE).parts, target):
                wrong.append(f"{_relative(path)} imports {name}")
    assert wrong == []


def _target(path: Path, name: str) -> tuple[str, ...] | None:
    """Where an import of ours leads, from `src` on; None: to a package."""
    if name.startswith("@/"):
        return tuple(name[2:].split("/"))
    if name.startswith("."):
        return (path.parent / name).resolve().relative_to(SOURCE.resolve()).parts
    return None


def _may(importer: tuple[str, ...], target: tuple[str, ...]) -> bool:
    match importer[0], target[0]:
        case "features", "features":
            return importer[1] == target[1]
        case "features", "routes":
            return False
        case "ui", ("features" | "routes" | "app"):
            return False
        case "api", ("features" | "routes" | "app" | "ui"):
            return False
    return True


def _without_comments(text: str) -> str:
    return re.sub(r"^\s*//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL | re.MULTILINE)


def test_mantine_is_one_version() -> None:
    package = json.loads((WEB / "package.json").read_text())
    asked = package["dependencies"] | package["devDependencies"]
    versions = {version for name, version in asked.items() if name.startswith("@mantine/")}
    assert len(versions) == 1
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    locked = {entry["version"] for name, entry in lock.items() if name.startswith("node_modules/@mantine/")}
    assert locked == versions


@pytest.mark.parametrize("place", ["web", "tests/oidc_provider", "tests/otel_js"])
def test_locks_of_npm_have_hashes_and_no_addresses(place: str) -> None:
    packages = json.loads((WEB.parent / place / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
