"""The guides do what they say: every block is run, in order, and prints what stands below it."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from stage import Stage

GUIDES = sorted((Path(__file__).parents[2] / "docs/guides").glob("*.md"))
BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "---- end of block ----"


def _steps(guide: str) -> list[tuple[str, str]]:
    """Each block of commands with what it is to print."""
    steps: list[tuple[str, str]] = []
    for kind, text in BLOCK.findall(guide):
        if kind == "bash":
            steps.append((text, ""))
        else:
            steps[-1] = (steps[-1][0], text)
    return steps


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
async def test_a_guide_does_what_it_says(stage: Stage, guide: Path) -> None:
    steps = _steps(guide.read_text())
    assert len(steps) > 3
    script = "".join(f"{commands}echo\necho '{MARK}'\n" for commands, _ in steps)
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, env=os.environ | {"BASE": stage.url},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await asyncio.wait_for(process.communicate(), 120)
    printed = [block.strip() for block in said.decode().split(MARK)[:-1]]
    assert process.returncode == 0, complained.decode() + said.decode()
    assert printed == [expected.strip() for _, expected in steps]
