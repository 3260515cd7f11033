"""Signing in and out, oneself, one's sessions and one's password."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tollhouse.control.callers import Person, TokenScope
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import (
    Address,
    Context,
    allowed,
    csrf_of,
    hand_session,
    own_pages_only,
    take_session_back,
)
from tollhouse.control.people import credentials, sessions, users
from tollhouse.control.people.sessions import SignIn
from tollhouse.control.people.shapes import (
    ListedUserOut,
    SignedInAnswer,
    UserOut,
    session_out,
    signed_in_answer,
)
from tollhouse.control.people.teams import TeamRole
from tollhouse.control.shapes import (
    Given,
    Name,
    NewPassword,
    OneTimeToken,
    SessionOut,
    Shown,
    TypedEmail,
    TypedPassword,
    refusals,
)
from tollhouse.foundation.secrets import Secret

router = APIRouter(prefix="/v1", tags=["people"], route_class=ControlRoute)


def doorkeeper_of(request: Request) -> sessions.Doorkeeper:
    doorkeeper: sessions.Doorkeeper = request.state.doorkeeper
    return doorkeeper


Doorkeeper = Annotated[sessions.Doorkeeper, Depends(doorkeeper_of)]


class MembershipOut(Shown):
    id: str
    name: str
    role: TeamRole


class CustomerName(Shown):
    id: str
    name: str


class Me(Shown):
    """`csrf_token` goes back as `X-CSRF-Token` with every write that relies on the cookie; null for API tokens.

    `scopes` null: the credential may do whatever the person may.
    """

    user: UserOut
    customer: CustomerName
    teams: list[MembershipOut]
    csrf_token: str | None
    scopes: list[TokenScope] | None


class SignInIn(Given):
    email: TypedEmail
    password: TypedPassword


class MePatch(Given):
    name: Name


class UserAnswer(Shown):
    user: ListedUserOut


class PasswordIn(Given):
    current_password: TypedPassword
    new_password: NewPassword


class SessionAnswer(Shown):
    session: SessionOut


class ResetIn(Given):
    token: OneTimeToken
    password: NewPassword


class OpenSession(Shown):
    """`current`: the one this answer was asked with."""

    id: str
    address: str | None
    created_at: datetime
    expires_at: datetime
    current: bool


class SessionList(Shown):
    sessions: list[OpenSession]


@router.post(
    "/login",
    summary="Sign in; sets the session cookie",
    dependencies=[Depends(own_pages_only)],
    responses=refusals(401, 403, 422, 429),
)
async def login(
    context: Context, doorkeeper: Doorkeeper, address: Address, given: SignInIn, response: Response
) -> SignedInAnswer:
    somebody = SignIn(given.email, Secret(given.password.get_secret_value()), address)
    user, session = await sessions.sign_in(
        context.database, doorkeeper, somebody, context.clock.now(), context.session_lifetime
    )
    hand_session(response, context, session.raw.reveal())
    return signed_in_answer(user, session)


@router.post("/logout", status_code=204, summary="End this session", responses=refusals(401, 403))
async def logout(context: Context, person: Annotated[Person, Depends(allowed("me.see"))], response: Response) -> None:
    await sessions.sign_out(context.database, person, context.clock.now())
    take_session_back(response, context)


@router.get("/me", summary="The caller, with teams", responses=refusals(401, 403))
async def me(request: Request, context: Context, person: Annotated[Person, Depends(allowed("me.see"))]) -> Me:
    profile = await sessions.profile(context.database, person)
    return Me(
        user=UserOut.of(profile.user),
        customer=CustomerName(id=profile.user.customer_id, name=profile.customer_name),
        teams=[
            MembershipOut(id=membership.team.id, name=membership.team.name, role=membership.role)
            for membership in profile.memberships
        ],
        csrf_token=csrf_of(request, context) if person.via == "session" else None,
        scopes=None if person.scopes is None else sorted(person.scopes),
    )


@router.patch("/me", summary="Change one's own name", responses=refusals(401, 403, 404, 422))
async def change_me(
    context: Context, person: Annotated[Person, Depends(allowed("me.change"))], given: MePatch
) -> UserAnswer:
    changed = await users.change(context.database, person, person.user_id, users.Edit(name=given.name))
    return UserAnswer(user=ListedUserOut.of_listed(changed))


@router.post(
    "/me/password",
    summary="Change one's password; ends all other sessions",
    responses=refusals(401, 403, 422, 429),
)
async def change_password(
    context: Context,
    doorkeeper: Doorkeeper,
    person: Annotated[Person, Depends(allowed("me.change"))],
    given: PasswordIn,
    response: Response,
) -> SessionAnswer:
    change = credentials.Change(
        Secret(given.current_password.get_secret_value()), Secret(given.new_password.get_secret_value())
    )
    session = await credentials.change_own(
        context.database, doorkeeper, person, change, context.clock.now(), context.session_lifetime
    )
    hand_session(response, context, session.raw.reveal())
    return SessionAnswer(session=session_out(session))


@router.post(
    "/password-reset",
    summary="Set a new password with a link's secret, and sign in",
    dependencies=[Depends(own_pages_only)],
    responses=refusals(400, 403, 422, 429),
)
async def reset_password(
    context: Context, doorkeeper: Doorkeeper, address: Address, given: ResetIn, response: Response
) -> SignedInAnswer:
    user, session = await credentials.finish_reset(
        context.database,
        doorkeeper,
        given.token,
        Secret(given.password.get_secret_value()),
        address=address,
        now=context.clock.now(),
        lifetime=context.session_lifetime,
    )
    hand_session(response, context, session.raw.reveal())
    return signed_in_answer(user, session)


@router.get("/sessions", summary="The caller's open sessions", responses=refusals(401, 403))
async def list_sessions(
    context: Context, person: Annotated[Person, Depends(allowed("session.list_own"))]
) -> SessionList:
    found = await sessions.of_person(context.database, person, context.clock.now())
    return SessionList(
        sessions=[
            OpenSession(
                id=session.id,
                address=session.address,
                created_at=session.created_at,
                expires_at=session.expires_at,
                current=person.via == "session" and session.id == person.credential_id,
            )
            for session in found
        ]
    )


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    summary="End a session of one's own",
    responses=refusals(401, 403, 404, 422),
)
async def end_session(
    context: Context, person: Annotated[Person, Depends(allowed("session.end_own"))], session_id: str
) -> None:
    await sessions.end(context.database, person, session_id, context.clock.now())
