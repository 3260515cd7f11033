"""The levers of a test under `/_emulator`: look at the book and the requests, say what happens next, start over.

    GET  /_emulator/health
    GET  /_emulator/book[?detail=calls]      totals by gateway and metadata, leaks, calls in flight
    GET  /_emulator/requests[?body=1]        the last requests, headers as received
    POST /_emulator/script                   one script or a list of them (scripts.py names the fields)
    POST /_emulator/management               {"next": [faults of management calls], "logs": "late|prompt|absent"}
    POST /_emulator/past                     {"calls": [...]}: book calls of the past, each once, by its call_id
    POST /_emulator/reset                    {"gateways": false}

Bodies are checked strictly: an unknown or wrong field is a 400 that names it.
"""

from typing import Final

import msgspec

from tollhouse.emulator.bodies import BadBody, decode
from tollhouse.emulator.call_logs import LogMood
from tollhouse.emulator.faults_to_come import ManagementFault
from tollhouse.emulator.past import PastOrder, book_past
from tollhouse.emulator.scripts import read_scripts
from tollhouse.emulator.wire import Line, Reply, Request, json_reply
from tollhouse.emulator.world import World

PREFIX: Final = "/_emulator/"


class _Reset(msgspec.Struct, forbid_unknown_fields=True):
    gateways: bool = False


class _ManagementOrder(msgspec.Struct, forbid_unknown_fields=True):
    next: list[ManagementFault] = []
    logs: LogMood | None = None


class Controls:
    """Serves every path that starts with `PREFIX`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: Request, line: Line) -> None:
        await line.reply(self.answer(request))

    def answer(self, request: Request) -> Reply:
        try:
            return self._route(request)
        except BadBody as bad:
            return json_reply(400, {"error": {"field": bad.field, "message": bad.message}})

    def _route(self, request: Request) -> Reply:
        match request.method, request.path.removeprefix(PREFIX):
            case "GET", "health":
                return json_reply(200, {"status": "ok"})
            case "GET", "book":
                return json_reply(200, self._book(detail=request.parameters().get("detail") == "calls"))
            case "GET", "requests":
                with_body = request.parameters().get("body") == "1"
                return json_reply(200, {"requests": self._world.requests.shown(with_body=with_body)})
            case "POST", "script":
                self._world.scripts.add(read_scripts(request.body))
                return json_reply(200, {"waiting": len(self._world.scripts)})
            case "POST", "management":
                return self._manage(decode(request.body, _ManagementOrder))
            case "POST", "past":
                return json_reply(200, {"log_ids": book_past(self._world, decode(request.body, PastOrder))})
            case "POST", "reset":
                order = decode(request.body or b"{}", _Reset)
                self._world.reset(gateways=order.gateways)
                return json_reply(200, {"status": "ok"})
        return json_reply(404, {"error": {"field": "", "message": f"no control {request.method} {request.path}"}})

    def _book(self, *, detail: bool) -> dict[str, object]:
        book = self._world.book
        shown: dict[str, object] = msgspec.structs.asdict(book.totals)
        shown |= {"in_flight": self._world.in_flight, "leaks": list(book.leaks)}
        return shown | {"by_call": list(book.rows)} if detail else shown

    def _manage(self, order: _ManagementOrder) -> Reply:
        self._world.management_faults.add(order.next)
        if order.logs is not None:
            self._world.logs.mood = order.logs
        return json_reply(200, {"status": "ok"})
