"""The work on spans in a process of its own: the same answers, and what happens when that process dies or is left."""

import asyncio
import gzip
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from intake.conftest import SMALL
from intake.sending import JSON, PROTOBUF, SECRET, Door, Made, as_json, partial_success, request
from making import TEMPLATE, connected, create_database, customer, key
from stage import Stage, open_stage
from tollhouse.intake.annex import Annex
from tollhouse.intake.office import Outcome, Parcel
from tollhouse.intake.parcels import Handed, Refused, Told, framed, next_of
from tollhouse.intake.refusals import UnsupportedMedia, busy
from waiting import until


@pytest.fixture(scope="module")
async def stage(embedded_template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    url = create_database(embedded_template, TEMPLATE)
    place: Path = tmp_path_factory.mktemp("annex")
    told = {"TRACE_INGEST_SECRET": SECRET}
    async with (
        connected(url) as database,
        open_stage(database, url, place, told=told, **(SMALL | {"ingest_process": True})) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
async def raw_key(door: Door) -> str:
    async with door.database.transaction() as connection:
        return (await key(connection, await customer(connection, "Annex"))).raw_key


def annex_of(stage: Stage) -> Annex:
    assert stage.house is not None
    office = stage.house.intake.office
    assert isinstance(office, Annex)
    return office


def process_of(stage: Stage) -> psutil.Process:
    number = annex_of(stage).process_id
    assert number is not None
    return psutil.Process(number)


async def test_spans_are_stored_by_a_process_that_lets_others_go_first(door: Door, stage: Stage, raw_key: str) -> None:
    good, bad = Made({"gen_ai.request.model": "gpt-4o"}), Made(start_ns=1)
    answer = await door.send(good, bad, credential=raw_key)
    assert (answer.status_code, partial_success(answer)[0]) == (200, 1)
    assert answer.headers["x-tollhouse-accepted-spans"] == "1"
    assert [row["model"] for row in await door.rows(good)] == ["gpt-4o"]
    assert process_of(stage).ppid() == os.getpid()
    assert process_of(stage).nice() > psutil.Process().nice()
    assert os.getsid(process_of(stage).pid) == os.getsid(0)  # across sessions niceness would mean nothing
    again = await door.post(as_json(request(good)), raw_key, JSON)
    assert again.status_code == 200
    assert len(await door.rows(good)) == 1


async def test_what_the_terminal_tells_all_of_the_group_is_not_for_it(door: Door, stage: Stage, raw_key: str) -> None:
    assert (await door.send(Made(), credential=raw_key)).status_code == 200
    at_work = process_of(stage)
    for number in (signal.SIGINT, signal.SIGTERM):
        at_work.send_signal(number)
    assert (await door.send(Made(), credential=raw_key)).status_code == 200
    assert process_of(stage) == at_work


async def test_refusals_come_back_as_they_are_said(door: Door, raw_key: str) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert (await door.post(bomb, raw_key, content_encoding="gzip")).status_code == 413
    assert (await door.post(b"garbage", raw_key, content_encoding="gzip")).status_code == 400
    assert (await door.post(b"\xff\xff", raw_key, PROTOBUF)).status_code == 400
    assert (await door.post(b"{", raw_key, JSON)).status_code == 400
    nothing = await door.send(Made(start_ns=1), credential=raw_key)
    assert nothing.status_code == 400
    assert b"days ago" in nothing.content


async def test_a_process_that_is_killed_loses_nothing_that_was_accepted(door: Door, stage: Stage, raw_key: str) -> None:
    accepted: list[Made] = []

    async def send(count: int) -> None:
        for _ in range(count):
            span = Made()
            while (answer := await door.send(span, credential=raw_key)).status_code != 200:
                assert answer.status_code == 503
                assert answer.headers["retry-after"] in ("1", "2")
                await asyncio.sleep(0.1)
            accepted.append(span)

    await send(1)
    senders = [asyncio.create_task(send(40)) for _ in range(8)]
    await until(lambda: len(accepted) >= 40)
    killed = process_of(stage)
    killed.send_signal(signal.SIGKILL)
    await asyncio.gather(*senders)
    assert process_of(stage).pid != killed.pid
    assert {len(await door.rows(span)) for span in accepted} == {1}


async def test_it_goes_when_its_house_goes(embedded_template: str, tmp_path: Path) -> None:
    url = create_database(embedded_template, TEMPLATE)
    told = {"TRACE_INGEST_SECRET": SECRET}
    async with (
        connected(url) as database,
        open_stage(database, url, tmp_path, told=told, ingest_process=True) as opened,
    ):
        assert annex_of(opened).process_id is None, "it is started for the first spans"
        async with database.transaction() as connection:
            raw = (await key(connection, await customer(connection, "Brief"))).raw_key
        assert (await Door(opened.url, database).send(Made(), credential=raw)).status_code == 200
        process = process_of(opened)
    assert not process.is_running()


async def test_frames_arrive_as_they_were_sent_whatever_the_pieces() -> None:

    from tollhouse.traces.attribution import Sender

    parcel = Parcel(Sender("key 1"), b"application/json", "gzip", None, bytes(range(256)) * 1_000)
    sent = framed(Handed(7, parcel)) + framed(Handed(8, parcel))
    reader = asyncio.StreamReader()
    decoder = msgspec.msgpack.Decoder(Handed)
    for start in range(0, len(sent), 1_111):
        reader.feed_data(sent[start : start + 1_111])
    reader.feed_data(framed(Handed(9, parcel))[:-1])
    reader.feed_eof()
    for expected in (Handed(7, parcel), Handed(8, parcel), None):
        assert await next_of(reader, decoder) == expected


async def test_a_frame_that_cannot_be_ours_is_refused() -> None:

    reader = asyncio.StreamReader()
    reader.feed_data(b"\xff\xff\xff\xffHTTP")
    with pytest.raises(ValueError, match="4294967295"):
        await next_of(reader, msgspec.msgpack.Decoder(Told))


def test_a_refusal_keeps_its_kind_on_the_way() -> None:
    error = Refused.of(busy()).error()
    assert (error.status, error.code, error.retry_after_s) == (503, "busy", 1)
    assert isinstance(Refused(415, "unsupported_media_type", "no", None).error(), UnsupportedMedia)
    assert Refused(500, "internal_error", "no", None).error().status == 500
    assert Outcome(1, 0, "") == Told(1, Outcome(1, 0, ""), None).outcome
