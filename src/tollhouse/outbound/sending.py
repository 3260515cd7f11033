"""Sends one request to an address that a customer named: a few seconds for everything, no redirects, no trust in names.

The name is looked up first, every address it has must be one we may talk to, and then the connection goes to one of
exactly these: a name that changes its mind between the check and the connection changes nothing. TLS still asks for
the name's certificate. Proxies from the environment are not used, they would look the name up again.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import httpx

from tollhouse.outbound.addresses import Destination, NotAllowed, destination

PATIENCE_S: Final = 5.0
_AT_ONCE: Final = 16
_LOOK_UPS: Final = 4

LookUp = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """How a try ended. `error` None: the other side said yes. `status`: what was answered, if anything was.

    `headers` have lower-case names; `body` is what was wanted of it, and no more.
    """

    status: int | None
    error: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, at least one, as the system finds them; raises OSError or UnicodeError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class _Letter:
    to: Destination
    headers: Mapping[str, str]
    body: bytes
    keep_bytes: int


class Sender:
    """Owns what sending needs; whoever opens one closes it.

    Look-ups have threads of their own: slow name servers of strangers must not keep the ledger's disk writes waiting,
    which use the threads that all share.
    """

    def __init__(
        self,
        *,
        private: bool,
        tls: ssl.SSLContext | None = None,
        names: LookUp = look_up,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._private = private
        self._names = names
        self._patience_s = patience_s
        self._look_ups = ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="outbound-names")
        self._client = httpx.AsyncClient(
            verify=tls or _usual_trust(),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - all of a try has one limit, see `post`
            # Never reused: a connection belongs to an address here, and was made for one name out of several there.
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, keep_bytes: int = 0) -> Reply:
        """One try; never raises for what the other side does. Of an answer's body at most `keep_bytes` are read."""
        try:
            async with asyncio.timeout(self._patience_s):
                letter = _Letter(destination(url, private=self._private), headers, body, keep_bytes)
                return await self._deliver(letter)
        except NotAllowed as refusal:
            return Reply(None, f"not sent: {refusal}")
        except TimeoutError:
            return Reply(None, f"no answer within {self._patience_s:g} seconds")
        except (httpx.HTTPError, OSError, UnicodeError) as error:
            return Reply(None, _in_words(error))

    async def close(self) -> None:
        self._look_ups.shutdown(wait=False, cancel_futures=True)
        await self._client.aclose()

    async def _deliver(self, letter: _Letter) -> Reply:
        *others, last = await self._addresses(letter.to)
        for address in others:
            try:
                return await self._post_to(address, letter)
            except httpx.ConnectError:  # nothing was sent there
                continue
        return await self._post_to(last, letter)

    async def _post_to(self, address: str, letter: _Letter) -> Reply:
        request = self._client.build_request(
            "POST",
            letter.to.url.copy_with(host=address),
            content=letter.body,
            headers={**letter.headers, "Host": letter.to.url.netloc.decode("ascii")},
            extensions={"sni_hostname": letter.to.host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            return await _reply(answer, letter.keep_bytes)
        finally:
            await answer.aclose()

    async def _addresses(self, to: Destination) -> list[str]:
        """The name's addresses, at least one, all of them allowed."""
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._look_ups, self._names, to.host, to.port)
        for address in addresses:
            to.admit(address)
        return addresses


async def _reply(answer: httpx.Response, keep_bytes: int) -> Reply:
    """What was answered. A body may be endless, or packed so that it grows: only raw bytes, and only some."""
    status, kept = answer.status_code, b""
    if keep_bytes:
        async for piece in answer.aiter_raw():
            kept += piece[: keep_bytes - len(kept)]
            if len(kept) >= keep_bytes:
                break
    return Reply(status, None if 200 <= status < 300 else f"answered {status}", dict(answer.headers), kept)


@functools.cache
def _usual_trust() -> ssl.SSLContext:
    """Reading all authorities takes longer than calls on the road should wait: once a process, when its loop begins."""
    return httpx.create_ssl_context(trust_env=False)


def _in_words(error: Exception) -> str:
    """Never the error's own text: that may say more than the receiver's owner should read."""
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "the name has no address"
    if _is_about_certificate(error):
        return "the certificate is not for this name, or nobody we know vouches for it"
    if isinstance(error, httpx.ConnectError):
        return "nobody takes connections there"
    return f"the connection broke off: {type(error).__name__}"


def _is_about_certificate(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, is."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
