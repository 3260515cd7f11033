"""A Stripe that a test can break: customers and meters over real HTTP, strict about what is sent.

Idempotency keys are kept as Stripe keeps them (https://docs.stripe.com/api/idempotent_requests): the same key with the
same words gets the first answer again, an error that came after the work began included; with other words it is an
error, and while the first is being worked on a conflict. What is refused before any work (a bad credential, too many
requests, a bad parameter) is not kept.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from stripe_meters import EVENT, METERS, SEND, Clock, MeterDouble, RealClock, Refused

SECRET: Final = "sk_test_51double0123456789abcdef"
OWNER: Final = "tollhouse_customer_id"
MAKE: Final = "POST /v1/customers"
LIST: Final = "GET /v1/customers"
TELL: Final = "POST /v1/customers/*"
DELETE: Final = "DELETE /v1/customers/*"

_FIELD: Final = re.compile(r"(name|email)|metadata\[(\w+)\]")
_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 409: "Conflict"}

FaultKind = Literal[
    "500 before", "500 after", "close before", "close after", "401", "403", "429", "not stripe", "not stripe either"
]


@dataclass(frozen=True)
class Sent:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]

    @property
    def verb(self) -> str:
        """Which of those that we know it is, without the id."""
        path = re.sub(r"^(/v1/customers|/v2/core/events)/[^/]+$", r"\1/*", self.path)
        return f"{self.method} {path}"

    @property
    def words(self) -> tuple[object, ...]:
        """What has to be the same for a repetition."""
        return self.method, self.path, tuple(sorted(self.form.items()))


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        body = self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()
        lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Request-Id": "req_double"}
        lines |= self.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Trouble')}\r\n{head}\r\n".encode() + body


@dataclass
class Kept:
    """An idempotency key. No answer: the first request is still being worked on."""

    words: tuple[object, ...]
    answer: Answer | None = None


@dataclass
class Hold:
    """Requests that wait, before or after the work, until they are let go."""

    verb: str
    after: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        self.reached.set()
        await self.let_go.wait()


def _refusal(status: int, kind: str, message: str, code: str | None = None, **headers: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": message, "code": code}}, headers)


class StripeDouble:
    """What is there, what was sent, and what goes wrong next."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.metering = MeterDouble(self.accounts, clock or RealClock())
        self.delay_s = 0.0
        """How long Stripe thinks before it begins to work."""
        self.chaos: Callable[[str], FaultKind | None] = lambda _verb: None
        """What goes wrong with a request of this kind when no trouble was ordered."""
        self.sent: list[Sent] = []
        self.malformed: list[str] = []
        """What Stripe would never be sent by its own SDK, or what it does not know. Empty when all is well."""
        self.most_per_page = 100
        self.repeated = 0
        """Answers that were given again to an idempotency key."""
        self._keys: dict[str, Kept] = {}
        self._faults: list[tuple[str, FaultKind]] = []
        self._holds: list[Hold] = []
        self._numbers = count(1)
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # Switches ----------------------------------------------------------------------------------------------

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Connections are refused, and those that are open break."""
        if self._server is not None:
            self._server.close()
        for task, writer in list(self._connections.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def trouble(self, *kinds: FaultKind, on: str = MAKE) -> None:
        """The next requests of this kind go wrong, one by one."""
        self._faults += [(on, kind) for kind in kinds]

    def hold(self, on: str = MAKE, *, after: bool = False) -> Hold:
        """Requests of this kind wait until they are let go; those that gave up are worked on all the same."""
        hold = Hold(on, after)
        self._holds.append(hold)
        return hold

    def let_go(self, hold: Hold) -> None:
        self._holds.remove(hold)
        hold.let_go.set()

    def a_day_passes(self) -> None:
        """Stripe forgets idempotency keys and identifiers."""
        self._keys.clear()
        self.metering.taken.clear()

    # What is there -----------------------------------------------------------------------------------------

    def owned(self) -> dict[str, list[str]]:
        """Accounts by the customer that they name."""
        found: dict[str, list[str]] = {}
        for account in self.accounts.values():
            found.setdefault(account["metadata"].get(OWNER, ""), []).append(account["id"])
        return found

    def count(self, verb: str) -> int:
        return sum(sent.verb == verb for sent in self.sent)

    def put(self, email: str, owner: str | None = None, name: str = "Somebody") -> str:
        """An account that is there already."""
        return str(self._make({"email": email, "name": name} | ({f"metadata[{OWNER}]": owner} if owner else {}))["id"])

    # HTTP --------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while answer := await self._answer(await _read(reader)):
                    writer.write(answer.wire())
                    await writer.drain()
        finally:
            del self._connections[task]
            writer.transport.abort()

    async def _answer(self, sent: Sent) -> Answer | None:
        """None: the connection is closed instead."""
        self.sent.append(sent)
        fault = self._next_fault(sent)
        if refused := self._refused_at_the_door(sent, fault):
            return refused
        if fault == "close before":
            return None
        if sent.method != "POST":
            answer = await self._work(sent, fault)
            return None if fault == "close after" else answer
        key = sent.headers["idempotency-key"]
        if kept := self._keys.get(key):
            self.repeated += 1
            return _repeated(kept, sent)
        self._keys[key] = kept = Kept(sent.words)
        answer = await self._work(sent, fault)
        if answer.status in (400, 429):
            del self._keys[key]
        kept.answer = answer
        await self._pass_holds(sent, after=True)
        return None if fault == "close after" else answer

    async def _work(self, sent: Sent, fault: FaultKind | None) -> Answer:
        broken = _refusal(500, "api_error", "An unknown error occurred", **{"Stripe-Should-Retry": "false"})
        if sent.verb != SEND:
            return await self._work_alone(sent, fault, broken)
        with self.metering.alone(sent.form) as alone:
            if alone:
                return await self._work_alone(sent, fault, broken)
        return _refusal(429, "invalid_request_error", "This object cannot be accessed right now", "lock_timeout")

    async def _work_alone(self, sent: Sent, fault: FaultKind | None, broken: Answer) -> Answer:
        await asyncio.sleep(self.delay_s)
        await self._pass_holds(sent, after=False)
        if fault == "500 before":
            return broken
        if fault == "not stripe":
            return Answer(200, "<html>It works!</html>")
        if fault == "not stripe either":
            return Answer(200, {"status": "ok"})
        done = self._done(sent)
        return broken if fault == "500 after" else done

    async def _pass_holds(self, sent: Sent, *, after: bool) -> None:
        for hold in list(self._holds):
            if hold.verb == sent.verb and hold.after is after:
                await hold.wait()

    def _next_fault(self, sent: Sent) -> FaultKind | None:
        for place, (verb, kind) in enumerate(self._faults):
            if verb == sent.verb:
                del self._faults[place]
                return kind
        return self.chaos(sent.verb)

    def _refused_at_the_door(self, sent: Sent, fault: FaultKind | None) -> Answer | None:
        self.malformed += _malformed(sent)
        if sent.headers.get("authorization") != f"Bearer {SECRET}" or fault == "401":
            shown = sent.headers.get("authorization", "").removeprefix("Bearer ")
            return _refusal(401, "invalid_request_error", f"Invalid API Key provided: {shown}")
        if fault == "403":
            return _refusal(403, "invalid_request_error", "The provided key does not have the required permissions")
        if fault == "429":
            return _refusal(429, "invalid_request_error", "Too many requests", "rate_limit")
        return None

    # Customers ---------------------------------------------------------------------------------------------

    def _done(self, sent: Sent) -> Answer:
        if sent.verb in (SEND, METERS, EVENT):
            return self._metered(sent)
        if sent.verb == LIST:
            return self._list(sent.query)
        if unknown := [name for name in sent.form if not _FIELD.fullmatch(name)]:
            return _refusal(400, "invalid_request_error", f"Received unknown parameter: {unknown}", "parameter_unknown")
        if sent.form.get("email", "").endswith(".invalid"):
            return _refusal(400, "invalid_request_error", "Invalid email address", "email_invalid")
        if sent.verb == MAKE:
            return Answer(200, dict(self._make(sent.form)))
        account_id = sent.path.rpartition("/")[2]
        account = self.accounts.get(account_id)
        if account is None:
            return _refusal(404, "invalid_request_error", f"No such customer: '{account_id}'", "resource_missing")
        if sent.method == "DELETE":
            del self.accounts[account_id]
            return Answer(200, {"id": account_id, "object": "customer", "deleted": True})
        account |= {name: sent.form[name] for name in ("name", "email") if name in sent.form}
        return Answer(200, dict(account))

    def _metered(self, sent: Sent) -> Answer:
        try:
            if sent.verb == SEND:
                return Answer(200, self.metering.send(sent.form, sent.headers["idempotency-key"]))
            if sent.verb == METERS:
                return Answer(200, self.metering.list_meters(sent.query, self.most_per_page))
            return Answer(200, self.metering.event(sent.path.rpartition("/")[2]))
        except Refused as refused:
            return Answer(refused.status, refused.body)

    def _make(self, form: dict[str, str]) -> dict[str, Any]:
        number = next(self._numbers)
        metadata = {hit[2]: value for name, value in form.items() if (hit := _FIELD.fullmatch(name)) and hit[2]}
        account = {"id": f"cus_{number:08}", "object": "customer", "created": 1_800_000_000 + number, "livemode": False}
        account |= {"name": form.get("name"), "email": form.get("email"), "metadata": metadata}
        self.accounts[str(account["id"])] = account
        return account

    def _list(self, query: dict[str, str]) -> Answer:
        """The newest first."""
        found = [it for it in reversed(self.accounts.values()) if query.get("email") in (None, it["email"])]
        after = query.get("starting_after")
        if after is not None:
            found = found[[account["id"] for account in found].index(after) + 1 :]
        most = min(int(query.get("limit", "10")), self.most_per_page)
        page = {"object": "list", "url": "/v1/customers", "has_more": len(found) > most, "data": found[:most]}
        return Answer(200, page)


def _repeated(kept: Kept, sent: Sent) -> Answer:
    if kept.words != sent.words:
        says = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        return _refusal(400, "idempotency_error", says)
    if kept.answer is None:
        says = "There is currently another in-progress request using this Idempotency Key"
        return _refusal(409, "idempotency_error", says, "idempotency_key_in_use")
    return Answer(kept.answer.status, kept.answer.body, kept.answer.headers | {"Idempotent-Replayed": "true"})


def _malformed(sent: Sent) -> list[str]:
    """What Stripe's SDK always sends right."""
    wrong = []
    if sent.verb not in {MAKE, LIST, TELL, DELETE, SEND, METERS, EVENT}:
        wrong.append(f"unknown: {sent.verb}")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(\.\w+)?", sent.headers.get("stripe-version", "")):
        wrong.append(f"Stripe-Version: {sent.headers.get('stripe-version')}")
    if not re.fullmatch(r"Bearer [rs]k_test_\w+", sent.headers.get("authorization", "")):
        wrong.append("Authorization")
    if sent.method == "POST":
        if sent.headers.get("content-type") != "application/x-www-form-urlencoded":
            wrong.append(f"Content-Type: {sent.headers.get('content-type')}")
        if not 0 < len(sent.headers.get("idempotency-key", "")) <= 255:
            wrong.append("Idempotency-Key")
    return wrong


async def _read(reader: asyncio.StreamReader) -> Sent:
    """One request; IncompleteReadError when there is none any more."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode("ascii")
    parts = urlsplit(target)
    return Sent(method, parts.path, _fields(parts.query), _fields(body), headers)


def _fields(text: str) -> dict[str, str]:
    """Encoded as a form is, or ValueError."""
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True)) if text else {}


@asynccontextmanager
async def running(clock: Clock | None = None) -> AsyncIterator[StripeDouble]:
    double = StripeDouble(clock)
    await double.up()
    try:
        yield double
    finally:
        await double.down()
    assert double.malformed == []
