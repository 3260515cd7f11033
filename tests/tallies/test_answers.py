"""Answers are counted by plane and status, whatever becomes of them; what is no answer is not."""

from pathlib import Path
from typing import Any

import pytest

from tollhouse.tallies.answers import Counted
from tollhouse.tallies.cells import Tally, read_all


async def _door(scope: Any, _receive: Any, send: Any) -> None:
    for status in scope["answers"]:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    if scope["fails"]:
        raise RuntimeError("after all")


async def test_each_answer_is_counted_once_and_passed_on(tmp_path: Path) -> None:
    tally = Tally(tmp_path, 0)
    spans, control = (Counted(_door, tally, plane) for plane in ("spans", "control"))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for door, *answers in ((spans, 200), (control, 200), (control, 404), (control, 404)):
        await door({"answers": answers, "fails": False}, None, send)
    with pytest.raises(RuntimeError):
        await spans({"answers": [], "fails": True}, None, send)
    [reading] = read_all(tmp_path)
    counted = {name[1:]: value for name, value in reading.counters.items() if name[0] == "answers"}
    assert counted == {("spans", "200"): 1, ("control", "200"): 1, ("control", "404"): 2}
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"] * 4
