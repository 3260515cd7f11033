"""A receiver of webhooks on a real socket, and what it takes to reach it by a name of its own."""

import asyncio
import functools
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer(status: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n{more}\r\n".encode()


@dataclass(frozen=True)
class Arrived:
    """One request, as it was on the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers with `answers` one after the other, the last one again and again; None: not at all."""

    port: int = 0
    answers: list[bytes | None] = field(default_factory=lambda: [NO_CONTENT])
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0
    name: str | None = None
    """The name that TLS asked for."""

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.arrived.append(await _request(reader))
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if said is not None:
                writer.write(said)
                await writer.drain()
            while await reader.read(1 << 16):  # until the sender hangs up
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Arrived:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = dict(each.split(": ", 1) for each in rest)
    return Arrived(line, headers, await reader.readexactly(int(headers["Content-Length"])))


@asynccontextmanager
async def receiving(*answers: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(answers=list(answers) or [NO_CONTENT])
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: setattr(receiver, "name", name)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


@functools.cache
def certificate(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for the name, and a client's that trusts it."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = Path(folder) / "key.pem", Path(folder) / "cert.pem"
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        subprocess.run(
            [*request.split(), *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
        )
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(cert, key)
        return server, ssl.create_default_context(cadata=cert.read_text())
