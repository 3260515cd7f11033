"""The HTTP edge of the control plane: bodies that are bounded and read exactly, and one shape for every no.

Whatever goes wrong is answered in OpenAI's envelope `{"error": {message, type, code, param}}`. A client's mistake
is never a 5xx: text that Postgres or JSON cannot hold is refused in `shapes`, bodies that are not JSON here.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tollhouse.db.pool import CONNECTION_ERRORS, unreachable
from tollhouse.foundation.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
    TollhouseError,
    TooLarge,
    Unprocessable,
)

MAX_BODY_BYTES: Final = 1 << 20
_BODY_TIMEOUT_S: Final = 30.0
_LONGEST_PARAM: Final = 120


# Bodies ----------------------------------------------------------------------------------------------------


class Doorstep:
    """ASGI: takes the whole body in, bounded in bytes and time, before anything looks at it; answers are not cached.

    Not FastAPI's `max_body_size`: that answers in plain text when a length is announced.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _never_cached(send)
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await _whole_body(scope, receive)
        except TimeoutError:
            await _hang_up(RequestTimeout("the request's body did not arrive in time"), scope, receive, send)
        except TooLarge as refusal:
            await _hang_up(refusal, scope, receive, send)
        else:
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)


async def _hang_up(refusal: TollhouseError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer and close the connection: the rest of the body is not waited for."""
    response = render(refusal)
    response.headers["Connection"] = "close"
    await response(scope, receive, send)


async def _whole_body(scope: Scope, receive: Receive) -> bytes | None:
    """None: the caller left before the body was complete. Raises TooLarge as soon as that is certain."""
    announced = dict(scope["headers"]).get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > MAX_BODY_BYTES:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large() -> TooLarge:
    return TooLarge(f"the request's body is larger than {MAX_BODY_BYTES} bytes")


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _never_cached(send: Send) -> Send:
    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Cache-Control"] = "no-store"
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return stamped


class ExactRequest(Request):
    """JSON numbers keep every digit: fractions become Decimal, never float."""

    async def json(self) -> Any:
        try:
            return json.loads(await self.body(), parse_float=Decimal, parse_constant=_refuse_constant)
        except json.JSONDecodeError as cause:
            raise HTTPException(400, f"the body is not JSON: {cause.msg} at character {cause.pos}") from cause
        except (ValueError, ArithmeticError, RecursionError) as cause:
            raise HTTPException(400, "the body is not JSON that can be read: check its encoding and numbers") from cause


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class ControlRoute(APIRoute):
    """The route class of every router here."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_exactly(request: Request) -> Response:
            return await handle(ExactRequest(request.scope, request.receive))

        return handle_exactly


# Refusals --------------------------------------------------------------------------------------------------


def install_refusals(app: FastAPI) -> None:
    """Every error of the app leaves in one shape."""
    app.add_exception_handler(TollhouseError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in CONNECTION_ERRORS:
        app.add_exception_handler(kind, _on_lost_database)
    app.add_exception_handler(Exception, _on_fault)


def render(refusal: TollhouseError) -> JSONResponse:
    headers: dict[str, str] = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(refusal.body(), status_code=refusal.status, headers=headers)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TollhouseError)  # noqa: S101 - Starlette looks handlers up by type
    return render(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    return render(refusal_of(error.errors()))


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    response = render(_translated(error))
    response.headers.update(error.headers or {})
    return response


async def _on_lost_database(_request: Request, _error: Exception) -> Response:
    return render(unreachable())


async def _on_fault(_request: Request, _error: Exception) -> Response:
    """Starlette raises the error again after this answer, so the server logs it."""
    return render(TollhouseError("something went wrong on our side; it has been logged"))


def _translated(error: HTTPException) -> TollhouseError:
    match error.status_code:
        case 404:
            return NotFound("there is nothing at this address")
        case 405:
            return MethodNotAllowed("this address does not take that method")
        case _:
            return BadRequest(str(error.detail))


def refusal_of(errors: Sequence[Mapping[str, Any]]) -> TollhouseError:
    """What pydantic found, as one sentence about the first field that is wrong."""
    first = errors[0]
    param = _param(first["loc"])
    match first["type"]:
        case "missing" if param is None:
            return Unprocessable("a JSON body is required", code="missing_body")
        case "missing":
            return Unprocessable(f"`{param}` is required", code="missing_field", param=param)
        case "extra_forbidden":
            return Unprocessable(f"there is no field `{param}` here", code="unknown_field", param=param)
        case _ if param is None:
            return Unprocessable("send a JSON object, with Content-Type: application/json", code="invalid_body")
        case _:
            return Unprocessable(f"`{param}`: {_sentence(first['msg'])}", code="invalid_field", param=param)


def _param(location: Sequence[str | int]) -> str | None:
    """`("body", "allowed_models", 0)` is `allowed_models.0`. Names come from the caller: made safe to print."""
    text = ".".join(str(part) for part in location[1:])
    return text.encode("ascii", "replace").decode()[:_LONGEST_PARAM] or None


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
