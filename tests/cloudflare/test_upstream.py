"""The pool: who gets a connection, what is sent once and never twice, and that nothing is left open."""

import asyncio
import socket
import threading
import time

import pytest

from cloudflare.loopback import (
    Conversation,
    answer,
    answering,
    calling,
    chunked,
    limits,
    listening,
    on_every_loop,
    pool_to,
    saying,
)
from tollhouse.cloudflare.upstream import (
    ConnectFailed,
    PoolExhausted,
    UnsafeRequest,
    UpstreamBroken,
    UpstreamError,
    UpstreamPool,
    UpstreamResponse,
    UpstreamStalled,
)
from waiting import until


async def call(pool: UpstreamPool, body: bytes = b"{}") -> bytes:
    """One whole call: its answer's body."""
    response = await pool.send("/chat", [], body)
    try:
        return await response.read(1 << 20)
    finally:
        await response.aclose()


async def silent(conversation: Conversation) -> None:
    """Read, and never answer."""
    await conversation.until_closed()


@on_every_loop
async def test_a_request_arrives_as_it_was_given_with_host_and_length_added() -> None:
    async with calling(answering(answer(b"hello"))) as (upstream, pool):
        response = await pool.send("/a/b", [(b"x-one", b"1"), (b"x-two", b"2")], b"body")
        assert (response.status, await response.read(100)) == (200, b"hello")
        [request] = upstream.requests
        assert request.head.startswith(b"POST /v1/a/b HTTP/1.1\r\n")
        assert request.header(b"host") == [b"localhost:%d" % upstream.port]
        assert request.header(b"content-length") == [b"4"]
        assert (request.header(b"x-one"), request.header(b"x-two")) == ([b"1"], [b"2"])
        assert request.body == b"body"


@on_every_loop
async def test_calls_one_after_the_other_share_a_connection() -> None:
    async with calling(answering(answer(b"1"), chunked(b"2"), answer(b""), answer(b"4"))) as (upstream, pool):
        assert [await call(pool) for _ in range(4)] == [b"1", b"2", b"", b"4"]
        assert (upstream.connections, pool.open, pool.in_use) == (1, 1, 0)


@on_every_loop
async def test_a_complete_answer_frees_its_connection_before_it_is_read() -> None:
    async with calling(answering(answer(b"first"), answer(b"second"))) as (upstream, pool):
        first = await pool.send("/", [], b"")
        await until(lambda: pool.in_use == 0)
        assert await call(pool) == b"second"
        assert await first.read(100) == b"first"
        assert upstream.connections == 1


@on_every_loop
async def test_a_connection_that_says_close_is_not_used_again() -> None:
    async with calling(answering(answer(headers=b"connection: close\r\n"))) as (upstream, pool):
        await call(pool)
        await call(pool)
        assert upstream.connections == 2


@on_every_loop
async def test_an_answer_in_http_1_0_is_not_followed_by_another_on_its_connection() -> None:
    async with calling(answering(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok")) as (upstream, pool):
        assert [await call(pool), await call(pool)] == [b"ok", b"ok"]
        assert upstream.connections == 2


@on_every_loop
async def test_a_redirect_is_an_answer_like_any_other() -> None:
    away = answer(b"", status=b"307 Temporary Redirect", headers=b"location: http://localhost:1/\r\n")
    async with calling(answering(away)) as (upstream, pool):
        response = await pool.send("/", [], b"secret")
        assert (response.status, await response.read(10)) == (307, b"")
        assert len(upstream.requests) == 1


@on_every_loop
async def test_nobody_listening_is_a_failure_in_which_nothing_was_sent() -> None:
    async with listening(silent) as upstream:
        pass
    async with pool_to(upstream) as pool:
        with pytest.raises(ConnectFailed) as failed:
            await call(pool)
        assert failed.value.sent is False
        assert isinstance(failed.value.__cause__, OSError)


@on_every_loop
async def test_a_kept_connection_that_closed_meanwhile_is_replaced() -> None:
    async with calling(saying(answer(b"1")), answering(answer(b"2"))) as (upstream, pool):
        assert await call(pool) == b"1"
        await until(lambda: pool.open == 0)
        assert await call(pool) == b"2"
        assert upstream.connections == 2


@on_every_loop
async def test_a_goodbye_that_the_loop_has_not_read_yet_is_noticed_before_a_byte_is_written() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []
    closed = threading.Event()

    def serve() -> None:
        for last in (False, True):
            peer, _ = listener.accept()
            with peer:
                seen.append(peer.recv(65536))
                peer.sendall(answer(b"last" if last else b"first"))
                if last:
                    peer.recv(1)
            closed.set()

    thread = threading.Thread(target=serve)
    thread.start()
    pool = UpstreamPool(f"http://127.0.0.1:{listener.getsockname()[1]}", limits=limits())
    assert await call(pool) == b"first"
    closed.wait()  # the loop stands still: it cannot have read the end of the first connection
    assert pool.open == 1
    assert await call(pool) == b"last"
    await pool.close()
    thread.join()
    listener.close()
    assert len(seen) == 2


@on_every_loop
async def test_replacing_a_closed_connection_needs_no_room_in_line() -> None:
    async def hangs_up_idle(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(answer(b"1"))

    async with calling(hangs_up_idle, answering(answer(b"2")), max_connections=1, max_waiting=0) as (upstream, pool):
        assert await call(pool) == b"1"
        [connection] = pool._connections
        connection.abort()  # closed, but its slot is not free before the loop has turned
        assert await call(pool) == b"2"
        assert upstream.connections == 2


@on_every_loop
async def test_a_request_that_was_written_is_never_sent_again() -> None:
    """A kept connection that closes without an answer may have delivered the request: nobody else can tell."""

    async def answers_once(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(answer(b"1"))
        await conversation.request()

    async with calling(answers_once, answering(answer(b"again"))) as (upstream, pool):
        await call(pool)
        with pytest.raises(UpstreamBroken) as broken:
            await call(pool, b"once")
        assert broken.value.sent is True
        assert [request.body for request in upstream.requests] == [b"{}", b"once"]
        assert await call(pool) == b"again"


@on_every_loop
async def test_a_failed_attempt_to_connect_is_repeated_once_and_no_more() -> None:
    async def hangs_up(conversation: Conversation) -> None:
        conversation.writer.transport.abort()

    async with listening(hangs_up) as upstream, pool_to(upstream, scheme="https") as pool:
        with pytest.raises(ConnectFailed):
            await call(pool)
        assert upstream.connections == 2


@on_every_loop
async def test_a_connection_that_is_not_made_in_time_fails() -> None:
    async with (
        listening(silent) as upstream,
        pool_to(upstream, scheme="https", connect_timeout_s=0.1) as pool,
    ):
        with pytest.raises(ConnectFailed) as failed:
            await call(pool)
        assert isinstance(failed.value.__cause__, TimeoutError)


@on_every_loop
async def test_a_caller_who_leaves_while_connecting_leaves_no_slot_taken() -> None:
    async with listening(silent) as upstream, pool_to(upstream, scheme="https", max_connections=1) as pool:
        leaving = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        again = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 2)
        again.cancel()
        await asyncio.wait([again])


@on_every_loop
async def test_a_caller_who_leaves_before_the_answer_closes_the_connection() -> None:
    async with calling(silent, answering(answer(b"next")), max_connections=1) as (upstream, pool):
        leaving = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await call(pool) == b"next"
        assert (upstream.connections, pool.open) == (2, 1)


@on_every_loop
async def test_an_answer_closed_halfway_closes_its_connection() -> None:
    async with calling(saying(chunked(b"begun", end=b""), then_close=False), answering(answer())) as (upstream, pool):
        response = await pool.send("/", [], b"")
        assert await response.next_chunk() == b"begun"
        await response.aclose()
        await response.aclose()
        with pytest.raises(UpstreamBroken):
            await response.next_chunk()
        await until(lambda: pool.open == 0 and upstream.standing == 0)
        await call(pool)
        assert upstream.connections == 2


@on_every_loop
async def test_closing_a_complete_answer_keeps_its_connection() -> None:
    async with calling(answering(answer(b"unread"))) as (upstream, pool):
        response = await pool.send("/", [], b"")
        await until(lambda: pool.in_use == 0)
        await response.aclose()
        assert await response.next_chunk() is None
        await call(pool)
        assert upstream.connections == 1


@on_every_loop
async def test_bytes_that_nobody_asked_for_cost_the_connection() -> None:
    async def speaks_up(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(answer(b"1"))
        await until(lambda: pool.in_use == 0)
        await conversation.say(answer(b"", status=b"408 Request Timeout"))
        await conversation.until_closed()

    async with calling(speaks_up, answering(answer(b"2"))) as (_, pool):
        assert await call(pool) == b"1"
        await until(lambda: pool.open == 0)
        assert await call(pool) == b"2"


@on_every_loop
async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with calling(answering(answer()), keepalive_s=0.05) as (upstream, pool):
        await call(pool)
        await until(lambda: pool.open == 0 and upstream.standing == 0)


@on_every_loop
async def test_with_all_connections_in_use_and_no_room_in_line_a_call_fails_unsent() -> None:
    async with calling(silent, max_connections=1, max_waiting=0) as (upstream, pool):
        busy = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        with pytest.raises(PoolExhausted) as refused:
            await call(pool)
        assert (refused.value.sent, refused.value.status, refused.value.retry_after_s) == (False, 503, 1)
        busy.cancel()
        await asyncio.wait([busy])


@on_every_loop
async def test_a_call_that_waits_too_long_in_line_fails_unsent() -> None:
    async with calling(silent, max_connections=1, connect_timeout_s=0.1) as (upstream, pool):
        busy = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        with pytest.raises(PoolExhausted) as refused:
            await call(pool)
        assert refused.value.sent is False
        assert (pool.waiting, len(upstream.requests)) == (0, 0)
        busy.cancel()
        await asyncio.wait([busy])


@on_every_loop
async def test_a_call_does_not_wait_in_line_past_its_deadline() -> None:
    async with calling(silent, max_connections=1, first_byte_timeout_s=0.8) as (upstream, pool):
        busy = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        with pytest.raises(PoolExhausted):
            await pool.send("/", [], b"", deadline=time.monotonic() + 0.05)
        assert not busy.done()
        busy.cancel()
        await asyncio.wait([busy])


@on_every_loop
async def test_those_who_wait_are_served_in_the_order_they_came() -> None:
    gate = asyncio.Event()

    async def one_by_one(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            await gate.wait()
            await conversation.say(answer())

    async with calling(one_by_one, max_connections=1) as (upstream, pool):
        calls = []
        for number in range(6):
            calls.append(asyncio.create_task(call(pool, b"%d" % number)))
            await until(lambda number=number: pool.waiting == number and pool.open == 1)  # type: ignore[misc]
        gate.set()
        await asyncio.gather(*calls)
        assert [request.body for request in upstream.requests] == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert upstream.connections == 1


@on_every_loop
async def test_a_closed_connection_makes_room_for_the_next_in_line() -> None:
    async with calling(saying(chunked(b"cut", end=b"")), answering(answer(b"fresh")), max_connections=1) as (_, pool):
        first = asyncio.create_task(call(pool))
        second = asyncio.create_task(call(pool))
        with pytest.raises(UpstreamBroken):
            await first
        assert await second == b"fresh"


@on_every_loop
async def test_a_turn_given_to_somebody_who_just_left_goes_to_the_next() -> None:
    gate = asyncio.Event()

    async def gated(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            await gate.wait()
            await conversation.say(answer())

    async with calling(gated, max_connections=1) as (upstream, pool):
        first = asyncio.create_task(call(pool))
        await until(lambda: len(upstream.requests) == 1)
        leaving = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 1)
        staying = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 2)
        gate.set()
        while pool.waiting == 2:
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert await first == await staying == b"{}"


@on_every_loop
async def test_somebody_who_leaves_the_line_is_not_served_and_holds_nobody_up() -> None:
    gate = asyncio.Event()

    async def gated(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            await gate.wait()
            await conversation.say(answer())

    async with calling(gated, max_connections=1) as (upstream, pool):
        first = asyncio.create_task(call(pool, b"first"))
        await until(lambda: upstream.connections == 1)
        leaving = asyncio.create_task(call(pool, b"leaving"))
        await until(lambda: pool.waiting == 1)
        staying = asyncio.create_task(call(pool, b"staying"))
        await until(lambda: pool.waiting == 2)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert pool.waiting == 1
        gate.set()
        await asyncio.gather(first, staying)
        assert [request.body for request in upstream.requests] == [b"first", b"staying"]


@on_every_loop
async def test_a_slot_given_to_somebody_who_just_left_goes_to_the_next() -> None:
    gate = asyncio.Event()

    async def hangs_up(conversation: Conversation) -> None:
        await conversation.request()
        await gate.wait()

    async with calling(hangs_up, answering(answer(b"fresh")), max_connections=1) as (upstream, pool):
        first = asyncio.create_task(call(pool))
        await until(lambda: len(upstream.requests) == 1)
        leaving = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 1)
        staying = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 2)
        gate.set()
        while pool.waiting == 2:
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([first, leaving])
        assert isinstance(first.exception(), UpstreamBroken)
        assert await staying == b"fresh"


@on_every_loop
async def test_somebody_who_left_in_the_very_same_moment_is_passed_over() -> None:
    async with calling(silent, answering(answer(b"fresh")), max_connections=1) as (upstream, pool):
        first = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        leaving = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 1)
        staying = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 2)
        [connection] = pool._connections
        connection.abort()
        leaving.cancel()
        await asyncio.wait([first, leaving])
        assert isinstance(first.exception(), UpstreamBroken)
        assert await staying == b"fresh"


@on_every_loop
async def test_a_connection_that_dies_on_its_way_to_the_next_in_line_is_replaced() -> None:
    gate = asyncio.Event()

    async def leaves_after_one(conversation: Conversation) -> None:
        await conversation.request()
        await gate.wait()
        conversation.writer.write(answer(b"1"))
        conversation.writer.close()

    async with calling(leaves_after_one, answering(answer(b"2")), max_connections=1) as (upstream, pool):
        first = asyncio.create_task(call(pool))
        await until(lambda: len(upstream.requests) == 1)
        second = asyncio.create_task(call(pool))
        third = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 2)
        gate.set()
        assert [await first, await second, await third] == [b"1", b"2", b"2"]


@on_every_loop
async def test_many_callers_share_few_connections() -> None:
    async def echoes(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            await asyncio.sleep(0)
            await conversation.say(chunked(request.body[:3], request.body[3:] or b"."))

    async with calling(echoes, max_connections=5, max_waiting=300) as (upstream, pool):
        bodies = [b"call-%d" % number for number in range(300)]
        assert await asyncio.gather(*(call(pool, body) for body in bodies)) == bodies
        assert upstream.connections <= 5
        assert pool.in_use == 0


@on_every_loop
async def test_a_call_that_takes_longer_than_its_deadline_is_cut_though_bytes_still_come() -> None:
    async def drips(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.say(chunked(b"drop", end=b""))
        while True:
            await conversation.say(b"4\r\ndrop\r\n")
            await asyncio.sleep(0.02)

    async with calling(drips, idle_timeout_s=1.0) as (_, pool):
        response = await pool.send("/", [], b"", deadline=time.monotonic() + 0.2)
        with pytest.raises(UpstreamStalled) as cut:
            await response.read(1 << 20)
        assert cut.value.sent is True


@on_every_loop
async def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async with calling(answering(answer())) as (upstream, pool):
        with pytest.raises(ConnectFailed):
            await pool.send("/", [], b"", deadline=time.monotonic() - 1)
        assert upstream.requests == []


@on_every_loop
async def test_a_header_that_would_end_its_line_is_refused_before_anything_is_opened() -> None:
    async with calling(answering(answer())) as (upstream, pool):
        with pytest.raises(UnsafeRequest) as refused:
            await pool.send("/", [(b"x", b"1\r\nauthorization: Bearer stolen")], b"")
        assert (refused.value.sent, upstream.connections) == (False, 0)


@on_every_loop
async def test_closing_waits_for_calls_under_way_and_refuses_new_ones() -> None:
    gate = asyncio.Event()

    async def gated(conversation: Conversation) -> None:
        await conversation.request()
        await gate.wait()
        await conversation.say(answer(b"in time"))
        await conversation.until_closed()

    async with calling(gated, answering(answer()), max_connections=2) as (upstream, pool):
        under_way = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        await call(pool)
        assert (pool.open, pool.in_use) == (2, 1)
        closing = asyncio.create_task(pool.close(10))
        await until(lambda: pool.open == 1)
        with pytest.raises(PoolExhausted):
            await call(pool)
        assert not closing.done()
        gate.set()
        assert await under_way == b"in time"
        await closing
        assert pool.open == 0


@on_every_loop
async def test_closing_cuts_what_does_not_end_and_turns_away_those_in_line() -> None:
    async with calling(silent, max_connections=1) as (upstream, pool):
        stuck = asyncio.create_task(call(pool))
        await until(lambda: upstream.connections == 1)
        in_line = asyncio.create_task(call(pool))
        await until(lambda: pool.waiting == 1)
        await pool.close(0.05)
        with pytest.raises(PoolExhausted):
            await in_line
        with pytest.raises(UpstreamBroken):
            await stuck


@on_every_loop
async def test_a_connection_that_stands_only_after_closing_began_is_dropped() -> None:
    async with calling(answering(answer())) as (upstream, pool):
        late = asyncio.create_task(call(pool))
        await asyncio.sleep(0)
        await pool.close(1)
        with pytest.raises(UpstreamError) as refused:
            await late
        assert refused.value.sent is False
        assert upstream.requests == []


@on_every_loop
async def test_a_pool_never_used_closes_at_once() -> None:
    await UpstreamPool("http://localhost:1", limits=limits()).close()


@on_every_loop
async def test_an_answer_has_one_reader() -> None:
    async with calling(saying(chunked(b"x", end=b""), then_close=False)) as (_, pool):
        response: UpstreamResponse = await pool.send("/", [], b"")
        await response.next_chunk()
        reading = asyncio.create_task(response.next_chunk())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await response.next_chunk()
        await response.aclose()
        await asyncio.wait([reading])
        assert isinstance(reading.exception(), UpstreamBroken)
