"""TLS: the other side's certificate and name are verified, and an unverified one sees nothing of a call."""

import functools
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from cloudflare.loopback import answer, answering, chunked, limits, listening, on_every_loop, pool_to, saying
from tollhouse.cloudflare.upstream import ConnectFailed, UpstreamBroken, UpstreamPool


@functools.cache
def certificate(name: str) -> tuple[ssl.SSLContext, bytes]:
    """A server's context with a self-signed certificate for a DNS name, and the certificate."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = Path(folder) / "key.pem", Path(folder) / "cert.pem"
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        files = ["-keyout", str(key), "-out", str(cert)]
        subprocess.run([*request.split(), *names, *files], check=True, capture_output=True)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(cert, key)
        return server, cert.read_bytes()


def trusting(name: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate(name)[1].decode())


@on_every_loop
async def test_calls_to_a_trusted_name_share_a_connection() -> None:
    server, _ = certificate("localhost")
    async with (
        listening(answering(answer(b"1"), chunked(b"x" * 300_000)), tls=server) as upstream,
        pool_to(upstream, scheme="https", ssl_context=trusting("localhost")) as pool,
    ):
        for body, expected in ((b"small", b"1"), (b"y" * 2_000_000, b"x" * 300_000)):
            response = await pool.send("/", [], body)
            assert await response.read(1 << 20) == expected
        assert [len(request.body) for request in upstream.requests] == [5, 2_000_000]
        assert upstream.connections == 1


@on_every_loop
async def test_a_certificate_nobody_vouches_for_is_refused_and_nothing_sent() -> None:
    server, _ = certificate("localhost")
    hellos: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: hellos.append(name)
    async with listening(answering(answer()), tls=server) as upstream, pool_to(upstream, scheme="https") as pool:
        with pytest.raises(ConnectFailed) as refused:
            await pool.send("/", [], b"secret")
        assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
        assert refused.value.sent is False
        assert upstream.requests == []
        assert hellos == ["localhost"]  # a second try would find the same certificate


@on_every_loop
async def test_a_trusted_certificate_for_another_name_is_refused() -> None:
    server, _ = certificate("elsewhere.test")
    async with (
        listening(answering(answer()), tls=server) as upstream,
        pool_to(upstream, scheme="https", ssl_context=trusting("elsewhere.test")) as pool,
    ):
        with pytest.raises(ConnectFailed) as refused:
            await pool.send("/", [], b"secret")
        assert "localhost" in str(refused.value.__cause__)
        assert upstream.requests == []


@on_every_loop
async def test_a_body_cut_inside_tls_is_never_a_clean_end() -> None:
    server, _ = certificate("localhost")
    for wire in (chunked(b"begun", end=b""), b"HTTP/1.1 200 OK\r\n\r\nbegun"):
        async with (
            listening(saying(wire), tls=server) as upstream,
            pool_to(upstream, scheme="https", ssl_context=trusting("localhost")) as pool,
        ):
            response = await pool.send("/", [], b"")
            assert await response.next_chunk() == b"begun"
            with pytest.raises(UpstreamBroken):
                await response.next_chunk()


def test_without_a_context_of_its_own_a_pool_verifies() -> None:
    context = UpstreamPool("https://gateway.ai.cloudflare.com/v1", limits=limits())._ssl
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert UpstreamPool("http://localhost", limits=limits())._ssl is None
