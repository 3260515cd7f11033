"""The app as a whole: every route is guarded, isolated and described, and it answers over a real socket."""

import asyncio
import re

import httpx
import pytest

from control.house import House, Member, refusal, registration, served
from making import book_of, customer, key, team
from tollhouse.foundation.ids import new_call_id, new_id

PUBLIC = {
    ("POST", "/v1/customers/register"),
    ("POST", "/v1/login"),
    ("GET", "/v1/health"),
}

# What a person of another customer gets: `nothing` of ours, 404, or their own.
ISOLATION = {
    ("GET", "/v1/customers/me"): "own",
    ("POST", "/v1/customers/me/gateway"): "own",
    ("POST", "/v1/logout"): "own",
    ("GET", "/v1/me"): "own",
    ("GET", "/v1/tokens"): "own",
    ("POST", "/v1/tokens"): "own",
    ("DELETE", "/v1/tokens/{token_id}"): "404",
    ("GET", "/v1/ai/models"): "own",
    ("GET", "/v1/ai/models/{model_id:path}"): "own",
    ("GET", "/v1/ai/keys/customer"): "nothing",
    ("GET", "/v1/ai/keys/user"): "nothing",
    ("GET", "/v1/ai/keys/user/{user_id}"): "404",
    ("POST", "/v1/ai/keys/user"): "404",
    ("POST", "/v1/ai/keys/team/{team_id}"): "404",
    ("DELETE", "/v1/ai/keys/user/{key_hash}"): "404",
    ("DELETE", "/v1/ai/keys/team/{team_id}/{key_hash}"): "404",
    ("DELETE", "/v1/ai/keys/{key_hash}"): "404",
    ("GET", "/v1/ai/keys/{key_hash}/details"): "404",
    ("PATCH", "/v1/ai/keys/{key_hash}"): "404",
    ("GET", "/v1/ai/receipts/{call_id}"): "404",
    ("GET", "/v1/traces"): "nothing",
    ("GET", "/v1/ai/limits"): "nothing",
    ("GET", "/v1/ai/limits/customer"): "own",
    ("PUT", "/v1/ai/limits/customer"): "own",
    ("DELETE", "/v1/ai/limits/customer"): "own",
    ("GET", "/v1/ai/limits/{kind}/{ref}"): "404",
    ("PUT", "/v1/ai/limits/{kind}/{ref}"): "404",
    ("DELETE", "/v1/ai/limits/{kind}/{ref}"): "404",
    ("POST", "/v1/ai/limits/{budget_id}/raise"): "404",
    ("DELETE", "/v1/ai/limits/{budget_id}/raise"): "404",
    ("GET", "/v1/customers/me/webhook"): "own",
    ("PUT", "/v1/customers/me/webhook"): "own",
    ("DELETE", "/v1/customers/me/webhook"): "own",
    ("POST", "/v1/customers/me/webhook/test"): "own",
    ("POST", "/v1/ledger/what-if"): "own",
    ("GET", "/v1/ledger/audit"): "nothing",
    ("GET", "/v1/ledger/in-doubt"): "nothing",
    ("GET", "/v1/ledger/adjustments"): "nothing",
    ("POST", "/v1/ledger/adjustments"): "404",
    ("POST", "/v1/ledger/doubt/release"): "404",
}

# What is sent where a name alone would not be understood; `{name}` stands for an id of the other customer.
BODIES: dict[tuple[str, str], dict[str, object]] = {
    ("PUT", "/v1/ai/limits/{kind}/{ref}"): {"budgets": []},
    ("POST", "/v1/ai/limits/{budget_id}/raise"): {"extra_usd": 1, "until": "2030-01-01T00:00:00Z", "reason": "theirs"},
    ("POST", "/v1/ledger/adjustments"): {"call_id": "{call_id}", "cost_usd": 0, "reason": "theirs"},
    ("POST", "/v1/ledger/doubt/release"): {"budget_id": "{budget_id}", "all": True, "reason": "theirs"},
}


def _routes(house: House) -> set[tuple[str, str]]:
    schema = house.app.openapi()
    return {(method.upper(), path) for path, item in schema["paths"].items() for method in item}


def _plain(path: str) -> str:
    return path.replace(":path", "")


def test_every_route_is_public_or_in_the_isolation_matrix(house: House) -> None:
    """A new route has to say here what a person of another customer gets."""
    assert _routes(house) == PUBLIC | {(method, _plain(path)) for method, path in ISOLATION}


async def test_every_other_route_answers_callers_without_credentials_with_a_401(house: House) -> None:
    visitor = await house.visitor()
    for method, path in ISOLATION:
        url = re.sub(r"\{.*?\}", "x", path.replace("{budget_id}", "1"))
        answer = await visitor.request(method, url, json={"name": "x"})
        assert refusal(answer) == (401, "not_signed_in"), (method, path)


@pytest.fixture
async def stranger(house: House) -> Member:
    async with house.context.database.connection() as connection:
        other = await customer(connection, "Other")
    return await house.member(other, "admin")


async def test_the_things_of_another_customer_do_not_exist(house: House, stranger: Member) -> None:
    """On every route, for an admin, with the right id."""
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
        owner = await house.member(acme, "admin")
        team_id = await team(connection, acme, owner.id)
        of_user = await key(connection, acme, user_id=owner.id)
        of_team = await key(connection, acme, team_id=team_id)
        budget_id = await connection.fetchval("SELECT max(budget_id) FROM ledger_budgets")
        book = await book_of(connection, acme, of_user.key_id)
        doubtful = await book.reserve(1)
        await book.settle(doubtful, "in_doubt")
    token_id = (await owner.api.get("/v1/tokens")).json()["tokens"][0]["id"]
    before = (await owner.api.get("/v1/ai/keys/customer")).json()
    for (method, path), answer in ISOLATION.items():
        hashed = of_team.key_hash if "/team/" in path else of_user.key_hash
        ids: dict[str, object] = {"token_id": token_id, "user_id": owner.id, "team_id": team_id, "key_hash": hashed}
        ids |= {"call_id": doubtful.call.call_id, "budget_id": budget_id, "kind": "key", "ref": hashed}
        url = path.format(**ids) if answer == "404" else path
        named = {"name": "theirs"} | ({"user_id": owner.id} if path.endswith("keys/user") else {})
        body = {name: _filled(value, ids) for name, value in BODIES.get((method, path), named).items()}
        if answer == "404":
            given = await stranger.api.request(method, url, json=body)
            assert refusal(given)[0] == 404, (method, path)
        elif answer == "nothing":
            listed = (await stranger.api.get(url)).json()
            assert next(iter(listed.values())) == [], path
    assert (await owner.api.get("/v1/ai/keys/customer")).json() == before
    assert len((await owner.api.get("/v1/tokens")).json()["tokens"]) == 1


def _filled(value: object, ids: dict[str, object]) -> object:
    return ids[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value


def test_the_description_is_complete(house: House) -> None:
    """Each operation has a tag, a summary, and the envelope for each refusal; guarded ones say how to come in."""
    schema = house.app.openapi()
    envelope = {"$ref": "#/components/schemas/ErrorEnvelope"}
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation["tags"], path
            assert operation["summary"], path
            public = (method.upper(), path) in PUBLIC
            assert ("security" in operation) is not public, (method, path)
            assert public or "401" in operation["responses"], (method, path)
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert answer["content"]["application/json"]["schema"] == envelope, (path, status)
    names = [operation["operationId"] for item in schema["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)
    assert set(schema["components"]["securitySchemes"]) == {"session", "token"}
    assert "HTTPValidationError" not in schema["components"]["schemas"]


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
