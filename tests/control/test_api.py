"""The app as a whole: it is described, and it answers over a real socket."""

import asyncio
import contextlib
from typing import TypeGuard

import httpx
import pytest

from control.house import House, Member, refusal, registration, served
from control.test_isolation import PUBLIC
from making import customer
from tollhouse.control import api
from tollhouse.foundation.errors import TollhouseError
from tollhouse.foundation.ids import new_call_id, new_id
from tollhouse.gateway import refusals as road
from tollhouse.gateway.asgi import CHAT_PATH
from tollhouse.intake import refusals as intake
from tollhouse.intake.asgi import TRACES_PATH
from tollhouse.intake.senders import SCOPE


@pytest.fixture
async def stranger(house: House) -> Member:
    async with house.context.database.connection() as connection:
        other = await customer(connection, "Other")
    return await house.member(other, "admin")


def test_the_description_is_complete() -> None:
    """Each operation has a tag, a summary, and the envelope for each refusal; guarded ones say how to come in."""
    schema = api.description()
    envelope, status_of_otlp = ({"$ref": f"#/components/schemas/{name}"} for name in ("ErrorEnvelope", "OtlpStatus"))
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation["tags"], path
            assert operation["summary"], path
            public = (method.upper(), path) in PUBLIC
            assert ("security" in operation) is not public, (method, path)
            assert public or "401" in operation["responses"], (method, path)
            refused = status_of_otlp if (method, path) == ("post", TRACES_PATH) else envelope
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert answer["content"]["application/json"]["schema"] == refused, (path, status)
    names = [operation["operationId"] for item in schema["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)
    assert set(schema["components"]["securitySchemes"]) == {"session", "token"}
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_what_other_doors_serve_is_described_with_all_their_refusals() -> None:
    paths = api.description()["paths"]
    statuses = {
        CHAT_PATH: {error.status for error in vars(road).values() if _is_refusal(error)} - {405},
        TRACES_PATH: {error.status for error in vars(intake).values() if _is_refusal(error)},
    }
    for path, expected in statuses.items():
        described = {int(status) for status in paths[path]["post"]["responses"]}
        assert described == {200} | expected, path
    assert f"`{SCOPE}`" in paths[TRACES_PATH]["post"]["responses"]["403"]["description"]


def _is_refusal(thing: object) -> TypeGuard[type[TollhouseError]]:
    return isinstance(thing, type) and issubclass(thing, TollhouseError) and thing is not TollhouseError


async def test_the_description_is_served_without_scripts_from_elsewhere(house: House) -> None:
    visitor = await house.visitor()
    assert (await visitor.get("/v1/openapi.json")).json()["info"]["title"] == "Tollhouse"
    for path in ("/docs", "/redoc", "/v1/docs"):
        assert (await visitor.get(path)).status_code == 404


# Over a real socket ----------------------------------------------------------------------------------------


async def test_a_browser_registers_makes_a_key_and_signs_out(house: House) -> None:
    plain = house.but(cookie_secure=False)
    async with served(plain) as base, httpx.AsyncClient(base_url=base, headers={"Origin": base}) as browser:
        made = await browser.post("/v1/customers/register", json=registration("ann@example.com"))
        assert made.status_code == 201
        browser.headers["X-CSRF-Token"] = made.json()["session"]["csrf_token"]
        issued = await browser.post("/v1/ai/keys/user", json={"name": "first", "budget_usd": "0.01"})
        assert issued.json()["key"]["budget_usd"] == "0.0100"
        with_key = {"Authorization": f"Bearer {issued.json()['raw_key']}"}
        assert (await browser.get("/v1/ai/models", headers=with_key)).status_code == 200
        assert (await browser.post("/v1/logout")).status_code == 204
        assert refusal(await browser.get("/v1/me")) == (401, "not_signed_in")


async def test_a_body_without_end_is_cut_off_over_the_wire(house: House) -> None:
    async with served(house) as base:
        host, _, port = base.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        async with asyncio.timeout(30):
            for _ in range(17):
                writer.write(piece)
                await writer.drain()
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
            with contextlib.suppress(ConnectionResetError):  # bytes that nobody read make it that
                await reader.read()  # and then the connection is closed
        writer.close()


async def test_ids_of_nothing_at_all_are_404s(stranger: Member) -> None:
    unknown: list[tuple[str, str]] = [
        ("GET", f"/v1/ai/keys/user/{new_id()}"),
        ("GET", f"/v1/ai/keys/{'0' * 64}/details"),
        ("PATCH", f"/v1/ai/keys/{'0' * 64}"),
        ("DELETE", f"/v1/ai/keys/{'0' * 64}"),
        ("GET", f"/v1/ai/receipts/{new_call_id()}"),
    ]
    for method, path in unknown:
        answer = await stranger.api.request(method, path, json={"name": "x"})
        assert refusal(answer)[0] == 404, path
