"""What the tests of the control plane make: a house with customers in it, and people who call."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx
import uvicorn

from making import team, user
from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.call_logs import CallLog, GatewayLogs
from tollhouse.cloudflare.management import ManagementError
from tollhouse.control import api
from tollhouse.control.callers import Actor
from tollhouse.control.context import ControlContext
from tollhouse.control.dashboard.built import BuiltFile, BuiltSite, Form
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import TokenTerms
from tollhouse.foundation.ids import CustomerId, TeamId, UserId
from tollhouse.foundation.secrets import Secret
from waiting import until

ORIGIN = "http://tollhouse.test"
PASSWORD = "correct horse battery"


def account(name: str, capacity: int) -> Account:
    return Account(name, Secret("management"), Secret("run"), capacity)


def refused(status: int, text: str, *, quota: bool = False) -> ManagementError:
    """An answer of Cloudflare's management API that is a no."""
    return ManagementError(text, status=status, retryable=status >= 500, quota=quota)


@dataclass
class ScriptedGateways:
    """Our own protocol, in memory: what exists, and what goes wrong next. The real one is tested where it lives."""

    existing: set[tuple[str, str]] = field(default_factory=set)
    troubles: list[Exception] = field(default_factory=list)
    full: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    pause: asyncio.Event | None = None
    rows: list[CallLog] = field(default_factory=list)
    keeps_logs: bool = True
    offers_logs: bool = True

    async def ensure(self, account_id: str, gateway_id: str) -> None:
        self.asked.append(gateway_id)
        if self.pause is not None:
            await self.pause.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        if account_id in self.full:
            raise refused(400, "gateway quota reached", quota=True)
        self.existing.add((account_id, gateway_id))

    async def logs(self, account_id: str, gateway_id: str, since: datetime, until: datetime) -> GatewayLogs:
        if self.troubles:
            raise self.troubles.pop(0)
        rows = tuple(row for row in self.rows if since <= row.at < until)
        return GatewayLogs(self.keeps_logs, offered=self.offers_logs, rows=rows)

    async def delete(self, account_id: str, gateway_id: str) -> None:
        self.deleted.append(gateway_id)
        self.existing.discard((account_id, gateway_id))


@dataclass(frozen=True)
class Member:
    """Somebody with an API token."""

    id: UserId
    customer_id: CustomerId
    api: httpx.AsyncClient


class House:
    """The app over a context, and whoever is let in. Everything is closed with the stack."""

    def __init__(self, context: ControlContext, stack: AsyncExitStack, pages: BuiltSite | None = None) -> None:
        self.context = context
        self.app = api.ControlPlane(context, pages)
        self._stack = stack
        self._pages = pages

    def but(self, **changes: Any) -> "House":
        """The same house, built from a context with changes."""
        return House(replace(self.context, **changes), self._stack, self._pages)

    def with_pages(self) -> "House":
        """The same house, with a dashboard of one page and one script."""
        return House(self.context, self._stack, built_site())

    async def visitor(self, token: str | None = None) -> httpx.AsyncClient:
        """A client of its own, with a jar for cookies; nobody in particular without a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN, headers=headers)
        return await self._stack.enter_async_context(client)

    async def member(self, customer_id: CustomerId, role: str = "member") -> Member:
        """A new user of the customer."""
        async with self.context.database.connection() as connection:
            user_id = await user(connection, customer_id, role)
            actor = Actor(customer_id, "test")
            made = await tokens.create_token(connection, actor, user_id, TokenTerms("test"))
        return Member(user_id, customer_id, await self.visitor(made.raw.reveal()))

    async def team(self, customer_id: CustomerId, *members: Member) -> TeamId:
        async with self.context.database.connection() as connection:
            return await team(connection, customer_id, *(member.id for member in members))

    async def register(self, email: str, **fields: object) -> httpx.AsyncClient:
        """A customer through the front door; the client holds the admin's session."""
        browser = await self.visitor()
        answer = await browser.post("/v1/customers/register", json=registration(email, **fields))
        assert answer.status_code == 201, answer.text
        # httpx keeps Secure cookies back from plain http; a browser on https would send it.
        browser.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
        browser.headers["X-CSRF-Token"] = answer.json()["session"]["csrf_token"]
        return browser

    async def fetch(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows, for looking behind the API."""
        async with self.context.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *arguments)]


def built_site() -> BuiltSite:
    script = BuiltFile(
        "text/javascript; charset=utf-8",
        Form(b"let a = 1", '"plain"'),
        {"br": Form(b"<brotli>", '"plain-br"'), "gzip": Form(b"<gzip>", '"plain-gzip"')},
    )
    icon = BuiltFile("image/svg+xml", Form(b"<svg/>", '"icon"'), {})
    page = b'<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__">'
    return BuiltSite({"/assets/index-1a2b.js": script, "/favicon.svg": icon}, page)


def registration(email: str, **fields: object) -> dict[str, object]:
    return {"name": "Acme", "email": email, "password": PASSWORD} | fields


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer in the envelope that every refusal has."""
    error = answer.json()["error"]
    assert {"message", "type", "code", "param"} <= error.keys()
    assert error["message"]
    return answer.status_code, error["code"]


@asynccontextmanager
async def served(house: House) -> AsyncIterator[str]:
    """The app on a real socket; yields its base URL."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(house.app, log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()
