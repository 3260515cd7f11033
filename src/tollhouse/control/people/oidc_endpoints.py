"""Signing in at an identity provider: there, back again, and what a sign-in page needs to know beforehand."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator

from tollhouse.control.edge import ControlRoute, render
from tollhouse.control.identity import (
    Address,
    Context,
    Origin,
    cookie_name,
    hand_cookie,
    hand_session,
    take_cookie_back,
)
from tollhouse.control.people import attempts, identities
from tollhouse.control.people.endpoints import Doorkeeper
from tollhouse.control.people.identities import Visitor
from tollhouse.control.people.oidc import Provider, Returned
from tollhouse.control.shapes import Shown, refusals
from tollhouse.foundation.errors import NotFound, TollhouseError

CALLBACK: Final = "/v1/oidc/callback"
_COOKIE: Final = "tollhouse_sign_in"

router = APIRouter(prefix="/v1", tags=["people"], route_class=ControlRoute)


def _own_path(text: str) -> str:
    if not attempts.is_own_path(text):
        raise ValueError("must be a path on this server, such as /keys")
    return text


def provider_of(request: Request) -> Provider:
    provider: Provider | None = request.state.provider
    if provider is None:
        raise NotFound("there is no single sign-on here", code="no_single_sign_on")
    return provider


IdentityProvider = Annotated[Provider, Depends(provider_of)]
OwnPath = Annotated[str, AfterValidator(_own_path)]


class SingleSignOnOut(Shown):
    """`name` is what the button says; it leads to `/v1/oidc/start`."""

    name: str


class SignInOptions(Shown):
    password: bool
    oidc: SingleSignOnOut | None
    registration_open: bool


def _turned_back(request: Request, refusal: TollhouseError) -> Response:
    """People are in the middle of going from page to page: they get the sign-in page, which has words for the code.

    Words of ours in an address would be words of whoever makes the address. Programs get the refusal itself, as
    everybody does where the pages were not built.
    """
    if request.state.has_pages and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/sign-in?{urlencode({'refused': refusal.code})}", status_code=303)
    return render(refusal)


@router.get("/sign-in-options", summary="How one can sign in here")
async def sign_in_options(context: Context) -> SignInOptions:
    sign_on = context.single_sign_on
    return SignInOptions(
        password=True,
        oidc=None if sign_on is None else SingleSignOnOut(name=sign_on.name),
        registration_open=context.registration_open,
    )


@router.get(
    "/oidc/start",
    status_code=303,
    response_class=RedirectResponse,
    summary="Sign in at the identity provider; a browser is sent there",
    responses=refusals(404, 422, 429, 502),
)
async def start_single_sign_on(
    request: Request,
    context: Context,
    doorkeeper: Doorkeeper,
    address: Address,
    origin: Origin,
    provider: IdentityProvider,
    return_to: OwnPath = "/",
) -> Response:
    try:
        doorkeeper.tries.admit_address(address)
        url, sealed = await provider.begin(origin + CALLBACK, return_to)
    except TollhouseError as refusal:
        return _turned_back(request, refusal)
    answer = RedirectResponse(url, status_code=303)
    hand_cookie(answer, context, _COOKIE, sealed, attempts.LIVES_S)
    return answer


@router.get(
    "/oidc/callback",
    status_code=303,
    response_class=RedirectResponse,
    summary="Come back from the identity provider; sets the session cookie",
    responses=refusals(400, 403, 404, 409, 422, 429, 502),
)
async def finish_single_sign_on(
    request: Request,
    context: Context,
    doorkeeper: Doorkeeper,
    address: Address,
    origin: Origin,
    provider: IdentityProvider,
    state: str = "",
    code: str = "",
    error: str = "",
    iss: str | None = None,
) -> Response:
    """An attempt is used up by whatever comes of it."""
    sealed = request.cookies.get(cookie_name(context, _COOKIE), "")
    answer: Response
    try:
        doorkeeper.tries.admit_address(address)
        identity, return_to = await provider.finish(origin + CALLBACK, sealed, Returned(state, code, error, iss))
        visitor = Visitor(address, request.cookies.get(cookie_name(context), ""))
        _, session = await identities.come_in(
            context.database, identity, visitor, context.clock.now(), context.session_lifetime
        )
    except TollhouseError as refusal:
        answer = _turned_back(request, refusal)
    else:
        answer = RedirectResponse(return_to, status_code=303)
        hand_session(answer, context, session.raw.reveal())
    take_cookie_back(answer, context, _COOKIE)
    return answer
