"""What survives a restart: gateways and the book, as JSON lines in an append-only file.

One record, one `os.write`: a killed emulator leaves at most one torn line at the end, which the next start cuts
off. A bad line anywhere else means that the file is not ours, and stops the start.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tollhouse.emulator.book import CallRow, Leak
from tollhouse.emulator.gateways import Gateway
from tollhouse.foundation.errors import StartupError


class GatewaySaved(msgspec.Struct, tag="gateway", frozen=True):
    account: str
    gateway: Gateway


class GatewayRemoved(msgspec.Struct, tag="gateway_removed", frozen=True):
    account: str
    gateway_id: str


class CallBooked(msgspec.Struct, tag="call", frozen=True):
    row: CallRow
    metadata: dict[str, str]


class LeakSeen(msgspec.Struct, tag="leak", frozen=True):
    leak: Leak


class Cleared(msgspec.Struct, tag="reset", frozen=True):
    gateways: bool


Record = GatewaySaved | GatewayRemoved | CallBooked | LeakSeen | Cleared

_decoder: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)
_encoder: Final = msgspec.json.Encoder()


class StateFile:
    """Owns the file descriptor. `read` once, then `append`; close when done."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def read(self) -> Iterator[Record]:
        """Every record, oldest first; cuts a torn tail. Raises StartupError for a file that is not ours."""
        content = self._path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            os.truncate(self._path, end)
        for number, line in enumerate(content[:end].splitlines(), start=1):
            yield self._decode(number, line)

    def append(self, record: Record) -> None:
        """Nothing is written after `close`."""
        if self._fd is not None:
            os.write(self._fd, _encoder.encode(record) + b"\n")

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _decode(self, number: int, line: bytes) -> Record:
        try:
            return _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as cause:
            raise StartupError(f"{self._path}: line {number} is not a record of the emulator: {cause}") from cause
