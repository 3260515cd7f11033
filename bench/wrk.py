"""wrk, the load: how it is called, and what it tells in one line of JSON (see load.lua and flood.lua)."""

from pathlib import Path
from typing import Final

import msgspec
from bench.figures import Load

LOAD: Final = "load.lua"
FLOOD: Final = "flood.lua"
_HERE: Final = Path(__file__).parent


def command(
    script: str, connections: int, seconds: int, url: str, *arguments: object, timeout_s: int = 10
) -> list[str]:
    """One thread; each connection sends its next request when it has its answer, or at the script's pace."""
    run = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{timeout_s}s", "-s", str(_HERE / script)]
    return [*run, url, "--", *map(str, arguments)]


def told(output: bytes) -> Load:
    """The last line is the script's."""
    return msgspec.json.decode(output.splitlines()[-1], type=Load)
