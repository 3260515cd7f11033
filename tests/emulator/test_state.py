"""What survives: gateways and the book, through a restart, a kill and a torn last line."""

from pathlib import Path
from typing import Any

import pytest

from emulator.conftest import Start
from emulator.emulated import GATEWAY, Emulated
from tollhouse.emulator.app import EmulatorConfig, create
from tollhouse.emulator.state_file import StateFile
from tollhouse.foundation.errors import StartupError

METADATA = {"cf-aig-metadata": '{"customer":"c1","call_id":"x"}'}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "emulator.jsonl"


async def lived(start: Start, state: Path) -> tuple[Emulated, dict[str, Any]]:
    """An emulator with two gateways, a call, a refusal and a leak."""
    emulated = await start(state_file=state)
    await emulated.gateway("second")
    await emulated.gateway("gone")
    await emulated.manage("DELETE", "ai-gateway/gateways/gone")
    await emulated.call(headers=METADATA)
    await emulated.call(headers={"x-api-key": "dummy"})
    return emulated, await emulated.book()


async def names(emulated: Emulated) -> list[str]:
    listed = await emulated.manage("GET", "ai-gateway/gateways")
    return [gateway["id"] for gateway in listed.json()["result"]]


async def test_gateways_and_book_survive(start: Start, state: Path) -> None:
    before, book = await lived(start, state)
    shown = (await before.manage("GET", f"ai-gateway/gateways/{GATEWAY}")).json()["result"]
    after = await start(state_file=state)
    assert await after.book() == book
    assert await names(after) == [GATEWAY, "second"]
    assert (await after.manage("GET", f"ai-gateway/gateways/{GATEWAY}")).json()["result"] == shown


async def test_counting_goes_on_after_a_restart(start: Start, state: Path) -> None:
    await lived(start, state)
    after = await start(state_file=state)
    await after.call(headers=METADATA)
    assert (await after.book())["by_metadata"]["customer"]["c1"]["calls"] == 2
    again = await start(state_file=state)
    assert (await again.book())["calls"] == 2


@pytest.mark.parametrize("torn", [b'{"type":"call","ro', b"\xff", b"{}"])
async def test_a_torn_last_line_is_cut_off(start: Start, state: Path, torn: bytes) -> None:
    _, book = await lived(start, state)
    with state.open("ab") as file:
        file.write(torn)
    after = await start(state_file=state)
    assert await after.book() == book
    await after.call()
    again = await start(state_file=state)
    assert (await again.book())["calls"] == book["calls"] + 1


@pytest.mark.parametrize("line", [b"not json\n", b'{"type":"other"}\n', b"\xff\n", b"\n"])
def test_a_bad_line_in_the_middle_stops_the_start(state: Path, config: EmulatorConfig, line: bytes) -> None:
    state.parent.mkdir()
    state.write_bytes(line)
    changed = EmulatorConfig(config.accounts, config.catalog, state_file=state)
    with pytest.raises(StartupError, match="line 1"):
        create(changed)


async def test_a_reset_is_remembered(start: Start, state: Path) -> None:
    before, _ = await lived(start, state)
    await before.client.post("/_emulator/reset")
    after = await start(state_file=state)
    book = await after.book()
    assert (book["calls"], book["refused"], book["leaks"], book["by_call"]) == (0, 0, [], [])
    assert await names(after) == [GATEWAY, "second"]


async def test_a_reset_of_gateways_is_remembered(start: Start, state: Path) -> None:
    before, _ = await lived(start, state)
    await before.client.post("/_emulator/reset", json={"gateways": True})
    after = await start(state_file=state)
    assert await names(after) == [GATEWAY]  # the one that every test's emulator starts with


def test_nothing_is_written_after_the_end(state: Path, config: EmulatorConfig) -> None:
    from tollhouse.emulator.state_file import Cleared

    file = StateFile(state)
    file.append(Cleared(gateways=False))
    file.close()
    file.append(Cleared(gateways=True))
    file.close()
    assert state.read_bytes() == b'{"type":"reset","gateways":false}\n'


async def test_without_a_file_nothing_is_kept(start: Start) -> None:
    first = await start()
    await first.call()
    second = await start()
    assert (await second.book())["calls"] == 0
