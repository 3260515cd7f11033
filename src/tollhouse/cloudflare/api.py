"""Calls to Cloudflare's management API: authorised, bounded, their envelopes opened, their failures one error.

Reads are repeated a few times when the other side is busy or broken; writes never are, because a 504 may come
after the change was made.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpx
import msgspec

from tollhouse.foundation.errors import UNREADABLE
from tollhouse.foundation.secrets import Secret

NOT_FOUND: Final = 7002
INVALID_OR_DUPLICATE: Final = 7001
NO_SUCH_ROUTE: Final = 7003

_MOST_ANSWER_BYTES: Final = 8 << 20
_MOST_TEXT_CHARS: Final = 500
_READ_ATTEMPTS: Final = 3
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0

Pause = Callable[[float], Awaitable[None]]


class ManagementError(Exception):
    """Cloudflare refused, failed, or could not be reached.

    `status` is its HTTP status (None: no answer), `code` its own code if it gave one, `text` what it said, without
    tokens. `retryable`: the same may work later. `quota`: the account can hold no more gateways.
    """

    def __init__(
        self, text: str, *, status: int | None, code: int | None = None, retryable: bool = False, quota: bool = False
    ) -> None:
        super().__init__(f"Cloudflare's API: {text} (status {status}, code {code})")
        self.text = text
        self.status = status
        self.code = code
        self.retryable = retryable
        self.quota = quota

    @property
    def ambiguous(self) -> bool:
        """Whether a write may have been carried out although it failed; a duplicate has the code of bad input."""
        return self.status is None or self.status >= 500 or self.code == INVALID_OR_DUPLICATE


class _Problem(msgspec.Struct):
    code: int | None = None
    message: str = ""
    path: list[str | int] = []


class _Envelope(msgspec.Struct):
    """`errors` and `messages` are optional by Cloudflare's own reference."""

    success: bool | None = None
    errors: list[_Problem] | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class Api:
    """One HTTP client for all accounts. Whoever makes it closes it."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 20.0,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._timeout_s = timeout_s
        self._pause = pause
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
            limits=httpx.Limits(max_connections=10),
            headers={"user-agent": "tollhouse", "accept": "application/json"},
            transport=transport,
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def read(self, token: Secret, path: str, query: Mapping[str, str | int] | None = None) -> msgspec.Raw:
        """GET; the `result` of the envelope. Raises ManagementError."""
        pause_s = _FIRST_PAUSE_S
        for _ in range(_READ_ATTEMPTS - 1):
            try:
                return await self._call("GET", token, path, query=query)
            except ManagementError as refused:
                if not refused.retryable:
                    raise
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        return await self._call("GET", token, path, query=query)

    async def write(self, method: str, token: Secret, path: str, body: object = None) -> msgspec.Raw:
        """POST, PUT or DELETE, once; the `result` of the envelope. Raises ManagementError."""
        return await self._call(method, token, path, body=body)

    async def _call(
        self,
        method: str,
        token: Secret,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str | int] | None = None,
    ) -> msgspec.Raw:
        request = self._client.build_request(
            method,
            path,
            params=query,
            content=None if body is None else msgspec.json.encode(body),
            headers={"authorization": f"Bearer {token.reveal()}", "content-type": "application/json"},
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                status, answer = await self._exchange(request)
        except (httpx.HTTPError, TimeoutError) as cause:
            raise ManagementError(f"no answer ({type(cause).__name__})", status=None, retryable=True) from cause
        return _result(status, answer, token)

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            answer = bytearray()
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > _MOST_ANSWER_BYTES:
                    raise ManagementError("an answer longer than can be taken", status=response.status_code)
            return response.status_code, bytes(answer)
        finally:
            await response.aclose()


def _result(status: int, answer: bytes, token: Secret) -> msgspec.Raw:
    envelope = _opened(answer)
    if envelope is not None and 200 <= status < 300 and envelope.success is not False and not envelope.errors:
        return envelope.result
    raise _refusal(status, envelope, token)


def _opened(answer: bytes) -> _Envelope | None:
    try:
        return msgspec.json.decode(answer, type=_Envelope, strict=False)
    except UNREADABLE:
        return None


def _refusal(status: int, envelope: _Envelope | None, token: Secret) -> ManagementError:
    problems = (envelope.errors if envelope else None) or []
    said = "; ".join(_told(problem) for problem in problems) or "an answer that is none of its own"
    text = said.replace(token.reveal(), "***")[:_MOST_TEXT_CHARS]
    codes = [problem.code for problem in problems if problem.code is not None]
    code = NOT_FOUND if NOT_FOUND in codes else next(iter(codes), None)
    return ManagementError(text, status=status, code=code, retryable=status == 429 or status >= 500)


def _told(problem: _Problem) -> str:
    place = ".".join(str(step) for step in problem.path)
    return f"{problem.message} at {place}" if place else problem.message
