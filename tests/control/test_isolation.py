"""Who gets what, on every route: the isolation matrix. A new route has to have a row here.

Callers: nobody, a virtual key, the member whose own things are, a teammate of theirs, a manager, an admin, and another
customer's admin. Things: one's own, a sibling's, others' (of the stranger's customer), and none at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from control.house import House, refusal
from control.isolation import CALLERS, WHOSE, Caller, Whose, make_world
from tollhouse.control import api
from tollhouse.foundation.ids import new_id
from tollhouse.gateway.asgi import CHAT_PATH
from tollhouse.intake.asgi import TRACES_PATH

PUBLIC: Final = {
    ("POST", "/v1/customers/register"),
    ("POST", "/v1/login"),
    ("POST", "/v1/password-reset"),
    ("POST", "/v1/invitations/look"),
    ("POST", "/v1/invitations/accept"),
    ("GET", "/v1/sign-in-options"),
    ("GET", "/v1/oidc/start"),
    ("GET", "/v1/oidc/callback"),
    ("GET", "/v1/health"),
    ("POST", "/v1/stripe/webhook"),
}

# Described here and served by other doors, which have tests of their own (`journeys/`, `intake/`).
OF_OTHER_DOORS: Final = {("POST", CHAT_PATH), ("POST", TRACES_PATH)}

# Of one's own, a sibling's, others' and no thing at all; `ok` is the status that the row says.
OUT = "401 401 401 401"
NEVER = "403 403 403 403"  # refused before the thing is looked at
NONE = "403 403 404 404"
OWN = "ok 403 404 404"
ONLY_OWN = "ok 404 404 404"
OURS = "ok ok 404 404"
OTHERS = "404 404 ok 404"
HIDDEN = "404 404 404 404"
ANY = "ok ok ok ok"  # nothing of others is told or changed, though they may be named
KNOWN = "ok ok ok 404"


@dataclass(frozen=True)
class Grid:
    member: str
    teammate: str
    manager: str
    admin: str
    stranger: str = OTHERS
    virtual_key: str = OUT

    def expected(self, ok: int) -> Mapping[tuple[Caller, Whose], int]:
        columns = (OUT, self.virtual_key, self.member, self.teammate, self.manager, self.admin, self.stranger)
        return {
            (caller, whose): ok if status == "ok" else int(status)
            for caller, statuses in zip(CALLERS, columns, strict=True)
            for whose, status in zip(WHOSE, statuses.split(), strict=True)
        }


ADMINS = Grid(NEVER, NEVER, NEVER, ANY, ANY)
THEIR_ADMINS = Grid(NEVER, NEVER, NEVER, OURS)
BOSSES = Grid(NEVER, NEVER, ANY, ANY, ANY)
EVERYBODY = Grid(ANY, ANY, ANY, ANY, ANY)
KEYS_TOO = Grid(ANY, ANY, ANY, ANY, ANY, virtual_key=ANY)


@dataclass(frozen=True)
class Route:
    """`ok`: what whoever may do it gets; also a refusal that comes after the guards."""

    method: str
    path: str
    ok: int
    grid: Grid
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def named(self) -> bool:
        return "{" in self.path or "_id}" in str(self.body) or "_hash}" in str(self.body)


SOON = {"extra_usd": 1, "until": "{soon}", "reason": "because"}
WHAT_IF = {
    "scope": {"kind": "user", "id": "{user_id}"},
    "allowed_models": ["x"],
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-11-23T00:00:00Z",
}
EXPORTER = {"name": "x", "url": "https://otlp.example.com/"}
SWITCH = {"hashes": ["{key_hash}"], "disabled": True}
ADJUST = {"call_id": "{call_id}", "cost_usd": 0, "reason": "because"}
RELEASE = {"budget_id": "{budget_id}", "all": True, "reason": "because"}
PASSWORDS = {"current_password": "x", "new_password": "correct horse battery"}

# fmt: off - a table is read in columns
MATRIX: Final = (
    Route("POST", "/v1/customers/me/gateway", 200, ADMINS),
    Route("POST", "/v1/customers/me/delete", 409, ADMINS, body={"name": "wrong"}),
    Route("GET", "/v1/customers/me", 200, EVERYBODY),
    Route("PATCH", "/v1/customers/me", 200, ADMINS, body={"name": "x"}),
    Route("GET", "/v1/customers/me/webhook", 200, ADMINS),
    Route("PUT", "/v1/customers/me/webhook", 200, ADMINS, body={"url": "https://hooks.example.com/x"}),
    Route("DELETE", "/v1/customers/me/webhook", 204, ADMINS),
    Route("POST", "/v1/customers/me/webhook/test", 404, ADMINS),
    Route("GET", "/v1/customers/me/trace-exporters", 200, ADMINS),
    Route("POST", "/v1/customers/me/trace-exporters", 201, ADMINS, body=EXPORTER),
    Route("PATCH", "/v1/customers/me/trace-exporters/{exporter_id}", 200, THEIR_ADMINS, body={"enabled": False}),
    Route("DELETE", "/v1/customers/me/trace-exporters/{exporter_id}", 204, THEIR_ADMINS),
    Route("POST", "/v1/customers/me/trace-exporters/{exporter_id}/test", 200, THEIR_ADMINS),
    Route("GET", "/v1/customers/me/provider-keys", 200, ADMINS),
    Route("PUT", "/v1/customers/me/provider-keys/{provider}", 200, ADMINS, body={"secret": "sk-other-1234"}),
    Route("DELETE", "/v1/customers/me/provider-keys/{provider}", 204, ADMINS),
    Route("POST", "/v1/logout", 204, EVERYBODY),
    Route("GET", "/v1/me", 200, EVERYBODY),
    Route("PATCH", "/v1/me", 200, EVERYBODY, body={"name": "x"}),
    Route("POST", "/v1/me/password", 403, EVERYBODY, body=PASSWORDS),
    Route("GET", "/v1/sessions", 200, EVERYBODY),
    Route("DELETE", "/v1/sessions/{session_id}", 204, Grid(ONLY_OWN, HIDDEN, HIDDEN, HIDDEN)),
    Route("GET", "/v1/users", 200, BOSSES),
    Route("GET", "/v1/users/{user_id}", 200, Grid(OWN, NONE, OURS, OURS)),
    Route("PATCH", "/v1/users/{user_id}", 200, Grid(OWN, NONE, NONE, OURS), body={"name": "x"}),
    Route("DELETE", "/v1/users/{user_id}", 204, Grid(NEVER, NEVER, NEVER, OURS)),
    Route("POST", "/v1/users/{user_id}/password-reset", 201, Grid(NEVER, NEVER, NEVER, OURS)),
    Route("DELETE", "/v1/users/{user_id}/identity", 204, Grid(NEVER, NEVER, NEVER, OURS)),
    Route("GET", "/v1/teams", 200, EVERYBODY),
    Route("POST", "/v1/teams", 201, BOSSES, body={"name": "x"}),
    Route("GET", "/v1/teams/{team_id}", 200, Grid(OWN, OWN, OURS, OURS)),
    Route("PATCH", "/v1/teams/{team_id}", 200, Grid(NONE, NONE, OURS, OURS), body={"name": "x"}),
    Route("DELETE", "/v1/teams/{team_id}", 204, Grid(NEVER, NEVER, OURS, OURS)),
    Route("GET", "/v1/teams/{team_id}/candidates", 200, Grid(NONE, NONE, OURS, OURS)),
    Route("PUT", "/v1/teams/{team_id}/members/{user_id}", 200, Grid(NONE, NONE, OURS, OURS), body={}),
    Route("DELETE", "/v1/teams/{team_id}/members/{user_id}", 204, Grid(NONE, NONE, OURS, OURS)),
    Route("GET", "/v1/invitations", 200, BOSSES),
    Route("POST", "/v1/invitations", 201, BOSSES, body={"email": "x@example.com", "team_ids": []}),
    Route("DELETE", "/v1/invitations/{invitation_id}", 204, Grid(NEVER, NEVER, OURS, OURS)),
    Route("GET", "/v1/tokens", 200, EVERYBODY),
    Route("POST", "/v1/tokens", 403, EVERYBODY, body={"name": "x"}),
    Route("DELETE", "/v1/tokens/{token_id}", 204, Grid(OWN, NONE, NONE, OURS)),
    Route("GET", "/v1/ai/models", 200, KEYS_TOO),
    Route("GET", "/v1/ai/models/{model_id}", 200, Grid(KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN)),
    Route("GET", "/v1/ai/keys/customer", 200, BOSSES),
    Route("GET", "/v1/ai/keys/totals", 200, BOSSES),
    Route("GET", "/v1/ai/keys/export", 200, BOSSES),
    Route(
        "POST",
        "/v1/ai/keys/switch",
        200,
        Grid(NEVER, NEVER, ANY, ANY, stranger=ANY),
        body=SWITCH,
    ),
    Route("GET", "/v1/ai/keys/user", 200, EVERYBODY),
    Route("POST", "/v1/ai/keys/user", 201, Grid(OWN, NONE, OURS, OURS), body={"name": "x", "user_id": "{user_id}"}),
    Route("GET", "/v1/ai/keys/user/{user_id}", 200, Grid(OWN, NONE, OURS, OURS)),
    Route("POST", "/v1/ai/keys/team/{team_id}", 201, Grid(OWN, OWN, OURS, OURS), body={"name": "x"}),
    Route("DELETE", "/v1/ai/keys/user/{key_hash}", 200, Grid(OWN, NONE, OURS, OURS)),
    Route("DELETE", "/v1/ai/keys/team/{team_id}/{key_hash}", 200, Grid(OWN, OWN, OURS, OURS)),
    Route("DELETE", "/v1/ai/keys/{key_hash}", 200, Grid(NEVER, NEVER, OURS, OURS)),
    Route("PATCH", "/v1/ai/keys/{key_hash}", 200, Grid(OWN, NONE, OURS, OURS), body={"name": "x"}),
    Route("GET", "/v1/ai/keys/{key_hash}/details", 200, Grid(OWN, NONE, OURS, OURS)),
    Route("GET", "/v1/ai/keys/{key_hash}/calls", 200, Grid(OWN, NONE, OURS, OURS)),
    Route("POST", "/v1/ai/keys/{key_hash}/rotate", 200, Grid(OWN, NONE, OURS, OURS), body={}),
    Route("GET", "/v1/ai/limits", 200, EVERYBODY),
    Route("GET", "/v1/ai/limits/customer", 200, BOSSES),
    Route("PUT", "/v1/ai/limits/customer", 200, ADMINS, body={"budgets": []}),
    Route("DELETE", "/v1/ai/limits/customer", 204, ADMINS),
    Route("POST", "/v1/ai/limits/{budget_id}/raise", 409, Grid(NEVER, NEVER, OURS, OURS), body=SOON),
    Route("DELETE", "/v1/ai/limits/{budget_id}/raise", 200, Grid(NEVER, NEVER, OURS, OURS)),
    Route("GET", "/v1/ai/limits/{kind}/{ref}", 200, Grid(OWN, NONE, OURS, OURS)),
    Route("PUT", "/v1/ai/limits/{kind}/{ref}", 200, Grid(NEVER, NEVER, OURS, OURS), body={"budgets": []}),
    Route("DELETE", "/v1/ai/limits/{kind}/{ref}", 204, Grid(NEVER, NEVER, OURS, OURS)),
    Route("GET", "/v1/ledger/audit", 200, ADMINS),
    Route("GET", "/v1/ledger/in-doubt", 200, BOSSES),
    Route("GET", "/v1/ledger/adjustments", 200, BOSSES),
    Route(
        "POST",
        "/v1/ledger/adjustments",
        201,
        Grid(NEVER, NEVER, NEVER, OURS),
        body=ADJUST,
    ),
    Route(
        "POST",
        "/v1/ledger/doubt/release",
        409,
        Grid(NEVER, NEVER, NEVER, OURS),
        body=RELEASE,
    ),
    Route("GET", "/v1/billing/usage", 200, ADMINS),
    Route("GET", "/v1/billing/dead-letters", 200, ADMINS),
    Route("POST", "/v1/billing/dead-letters/retry", 200, ADMINS),
    Route("POST", "/v1/billing/dead-letters/{entry_id}/retry", 200, Grid(NEVER, NEVER, NEVER, OURS), body={}),
    Route("POST", "/v1/ledger/what-if", 200, Grid(NEVER, NEVER, ANY, ANY, stranger=ANY), body=WHAT_IF),
    Route("GET", "/v1/ai/receipts/{call_id}", 200, Grid(ONLY_OWN, HIDDEN, OURS, OURS, virtual_key=ONLY_OWN)),
    Route("GET", "/v1/traces", 200, BOSSES),
    Route("GET", "/v1/traces/search", 200, EVERYBODY),
    Route("GET", "/v1/traces/export", 200, EVERYBODY),
    Route("GET", "/v1/traces/{trace_id}", 200, Grid(ONLY_OWN, HIDDEN, OURS, OURS)),
    Route("GET", "/v1/traces/{trace_id}/spans/{span_id}", 200, Grid(ONLY_OWN, HIDDEN, OURS, OURS)),
    Route("GET", "/v1/tools", 200, EVERYBODY),
    Route("GET", "/v1/reports/overview", 200, EVERYBODY),
    Route("GET", "/v1/reports/series", 200, EVERYBODY),
    Route("GET", "/v1/reports/top/{dimension}", 200, EVERYBODY),
    Route("GET", "/v1/reports/latency", 200, EVERYBODY),
    Route("GET", "/v1/reports/errors", 200, EVERYBODY),
    Route("GET", "/v1/reports/export", 200, EVERYBODY),
    Route("GET", "/v1/audit", 200, ADMINS),
    Route("GET", "/v1/audit/export", 200, ADMINS),
)
# fmt: on


def _routes() -> set[tuple[str, str]]:
    schema = api.description()
    return {(method.upper(), path) for path, item in schema["paths"].items() for method in item} - OF_OTHER_DOORS


def test_every_route_is_public_or_has_a_row() -> None:
    assert _routes() == PUBLIC | {(route.method, route.path) for route in MATRIX}
    assert len({str(route) for route in MATRIX}) == len(MATRIX)


@pytest.mark.parametrize("route", MATRIX, ids=str)
async def test_each_caller_gets_what_is_theirs_and_nothing_else(busy_house: House, route: Route) -> None:
    world = await make_world(busy_house)
    seen: dict[tuple[Caller, Whose], int] = {}
    denied: dict[Caller, set[bytes]] = {}
    expected = route.grid.expected(route.ok)
    for caller in CALLERS:
        for whose in WHOSE if route.named else WHOSE[:1]:
            answer = await world.ask(caller, whose, route.method, route.path, route.body)
            seen[caller, whose] = answer.status_code
            if answer.status_code >= 400:
                refusal(answer)
            if answer.status_code == 404:
                denied.setdefault(caller, set()).add(answer.content)
            if route.method != "GET" and answer.status_code < 300:
                world = await make_world(busy_house)
    assert seen == {place: status for place, status in expected.items() if place in seen}
    assert all(len(words) == 1 for words in denied.values()), denied  # what is others' is as if it were not


LISTS = [route for route in MATRIX if route.method == "GET" and not route.named]


@pytest.mark.parametrize("route", LISTS, ids=str)
async def test_a_list_holds_nothing_of_others(busy_house: House, route: Route) -> None:
    world = await make_world(busy_house)
    answer = await world.clients["stranger"].get(route.path)
    assert answer.status_code == 200
    ours = {*world.things["own"].values(), *world.things["sibling's"].values()} - {"key", "openai/gpt-4o"}
    assert [thing for thing in ours if len(thing) > 8 and thing in answer.text] == []


WRITES = [route for route in MATRIX if route.method in ("POST", "PUT", "PATCH")]


@pytest.mark.parametrize("route", WRITES, ids=str)
async def test_no_column_of_any_table_can_be_set_by_sending_it_along(busy_house: House, route: Route) -> None:
    """Mass assignment: every column that there is, as an extra field, is refused by name."""
    columns = await busy_house.fetch(
        "SELECT DISTINCT column_name AS name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name NOT LIKE '%\\_20______'"
    )
    world = await make_world(busy_house)
    known = _fields_of(route)
    if known is None:
        pytest.skip("takes no body")
    for column in {row["name"] for row in columns} - known:
        body = (route.body or {}) | {column: new_id()}
        answer = await world.ask("admin", "own", route.method, route.path, body)
        assert refusal(answer) == (422, "unknown_field"), (column, answer.text)


def _fields_of(route: Route) -> set[str] | None:
    """What the published description says that a body may hold; None: there is none."""
    schema = api.description()
    operation = schema["paths"][route.path][route.method.lower()]
    if "requestBody" not in operation:
        return None
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(schema["components"]["schemas"][name]["properties"])
