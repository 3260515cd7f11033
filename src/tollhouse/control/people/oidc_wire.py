"""The wire to the identity provider: authlib's client, with bounds.

Each question is bounded in time and its answer in bytes; redirects are not followed, and proxies and credentials of
the environment are not used. What the provider says is remembered for a while; so is, for a moment, that it could
not be asked, so that those who wait for an answer do not wait for it one after the other.
"""

import asyncio
import base64
import contextlib
import functools
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote_plus

import httpx
import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tollhouse.control.context import SingleSignOn
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import UNREADABLE, BadGateway, BadRequest
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.secrets import Secret

PATIENCE_S: Final = 5.0
MOST_BYTES: Final = 256 << 10
FRESH_S: Final = 3600.0
FAILURE_LASTS_S: Final = 5.0
_PLAIN_CODE: Final = re.compile(r"[a-z_]{1,60}")

_log = get_logger(__name__)

T = TypeVar("T")


class Tokens(msgspec.Struct, frozen=True):
    """What a code was exchanged for; both are secrets, shown to nobody."""

    id_token: str
    access_token: str

    def __repr__(self) -> str:
        return "Tokens(***)"


class Wire:
    """Asks the provider; opens a connection for each question and closes it."""

    def __init__(self, terms: SingleSignOn, *, patience_s: float = PATIENCE_S) -> None:
        self._terms = terms
        self._patience_s = patience_s
        self._trust = _usual_trust()

    async def read(self, url: str, kind: type[T], *, bearer: Secret | None = None) -> T:
        """A JSON object. Raises BadGateway."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer.reveal()}"}
        async with self._client() as client:
            answer: httpx2.Response = await client.get(url, auth=None, headers=headers)
        if answer.status_code != 200:
            raise trouble(f"it answered {answer.status_code}")
        return decoded(answer.content, kind)

    async def exchange(self, url: str, method: str, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Trade a code for tokens. `method`: how we prove who we are. Raises BadRequest for the code, BadGateway."""
        async with self._client(method) as client:
            try:
                told = await client.fetch_token(
                    url,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    redirect_uri=redirect_uri,
                )
            except OAuthError as refusal:
                raise _refused(refusal) from refusal
            except (ValueError, TypeError, OverflowError) as cause:
                raise trouble("its answer to our code cannot be read") from cause
        try:
            return msgspec.convert(dict(told), Tokens)
        except msgspec.ValidationError as cause:
            raise trouble("it sent no tokens for our code") from cause

    @contextlib.asynccontextmanager
    async def _client(self, method: str = "client_secret_basic") -> AsyncIterator[Any]:
        """authlib's client for one question; whatever the network does becomes BadGateway."""
        client = AsyncOAuth2Client(
            client_id=self._terms.client_id,
            client_secret=self._terms.client_secret.reveal(),
            token_endpoint_auth_method=method,
            headers={"Accept-Encoding": "identity"},
            follow_redirects=False,
            timeout=self._patience_s,
            transport=_Bounded(httpx2.AsyncHTTPTransport(verify=self._trust, trust_env=False)),
        )
        client.register_client_auth_method(("client_secret_basic", _prove))
        try:
            async with asyncio.timeout(self._patience_s), client:
                yield client
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as cause:
            _log.warning("the identity provider cannot be asked", error=type(cause).__name__)
            raise trouble("it cannot be reached", code="provider_unreachable") from cause


class Remembered(Generic[T]):
    """One thing that the provider says, fetched by one caller at a time."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._turn = asyncio.Lock()
        self._value: T | None = None
        self._failure: BadGateway | None = None
        self._at_s = 0.0

    async def get(self, no_older_than_s: float = FRESH_S) -> T:
        """Raises BadGateway, also without asking when it failed a moment ago."""
        async with self._turn:
            age_s = self._clock.monotonic() - self._at_s
            if self._failure is not None and age_s < FAILURE_LASTS_S:
                raise BadGateway(self._failure.message, code=self._failure.code)
            if self._value is None or self._failure is not None or age_s >= no_older_than_s:
                self._value = await self._fetched()
            return self._value

    async def _fetched(self) -> T:
        try:
            value = await self._fetch()
        except BadGateway as failure:
            self._failure, self._at_s = failure, self._clock.monotonic()
            raise
        self._failure, self._at_s = None, self._clock.monotonic()
        return value


def trouble(why: str, code: str = "provider_failed") -> BadGateway:
    """The provider did not do its part. `why`: in words, after a colon; without anything that it sent."""
    return BadGateway(f"the identity provider did not do its part: {why}", code=code)


def decoded(body: bytes, kind: type[T]) -> T:
    """JSON with the fields that we need; raises BadGateway."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as cause:
        raise trouble("what it says of itself is not what the specification asks for") from cause


def plain_code(text: object) -> str:
    """An error's code as OAuth has them, safe to show; `unknown` for anything else."""
    return text if isinstance(text, str) and _PLAIN_CODE.fullmatch(text) else "unknown"


def _refused(refusal: OAuthError) -> BadRequest | BadGateway:
    if refusal.error == "invalid_grant":
        return BadRequest("the code was used, is too old, or is not yours; start again", code="invalid_code")
    return trouble(f"it refused our request ({plain_code(refusal.error)})")


def _prove(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """HTTP Basic as RFC 6749 (2.3.1) has it: id and secret are encoded first, which authlib does not do."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


class _Bounded(httpx2.AsyncBaseTransport):
    """Lets no answer through that is longer than `MOST_BYTES`, or could become so when it is unpacked."""

    def __init__(self, inner: httpx2.AsyncHTTPTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        response.headers.pop("Content-Encoding", None)
        response.stream = _Counted(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MOST_BYTES:
                raise trouble("its answer is too long")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


@functools.cache
def _usual_trust() -> ssl.SSLContext:
    """The authorities that browsers know, and those that the machine's owner added. Slow to read: once a process."""
    trust = httpx.create_ssl_context(trust_env=False)
    trust.load_default_certs()
    return trust
