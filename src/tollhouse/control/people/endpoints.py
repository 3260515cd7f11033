"""Signing in and out, who am I, and API tokens."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tollhouse.control.callers import Person, Role
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import (
    Address,
    Context,
    SignedIn,
    allowed,
    hand_session,
    own_pages_only,
    take_session_back,
)
from tollhouse.control.people import service
from tollhouse.control.shapes import Given, Moment, Name, SessionOut, Shown, TypedEmail, TypedPassword, refusals
from tollhouse.foundation.secrets import Secret

router = APIRouter(prefix="/v1", tags=["people"], route_class=ControlRoute)


def doorkeeper_of(request: Request) -> service.Doorkeeper:
    doorkeeper: service.Doorkeeper = request.app.state.doorkeeper
    return doorkeeper


Doorkeeper = Annotated[service.Doorkeeper, Depends(doorkeeper_of)]


class UserOut(Shown):
    id: str
    customer_id: str
    email: str
    name: str
    role: Role
    disabled: bool
    created_at: datetime

    @classmethod
    def of(cls, user: service.User) -> "UserOut":
        return cls(
            id=user.id,
            customer_id=user.customer_id,
            email=user.email,
            name=user.name,
            role=user.role,
            disabled=user.disabled,
            created_at=user.created_at,
        )


class MembershipOut(Shown):
    id: str
    name: str
    role: service.TeamRole


class CustomerName(Shown):
    id: str
    name: str


class Me(Shown):
    user: UserOut
    customer: CustomerName
    teams: list[MembershipOut]


class SignInIn(Given):
    email: TypedEmail
    password: TypedPassword


class SignInAnswer(Shown):
    user: UserOut
    session: SessionOut


class TokenIn(Given):
    name: Name
    expires_at: Moment | None = None


class TokenOut(Shown):
    id: str
    name: str
    display: str
    last_used_at: datetime | None
    expires_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, token: service.ApiToken) -> "TokenOut":
        return cls(
            id=token.id,
            name=token.name,
            display=token.display,
            last_used_at=token.last_used_at,
            expires_at=token.expires_at,
            created_at=token.created_at,
        )


class TokenList(Shown):
    tokens: list[TokenOut]


class NewTokenAnswer(Shown):
    """`raw_token` is shown this once."""

    token: TokenOut
    raw_token: str


@router.post(
    "/login",
    summary="Sign in; sets the session cookie",
    dependencies=[Depends(own_pages_only)],
    responses=refusals(401, 403, 422, 429),
)
async def login(
    context: Context, doorkeeper: Doorkeeper, address: Address, given: SignInIn, response: Response
) -> SignInAnswer:
    somebody = service.SignIn(given.email, Secret(given.password.get_secret_value()), address)
    user, session = await service.sign_in(
        context.database, doorkeeper, somebody, context.clock.now(), context.session_lifetime
    )
    hand_session(response, context, session.raw.reveal())
    return SignInAnswer(user=UserOut.of(user), session=SessionOut(expires_at=session.expires_at))


@router.post("/logout", status_code=204, summary="End this session", responses=refusals(401, 403))
async def logout(context: Context, person: SignedIn, response: Response) -> None:
    await service.sign_out(context.database, person, context.clock.now())
    take_session_back(response, context)


@router.get("/me", summary="The caller, with teams", responses=refusals(401))
async def me(context: Context, person: SignedIn) -> Me:
    profile = await service.profile(context.database, person)
    return Me(
        user=UserOut.of(profile.user),
        customer=CustomerName(id=profile.user.customer_id, name=profile.customer_name),
        teams=[
            MembershipOut(id=membership.team.id, name=membership.team.name, role=membership.role)
            for membership in profile.memberships
        ],
    )


@router.get("/tokens", summary="The caller's API tokens", responses=refusals(401))
async def list_tokens(context: Context, person: Annotated[Person, Depends(allowed("token.list_own"))]) -> TokenList:
    return TokenList(tokens=[TokenOut.of(token) for token in await service.tokens_of(context.database, person)])


@router.post(
    "/tokens", status_code=201, summary="Make an API token; shown once", responses=refusals(401, 403, 409, 422)
)
async def create_token(
    context: Context, person: Annotated[Person, Depends(allowed("token.create"))], given: TokenIn
) -> NewTokenAnswer:
    made = await service.create_own_token(context.database, person, given.name, given.expires_at)
    return NewTokenAnswer(token=TokenOut.of(made.token), raw_token=made.raw.reveal())


@router.delete(
    "/tokens/{token_id}", status_code=204, summary="Revoke an API token", responses=refusals(401, 403, 404, 422)
)
async def delete_token(context: Context, person: SignedIn, token_id: str) -> None:
    await service.delete_token(context.database, person, token_id)
