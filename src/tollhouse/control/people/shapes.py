"""What people look like from outside."""

from datetime import datetime

from tollhouse.control.callers import Role
from tollhouse.control.people.sessions import NewSession
from tollhouse.control.people.teams import TeamRole, TeamStanding
from tollhouse.control.people.users import Listed, User
from tollhouse.control.shapes import SessionOut, Shown


class UserOut(Shown):
    id: str
    customer_id: str
    email: str
    name: str
    role: Role
    disabled: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserOut":
        return cls(**{name: getattr(user, name) for name in cls.model_fields})


class TeamName(Shown):
    id: str
    name: str


class ListedUserOut(UserOut):
    """`has_password` false: they come in through the identity provider, or not at all."""

    teams: list[TeamName]
    keys: int
    has_password: bool

    @classmethod
    def of_listed(cls, listed: Listed) -> "ListedUserOut":
        return cls(
            **UserOut.of(listed.user).model_dump(),
            teams=[TeamName(id=team_id, name=name) for team_id, name in listed.teams],
            keys=listed.keys,
            has_password=listed.has_password,
        )


class MemberOut(Shown):
    user_id: str
    email: str
    name: str
    role: TeamRole
    disabled: bool


class CandidateOut(Shown):
    id: str
    name: str
    email: str


class TeamOut(Shown):
    id: str
    name: str
    created_at: datetime
    keys: int
    members: list[MemberOut]

    @classmethod
    def of(cls, standing: TeamStanding) -> "TeamOut":
        return cls(
            id=standing.team.id,
            name=standing.team.name,
            created_at=standing.created_at,
            keys=standing.keys,
            members=[
                MemberOut(**{name: getattr(member, name) for name in MemberOut.model_fields})
                for member in standing.members
            ],
        )


class SignedInAnswer(Shown):
    user: UserOut
    session: SessionOut


def session_out(session: NewSession) -> SessionOut:
    return SessionOut(expires_at=session.expires_at, csrf_token=session.csrf_token)


def signed_in_answer(user: User, session: NewSession) -> SignedInAnswer:
    return SignedInAnswer(user=UserOut.of(user), session=session_out(session))
