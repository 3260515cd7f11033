"""Compressed bodies come out whole, in pieces that are never large."""

import contextlib
import gzip
import os
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tollhouse.foundation.errors import BadRequest
from tollhouse.intake.encodings import PIECE_BYTES, decoder_of
from tollhouse.intake.refusals import UnsupportedMedia

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


def unpack(encoding: str, body: bytes) -> bytes:
    decoder = decoder_of(encoding)
    assert decoder is not None
    pieces = list(decoder(body))
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("body", [b"x", b"spans " * 200_000, os.urandom(700_000)], ids=["one", "flat", "noise"])
def test_what_was_packed_comes_out(encoding: str, body: bytes) -> None:
    assert unpack(encoding, PACK[encoding](body)) == body
    assert unpack(encoding.upper(), PACK[encoding](body)) == body


def test_members_and_frames_one_after_another_are_one_body() -> None:
    assert unpack("gzip", gzip.compress(b"a") + gzip.compress(b"b" * 100_000)) == b"a" + b"b" * 100_000
    assert unpack("zstd", zstandard.compress(b"a") + zstandard.compress(b"b")) == b"ab"
    with pytest.raises(BadRequest, match="members"):
        unpack("gzip", gzip.compress(b"a") * 65)


def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    writer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = writer.compress(os.urandom(1 << 20)) + writer.flush()
    with pytest.raises(BadRequest):
        unpack("zstd", packed)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PACK)), st.binary(max_size=300))
def test_any_bytes_come_out_or_are_refused(encoding: str, body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        unpack(encoding, body)


def test_what_follows_the_end_is_refused() -> None:
    with pytest.raises(BadRequest):
        unpack("deflate", zlib.compress(b"a") + b"more")
    with pytest.raises(BadRequest):
        unpack("gzip", gzip.compress(b"a") + b"more")


def test_only_what_we_know_is_decoded() -> None:
    assert decoder_of("") is None
    assert decoder_of("Identity") is None
    for unknown in ("br", "gzip, gzip", "compress"):
        with pytest.raises(UnsupportedMedia):
            decoder_of(unknown)
