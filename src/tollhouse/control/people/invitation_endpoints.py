"""`/v1/invitations`: asking somebody in, and coming in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from tollhouse.control.callers import Person, Role
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Address, Context, Origin, allowed, hand_session, own_pages_only
from tollhouse.control.people import invitations
from tollhouse.control.people.endpoints import Doorkeeper
from tollhouse.control.people.invitations import Acceptance, Invitation, InvitationState, Wanted
from tollhouse.control.people.shapes import SignedInAnswer, signed_in_answer
from tollhouse.control.shapes import Email, Given, Name, NewPassword, OneTimeToken, Shown, refusals
from tollhouse.foundation.secrets import Secret

router = APIRouter(prefix="/v1/invitations", tags=["people"], route_class=ControlRoute)


class InvitationIn(Given):
    """`name` null: like the e-mail address. Managers invite members; only admins invite to other roles."""

    email: Email
    name: Name | None = None
    role: Role = "member"
    team_ids: Annotated[list[str], Field(max_length=100)] = []


class InvitationOut(Shown):
    id: str
    email: str
    name: str
    role: Role
    team_ids: list[str]
    state: InvitationState
    expires_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, invitation: Invitation, now: datetime) -> "InvitationOut":
        return cls(
            id=invitation.id,
            email=invitation.email,
            name=invitation.name,
            role=invitation.role,
            team_ids=list(invitation.team_ids),
            state=invitation.state(now),
            expires_at=invitation.expires_at,
            created_at=invitation.created_at,
        )


class InvitationList(Shown):
    invitations: list[InvitationOut]


class NewInvitationAnswer(Shown):
    """`raw_token` and `link` are shown this once: hand the link over; it works once."""

    invitation: InvitationOut
    raw_token: str
    link: str


class TokenGiven(Given):
    token: OneTimeToken


class InvitationSeen(Shown):
    """What the one who holds the link may know before accepting."""

    customer_name: str
    email: str
    name: str
    role: Role
    expires_at: datetime


class AcceptanceIn(Given):
    token: OneTimeToken
    password: NewPassword
    name: Name | None = None


@router.get("", summary="Invitations that were not used yet", responses=refusals(401, 403))
async def list_invitations(
    context: Context, person: Annotated[Person, Depends(allowed("invitation.manage"))]
) -> InvitationList:
    found = await invitations.of_customer(context.database, person)
    now = context.clock.now()
    return InvitationList(invitations=[InvitationOut.of(each, now) for each in found])


@router.post("", status_code=201, summary="Invite somebody", responses=refusals(401, 403, 404, 409, 422))
async def invite(
    context: Context,
    person: Annotated[Person, Depends(allowed("invitation.manage"))],
    origin: Origin,
    given: InvitationIn,
) -> NewInvitationAnswer:
    now = context.clock.now()
    wanted = Wanted(given.email, given.name or given.email.partition("@")[0], given.role, given.team_ids)
    made, secret = await invitations.invite(context.database, person, wanted, now)
    raw = secret.reveal()
    return NewInvitationAnswer(
        invitation=InvitationOut.of(made, now), raw_token=raw, link=f"{origin}/invitation#token={raw}"
    )


@router.delete(
    "/{invitation_id}", status_code=204, summary="Take an invitation back", responses=refusals(401, 403, 404, 422)
)
async def delete_invitation(
    context: Context, person: Annotated[Person, Depends(allowed("invitation.manage"))], invitation_id: str
) -> None:
    await invitations.take_back(context.database, person, invitation_id)


@router.post(
    "/look",
    summary="What an invitation says, for whoever holds its link",
    dependencies=[Depends(own_pages_only)],
    responses=refusals(400, 403, 422, 429),
)
async def look_at_invitation(
    context: Context, doorkeeper: Doorkeeper, address: Address, given: TokenGiven
) -> InvitationSeen:
    seen = await invitations.look(context.database, doorkeeper, given.token, address, context.clock.now())
    return InvitationSeen(
        customer_name=seen.customer_name,
        email=seen.email,
        name=seen.name,
        role=seen.role,
        expires_at=seen.expires_at,
    )


@router.post(
    "/accept",
    status_code=201,
    summary="Accept an invitation with a password, and sign in",
    dependencies=[Depends(own_pages_only)],
    responses=refusals(400, 403, 409, 422, 429),
)
async def accept_invitation(
    context: Context, doorkeeper: Doorkeeper, address: Address, given: AcceptanceIn, response: Response
) -> SignedInAnswer:
    acceptance = Acceptance(given.token, Secret(given.password.get_secret_value()), given.name, address)
    user, session = await invitations.accept(
        context.database, doorkeeper, acceptance, context.clock.now(), context.session_lifetime
    )
    hand_session(response, context, session.raw.reveal())
    return signed_in_answer(user, session)
