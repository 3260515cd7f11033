"""How long one call with a prompt of 1 MB keeps the event loop from all other calls. The road's promise is 1 ms.

Three looks. What others feel: how often in a call somebody who wants a turn of the loop waits longer than that. Where
the loop is held: every callback timed, typically (the median over the calls) and at worst, which has the collector of
garbage in it. Both on the whole road, in a house on real sockets that wrk calls. Then single steps by themselves.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from bench import wrk
from bench.loop_holds import Hold, felt, recorded
from bench.processes import BenchError, Cores, end_in_order_when_told, on_core, pick_cores
from bench.prompts import Prompt, prompts
from bench.seed import ACCOUNT, seed
from bench.targets import provider
from pydantic import HttpUrl, SecretStr

from tollhouse import app, serving
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.models import load as load_catalog
from tollhouse.catalog.providers import infer
from tollhouse.cloudflare.routes import route_of
from tollhouse.db import server
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.logs import configure
from tollhouse.gateway.asgi import CHAT_PATH
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import ChatRequest, decode, read_chat
from tollhouse.gateway.estimate import estimate, normalised_pieces
from tollhouse.gateway.forward import write
from tollhouse.settings import Settings, make_data_dir

ALLOWED_S: Final = 0.001
_SHOWN_S: Final = 0.0003
_CALLS_S: Final = 2
_REPEATS: Final = 30
_UNLIKE_CALLS: Final = 0.5
"""What is seen in fewer calls than this part of them is not per-call work."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere the loop was held in every call, or nearly."""

    where: str
    typical_s: float
    worst_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the calls of one kind did to the loop. `stalls`: seconds, each longer than is allowed."""

    prompt: str
    calls: int
    stalls: Sequence[float]
    places: Sequence[Place]

    @property
    def kept(self) -> bool:
        """Whether most calls let everybody have a turn in time."""
        return len(self.stalls) < self.calls * _UNLIKE_CALLS


def main() -> int:
    """Print what was seen and the verdict."""
    configure("console", "error")
    end_in_order_when_told()
    try:
        seen = _on_the_road()
    except (BenchError, StartupError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(_stalls_table(seen))
    print(_places_table(seen))
    print(asyncio.run(_steps_table()))
    print(_verdict(seen))
    return 0


# The whole road --------------------------------------------------------------------------------------------


def _on_the_road() -> list[Seen]:
    cores = pick_cores()
    with tempfile.TemporaryDirectory(prefix="tollhouse-bench-") as name, on_core(cores.load):
        folder = Path(name)
        with provider(folder, cores, chunks=1, delay_ms=0) as upstream:
            settings = settings_of(folder, upstream)
            make_data_dir(settings)
            with server.running(settings.database_url, settings.data_dir) as url, on_core(cores.gateway):
                return asyncio.run(_drive(settings, url, folder, cores))


def settings_of(folder: Path, upstream: int) -> Settings:
    """The defaults, whatever the environment says, for a house of its own."""
    return Settings.model_construct().model_copy(
        update={
            "data_dir": folder,
            "cf_account_id": ACCOUNT,
            "cf_api_token": SecretStr("bench-token-of-the-upstream"),
            "cf_api_base": HttpUrl(f"http://127.0.0.1:{upstream}/client/v4"),
            "cf_gateway_base": HttpUrl(f"http://127.0.0.1:{upstream}/v1"),
        }
    )


async def _drive(settings: Settings, url: str, folder: Path, cores: Cores) -> list[Seen]:
    keys = await seed(url)
    async with _served(settings, url) as address:
        return [await _watched(prompt, address, keys.unlimited, folder, cores) for prompt in prompts()]


@contextlib.asynccontextmanager
async def _served(settings: Settings, url: str) -> AsyncIterator[str]:
    """A house in this loop; yields where chat calls go."""
    listener = serving.listen("127.0.0.1", 0)
    async with app.open_house(settings, url) as house:
        server = serving.make_server(house.application, max_header_bytes=settings.max_header_bytes, shutdown_s=5)
        serving.settle_memory()
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{CHAT_PATH}"
        finally:
            server.stop()
            await task
            await server.last_words(5)


async def _watched(prompt: Prompt, address: str, key: str, folder: Path, cores: Cores) -> Seen:
    body = folder / "prompt.json"
    body.write_bytes(prompt.body)
    await _call_for(1, address, key, body, cores)
    with recorded(at_least_s=_SHOWN_S) as holds:
        calls = await _call_for(_CALLS_S, address, key, body, cores)
    places = _by_place(holds, calls)
    async with felt(at_least_s=ALLOWED_S) as stalls:
        calls = await _call_for(_CALLS_S, address, key, body, cores)
    return Seen(prompt.name, calls, stalls, places)


async def _call_for(seconds: int, address: str, key: str, body: Path, cores: Cores) -> int:
    """One caller, one call after the other, from the other core; how many there were."""
    with on_core(cores.load):
        caller = await asyncio.create_subprocess_exec(
            *wrk.command(wrk.LOAD, 1, seconds, address, f"Bearer {key}", body),
            stdout=asyncio.subprocess.PIPE,
        )
    output, _ = await caller.communicate()
    load = wrk.told(output)
    if load.failed or not load.requests:
        raise BenchError(f"{load.failed} of {load.requests} calls of 1 MB failed")
    return load.requests


def _by_place(holds: Sequence[Hold], calls: int) -> list[Place]:
    """The places that belong to the calls, the longest first."""
    by_place: dict[str, list[float]] = {}
    for hold in holds:
        by_place.setdefault(hold.place, []).append(hold.seconds)
    places = [
        Place(where, statistics.median(times), max(times))
        for where, times in by_place.items()
        if len(times) >= calls * _UNLIKE_CALLS
    ]
    return sorted(places, key=lambda place: -place.typical_s)


# Single steps ----------------------------------------------------------------------------------------------

Step = Callable[[], Awaitable[object]]


async def _steps_table() -> str:
    kinds = prompts()
    catalog = load_catalog(None, datetime.now(UTC).date())
    columns = [await _step_times(prompt, catalog) for prompt in kinds]
    lines = [_line(["step", *[prompt.name for prompt in kinds]]), _line(["---", *["---:"] * len(kinds)])]
    lines += [_line([step, *[_ms(column[step]) for column in columns]]) for step in columns[0]]
    return "\nThe longest hold of each step by itself, typical, in ms\n\n" + "\n".join(lines)


async def _step_times(prompt: Prompt, catalog: Catalog) -> dict[str, float]:
    chat = await read_chat(prompt.body)
    steps = _steps(prompt, chat, _destination(chat, catalog))
    return {name: await _longest_hold(step) for name, step in steps.items()}


def _steps(prompt: Prompt, chat: ChatRequest, destination: Destination) -> dict[str, Step]:
    """The road's work on a body, cut where the code is. `JSON alone` is the library's part of the one below it."""
    encoded = write(chat, destination, 256).body

    async def alone() -> object:
        return msgspec.json.decode(prompt.body)

    async def estimating() -> object:
        return estimate(chat, destination.entry, len(encoded), policy="clamp", default_max=256, price_version="")

    async def normalising() -> None:
        if destination.route.normalises_text and not encoded.isascii():
            for _ in normalised_pieces(encoded):
                await asyncio.sleep(0)

    async def encoding() -> object:
        return write(chat, destination, 256).body

    return {
        "JSON alone": alone,
        "calls.decode": lambda: decode(prompt.body),
        "calls.read_chat": lambda: read_chat(prompt.body),
        "forward.write": encoding,
        "estimate.normalised_pieces": normalising,
        "estimate.estimate": estimating,
    }


def _destination(chat: ChatRequest, catalog: Catalog) -> Destination:
    found = infer(catalog, chat.model)
    route = None if found is None else route_of(found[0])
    if found is None or route is None:
        raise BenchError(f"the catalog does not know {chat.model}")
    return Destination(*found, route, catalog.find(*found), ACCOUNT, "bench")


async def _longest_hold(step: Step) -> float:
    """The longest time a step keeps the loop in one go: the median over its repeats."""
    longest = []
    for _ in range(_REPEATS):
        with recorded(at_least_s=0) as holds:
            await asyncio.ensure_future(step())
        longest.append(max(hold.seconds for hold in holds))
    return statistics.median(longest)


# What is printed -------------------------------------------------------------------------------------------


def _stalls_table(seen: Sequence[Seen]) -> str:
    title = f"\nHow often in a call of 1 MB the loop keeps others waiting for more than {_ms(ALLOWED_S)} ms\n\n"
    lines = [_line(["prompt", "times", "typical ms", "worst ms"]), _line(["---", "---:", "---:", "---:"])]
    for kind in seen:
        typical, worst = (statistics.median(kind.stalls), max(kind.stalls)) if kind.stalls else (0.0, 0.0)
        lines.append(_line([kind.prompt, f"{len(kind.stalls) / kind.calls:.2f}", _ms(typical), _ms(worst)]))
    return title + "\n".join(lines)


def _places_table(seen: Sequence[Seen]) -> str:
    title = f"\nHolds of the loop above {_ms(_SHOWN_S)} ms in a call of 1 MB, from which wait to which\n\n"
    lines = [_line(["prompt", "place", "typical ms", "worst ms"]), _line(["---", "---", "---:", "---:"])]
    lines += [
        _line([kind.prompt, f"`{place.where}`", _ms(place.typical_s), _ms(place.worst_s)])
        for kind in seen
        for place in kind.places
    ]
    return title + "\n".join(lines)


def _verdict(seen: Sequence[Seen]) -> str:
    broken = [kind for kind in seen if not kind.kept]
    if not broken:
        return f"\nKept: no kind of prompt typically keeps others waiting for more than {_ms(ALLOWED_S)} ms."
    names = "; ".join(kind.prompt for kind in broken)
    return (
        f"\nNOT kept: {len(broken)} of {len(seen)} kinds of prompt keep others waiting for more than "
        f"{_ms(ALLOWED_S)} ms in most calls: {names}."
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
