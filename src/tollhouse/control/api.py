"""Builds the control plane's app. The only module here that knows all of them."""

import asyncio
import functools
from typing import Any, Final, Literal

import anyio
from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from tollhouse import __version__
from tollhouse.control import landing, models, registration
from tollhouse.control.billing import endpoints as billing
from tollhouse.control.billing import stripe_endpoints as stripe
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import endpoints as customers
from tollhouse.control.dashboard.built import BuiltSite
from tollhouse.control.dashboard.door import answer_of, send_answer
from tollhouse.control.edge import ControlRoute, Doorstep, install_refusals
from tollhouse.control.exporters import endpoints as exporters
from tollhouse.control.history import endpoints as history
from tollhouse.control.identity import Context
from tollhouse.control.keys import endpoints as keys
from tollhouse.control.ledger import endpoints as ledger
from tollhouse.control.ledger import what_if_endpoints as what_if
from tollhouse.control.limits import endpoints as limits
from tollhouse.control.other_doors import TAGS as TAGS_OF_OTHER_DOORS
from tollhouse.control.other_doors import with_other_doors
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import endpoints as people
from tollhouse.control.people import invitation_endpoints as invitations
from tollhouse.control.people import oidc_endpoints as single_sign_on
from tollhouse.control.people import team_endpoints as teams
from tollhouse.control.people import token_endpoints as tokens
from tollhouse.control.people import user_endpoints as users
from tollhouse.control.people.oidc import Provider
from tollhouse.control.people.sessions import Doorkeeper, Tries
from tollhouse.control.provider_keys import endpoints as provider_keys
from tollhouse.control.reports import endpoints as reports
from tollhouse.control.reports import sum_endpoints as sums
from tollhouse.control.reports import trace_endpoints as traces
from tollhouse.control.shapes import Shown, refusals, with_unreadable_bodies
from tollhouse.control.throttle import Throttle
from tollhouse.control.webhooks import endpoints as webhooks

_WEBHOOK_TRIALS: Final = 10
_WEBHOOK_TRIALS_WINDOW_S: Final = 300.0
# Typing a name asks a few times; whoever asks more is reading the list of all people.
_PEOPLE_SEARCHES: Final = 60
_PEOPLE_SEARCHES_WINDOW_S: Final = 60.0
_EXPORTER_TRIALS: Final = 10
_EXPORTER_TRIALS_WINDOW_S: Final = 300.0

_TAGS: Final = [
    *TAGS_OF_OTHER_DOORS,
    {"name": "customers", "description": "Registering, and the customer's gateway."},
    {"name": "people", "description": "Signing in, people, teams, invitations and API tokens."},
    {"name": "keys", "description": "Virtual keys with budgets and allow-lists."},
    {"name": "limits", "description": "Budgets of the customer, its teams and people, and more of them for keys."},
    {"name": "models", "description": "What can be called, at which price."},
    {"name": "ledger", "description": "The book of what was spent, and what other limits would have done."},
    {"name": "billing", "description": "Usage on its way to Stripe, and what became of it there."},
    {"name": "reports", "description": "What calls came to: receipts, sums, charts."},
    {"name": "traces", "description": "What happened inside: traces, spans, tools."},
    {"name": "audit", "description": "Who changed what."},
    {"name": "health", "description": "For load balancers."},
]

_ROOMS: Final = (
    registration, customers, webhooks, provider_keys, exporters, people, single_sign_on, users, teams, invitations,
    tokens, models, keys, limits, ledger, what_if, billing, stripe, reports, sums, traces, history,
)  # fmt: skip

health = APIRouter(prefix="/v1", tags=["health"], route_class=ControlRoute)


class Health(Shown):
    status: Literal["ok"] = "ok"
    version: str


@health.get("/health", summary="Whether this process can work", responses=refusals(503))
async def check_health(context: Context) -> Health:
    async with context.database.connection() as connection:
        await connection.fetchval("SELECT 1")
    return Health(version=__version__)


class ControlPlane:
    """The control plane as an ASGI application: the routes, which all planes share, and what this one answers from.

    Opens and closes nothing; whoever made the context does. `state` is what routes find as `request.state`.
    `pages`: the dashboard; without it there is the API, and a page at `/` that says so.
    """

    def __init__(self, context: ControlContext, pages: BuiltSite | None = None) -> None:
        self._pages = pages
        sign_on = context.single_sign_on
        self.state: Final[dict[str, Any]] = {
            "context": context,
            "has_pages": pages is not None,
            "listing": models.Listing(context.catalog.all()),
            "doorkeeper": Doorkeeper(Passwords(), Tries(context.clock)),
            "provider": None if sign_on is None else Provider(sign_on, context.clock),
            "webhook_trials": Throttle(context.clock, most=_WEBHOOK_TRIALS, window_s=_WEBHOOK_TRIALS_WINDOW_S),
            "exporter_trials": Throttle(context.clock, most=_EXPORTER_TRIALS, window_s=_EXPORTER_TRIALS_WINDOW_S),
            "people_searches": Throttle(context.clock, most=_PEOPLE_SEARCHES, window_s=_PEOPLE_SEARCHES_WINDOW_S),
            "replays": asyncio.Semaphore(what_if.MOST_AT_ONCE),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None if self._pages is None else answer_of(self._pages, scope)
        if answer is not None:
            await send_answer(answer, scope, send)
            return
        await routes()({**scope, "state": self.state}, receive, send)

    def warm(self) -> None:
        """Do now what the first requests would wait for: FastAPI works routes out when they are first looked for."""
        nowhere = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
        for route in routes().routes:
            route.matches(dict(nowhere))
        _ = self.state["listing"].everything
        anyio.get_cancelled_exc_class()  # has anyio load its half for asyncio: 0.1 s at the first request that goes out


@functools.cache
def routes() -> FastAPI:
    """All routes, worked out once: that takes FastAPI a quarter of a second."""
    app = _bare()
    _furnish(app)
    return app


def description() -> dict[str, Any]:
    """The API's description (OpenAPI 3.1)."""
    return routes().openapi()


def _furnish(app: FastAPI) -> None:
    install_refusals(app)
    app.add_middleware(Doorstep)
    app.include_router(landing.router)
    app.include_router(health)
    for room in _ROOMS:
        app.include_router(room.router, responses=refusals(413, 503))


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return with_other_doors(with_unreadable_bodies(super().openapi()))


def _bare() -> FastAPI:
    return _Api(
        title="Tollhouse",
        version=__version__,
        summary="A multi-tenant AI gateway with budgets that hold.",
        openapi_url="/v1/openapi.json",
        openapi_tags=_TAGS,
        # The usual pages of documentation load scripts from elsewhere, beside our session cookie.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
