"""A frame is believed when nothing about it is wrong, and an end is clean only where a writer may have stopped."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhouse.foundation.ids import WorkerId
from tollhouse.ledger import frames
from tollhouse.ledger.frames import FRAME_BYTES, MAX_RECORD_BYTES, Head

PAYLOADS = st.binary(min_size=1, max_size=300)
NUMBERS = st.integers(1, (1 << 64) - 1)
HEAD = Head(WorkerId("worker"), 7, 3, "boot", first=41, before=40, damaged=False)


def written(data: bytes) -> int:
    return len(data.rstrip(b"\0"))


@given(NUMBERS, PAYLOADS, st.binary(max_size=40))
def test_a_frame_is_read_as_written_wherever_it_stands(number: int, payload: bytes, before: bytes) -> None:
    data = before + frames.frame(number, payload)
    found = frames.payload_at(data, len(before), number)
    assert found is not None
    assert bytes(found) == payload
    assert frames.length_at(data, len(before), number) == len(data) - len(before) == FRAME_BYTES + len(payload)


@given(NUMBERS, PAYLOADS, st.data())
def test_no_altered_frame_is_believed(number: int, payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(frames.frame(number, payload))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    assert frames.payload_at(bytes(frame).ljust(1 << 17, b"\0"), 0, number) is None


@given(NUMBERS, PAYLOADS, st.data())
def test_a_frame_that_was_cut_is_not_believed(number: int, payload: bytes, data: st.DataObject) -> None:
    frame = frames.frame(number, payload)
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    for rest in (b"", bytes(400)):
        assert frames.payload_at(cut + rest, 0, number) is None


@pytest.mark.parametrize("number", [4, 6])
def test_a_frame_with_another_number_is_another_frame(number: int) -> None:
    frame = frames.frame(5, b"payload")
    assert frames.payload_at(frame, 0, number) is None
    assert frames.length_at(frame, 0, number) is None


def test_a_length_that_no_record_has_is_none() -> None:
    for length in (0, MAX_RECORD_BYTES + 1):
        data = frames.frame(5, bytes(length))
        assert frames.payload_at(data, 0, 5) is None
        assert frames.length_at(data, 0, 5) is None
    assert frames.length_at(b"", 0, 5) is None


@given(NUMBERS, PAYLOADS, st.data())
def test_every_beginning_of_the_next_frame_is_a_clean_end(number: int, payload: bytes, data: st.DataObject) -> None:
    frame = frames.frame(number, payload)
    torn = frame[: data.draw(st.integers(0, len(frame) - 1))]
    assert frames.is_clean_end(torn[:FRAME_BYTES], written(torn), number)
    assert frames.is_clean_end(torn.ljust(400, b"\0")[:FRAME_BYTES], written(torn), number)


@given(NUMBERS, PAYLOADS)
def test_a_whole_frame_that_is_not_believed_is_no_clean_end(number: int, payload: bytes) -> None:
    frame = frames.frame(number, payload)
    assert not frames.is_clean_end(frame[:FRAME_BYTES], written(frame), number)


@pytest.mark.parametrize(
    "data",
    [
        frames.frame(6, b"another number")[:-1],
        frames.frame(6, b"another number")[:9],
        b"\0\0\0\0" + frames.frame(5, b"no length")[4:-1],
        (MAX_RECORD_BYTES + 1).to_bytes(4, "little"),
        frames.frame(5, b"a")[:-1] + b"\0\0something behind it",
        frames.frame(5, bytes(300))[:1] + b"\2" + frames.frame(5, bytes(300))[2:-1] + b"\1",
    ],
)
def test_what_no_writer_leaves_is_no_clean_end(data: bytes) -> None:
    assert not frames.is_clean_end(data[:FRAME_BYTES], written(data), 5)


def test_a_head_is_read_as_written() -> None:
    data = frames.head_bytes(HEAD)
    assert frames.head_of(data + b"frames follow", 3) == (HEAD, len(data))


@given(st.data())
def test_no_altered_or_cut_head_is_believed(data: st.DataObject) -> None:
    head = bytearray(frames.head_bytes(HEAD))
    place = data.draw(st.integers(0, len(head) - 1))
    assert frames.head_of(bytes(head[:place]), 3) is None
    head[place] ^= data.draw(st.integers(1, 255))
    assert frames.head_of(bytes(head), 3) is None


def test_a_head_of_another_place_or_shape_is_none() -> None:
    assert frames.head_of(frames.head_bytes(HEAD), 4) is None
    assert frames.head_of(frames.MAGIC + frames.frame(3, msgspec.msgpack.encode(["worker"])), 3) is None


def test_a_head_has_a_size_that_is_always_read() -> None:
    with pytest.raises(ValueError, match="none"):
        frames.head_bytes(msgspec.structs.replace(HEAD, worker_id=WorkerId("w" * 1000)))
