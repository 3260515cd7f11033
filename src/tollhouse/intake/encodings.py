"""Content-Encoding: gzip, deflate and zstd, in pieces, so that neither memory nor the loop is somebody's bomb.

A piece of output is at most `PIECE_BYTES`; between pieces the caller lets others have the loop and counts. Sans-I/O.
"""

import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Final

import zstandard

from tollhouse.intake import refusals

PIECE_BYTES: Final = 32 << 10
_FED_BYTES: Final = 64 << 10
_MOST_MEMBERS: Final = 64
_LARGEST_WINDOW: Final = 8 << 20
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15

Decoder = Callable[[bytes], Iterator[bytes]]


def decoder_of(encoding: str) -> Decoder | None:
    """What turns a body into pieces of what it was; None for identity. Raises UnsupportedMedia."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _DECODERS:
        raise refusals.unsupported_encoding(encoding[:100])
    return _DECODERS[name]


def _gzip(body: bytes) -> Iterator[bytes]:
    """Members one after another are one body (RFC 1952)."""
    rest = body
    for _ in range(_MOST_MEMBERS):
        rest = yield from _inflate("gzip", zlib.decompressobj(_GZIP), rest)
        if not rest:
            return
    raise refusals.undecodable("gzip", f"it has more than {_MOST_MEMBERS} members")


def _deflate(body: bytes) -> Iterator[bytes]:
    """With zlib's frame, as it should be, or without, as some send it."""
    framed = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    rest = yield from _inflate("deflate", zlib.decompressobj(_ZLIB if framed else _RAW), body)
    if rest:
        raise refusals.undecodable("deflate", "something follows its end")


def _inflate(name: str, inflater: "zlib._Decompress", body: bytes) -> Generator[bytes, None, bytes]:
    """Yields pieces; returns what follows the end of the stream."""
    view, at = memoryview(body), 0
    try:
        while not inflater.eof:
            fed = inflater.unconsumed_tail
            if not fed:
                fed, at = bytes(view[at : at + _FED_BYTES]), at + _FED_BYTES
                if not fed:
                    raise refusals.undecodable(name, "it ends too early")
            if piece := inflater.decompress(fed, PIECE_BYTES):
                yield piece
    except zlib.error as cause:
        raise refusals.undecodable(name, str(cause)) from cause
    return inflater.unused_data + bytes(view[at:])


def _zstd(body: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    try:
        with decompressor.stream_reader(body, read_across_frames=True) as reader:
            while piece := reader.read(PIECE_BYTES):
                yield piece
    except zstandard.ZstdError as cause:
        raise refusals.undecodable("zstd", str(cause)) from cause


_DECODERS: Final[dict[str, Decoder]] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "zstd": _zstd}
