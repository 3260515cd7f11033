"""The management client against scripted Cloudflares: idempotent creation, above all when the answer lies."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.management import GatewayManagement, ManagementError
from tollhouse.foundation.secrets import Secret

ACCOUNT = "0123456789abcdef0123456789abcdef"
GATEWAY = "tollhouse-c1"
TOKEN = "management-token-1234"
GATEWAYS = f"/client/v4/accounts/{ACCOUNT}/ai-gateway/gateways"

Body = dict[str, object]
Answer = tuple[int, Body | bytes]


def ok(result: object) -> Answer:
    return 200, {"success": True, "result": result}


def refused(status: int, code: int, message: str = "no", **extra: object) -> Answer:
    return status, {"success": False, "errors": [{"code": code, "message": message, **extra}], "result": None}


MISSING = refused(404, 7002, "Gateway not found")


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Body


@dataclass
class Cloudflare:
    """The management API over a real socket, with a shelf of gateways. `quirks` may answer before it does."""

    gateways: dict[str, Body] = field(default_factory=dict)
    quirks: list[Callable[[Asked], Answer | None]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def methods(self) -> list[str]:
        return [each.method for each in self.asked]

    def answer(self, asked: Asked) -> Answer:
        for quirk in self.quirks:
            if (found := quirk(asked)) is not None:
                return found
        return self.usual(asked)

    def usual(self, asked: Asked) -> Answer:
        if asked.token != f"Bearer {TOKEN}":
            return refused(401, 10000, "Authentication error")
        name = asked.path.removeprefix(GATEWAYS).strip("/")
        if asked.method == "POST":
            return self.create(asked.body)
        if name not in self.gateways:
            return MISSING
        if asked.method == "PUT":
            # The harshest reading of the contract: what a PUT leaves out is gone.
            self.gateways[name] = {"id": name, "created_at": "now", "wholesale": True} | asked.body
        shown = self.gateways[name]
        if asked.method == "DELETE":
            del self.gateways[name]
        return ok(shown)

    def create(self, body: Body) -> Answer:
        name = str(body["id"])
        if name in self.gateways:
            return refused(400, 7001, "Input Validation Error", path=["body", "id"])
        self.gateways[name] = {"created_at": "now", "wholesale": True} | body
        return ok(self.gateways[name])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                status, body = self.answer(await self._read(reader))
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                writer.write(head % (status, len(content)) + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = lines[0].split(" ")
        url = urlsplit(target)
        body = json.loads(content) if content else {}
        made = Asked(method, url.path, dict(parse_qsl(url.query)), headers.get("authorization", ""), body)
        self.asked.append(made)
        return made


@asynccontextmanager
async def cloudflare(
    *quirks: Callable[[Asked], Answer | None], timeout_s: float = 10, token: str = TOKEN
) -> AsyncIterator[tuple[Cloudflare, GatewayManagement]]:
    fake = Cloudflare(quirks=list(quirks))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    account = Account(ACCOUNT, Secret(token), Secret("run-token"))
    try:
        async with GatewayManagement(
            f"http://127.0.0.1:{fake.port}/client/v4/", [account], timeout_s=timeout_s, pause=_no_pause
        ) as management:
            yield fake, management
    finally:
        server.close()


async def _no_pause(_: float) -> None:
    await asyncio.sleep(0)


def once(method: str, given: Answer) -> Callable[[Asked], Answer | None]:
    """The first call with this method is answered so; the shelf does not change."""
    left = [given]
    return lambda asked: left.pop() if left and asked.method == method else None


def always(method: str, given: Answer) -> Callable[[Asked], Answer | None]:
    return lambda asked: given if asked.method == method else None


async def failure(fake_call: "asyncio.Future[None] | object") -> ManagementError:
    with pytest.raises(ManagementError) as failed:
        await fake_call  # type: ignore[misc]
    return failed.value


async def test_a_missing_gateway_is_created_closed_and_without_logs() -> None:
    async with cloudflare() as (fake, management):
        await management.ensure(ACCOUNT, GATEWAY)
        assert fake.methods == ["GET", "POST"]
        assert (fake.gateways[GATEWAY]["authentication"], fake.gateways[GATEWAY]["collect_logs"]) == (True, False)
        assert [each.path for each in fake.asked] == [f"{GATEWAYS}/{GATEWAY}", GATEWAYS]


async def test_ensuring_twice_changes_nothing_the_second_time() -> None:
    async with cloudflare() as (fake, management):
        await management.ensure(ACCOUNT, GATEWAY)
        fake.asked.clear()
        await management.ensure(ACCOUNT, GATEWAY)
        assert fake.methods == ["GET"]


async def test_a_gateway_somebody_opened_is_closed_again_and_keeps_its_other_settings() -> None:
    async with cloudflare() as (fake, management):
        await management.ensure(ACCOUNT, GATEWAY)
        fake.gateways[GATEWAY] |= {"authentication": False, "cache_ttl": 300, "spend_limits": {"rules": []}}
        await management.ensure(ACCOUNT, GATEWAY)
        assert fake.methods[-2:] == ["GET", "PUT"]
        shown = fake.gateways[GATEWAY]
        assert (shown["authentication"], shown["cache_ttl"], shown["spend_limits"]) == (True, 0, {"rules": []})
        assert "created_at" not in fake.asked[-1].body


async def test_a_504_after_the_commit_is_a_success() -> None:
    async with cloudflare() as (fake, management):

        def late(asked: Asked) -> Answer | None:
            if asked.method != "POST":
                return None
            fake.create(asked.body)
            return 504, b"<html>gateway time-out</html>"

        fake.quirks.append(late)
        await management.ensure(ACCOUNT, GATEWAY)
        assert fake.methods == ["GET", "POST", "GET"]


async def test_a_504_without_a_commit_is_a_failure_worth_repeating() -> None:
    async with cloudflare(once("POST", (504, b""))) as (fake, management):
        failed = await failure(management.ensure(ACCOUNT, GATEWAY))
        assert (failed.status, failed.code, failed.retryable) == (504, None, True)
        await management.ensure(ACCOUNT, GATEWAY)
        assert GATEWAY in fake.gateways


async def test_losing_a_race_to_create_is_a_success_and_the_winner_is_put_right() -> None:
    async with cloudflare() as (fake, management):

        def rival(asked: Asked) -> Answer | None:
            if asked.method == "POST":
                fake.gateways[GATEWAY] = {"id": GATEWAY, "authentication": False}
            return None

        fake.quirks.append(rival)
        await management.ensure(ACCOUNT, GATEWAY)
        assert fake.methods == ["GET", "POST", "GET", "PUT"]
        assert fake.gateways[GATEWAY]["authentication"] is True


async def test_bad_input_has_the_code_of_a_duplicate_and_is_still_a_failure() -> None:
    invalid = refused(400, 7001, "Input Validation Error", path=["body", "cache_ttl"])
    async with cloudflare(always("POST", invalid)) as (fake, management):
        failed = await failure(management.ensure(ACCOUNT, GATEWAY))
        assert (failed.status, failed.code, failed.quota, failed.retryable) == (400, 7001, False, False)
        assert failed.text == "Input Validation Error at body.cache_ttl"
        assert fake.methods == ["GET", "POST", "GET"]


async def test_a_connection_cut_after_the_commit_is_a_success() -> None:
    async with cloudflare() as (fake, management):

        def cut(asked: Asked) -> Answer | None:
            if asked.method != "POST":
                return None
            fake.create(asked.body)
            raise ConnectionResetError

        fake.quirks.append(cut)
        await management.ensure(ACCOUNT, GATEWAY)
        assert fake.methods == ["GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("status", "code", "text", "quota"),
    [
        (403, 7009, "You have reached the maximum number of AI gateways", True),
        (400, 7001, "Gateway quota exceeded", True),
        (400, 7001, "rate_limiting_limit must be a number", False),
        (429, 971, "Too many requests to the gateways API: limit", False),
        (401, 10000, "Authentication error", False),
    ],
)
async def test_a_full_account_is_told_apart_from_other_refusals(status: int, code: int, text: str, quota: bool) -> None:
    async with cloudflare(always("POST", refused(status, code, text))) as (_, management):
        failed = await failure(management.ensure(ACCOUNT, GATEWAY))
        assert (failed.status, failed.code, failed.quota) == (status, code, quota)


@pytest.mark.parametrize(
    "given",
    [
        refused(404, 7003, "Could not route"),
        refused(401, 10000),
        refused(400, 9106),
        (404, b"nginx"),
        (200, b"not json"),
    ],
)
async def test_only_cloudflares_own_not_found_means_that_a_gateway_is_missing(given: Answer) -> None:
    async with cloudflare(always("GET", given)) as (fake, management):
        failed = await failure(management.ensure(ACCOUNT, GATEWAY))
        assert failed.retryable is False
        assert fake.methods == ["GET"]


async def test_getting_updating_and_deleting() -> None:
    async with cloudflare() as (fake, management):
        assert await management.get(ACCOUNT, GATEWAY) is None
        assert (await failure(management.update(ACCOUNT, GATEWAY))).code == 7002
        made = await management.create(ACCOUNT, GATEWAY)
        assert (made.id, made.settings["collect_logs"]) == (GATEWAY, False)
        found = await management.get(ACCOUNT, GATEWAY)
        assert found is not None
        assert found.settings["wholesale"] is True
        assert (await management.update(ACCOUNT, GATEWAY)).id == GATEWAY
        await management.delete(ACCOUNT, GATEWAY)
        assert fake.gateways == {}
        await management.delete(ACCOUNT, GATEWAY)
        assert fake.methods[-2:] == ["DELETE", "DELETE"]


async def test_creating_what_exists_is_a_refusal_to_those_who_ask_for_exactly_that() -> None:
    async with cloudflare() as (_, management):
        await management.create(ACCOUNT, GATEWAY)
        assert (await failure(management.create(ACCOUNT, GATEWAY))).code == 7001


async def test_a_delete_whose_answer_was_lost_is_looked_after() -> None:
    async with cloudflare() as (fake, management):
        await management.ensure(ACCOUNT, GATEWAY)

        def late(asked: Asked) -> Answer | None:
            if asked.method != "DELETE":
                return None
            fake.gateways.clear()
            return 504, b""

        fake.quirks.append(late)
        await management.delete(ACCOUNT, GATEWAY)


@pytest.mark.parametrize(("given", "methods"), [((502, b""), ["DELETE", "GET"]), (refused(403, 10000), ["DELETE"])])
async def test_a_delete_that_did_not_happen_is_a_failure(given: Answer, methods: list[str]) -> None:
    async with cloudflare(always("DELETE", given)) as (fake, management):
        await management.ensure(ACCOUNT, GATEWAY)
        fake.asked.clear()
        assert (await failure(management.delete(ACCOUNT, GATEWAY))).status == given[0]
        assert fake.methods == methods


async def test_reads_are_repeated_when_cloudflare_is_busy_or_broken() -> None:
    async with cloudflare(once("GET", (503, b"busy")), once("GET", refused(429, 971))) as (fake, management):
        assert await management.get(ACCOUNT, GATEWAY) is None
        assert fake.methods == ["GET"] * 3


async def test_reads_are_not_repeated_for_ever_and_writes_never() -> None:
    async with cloudflare(always("GET", (503, b""))) as (fake, management):
        assert (await failure(management.get(ACCOUNT, GATEWAY))).retryable
        assert fake.methods == ["GET"] * 3
    async with cloudflare(always("POST", (503, b""))) as (fake, management):
        await failure(management.create(ACCOUNT, GATEWAY))
        assert fake.methods == ["POST"]


async def test_a_success_with_errors_in_it_is_a_failure() -> None:
    async with cloudflare(always("GET", (200, {"success": True, "errors": [{"code": 7000, "message": "x"}]}))) as (
        _,
        management,
    ):
        assert (await failure(management.get(ACCOUNT, GATEWAY))).code == 7000


@pytest.mark.parametrize("result", [None, [], "text", {"name": "no id"}, {"id": 5}])
async def test_a_gateway_that_is_none_is_a_failure(result: object) -> None:
    async with cloudflare(always("GET", ok(result))) as (_, management):
        assert (await failure(management.get(ACCOUNT, GATEWAY))).text == "a gateway that is none"


async def test_no_answer_in_time_is_a_failure_that_keeps_its_cause() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    account = Account(ACCOUNT, Secret(TOKEN), Secret("run"))
    port = server.sockets[0].getsockname()[1]
    async with GatewayManagement(f"http://127.0.0.1:{port}", [account], timeout_s=0.1, pause=_no_pause) as management:
        failed = await failure(management.get(ACCOUNT, GATEWAY))
    server.close()
    assert (failed.status, failed.retryable) == (None, True)
    assert isinstance(failed.__cause__, (TimeoutError, httpx.TimeoutException))


async def test_nobody_listening_is_a_failure_that_keeps_its_cause() -> None:
    async with cloudflare() as (fake, _):
        pass
    account = Account(ACCOUNT, Secret(TOKEN), Secret("run"))
    async with GatewayManagement(f"http://127.0.0.1:{fake.port}", [account], pause=_no_pause) as management:
        failed = await failure(management.get(ACCOUNT, GATEWAY))
    assert isinstance(failed.__cause__, httpx.ConnectError)


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    endless = b'{"success":true,"result":"' + b"x" * (9 << 20) + b'"}'
    async with cloudflare(always("GET", (200, endless))) as (_, management):
        failed = await failure(management.get(ACCOUNT, GATEWAY))
        assert (failed.text, failed.retryable) == ("an answer longer than can be taken", False)


async def test_a_token_that_cloudflare_quotes_is_blanked_out() -> None:
    async with cloudflare(always("GET", refused(401, 10000, f"bad token {TOKEN}"))) as (_, management):
        failed = await failure(management.get(ACCOUNT, GATEWAY))
        assert failed.text == "bad token ***"
        assert TOKEN not in str(failed) + repr(failed)


async def test_accounts_that_are_not_configured_and_ids_that_are_none_are_never_asked_about() -> None:
    async with cloudflare() as (fake, management):
        assert (await failure(management.get("other", GATEWAY))).text == "this account is not configured"
        for call in (management.get, management.ensure, management.create, management.update, management.delete):
            with pytest.raises(ValueError, match="not a gateway id"):
                await call(ACCOUNT, "../../zones")
        assert fake.asked == []


def models(*names: str, total: int) -> Answer:
    result = [{"name": name, "task": {"name": "Text Generation"}} for name in names]
    info = {"page": 1, "per_page": 100, "count": len(names), "total_count": total}
    return 200, {"success": True, "result": result, "result_info": info}


@pytest.mark.parametrize("total", [0, 1, 1000])
async def test_models_are_listed_to_the_first_empty_page_whatever_the_totals_say(total: int) -> None:
    pages = [models("@cf/a/1", "@cf/a/2", total=total), models("@cf/a/3", total=total), models(total=total)]

    def search(asked: Asked) -> Answer:
        assert asked.path.endswith("/ai/models/search")
        return pages[int(asked.query["page"]) - 1]

    async with cloudflare(search) as (fake, management):
        found = await management.list_models(ACCOUNT)
        assert [model.name for model in found] == ["@cf/a/1", "@cf/a/2", "@cf/a/3"]
        assert [each.query["per_page"] for each in fake.asked] == ["100"] * 3


async def test_a_server_that_ignores_the_page_is_not_asked_for_ever() -> None:
    async with cloudflare(always("GET", models("@cf/a/1", total=1))) as (fake, management):
        assert len(await management.list_models(ACCOUNT)) == 1
        assert len(fake.asked) == 2


async def test_a_list_without_end_is_a_failure() -> None:
    async with cloudflare(lambda asked: models(f"@cf/a/{asked.query['page']}", total=1)) as (_, management):
        assert "pages of models" in (await failure(management.list_models(ACCOUNT))).text
