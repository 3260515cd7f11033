"""`/v1/teams`: teams and who is in them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.people import teams
from tollhouse.control.people.shapes import CandidateOut, TeamOut
from tollhouse.control.people.teams import TeamRole
from tollhouse.control.shapes import Given, Name, Searched, Shown, refusals
from tollhouse.control.throttle import Throttle

router = APIRouter(prefix="/v1/teams", tags=["people"], route_class=ControlRoute)


class TeamIn(Given):
    name: Name


class MemberIn(Given):
    role: TeamRole = "member"


class TeamList(Shown):
    teams: list[TeamOut]


class TeamAnswer(Shown):
    team: TeamOut


class CandidateList(Shown):
    people: list[CandidateOut]


def throttle_of(request: Request) -> Throttle:
    throttle: Throttle = request.state.people_searches
    return throttle


@router.get("", summary="Teams: all for admins and managers, one's own for others", responses=refusals(401, 403))
async def list_teams(context: Context, person: Annotated[Person, Depends(allowed("team.list"))]) -> TeamList:
    return TeamList(teams=[TeamOut.of(team) for team in await teams.visible_to(context.database, person)])


@router.post("", status_code=201, summary="Make a team", responses=refusals(401, 403, 409, 422))
async def create_team(
    context: Context, person: Annotated[Person, Depends(allowed("team.create"))], given: TeamIn
) -> TeamAnswer:
    return TeamAnswer(team=TeamOut.of(await teams.create(context.database, person, given.name)))


@router.get("/{team_id}", summary="One team", responses=refusals(401, 403, 404, 422))
async def get_team(
    context: Context, person: Annotated[Person, Depends(allowed("team.see"))], team_id: str
) -> TeamAnswer:
    return TeamAnswer(team=TeamOut.of(await teams.find(context.database, person, team_id)))


@router.patch("/{team_id}", summary="Rename a team", responses=refusals(401, 403, 404, 409, 422))
async def change_team(
    context: Context, person: Annotated[Person, Depends(allowed("team.change"))], team_id: str, given: TeamIn
) -> TeamAnswer:
    return TeamAnswer(team=TeamOut.of(await teams.rename(context.database, person, team_id, given.name)))


@router.delete(
    "/{team_id}",
    status_code=204,
    summary="Delete a team; its keys are disabled and become the customer's",
    responses=refusals(401, 403, 404, 422),
)
async def delete_team(
    context: Context, person: Annotated[Person, Depends(allowed("team.delete"))], team_id: str
) -> None:
    await teams.delete(context.database, person, team_id)


@router.get(
    "/{team_id}/candidates",
    summary="A few people who could be put into the team, by the beginning of a name or an address",
    description=f"At most {teams.MOST_FOUND}, in the order of their names; none for less than "
    f"{teams.SHORTEST_TEXT} letters.",
    responses=refusals(401, 403, 404, 422, 429),
)
async def find_candidates(
    context: Context,
    person: Annotated[Person, Depends(allowed("team.find_people"))],
    throttle: Annotated[Throttle, Depends(throttle_of)],
    team_id: str,
    search: Searched = "",
) -> CandidateList:
    found = await teams.people_for(context.database, throttle, person, team_id, search)
    return CandidateList(people=[CandidateOut(id=each.id, name=each.name, email=each.email) for each in found])


@router.put(
    "/{team_id}/members/{user_id}",
    summary="Put a person into a team, or change their part in it",
    responses=refusals(401, 403, 404, 422),
)
async def put_member(
    context: Context,
    person: Annotated[Person, Depends(allowed("team.change_members"))],
    team_id: str,
    user_id: str,
    given: MemberIn,
) -> TeamAnswer:
    changed = await teams.put_member(context.database, person, team_id, user_id, given.role)
    return TeamAnswer(team=TeamOut.of(changed))


@router.delete(
    "/{team_id}/members/{user_id}",
    status_code=204,
    summary="Take a person out of a team",
    responses=refusals(401, 403, 404, 422),
)
async def remove_member(
    context: Context, person: Annotated[Person, Depends(allowed("team.change_members"))], team_id: str, user_id: str
) -> None:
    await teams.remove_member(context.database, person, team_id, user_id)
