"""`/v1/users`: the customer's people, for its admins and managers."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from tollhouse.control.callers import Person, Role
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, Origin, allowed
from tollhouse.control.pages import name_cursor, read_name_cursor
from tollhouse.control.people import credentials, identities, users
from tollhouse.control.people.endpoints import UserAnswer
from tollhouse.control.people.shapes import ListedUserOut, UserOut
from tollhouse.control.shapes import Given, Name, Searched, Shown, refusals

router = APIRouter(prefix="/v1/users", tags=["people"], route_class=ControlRoute)


class UserPage(Shown):
    """`next_cursor` null: there are no more."""

    users: list[ListedUserOut]
    next_cursor: str | None


class UserPatch(Given):
    """Fields that are absent stay as they are. A new role, or disabling, ends all sessions of the person."""

    name: Name = Field(default_factory=str)
    role: Role = Field(default_factory=lambda: "member")
    disabled: bool = Field(default_factory=bool)

    def edit(self) -> users.Edit:
        return users.Edit(**{name: getattr(self, name) for name in self.model_fields_set})


class ResetAnswer(Shown):
    """`raw_token` and `link` are shown this once: hand the link over; it works once."""

    user: UserOut
    raw_token: str
    link: str
    expires_at: datetime


@router.get("", summary="People of the customer, by name", responses=refusals(400, 401, 403, 422))
async def list_users(
    context: Context,
    person: Annotated[Person, Depends(allowed("user.list"))],
    search: Searched = "",
    role: Role | None = None,
    disabled: bool | None = None,
    team_id: Searched | None = None,
    limit: Annotated[int, Query(ge=1, le=users.MOST_IN_A_PAGE)] = 200,
    cursor: str | None = None,
) -> UserPage:
    after = None if cursor is None else read_name_cursor(cursor)
    wanted = users.Search(search, role, disabled, team_id, after, limit + 1)
    found = await users.listed(context.database, person, wanted)
    page, more = found[:limit], len(found) > limit
    last = page[-1].user if more else None
    return UserPage(
        users=[ListedUserOut.of_listed(each) for each in page],
        next_cursor=None if last is None else name_cursor(last.name, last.id),
    )


@router.get("/{user_id}", summary="One person", responses=refusals(401, 403, 404, 422))
async def get_user(
    context: Context, person: Annotated[Person, Depends(allowed("user.see"))], user_id: str
) -> UserAnswer:
    return UserAnswer(user=ListedUserOut.of_listed(await users.find(context.database, person, user_id)))


@router.patch("/{user_id}", summary="Change a person", responses=refusals(401, 403, 404, 409, 422))
async def change_user(
    context: Context, person: Annotated[Person, Depends(allowed("user.change"))], user_id: str, given: UserPatch
) -> UserAnswer:
    changed = await users.change(context.database, person, user_id, given.edit())
    return UserAnswer(user=ListedUserOut.of_listed(changed))


@router.delete(
    "/{user_id}",
    status_code=204,
    summary="Remove a person; their keys are disabled and become the customer's",
    responses=refusals(401, 403, 404, 409, 422),
)
async def delete_user(
    context: Context, person: Annotated[Person, Depends(allowed("user.delete"))], user_id: str
) -> None:
    await users.delete(context.database, person, user_id)


@router.post(
    "/{user_id}/password-reset",
    status_code=201,
    summary="Make a link with which a person sets a new password",
    responses=refusals(401, 403, 404, 422),
)
async def begin_password_reset(
    context: Context,
    person: Annotated[Person, Depends(allowed("user.reset_password"))],
    origin: Origin,
    user_id: str,
) -> ResetAnswer:
    made = await credentials.begin_reset(context.database, person, user_id, context.clock.now())
    raw = made.raw.reveal()
    return ResetAnswer(
        user=UserOut.of(made.user),
        raw_token=raw,
        link=f"{origin}/reset-password#token={raw}",
        expires_at=made.expires_at,
    )


@router.delete(
    "/{user_id}/identity",
    status_code=204,
    summary="Forget who the person is at the identity provider; ends all sessions",
    responses=refusals(401, 403, 404, 422),
)
async def unbind_identity(
    context: Context, person: Annotated[Person, Depends(allowed("user.unbind_identity"))], user_id: str
) -> None:
    await identities.unbind(context.database, person, user_id)
