"""Every route of the control plane names who may call it, in its signature; the open ones are listed here."""

from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tollhouse.control import api, identity

OPEN = {
    ("GET", "/"),
    ("GET", "/v1/health"),
    ("POST", "/v1/customers/register"),
    ("POST", "/v1/login"),
    ("POST", "/v1/password-reset"),
    ("POST", "/v1/invitations/look"),
    ("POST", "/v1/invitations/accept"),
    ("GET", "/v1/sign-in-options"),
    ("GET", "/v1/oidc/start"),
    ("GET", "/v1/oidc/callback"),
    ("POST", "/v1/stripe/webhook"),
}
GUARDS = (identity.Allowed, identity.AllowedOrKey)


def _routes() -> list[APIRoute]:
    return [route for route in _flat(api.routes().routes) if isinstance(route, APIRoute)]


def _flat(routes: Any) -> list[Any]:
    """Routes of included routers too, which FastAPI keeps behind a face of their own."""
    found: list[Any] = []
    for route in routes:
        router = getattr(route, "original_router", None)
        found.extend(_flat(router.routes) if router is not None else [route])
    return found


def _names_a_guard(dependant: Dependant) -> bool:
    """Whether the route says which action of the table of permissions it is."""
    return isinstance(dependant.call, GUARDS)


def test_the_look_out_sees_the_routes() -> None:
    paths = {route.path for route in _routes()}
    assert {"/v1/ai/keys/{key_hash}", "/v1/traces"} <= paths
    assert {path for _, path in OPEN} <= paths


@pytest.mark.parametrize("route", _routes(), ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_a_route_is_guarded_or_listed_as_open(route: APIRoute) -> None:
    guarded = any(_names_a_guard(child) for child in route.dependant.dependencies)
    for method in route.methods or ():
        assert guarded is ((method, route.path) not in OPEN)
