"""One try to send, over real sockets: what arrives, and what is never connected to."""

import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from control.webhooks.receiver import NO_CONTENT, Receiver, answer, certificate, receiving
from making import ManualClock
from tollhouse.control.webhooks import news
from tollhouse.control.webhooks.news import Event
from tollhouse.control.webhooks.sending import PATIENCE_S, Outcome, Sender
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret
from tollhouse.outbound.sending import look_up

SECRET = Secret("thw_0123")
EVENT = news.trial(CustomerId("acme"), datetime(2026, 11, 23, tzinfo=UTC))
NAME = "hooks.example"


def names(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda _host, _port: list(addresses)


@asynccontextmanager
async def sender(
    *,
    private: bool = True,
    tls: ssl.SSLContext | None = None,
    behind: Callable[[str, int], list[str]] = look_up,
    patience_s: float = PATIENCE_S,
) -> AsyncIterator[Sender]:
    made = Sender(ManualClock(), private=private, tls=tls, names=behind, patience_s=patience_s)
    try:
        yield made
    finally:
        await made.close()


async def _sent(receiver: Receiver, event: Event = EVENT) -> Outcome:
    async with sender() as sending:
        return await sending.send(receiver.url(), SECRET, event)


async def test_an_event_arrives_signed() -> None:
    """The receiver can tell that it is from us, of this moment, and whole."""
    async with receiving() as receiver:
        assert await _sent(receiver) == Outcome(204, None)
    [request] = receiver.arrived
    assert request.line == "POST /hooks HTTP/1.1"
    assert request.body == EVENT.body
    assert json.loads(request.body)["id"] == request.headers["Tollhouse-Event-Id"] == EVENT.id
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"
    at, signed = (part.partition("=")[2] for part in request.headers["Tollhouse-Signature"].split(","))
    assert int(at) == int(ManualClock().now().timestamp())
    expected = hmac.new(b"thw_0123", at.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert signed == expected


@pytest.mark.parametrize("status", [200, 201, 299])
async def test_any_2xx_is_a_yes(status: int) -> None:
    async with receiving(answer(status)) as receiver:
        assert await _sent(receiver) == Outcome(status, None)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 500, 503])
async def test_anything_else_is_a_no_and_redirects_are_not_followed(status: int) -> None:
    async with receiving() as elsewhere, receiving(answer(status, f"Location: {elsewhere.url()}\r\n")) as receiver:
        assert await _sent(receiver) == Outcome(status, f"answered {status}")
        assert elsewhere.connections == 0


async def test_the_answers_body_is_not_read() -> None:
    """It may be endless."""
    async with receiving(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nbegun") as receiver:
        assert await _sent(receiver) == Outcome(200, None)


async def test_no_connection_is_used_twice() -> None:
    """Two names may share an address; a connection made for one must not carry news of the other."""
    async with receiving(answer(200)) as receiver, sender() as sending:
        for _ in range(3):
            assert (await sending.send(receiver.url(), SECRET, EVENT)).status == 200
        assert receiver.connections == 3


async def test_a_receiver_that_says_nothing_is_left() -> None:
    async with receiving(None) as receiver, sender(patience_s=0.2) as sending:
        outcome = await sending.send(receiver.url(), SECRET, EVENT)
        assert outcome == Outcome(None, "no answer within 0.2 seconds")
        assert len(receiver.arrived) == 1


async def test_a_receiver_that_is_not_there_or_speaks_nonsense_is_a_failed_try() -> None:
    async with receiving(b"what?\r\n\r\n") as receiver:
        assert (await _sent(receiver)).error == "the connection broke off: RemoteProtocolError"
    assert (await _sent(receiver)).error == "nobody takes connections there"


# Names -----------------------------------------------------------------------------------------------------


async def test_tls_is_for_the_name_and_the_connection_for_the_address() -> None:
    server, trusting = certificate(NAME)
    async with receiving(tls=server) as receiver, sender(tls=trusting, behind=names("127.0.0.1")) as sending:
        assert await sending.send(receiver.url(NAME, "https"), SECRET, EVENT) == Outcome(204, None)
    assert receiver.name == NAME
    assert receiver.arrived[0].headers["Host"] == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("trusted", ["elsewhere.example", NAME])
async def test_a_certificate_for_another_name_or_of_nobody_we_know_ends_the_try(trusted: str) -> None:
    server, _ = certificate("elsewhere.example")
    _, trusting = certificate(trusted)
    async with receiving(tls=server) as receiver, sender(tls=trusting, behind=names("127.0.0.1")) as sending:
        outcome = await sending.send(receiver.url(NAME, "https"), SECRET, EVENT)
        assert outcome == Outcome(None, "the certificate is not for this name, or nobody we know vouches for it")
        assert receiver.arrived == []


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("::ffff:127.0.0.1",), ("169.254.169.254",)]
)
async def test_a_name_with_one_private_address_is_not_connected_to_at_all(addresses: tuple[str, ...]) -> None:
    async with receiving() as receiver, sender(private=False, behind=names(*addresses)) as sending:
        outcome = await sending.send(receiver.url(NAME, "https"), SECRET, EVENT)
        assert outcome == Outcome(None, "not sent: the address behind the name is not a public one")
        assert receiver.connections == 0


async def test_a_name_is_looked_up_once_a_try_so_it_cannot_change_its_mind() -> None:
    asked: list[tuple[str, int]] = []

    def changing(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    async with receiving() as receiver, sender(behind=changing) as sending:
        assert (await sending.send(receiver.url("localhost"), SECRET, EVENT)).status == 204
        assert asked == [("localhost", receiver.port)]


async def test_the_next_address_is_tried_when_nobody_listens_on_the_first() -> None:
    async with receiving() as receiver, sender(behind=names("127.0.0.2", "127.0.0.1")) as sending:
        assert (await sending.send(receiver.url("localhost"), SECRET, EVENT)).status == 204


async def test_a_name_that_nobody_knows_is_a_failed_try() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async with sender(behind=unknown) as sending:
        outcome = await sending.send("https://nowhere.example/", SECRET, EVENT)
    assert outcome == Outcome(None, "the name has no address")


async def test_an_address_that_was_allowed_when_it_was_written_is_judged_again() -> None:
    async with receiving() as receiver, sender(private=False) as sending:
        outcome = await sending.send(receiver.url(), SECRET, EVENT)
        assert outcome.error == "not sent: must begin with https:// and name a host"
        assert receiver.connections == 0


async def test_numbers_that_are_names_of_this_machine_are_looked_up_like_names() -> None:
    """The system reads 2130706433 as 127.0.0.1; so the answer counts, not what was written."""
    async with receiving() as receiver, sender(private=False) as sending:
        outcome = await sending.send(receiver.url("2130706433", "https"), SECRET, EVENT)
        assert outcome.error == "not sent: the address behind the name is not a public one"
        assert receiver.connections == 0


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving(NO_CONTENT) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await _sent(receiver)).status == 204
        assert proxy.connections == 0


def test_the_system_knows_this_machine() -> None:
    assert set(look_up("127.0.0.1", 80)) == {"127.0.0.1"}
