"""The proxy does to a connection what it is told, and nothing otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from campaigns.proxy import Faults, Place, Proxy, place_of, running, through


class Echo:
    """Answers with what it hears, and remembers in which pieces that came."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.heard.append(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Echo, Proxy]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    async with server, running(Place(port=echo.port)) as proxy:
        yield echo, proxy


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Echo, Proxy]]:
    async with echoing() as made:
        yield made


async def connect(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def exchange(streams: Any, data: bytes) -> bytes:
    reader, writer = streams
    writer.write(data)
    await writer.drain()
    answer: bytes = await asyncio.wait_for(reader.readexactly(len(data)), 10)
    return answer


async def first_byte(proxy: Proxy) -> bytes:
    reader, _ = await connect(proxy)
    return await asyncio.wait_for(reader.read(1), 10)


async def test_a_line_in_order_passes_everything_both_ways(pair: tuple[Echo, Proxy]) -> None:
    _, proxy = pair
    streams = await connect(proxy)
    data = bytes(range(256)) * 8192
    assert await exchange(streams, data) == data
    assert (proxy.connections, proxy.accepted) == (1, 1)
    streams[1].close()


async def test_a_goodbye_is_passed_on_after_all_that_was_said(pair: tuple[Echo, Proxy]) -> None:
    echo, proxy = pair
    _, writer = await connect(proxy)
    writer.write(b"x" * 300_000)
    writer.close()
    await writer.wait_closed()
    for _ in range(200):
        if proxy.accepted == 1 and proxy.connections == 0:
            break
        await asyncio.sleep(0.01)
    assert proxy.connections == 0
    assert sum(map(len, echo.heard)) == 300_000


async def test_new_connections_are_refused_and_old_ones_go_on(pair: tuple[Echo, Proxy]) -> None:
    _, proxy = pair
    old = await connect(proxy)
    await exchange(old, b"before")
    proxy.faults = Faults(refuse=True)
    with pytest.raises(ConnectionResetError):
        await first_byte(proxy)
    assert await exchange(old, b"still here") == b"still here"
    proxy.heal()
    assert await exchange(await connect(proxy), b"again") == b"again"


async def test_existing_connections_are_reset(pair: tuple[Echo, Proxy]) -> None:
    _, proxy = pair
    streams = [await connect(proxy) for _ in range(3)]
    for each in streams:
        await exchange(each, b"hello")
    assert proxy.drop() == 3
    for reader, _ in streams:
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 10)
    assert await exchange(await connect(proxy), b"anew") == b"anew"


async def test_a_black_hole_swallows_and_gives_back_when_it_heals(pair: tuple[Echo, Proxy]) -> None:
    echo, proxy = pair
    old = await connect(proxy)
    await exchange(old, b"hello")
    proxy.faults = Faults(black_hole=True)
    new = await connect(proxy)  # accepted, as a host that is cut off behind its router
    for _, writer in (old, new):
        writer.write(b"anybody?")
    await asyncio.sleep(0.2)
    assert b"".join(echo.heard) == b"hello"
    proxy.heal()
    for reader, _ in (old, new):
        assert await asyncio.wait_for(reader.readexactly(8), 10) == b"anybody?"


async def test_latency_holds_each_way(pair: tuple[Echo, Proxy]) -> None:
    _, proxy = pair
    streams = await connect(proxy)
    proxy.faults = Faults(latency_s=0.15)
    began = time.monotonic()
    await exchange(streams, b"slow")
    assert time.monotonic() - began >= 0.3  # sleeps never end early


async def test_a_trickle_takes_as_long_as_its_bytes(pair: tuple[Echo, Proxy]) -> None:
    _, proxy = pair
    streams = await connect(proxy)
    proxy.faults = Faults(bytes_per_s=10_000)
    began = time.monotonic()
    await exchange(streams, b"x" * 3_000)
    assert time.monotonic() - began >= 0.24  # six pieces, five waits before the last


async def test_slices_change_no_byte(pair: tuple[Echo, Proxy]) -> None:
    echo, proxy = pair
    streams = await connect(proxy)
    proxy.faults = Faults(slice_bytes=3)
    data = bytes(range(200))
    assert await exchange(streams, data) == data
    assert b"".join(echo.heard) == data


@pytest.mark.parametrize("pieces", [(b"BEGIN; COMMIT",), (b"BEGIN; COM", b"MIT")])
async def test_a_cut_comes_after_the_text_was_passed_on_and_before_its_answer(
    pair: tuple[Echo, Proxy], pieces: tuple[bytes, ...]
) -> None:
    echo, proxy = pair
    reader, writer = await connect(proxy)
    proxy.faults = Faults(cut_after=(b"FLUSH", b"COMMIT"), cuts_left=1, latency_s=0.05)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.readexactly(13), 10)
    for _ in range(200):
        if b"".join(echo.heard) == b"BEGIN; COMMIT":
            break
        await asyncio.sleep(0.01)
    assert b"".join(echo.heard) == b"BEGIN; COMMIT"
    assert proxy.cuts == 1
    assert await exchange(await connect(proxy), b"COMMIT") == b"COMMIT"  # as often as it was told


async def test_a_server_that_is_away_is_a_reset(pair: tuple[Echo, Proxy]) -> None:
    async with running(Place(port=1)) as proxy:
        with pytest.raises(ConnectionResetError):
            await first_byte(proxy)


async def test_its_connections_are_bounded(pair: tuple[Echo, Proxy]) -> None:
    echo, _ = pair
    proxy = Proxy(Place(port=echo.port), most_connections=1)
    await proxy.start()
    await exchange(await connect(proxy), b"one")
    with pytest.raises(ConnectionResetError):
        await first_byte(proxy)
    await proxy.close()
    assert proxy.connections == 0


async def test_a_commit_whose_answer_is_lost_has_happened(embedded_url: str) -> None:
    """What the proxy is for: Postgres behind it, the client sees an error, the row is there."""
    async with running(place_of(embedded_url)) as proxy:
        client = await asyncpg.connect(through(proxy, embedded_url))
        await client.execute("CREATE TABLE coins (n int)")
        proxy.faults = Faults(cut_after=(b"COMMIT",), cuts_left=1, latency_s=0.02)
        with pytest.raises((asyncpg.PostgresConnectionError, OSError, asyncpg.InterfaceError)):
            async with client.transaction():
                await client.execute("INSERT INTO coins VALUES (1)")
        proxy.heal()
        again = await asyncpg.connect(through(proxy, embedded_url))
        for _ in range(200):
            if await again.fetchval("SELECT count(*) FROM coins") == 1:
                break
            await asyncio.sleep(0.01)
        assert await again.fetchval("SELECT count(*) FROM coins") == 1
        await again.close()
