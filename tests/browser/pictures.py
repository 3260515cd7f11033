"""`make screenshots`: every page of a demo with a past, at three widths, light and dark, into docs/screenshots.

    PYTHONPATH=tests python -m browser.pictures [names of pages ...]

Pictures have 256 colours if pngquant is there, which makes them a third as large.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, get_args

from playwright.async_api import Browser

from browser.places import INSIDE, OUTSIDE, Place, open_place
from browser.visiting import Account, Theme, chromium_running, visiting
from stage import Emulated, Stage, free_port

PICTURES: Final = Path(__file__).parents[2] / "docs/screenshots"
SIZES: Final = ((390, 844), (1280, 900), (1920, 1080))
_OURS: Final = re.compile(r"^(CF_|TOLLHOUSE_|DATABASE_|STRIPE_)")


@asynccontextmanager
async def demo_running() -> AsyncIterator[dict[str, Any]]:
    """`tollhouse serve --demo` with a folder of its own; gives its demo.json."""
    with tempfile.TemporaryDirectory(prefix="tollhouse-pictures-", ignore_cleanup_errors=True) as folder:
        told = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
        told |= {"TOLLHOUSE_DATA_DIR": f"{folder}/data", "TOLLHOUSE_PORT": str(free_port())}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tollhouse", "serve", "--demo", env=told, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout
            await asyncio.wait_for(process.stdout.readuntil(b"Stop with Ctrl-C"), 120)
            yield json.loads(Path(folder, "data/demo.json").read_text())
        finally:
            process.terminate()
            await process.communicate()


async def take(names: list[str]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    async with demo_running() as demo, chromium_running() as browser:
        emulator = Emulated(demo["emulator_url"])
        stage = Stage(demo["base_url"], emulator, None)  # type: ignore[arg-type]
        admin = Account(demo["customer_id"], "", demo["email"], demo["password"])  # type: ignore[arg-type]
        for theme in get_args(Theme):
            for size in SIZES:
                await _round(browser, stage, admin, size, theme, names)
        await emulator.aclose()
    _make_small()


async def _round(
    browser: Browser, stage: Stage, admin: Account, size: tuple[int, int], theme: Theme, names: list[str]
) -> None:
    """All pages at one size in one theme."""
    for places in (OUTSIDE, INSIDE):
        async with visiting(browser, stage, width=size[0], height=size[1], theme=theme) as visitor:
            if places is INSIDE:
                await visitor.sign_in(admin)
            for place in places:
                if not names or place.name in names:
                    await open_place(visitor, place)
                    await visitor.page.screenshot(path=_picture(place, size[0], theme), animations="disabled")
                    sys.stdout.write(".")
                    sys.stdout.flush()


def _picture(place: Place, width: int, theme: Theme) -> Path:
    return PICTURES / f"{place.name}-{width}-{theme}.png"


def _make_small() -> None:
    """In place, without dithering: flat colours stay flat."""
    program = shutil.which("pngquant")
    files = [str(path) for path in sorted(PICTURES.glob("*.png"))]
    if program is None:
        sys.stdout.write("\npngquant is not here: the pictures stay as large as they are\n")
        return
    subprocess.run([program, "--force", "--ext", ".png", "--nofs", "--skip-if-larger", "256", *files], check=False)
    sys.stdout.write(f"\n{len(files)} pictures in {PICTURES}\n")


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1:]))
