"""Every campaign in a form of some seconds: the promises that do not depend on how busy the machine is."""

import importlib
from pathlib import Path

import pytest

from campaigns.__main__ import CAMPAIGNS
from campaigns.result import Result, Scale

LONG = {
    "T6": "a node that starts ten times takes its time", "T9": "changes need minutes to meet every state",
    "T13": "needs tokenisers (make soak)", "T14": "needs fuzzers (make soak)", "T16": "a soak is long",
    "T17": "silence takes its time",
}  # fmt: skip


@pytest.mark.no_cover  # smaller tests reach every line; here it would only take time
@pytest.mark.parametrize("name", [name for name in CAMPAIGNS if name not in LONG])
async def test_a_campaign_keeps_its_promises(name: str, embedded_url: str, tmp_path: Path) -> None:
    campaign = importlib.import_module(f"campaigns.{CAMPAIGNS[name][0]}")
    result: Result = await campaign.run(Scale(embedded_url, tmp_path))
    assert result.broken == []
    assert result.figures.get("provider's calls") or result.figures.get("damages")


def test_every_campaign_is_listed_and_every_listed_one_is_there() -> None:
    here = {path.stem for path in Path(__file__).parent.glob("t[0-9]*.py")}
    assert {module for module, _ in CAMPAIGNS.values()} == here
    assert CAMPAIGNS.keys() >= LONG.keys()


def test_a_row_says_what_was_broken() -> None:
    result = Result("T0", full=True, figures={"calls": 1200, "p99 ms": 3.14159, "kinds": {"exact": 3}})
    result.expect(True, "never said")
    assert result.row() == "| T0 | passed | calls 1,200, p99 ms 3.14, kinds {'exact': 3} |"
    result.expect(False, "two entries")
    result.expect_in_time(False, "too slow")
    assert "**broken**: two entries; too slow" in result.row()


def test_a_busy_machine_breaks_no_promise_of_a_short_run() -> None:
    result = Result("T0")
    result.expect_in_time(False, "too slow")
    assert result.broken == []
