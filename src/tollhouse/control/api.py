"""Builds the control plane's app. The only module here that knows all of them."""

import asyncio
from typing import Any, Final, Literal

from fastapi import APIRouter, FastAPI

from tollhouse import __version__
from tollhouse.control import landing, models, registration
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import endpoints as customers
from tollhouse.control.edge import ControlRoute, Doorstep, install_refusals
from tollhouse.control.history import endpoints as history
from tollhouse.control.identity import Context
from tollhouse.control.keys import endpoints as keys
from tollhouse.control.ledger import endpoints as ledger
from tollhouse.control.ledger import what_if_endpoints as what_if
from tollhouse.control.limits import endpoints as limits
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

_TAGS: Final = [
    {"name": "customers", "description": "Registering, and the customer's gateway."},
    {"name": "people", "description": "Signing in, people, teams, invitations and API tokens."},
    {"name": "keys", "description": "Virtual keys with budgets and allow-lists."},
    {"name": "limits", "description": "Budgets of the customer, its teams and people, and more of them for keys."},
    {"name": "models", "description": "What can be called, at which price."},
    {"name": "ledger", "description": "The book of what was spent, and what other limits would have done."},
    {"name": "reports", "description": "What calls came to: receipts, sums, charts."},
    {"name": "traces", "description": "What happened inside: traces, spans, tools."},
    {"name": "audit", "description": "Who changed what."},
    {"name": "health", "description": "For load balancers."},
]

_ROOMS: Final = (
    registration, customers, webhooks, provider_keys, people, single_sign_on, users, teams, invitations, tokens, models,
    keys, limits, ledger, what_if, reports, sums, traces, history,
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


def build(context: ControlContext) -> FastAPI:
    """The app; it opens and closes nothing, whoever made the context does."""
    app = _bare()
    app.state.context = context
    app.state.listing = models.Listing(context.catalog.all())
    app.state.doorkeeper = Doorkeeper(Passwords(), Tries(context.clock))
    sign_on = context.single_sign_on
    app.state.provider = None if sign_on is None else Provider(sign_on, context.clock)
    app.state.webhook_trials = Throttle(context.clock, most=_WEBHOOK_TRIALS, window_s=_WEBHOOK_TRIALS_WINDOW_S)
    app.state.replays = asyncio.Semaphore(what_if.MOST_AT_ONCE)
    _furnish(app)
    return app


def description() -> dict[str, Any]:
    """The API's description (OpenAPI 3.1), without anything that could serve it."""
    app = _bare()
    _furnish(app)
    return app.openapi()


def _furnish(app: FastAPI) -> None:
    install_refusals(app)
    app.add_middleware(Doorstep)
    app.include_router(landing.router)
    app.include_router(health)
    for room in _ROOMS:
        app.include_router(room.router, responses=refusals(413, 503))


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return with_unreadable_bodies(super().openapi())


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
