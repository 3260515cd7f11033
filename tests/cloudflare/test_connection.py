"""Answers as the wire delivers them: in crumbs, cut, stalled, oversized, malformed; and flow control both ways."""

import asyncio
import time

import pytest

from cloudflare.loopback import Conversation, answer, answering, calling, chunked, on_every_loop, saying
from tollhouse.cloudflare.response import HIGH_WATER_BYTES
from tollhouse.cloudflare.upstream import (
    FirstByteTimeout,
    UpstreamBroken,
    UpstreamError,
    UpstreamPool,
    UpstreamProtocolError,
    UpstreamStalled,
)
from waiting import until

OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = b"x" * 65536


async def collect(pool: UpstreamPool) -> tuple[bytes, UpstreamError | None]:
    """What could be read of an answer's body, and what broke it."""
    read = b""
    try:
        response = await pool.send("/", [], b"{}")
    except UpstreamError as broken:
        return read, broken
    try:
        while (piece := await response.next_chunk()) is not None:
            read += piece
    except UpstreamError as broken:
        return read, broken
    else:
        return read, None
    finally:
        await response.aclose()


@on_every_loop
async def test_an_answer_written_one_byte_at_a_time_arrives_whole() -> None:
    wire = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(b"data: one\n\n", b"data: [DONE]\n\n", end=b"0\r\nx-t: 1\r\n\r\n")

    async def crumbs(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            for place in range(len(wire)):
                await conversation.say(wire[place : place + 1])
                await asyncio.sleep(0)

    async with calling(crumbs) as (upstream, pool):
        for _ in range(2):
            response = await pool.send("/", [], b"{}")
            assert response.status == 200
            assert response.headers == [(b"transfer-encoding", b"chunked")]
            assert await response.read(1000) == b"data: one\n\ndata: [DONE]\n\n"
        assert upstream.connections == 1


@on_every_loop
async def test_header_names_come_in_lower_case_with_their_values_untouched() -> None:
    async with calling(answering(answer(headers=b"CF-AIG-Log-Id: 01ABC\r\nX-Two: a\r\nX-Two: B\r\n"))) as (_, pool):
        response = await pool.send("/", [], b"")
        assert (b"cf-aig-log-id", b"01ABC") in response.headers
        assert [value for name, value in response.headers if name == b"x-two"] == [b"a", b"B"]
        await response.read(10)


@on_every_loop
async def test_an_answer_without_a_body_is_complete_with_its_head() -> None:
    async with calling(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as (upstream, pool):
        assert await collect(pool) == (b"", None)
        assert await collect(pool) == (b"", None)
        assert upstream.connections == 1


@on_every_loop
async def test_answers_before_the_answer_are_skipped() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with calling(answering(early + answer(b"late"))) as (_, pool):
        response = await pool.send("/", [], b"")
        assert response.status == 200
        assert all(name != b"link" for name, _ in response.headers)
        assert await response.read(10) == b"late"


@on_every_loop
async def test_pieces_are_handed_over_as_they_come_and_together_when_they_wait() -> None:
    gate = asyncio.Event()

    async def in_two_goes(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(chunked(b"a", end=b""))
        await gate.wait()
        await conversation.say(b"1\r\nb\r\n", b"1\r\nc\r\n", b"0\r\n\r\n")
        await conversation.until_closed()

    async with calling(in_two_goes) as (_, pool):
        response = await pool.send("/", [], b"")
        assert await response.next_chunk() == b"a"
        gate.set()
        await until(lambda: pool.in_use == 0)
        assert await response.next_chunk() == b"bc"
        assert await response.next_chunk() is None
        assert await response.next_chunk() is None


@on_every_loop
async def test_a_body_cut_anywhere_is_never_a_clean_end() -> None:
    cuts = [
        (OK + b"content-length: 10\r\n\r\n12345", b"12345"),
        (chunked(b"12345", end=b""), b"12345"),
        (chunked(b"12345", end=b"5\r\n123"), b"12345123"),
        (chunked(b"12345", end=b"0\r\n"), b"12345"),
        (chunked(b"12345", end=b"0\r\n\r"), b"12345"),
        # Without a length the end of the connection is the end of the body, and so is a cut.
        (OK + b"content-type: text/plain\r\n\r\n12345", b"12345"),
        (b"HTTP/1.0 200 OK\r\n\r\n12345", b"12345"),
        (OK + b"content-length: 10\r\n\r\n", b""),
    ]
    for wire, arrived in cuts:
        async with calling(saying(wire)) as (_, pool):
            read, broken = await collect(pool)
            assert (read, type(broken)) == (arrived, UpstreamBroken)


@on_every_loop
async def test_a_reset_in_the_middle_of_a_body_is_a_cut() -> None:
    async def resets(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(OK + b"content-length: 10\r\n\r\n12345")
        await asyncio.sleep(0.05)
        conversation.writer.transport.abort()

    async with calling(resets) as (_, pool):
        read, broken = await collect(pool)
        assert (read, type(broken)) == (b"12345", UpstreamBroken)


@on_every_loop
async def test_closing_without_or_within_a_head_is_broken_and_counts_as_sent() -> None:
    for wire in (b"", b"HTTP/1.1 200", OK + b"content-le", b"HTTP/1.1 100 Continue\r\n\r\n"):
        async with calling(saying(wire)) as (upstream, pool):
            read, broken = await collect(pool)
            assert type(broken) is UpstreamBroken
            assert (read, broken.sent, upstream.connections) == (b"", True, 1)


@on_every_loop
async def test_what_is_not_http_is_refused() -> None:
    garbage = [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        OK + b"content-length: -5\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        OK + b"bad header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ]
    for wire in garbage:
        async with calling(saying(wire, then_close=False)) as (_, pool):
            _, broken = await collect(pool)
            assert type(broken) is UpstreamProtocolError, wire
            assert broken.sent is True
            await until(lambda pool=pool: pool.open == 0)  # type: ignore[misc]


@on_every_loop
async def test_a_second_answer_to_one_request_is_dropped_with_its_connection() -> None:
    """Whoever got it next would get another call's answer."""
    for first in (answer(b"mine"), answer(b"mine", headers=b"connection: close\r\n")):
        async with calling(saying(first + answer(b"not mine"), then_close=False)) as (upstream, pool):
            assert await collect(pool) == (b"mine", None)
            await until(lambda upstream=upstream: upstream.standing == 0)  # type: ignore[misc]
            assert pool.open == 0


@on_every_loop
async def test_a_head_or_anything_else_beside_the_body_is_bounded() -> None:
    async def endless(conversation: Conversation, start: bytes, more: bytes) -> None:
        await conversation.request()
        await conversation.say(start)
        while True:
            await conversation.say(more)

    shapes = [
        (OK + b"x-long: ", ENDLESS),  # a value without an end
        (OK, b"x-header: value\r\n" * 4000),  # headers without an end
        (b"HTTP/1.1 200 ", ENDLESS),  # a reason without an end
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4000),
        (chunked(b"body", end=b"0\r\nx-trailer: "), ENDLESS),
        (chunked(b"body", end=b"0\r\n"), b"x-trailer: value\r\n" * 4000),
        (chunked(b"body", end=b"5;extension="), ENDLESS),
    ]
    for start, more in shapes:

        async def script(conversation: Conversation, start: bytes = start, more: bytes = more) -> None:
            await endless(conversation, start, more)

        async with calling(script, max_header_bytes=16384) as (_, pool):
            _, broken = await collect(pool)
            assert type(broken) is UpstreamProtocolError, start


@on_every_loop
async def test_a_head_in_one_piece_with_its_body_is_bounded_too() -> None:
    async with calling(
        answering(answer(b"body", headers=b"x-long: " + b"y" * 20000 + b"\r\n")), max_header_bytes=16384
    ) as (
        _,
        pool,
    ):
        _, broken = await collect(pool)
        assert type(broken) is UpstreamProtocolError


@on_every_loop
async def test_an_answer_that_does_not_begin_in_time_is_given_up_as_sent() -> None:
    async with calling(saying(then_close=False), first_byte_timeout_s=0.1) as (upstream, pool):
        with pytest.raises(FirstByteTimeout) as late:
            await pool.send("/", [], b"{}")
        assert (late.value.sent, late.value.status, len(upstream.requests)) == (True, 504, 1)
        await until(lambda: pool.open == 0 and upstream.standing == 0)


@on_every_loop
async def test_a_head_that_trickles_does_not_buy_time() -> None:
    async def trickles(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(OK)
        while True:
            await conversation.say(b"x: y\r\n")
            await asyncio.sleep(0.02)

    async with calling(trickles, first_byte_timeout_s=0.2) as (_, pool):
        _, broken = await collect(pool)
        assert type(broken) is FirstByteTimeout


@on_every_loop
async def test_a_body_that_stands_still_is_given_up_after_what_arrived() -> None:
    async with calling(saying(chunked(b"begun", end=b""), then_close=False), idle_timeout_s=0.1) as (_, pool):
        read, broken = await collect(pool)
        assert (read, type(broken)) == (b"begun", UpstreamStalled)
        assert isinstance(broken, UpstreamError)
        assert broken.sent is True


@on_every_loop
async def test_a_slow_body_that_keeps_moving_is_not_given_up() -> None:
    pieces = [b"1\r\nx\r\n"] * 25
    async with calling(saying(chunked(end=b""), *pieces, b"0\r\n\r\n", pause_s=0.05), idle_timeout_s=1.0) as (_, pool):
        assert await collect(pool) == (b"x" * 25, None)


@on_every_loop
async def test_a_reader_who_does_not_read_stops_the_other_side_and_is_not_timed_out() -> None:
    total, written = 64 << 20, 0

    async def floods(conversation: Conversation) -> None:
        nonlocal written
        await conversation.request()
        await conversation.say(OK + b"content-length: %d\r\n\r\n" % total)
        while written < total:
            await conversation.say(ENDLESS)
            written += len(ENDLESS)
        await conversation.until_closed()

    async with calling(floods, idle_timeout_s=0.2) as (_, pool):
        response = await pool.send("/", [], b"")
        seen = -1
        while seen != written:  # until the other side has stood still for longer than it may
            seen = written
            await asyncio.sleep(0.5)
        assert written < total
        assert response.unread_bytes <= HIGH_WATER_BYTES + (1 << 20)
        read = 0
        while (piece := await response.next_chunk()) is not None:
            read += len(piece)
        assert read == total
        assert pool.in_use == 0


@on_every_loop
async def test_a_reader_who_does_not_read_is_still_bound_by_the_deadline() -> None:
    async def floods(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(OK + b"content-length: %d\r\n\r\n" % (64 << 20))
        while True:
            await conversation.say(ENDLESS)

    async with calling(floods, idle_timeout_s=0.1) as (_, pool):
        response = await pool.send("/", [], b"", deadline=time.monotonic() + 0.6)
        await until(lambda: pool.open == 0)
        with pytest.raises(UpstreamStalled):
            await response.read(64 << 20)


@on_every_loop
async def test_an_answer_complete_while_its_reader_slept_leaves_a_working_connection() -> None:
    """Reading was paused on the last piece; the connection must listen again, or it would miss a goodbye."""
    body = b"z" * (HIGH_WATER_BYTES + 1)
    async with calling(answering(answer(body)), keepalive_s=5) as (upstream, pool):
        for _ in range(3):
            response = await pool.send("/", [], b"")
            await asyncio.sleep(0.05)
            assert await response.read(1 << 20) == body
        assert upstream.connections == 1


@on_every_loop
async def test_a_large_request_goes_out_in_bounded_slices() -> None:
    gate = asyncio.Event()
    body = bytes(range(256)) * (16 << 10)

    async def slow(conversation: Conversation) -> None:
        conversation.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await gate.wait()
        conversation.writer.transport.resume_reading()  # type: ignore[attr-defined]
        while await conversation.request() is not None:
            await conversation.say(answer(b"got it"))

    async with calling(slow, answering(answer())) as (upstream, pool):
        sending = asyncio.create_task(pool.send("/", [], body))
        await until(lambda: pool.open == 1)
        await asyncio.sleep(0.05)
        [connection] = pool._connections
        assert connection._transport is not None
        assert connection._unsent
        assert connection._transport.get_write_buffer_size() < 512 << 10
        gate.set()
        assert await (await sending).read(10) == b"got it"
        assert upstream.requests[0].body == body
        assert await collect(pool) == (b"got it", None)
        assert upstream.connections == 1


@on_every_loop
async def test_an_answer_before_the_request_is_out_is_taken_and_its_connection_closed() -> None:
    async def refuses_early(conversation: Conversation) -> None:
        await conversation.reader.readuntil(b"\r\n\r\n")
        conversation.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await conversation.say(answer(b"too large", status=b"413 Content Too Large"))
        await asyncio.sleep(5)

    async with calling(refuses_early) as (_, pool):
        response = await pool.send("/", [], b"x" * (32 << 20))
        assert (response.status, await response.read(100)) == (413, b"too large")
        await until(lambda: pool.open == 0)


@on_every_loop
async def test_an_answer_longer_than_its_reader_takes_is_closed() -> None:
    async with calling(answering(answer(b"x" * 100))) as (_, pool):
        response = await pool.send("/", [], b"")
        assert await response.read(100) == b"x" * 100
        response = await pool.send("/", [], b"")
        with pytest.raises(UpstreamProtocolError):
            await response.read(99)
