"""Builds the control plane's app. The only module here that knows all of them."""

from typing import Final, Literal

from fastapi import APIRouter, FastAPI

from tollhouse import __version__
from tollhouse.control import landing, models, registration
from tollhouse.control.context import ControlContext
from tollhouse.control.customers import endpoints as customers
from tollhouse.control.edge import ControlRoute, Doorstep, install_refusals
from tollhouse.control.identity import Context
from tollhouse.control.keys import endpoints as keys
from tollhouse.control.passwords import Passwords
from tollhouse.control.people import endpoints as people
from tollhouse.control.people.service import Doorkeeper
from tollhouse.control.reports import endpoints as reports
from tollhouse.control.shapes import Shown, refusals
from tollhouse.control.throttle import Throttle

_SIGN_IN_TRIES: Final = 10
_SIGN_IN_WINDOW_S: Final = 300.0

_TAGS: Final = [
    {"name": "customers", "description": "Registering, and the customer's gateway."},
    {"name": "people", "description": "Signing in, and API tokens."},
    {"name": "keys", "description": "Virtual keys with budgets and allow-lists."},
    {"name": "models", "description": "What can be called, at which price."},
    {"name": "reports", "description": "Receipts and traces."},
    {"name": "health", "description": "For load balancers."},
]

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
    app = FastAPI(
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
    app.state.context = context
    app.state.listing = models.Listing(context.catalog.all())
    app.state.doorkeeper = Doorkeeper(
        Passwords(), Throttle(context.clock, most=_SIGN_IN_TRIES, window_s=_SIGN_IN_WINDOW_S)
    )
    install_refusals(app)
    app.add_middleware(Doorstep)
    app.include_router(landing.router)
    app.include_router(health)
    for router in (registration.router, customers.router, people.router, models.router, keys.router, reports.router):
        app.include_router(router, responses=refusals(413, 503))
    return app
