"""`python -m campaigns.fuzzing TARGET SECONDS`: one parser against bytes that a coverage-guided fuzzer thinks of.

Anything but the errors that the parser documents ends the run with a status that is not 0, and the input is kept.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import atheris
import msgspec

with atheris.instrument_imports(include=["tollhouse"]):
    from tollhouse.foundation.errors import BadRequest, TollhouseError
    from tollhouse.gateway.calls import read_chat, read_tags
    from tollhouse.gateway.meter import MeterOverflow, StreamMeter, read_answer, visible_bytes_of
    from tollhouse.intake import encodings, otlp_json, otlp_protobuf
    from tollhouse.intake.otlp import Limits, Sent
    from tollhouse.ledger import frames, records, segments
    from tollhouse.traces.dialects import Dialects

_SEEDS: Final = {
    "body": (b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"stream":true}',),
    "stream": (b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}\n\ndata: [DONE]\n\n',),
    "answer": (b'{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',),
    "journal": (frames.MAGIC + frames.frame(1, b"x"),),
    "spans": (
        b"\nJ\n\n\n\x08\n\x01s\x12\x03\n\x01x\x12<\n\x03\n\x01t\x125\n\x10"
        + b"a" * 16
        + b"\x12\x08"
        + b"b" * 8
        + b"*\x04chat0\x03J\x0b\n\x01k\x12\x06\n\x04textz\x02\x18\x01",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"'
        + b"ab" * 16
        + b'","spanId":"'
        + b"cd" * 8
        + b'","attributes":[{"key":"gen_ai.system","value":{"stringValue":"openai"}}]}]}]}]}',
    ),
}


def _body(data: bytes) -> None:
    with contextlib.suppress(TollhouseError):
        asyncio.run(read_chat(data))
    with contextlib.suppress(BadRequest):
        read_tags(data)


def _stream(data: bytes) -> None:
    for strip in (True, False):
        meter = StreamMeter(strip_usage=strip)
        with contextlib.suppress(MeterOverflow):
            half = len(data) // 2
            meter.feed(data[:half])
            meter.feed(data[half:])
            meter.end()
        meter.visible_bytes()


def _answer(data: bytes) -> None:
    read_answer(data)
    visible_bytes_of(data)


def _journal(data: bytes) -> None:
    """As a file, and as a record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{1:012d}-{1:06d}.journal").write_bytes(data)
        segments.scan(folder, 1)
    with contextlib.suppress(msgspec.DecodeError):
        records.decode(data)


_limits: Final = Limits(spans=100, attributes=20, value_chars=100, items=10)
_dialects: Final = Dialects()


def _spans(data: bytes) -> None:
    """In both encodings and every compression, on to the words of the conventions."""
    for read in (otlp_protobuf.read, otlp_json.read):
        with contextlib.suppress(TollhouseError):
            for each in read(data, _limits):
                if isinstance(each, Sent):
                    _dialects.read(each.name, each.attributes, root=True)
    for name in ("gzip", "deflate", "zstd"):
        decoder = encodings.decoder_of(name)
        assert decoder is not None
        with contextlib.suppress(TollhouseError):
            for taken, _ in enumerate(decoder(data)):
                if taken > 20:
                    break


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "body": _body, "stream": _stream, "answer": _answer, "journal": _journal, "spans": _spans,
}  # fmt: skip


def main() -> None:
    target, seconds, place = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(_SEEDS[target]):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={place}/", str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
