"""What imports cannot check: sizes, names, who writes which table, and what a lock file may hold."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tollhouse.control import api

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tollhouse"
MODULES = sorted(SOURCE.rglob("*.py"))

LONGEST_FUNCTION = 45
LONGEST_FILE = 400
ATTIC = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?:ONLY\s+)?([a-z_]+)", re.IGNORECASE)


def _functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=_relative)
def test_a_function_fits_on_a_screen_and_a_file_has_one_subject(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LONGEST_FILE
    long = {node.name: node.end_lineno - node.lineno + 1 for node in _functions(module) if node.end_lineno}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("module", MODULES, ids=_relative)
def test_a_module_says_what_it_knows(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))


def test_nothing_is_put_into_an_attic() -> None:
    places = [*SOURCE.rglob("*"), *(ROOT / "tests").rglob("*")]
    ours = [path for path in places if not {"__pycache__", "node_modules"} & set(path.parts)]
    assert [path for path in ours if path.stem in ATTIC] == []


def test_one_room_writes_a_table() -> None:
    """Statements name the tables they write; the ledger's functions, in the migrations, are the ledger's."""
    writers: dict[str, set[str]] = defaultdict(set)
    for file in SOURCE.rglob("queries.sql"):
        statements = re.sub(r"--.*", "", file.read_text())
        for table in WRITES.findall(statements):
            if table.lower() not in {"set", "of", "skip"}:
                writers[table].add(file.relative_to(SOURCE).parts[0])
    assert {table: rooms for table, rooms in writers.items() if len(rooms) > 1} == {}
    assert {table for table, rooms in writers.items() if "ledger" in table} <= {"ledger_workers"}


def test_sql_is_never_built_from_text() -> None:
    built = re.compile(r"""(?:execute|fetch\w*)\(\s*f["']""")
    assert [_relative(module) for module in MODULES if built.search(module.read_text())] == []


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_locks_have_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert text.count("==") <= text.count("--hash=sha256:")


def test_every_dependency_has_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    declared = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert declared
    reasons = (ROOT / "docs/decisions/0001-dependencies.md").read_text()
    names = re.findall(r'"([a-z0-9-]+)', declared[1])
    assert len(names) > 10
    assert [name for name in names if name not in reasons] == []


def test_the_committed_description_of_the_api_is_fresh() -> None:
    """`make openapi` writes it; the dashboard's types are made from it."""
    committed = json.loads((ROOT / "docs/openapi.json").read_text())
    assert committed == json.loads(json.dumps(api.description())), "run `make openapi` and commit docs/openapi.json"
