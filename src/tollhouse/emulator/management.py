"""The management API under `/client/v4`: gateways, their keys and logs, and the model catalogue.

Plural `errors`, codes of the wire contract, section 1.4. A duplicate id has the code of a validation error; a
missing Authorization is a 400, an unknown token a 401.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from tollhouse.emulator import workers_models
from tollhouse.emulator.bodies import BadBody, decode
from tollhouse.emulator.faults_to_come import Action, ManagementFault
from tollhouse.emulator.gateways import Gateway, StoredKey, read_creation, read_settings
from tollhouse.emulator.paths import PROVIDERS
from tollhouse.emulator.wire import PLAIN_TEXT, Line, Reply, Request, bearer, compressed, json_reply
from tollhouse.emulator.world import World
from tollhouse.foundation.ids import new_id

PREFIX: Final = "/client/v4"
DATA_PLANE: Final = "https://gateway.ai.cloudflare.com/v1"
_DEFAULT_PER_PAGE: Final = 20
_MAX_PER_PAGE: Final = 100
_MAX_LOGS_PER_PAGE: Final = 50
# Only the time is an order here; the other columns are known and do nothing.
_LOG_COLUMNS: Final = ("created_at", "provider", "model", "model_type", "success", "cached")
_ACCOUNT_PATH: Final = re.compile(r"/client/v4/accounts/([^/]+)/(.+)")


class _Fault(Exception):
    """One error of the plural envelope."""

    def __init__(self, status: int, code: int, message: str, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, object] = {"code": code, "message": message} | ({"path": path} if path else {})


class _NewKey(msgspec.Struct):
    alias: str
    default_config: bool
    provider_slug: str
    secret: str | None = None
    secret_id: str | None = None


class Management:
    """Serves every path that starts with `PREFIX`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: Request, line: Line) -> None:
        received = self._world.requests.add(request, self._world.clock.now().isoformat())
        fault = self._world.management_faults.take(_action_of(request))
        if fault is None:
            reply = self.answer(request)
        else:
            reply = self._faulty(request, fault)
            if await line.left_within(fault.latency_ms / 1000):
                return
            if fault.drop:
                await line.drop()
                return
        received.status = reply.status
        await line.reply(compressed(reply, request.fields.get("accept-encoding", "")))

    def answer(self, request: Request) -> Reply:
        try:
            return self._route(request)
        except _Fault as fault:
            return _failure(fault.status, [fault.error])
        except BadBody as bad:
            path = ["body", *bad.field.split(".")] if bad.field else ["body"]
            return _failure(400, [{"code": 7001, "message": f"Input Validation Error: {bad.message}", "path": path}])

    def _faulty(self, request: Request, fault: ManagementFault) -> Reply:
        done = self.answer(request) if fault.commit or fault.status is None else None
        if fault.status is None:
            return done or self.answer(request)
        if fault.code is None:
            return Reply(fault.status, f"error code: {fault.status}".encode(), [PLAIN_TEXT])
        return _failure(fault.status, [{"code": fault.code, "message": fault.message}])

    # Finding the way

    def _route(self, request: Request) -> Reply:
        account, rest = self._authenticate(request)
        match [request.method, *rest.split("/")]:
            case ["POST", "ai-gateway", "gateways"]:
                return self._create(account, request)
            case ["GET", "ai-gateway", "gateways"]:
                return self._list(account, request)
            case ["GET", "ai", "models", "search"]:
                return _models(request)
            case [method, "ai-gateway", "gateways", gateway_id, *below]:
                return self._one(account, self._gateway(account, gateway_id), [method, *below], request)
        raise _unroutable(request)

    def _one(self, account: str, gateway: Gateway, steps: list[str], request: Request) -> Reply:
        match steps:
            case ["GET"]:
                return _success(gateway.shown(account))
            case ["PUT"]:
                return self._update(account, gateway, request)
            case ["DELETE"]:
                self._world.shelf.remove(account, gateway)
                return _success(gateway.shown(account))
            case ["GET", "url", provider]:
                return _success(f"{DATA_PLANE}/{account}/{gateway.id}/{provider}")
            case [("GET" | "POST"), "provider_configs"]:
                return self._keys(account, gateway, request)
            case ["GET", "logs", *log_id] if len(log_id) < 2:
                return self._logs(gateway, log_id, request)
        raise _unroutable(request)

    def _authenticate(self, request: Request) -> tuple[str, str]:
        """The account and the path below it."""
        token = bearer(request.fields.get("authorization"))
        if token is None:
            raise _Fault(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        if not any(token in account.tokens for account in self._world.accounts.values()):
            raise _Fault(401, 10000, "Authentication error")
        found = _ACCOUNT_PATH.fullmatch(request.path)
        if found is None or found[1] not in self._world.accounts:
            raise _unroutable(request)
        if token not in self._world.accounts[found[1]].tokens:
            raise _Fault(403, 10000, "Authentication error")
        return found[1], found[2]

    def _gateway(self, account: str, gateway_id: str) -> Gateway:
        gateway = self._world.shelf.find(account, gateway_id)
        if gateway is None:
            raise _Fault(404, 7002, "Gateway not found")
        return gateway

    # Gateways

    def _create(self, account: str, request: Request) -> Reply:
        config = self._world.config
        gateway_id, settings = read_creation(request.body)
        if self._world.shelf.find(account, gateway_id) is not None:
            message = "Gateway with this id already exists"
            raise _Fault(config.duplicate_status, 7001, message, ["body", "id"])
        if len(self._world.shelf.of(account)) >= config.gateway_quota:
            raise _Fault(config.quota_status, config.quota_code, "Maximum number of gateways reached")
        gateway = self._world.shelf.add(account, gateway_id, settings, self._world.clock.now())
        return _success(gateway.shown(account))

    def _update(self, account: str, gateway: Gateway, request: Request) -> Reply:
        gateway.settings = read_settings(request.body)
        gateway.modified_at = self._world.clock.now().isoformat()
        self._world.shelf.keep(account, gateway)
        return _success(gateway.shown(account))

    def _list(self, account: str, request: Request) -> Reply:
        query = request.parameters()
        page, per_page = _page_of(query, _MAX_PER_PAGE)
        found = [one for one in self._world.shelf.of(account) if query.get("search", "") in one.id]
        shown = [one.shown(account) for one in found[(page - 1) * per_page : page * per_page]]
        return _success(shown, _page_info(page, per_page, len(shown), len(found)))

    # What hangs on a gateway

    def _keys(self, account: str, gateway: Gateway, request: Request) -> Reply:
        if request.method == "GET":
            page, per_page = _page_of(request.parameters(), _MAX_PER_PAGE)
            shown = [msgspec.to_builtins(key) for key in gateway.keys[(page - 1) * per_page : page * per_page]]
            return _success(shown, _page_info(page, per_page, len(shown), len(gateway.keys)))
        wanted = decode(request.body, _NewKey)
        if wanted.provider_slug not in PROVIDERS:
            raise BadBody("provider_slug", "unknown provider")
        if wanted.secret_id is None and (wanted.secret is None or gateway.settings.store_id is None):
            raise BadBody("secret", "needs secret_id, or a secret and a gateway with a store_id")
        now = self._world.clock.now().isoformat()
        key = StoredKey(new_id(), wanted.provider_slug, wanted.alias, wanted.default_config, now)
        gateway.keys = [*gateway.keys, key]
        self._world.shelf.keep(account, gateway)
        return _success(msgspec.to_builtins(key))

    def _logs(self, gateway: Gateway, log_id: list[str], request: Request) -> Reply:
        logs = self._world.logs
        if logs.mood == "absent":
            raise _unroutable(request)
        if not log_id:
            query = request.parameters()
            page, per_page = _page_of(query, _MAX_LOGS_PER_PAGE)
            _one_of(query, "order_by", _LOG_COLUMNS)
            oldest_first = _one_of(query, "order_by_direction", ("desc", "asc")) == "asc"
            rows, total = logs.page(gateway.id, page, per_page, oldest_first=oldest_first)
            return _success(rows, _page_info(page, per_page, len(rows), total))
        row = logs.read(gateway.id, log_id[0])
        if row is None:
            raise _Fault(404, 7002, "Log not found")
        return _success(row)


def _models(request: Request) -> Reply:
    query = request.parameters()
    page, per_page = _page_of(query, _MAX_PER_PAGE)
    found = workers_models.search(query)
    if query.get("format") == "openrouter":
        return json_reply(200, {"data": workers_models.as_openrouter(found)})
    shown = found[(page - 1) * per_page : page * per_page]
    # Found to be unreliable on the live API, so nobody may stop paging because of it.
    wrong_total = len(shown)
    return _success(shown, _page_info(page, per_page, len(shown), wrong_total))


# Shapes


def _success(result: object, info: Mapping[str, int] | None = None) -> Reply:
    body = {"success": True, "errors": [], "messages": [], "result": result}
    return json_reply(200, body | ({"result_info": info} if info is not None else {}))


def _failure(status: int, errors: list[dict[str, object]]) -> Reply:
    return json_reply(status, {"success": False, "errors": errors, "messages": [], "result": None})


def _unroutable(request: Request) -> _Fault:
    message = f"Could not route to {request.path}, perhaps your object identifier is invalid?"
    return _Fault(404, 7003, message)


def _page_of(query: Mapping[str, str], highest: int) -> tuple[int, int]:
    page = _number(query, "page", 1, math.inf)
    return page, _number(query, "per_page", _DEFAULT_PER_PAGE, highest)


def _number(query: Mapping[str, str], name: str, default: int, highest: float) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= highest:
        raise _Fault(400, 7001, f"Input Validation Error: {name}", ["query", name])
    return int(text)


def _one_of(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = query.get(name, known[0])
    if value not in known:
        raise _Fault(400, 7001, f"Input Validation Error: {name}", ["query", name])
    return value


def _page_info(page: int, per_page: int, count: int, total: int) -> dict[str, int]:
    return {"page": page, "per_page": per_page, "count": count, "total_count": total}


def _action_of(request: Request) -> Action:
    path = request.path.rstrip("/")
    if path.endswith("/ai/models/search"):
        return "models"
    if path.endswith("/ai-gateway/gateways"):
        return "create" if request.method == "POST" else "list"
    by_method: dict[str, Action] = {"PUT": "update", "DELETE": "delete", "GET": "get"}
    return by_method.get(request.method, "any")
