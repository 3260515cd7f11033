"""A caller and the provider behind the gateway in one process: it sees when a call goes in and when it comes out.

What the gateway itself took is told by the kernel: the time at which a request reached the provider's socket, less the
time at which the caller sent it, and the same of the answer on its way back. How long this process then waited for a
processor counts for nothing: in production callers and providers are other machines.

A line of JSON on standard input is an order (`Order`), a line on standard output what came of it (`figures.Load`); in
between it only answers what the gateway asks.
"""

import argparse
import contextlib
import random
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec
from bench.figures import Load
from bench.processes import AHEAD, free_port
from bench.upstream import LENGTH, whole_answer

_STAMPS: Final = 35  # SO_TIMESTAMPNS and SCM_TIMESTAMPNS of <asm-generic/socket.h>; Python has no name for them
_STAMP: Final = struct.Struct("@ll")
_NS_PER_S: Final = 1_000_000_000
_CALL_S: Final = 10.0
_BYTES: Final = 1 << 16


class Order(msgspec.Struct, frozen=True):
    """Calls for so many seconds, one after another, on average `pause_ms` after the one before was sent."""

    url: str
    authorization: str
    body: str
    seconds: float
    pause_ms: float


@dataclass(slots=True)
class _Line:
    """One connection: what came of the message that is on its way, and when the kernel had the last of it."""

    socket: socket.socket
    received: bytes = b""
    at_ns: int = 0

    def is_whole(self) -> bool:
        """After reading what is there: whether a whole message has come. Raises ConnectionError at the end."""
        data, stamps, _, _ = self.socket.recvmsg(_BYTES, 64)
        if not data:
            raise ConnectionError
        seconds, nanos = _STAMP.unpack(stamps[0][2])
        self.at_ns = seconds * _NS_PER_S + nanos
        self.received += data
        head, _, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        return length is not None and len(body) >= int(length[1])


class Caller:
    """Owns the provider's port. `_passed`: when the call reached it, and when it answered."""

    def __init__(self, port: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._door = socket.create_server(("127.0.0.1", port), backlog=64)
        self._selector.register(self._door, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._answer = whole_answer()
        self._passed: tuple[int, int] = (0, 0)

    def run(self) -> None:
        """Until standard input ends."""
        while True:
            if sys.stdin in self._look(None):
                line = sys.stdin.readline()
                if not line:
                    return
                print(msgspec.json.encode(self._carry_out(msgspec.json.decode(line, type=Order))).decode(), flush=True)

    def _carry_out(self, order: Order) -> Load:
        host, port = urlsplit(order.url).hostname, urlsplit(order.url).port
        line = _Line(_stamped(socket.create_connection((host, port), timeout=_CALL_S)))
        self._selector.register(line.socket, selectors.EVENT_READ, line)
        request = _request(order)
        took: list[int] = []
        failed = 0
        began = due = time.monotonic()
        while due < began + order.seconds:
            self._wait_until(due)
            due += random.uniform(0.5, 1.5) * order.pause_ms / 1000
            nanos = self._call(line, request)
            failed += nanos is None
            took += [] if nanos is None else [nanos]
        self._selector.unregister(line.socket)
        line.socket.close()
        took.sort()
        return Load(len(took), order.seconds, _ms(took, 50), _ms(took, 99), failed)

    def _call(self, line: _Line, request: bytes) -> int | None:
        """What the gateway took of one call, in ns; None: the call failed."""
        line.received, self._passed = b"", (0, 0)
        sent_ns = time.time_ns()
        line.socket.sendall(request)
        give_up = time.monotonic() + _CALL_S
        while line not in self._look(give_up):
            if time.monotonic() > give_up:
                return None
        reached_ns, answered_ns = self._passed
        if not line.received.startswith(b"HTTP/1.1 200 ") or not reached_ns:
            return None
        return reached_ns - sent_ns + line.at_ns - answered_ns

    def _wait_until(self, due: float) -> None:
        while time.monotonic() < due:
            self._look(due)

    def _look(self, until: float | None) -> list[object]:
        """Answer the gateway; returns what else there is: the caller's line with a whole answer, standard input."""
        timeout_s = None if until is None else max(until - time.monotonic(), 0)
        seen: list[object] = []
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._door:
                accepted = _stamped(self._door.accept()[0])
                self._selector.register(accepted, selectors.EVENT_READ, (_Line(accepted),))
            elif isinstance(key.data, tuple):
                self._serve(key.data[0])
            elif key.data is None:
                seen.append(key.fileobj)
            elif key.data.is_whole():
                seen.append(key.data)
        return seen

    def _serve(self, line: _Line) -> None:
        try:
            if not line.is_whole():
                return
        except ConnectionError:
            self._selector.unregister(line.socket)
            line.socket.close()
            return
        line.received = b""
        self._passed = line.at_ns, time.time_ns()
        line.socket.sendall(self._answer)


class Calls:
    """The other side: the process that calls, for whoever measures."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def carry_out(self, order: Order) -> Load:
        """Returns when the order's time is over."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Load)


@contextlib.contextmanager
def calling(*, ahead: bool) -> Iterator[tuple[int, Calls]]:
    """The provider's port and its caller, on the core of whoever asks; `ahead`: it has it whenever it wants it."""
    port = free_port()
    command = [*(AHEAD if ahead else ()), sys.executable, "-m", "bench.caller", "--port", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield port, Calls(process)


def _stamped(connection: socket.socket) -> socket.socket:
    connection.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _request(order: Order) -> bytes:
    split = urlsplit(order.url)
    body = order.body.encode()
    head = f"POST {split.path} HTTP/1.1\r\nhost: {split.netloc}\r\nauthorization: {order.authorization}\r\n"
    return head.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def _ms(took: list[int], percent: int) -> float:
    return took[len(took) * percent // 100] / 1e6 if took else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    Caller(parser.parse_args().port).run()


if __name__ == "__main__":
    main()
