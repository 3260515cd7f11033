"""Who may do what: one table. Pure; knows nothing of HTTP or SQL.

A person has a *standing* towards a thing: by role (`admin`, `manager`), because it is theirs (`self`), because it
belongs to a team of theirs (`teammate`), because they made it and it is still theirs or their team's (`maker`),
or just by being signed in (`anyone`). One allowed standing is enough. Things of other customers never get this
far: every statement asks for the customer too, so they do not exist.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tollhouse.control.callers import Person
from tollhouse.foundation.errors import Forbidden
from tollhouse.foundation.ids import TeamId, UserId

Standing = Literal["admin", "manager", "self", "teammate", "maker", "anyone"]

Action = Literal[
    "key.list_all",
    "key.list_of_user",
    "key.list_own",
    "key.create_for_user",
    "key.create_for_team",
    "key.delete_of_user",
    "key.delete_of_team",
    "key.delete_any",
    "key.see",
    "key.change",
    "receipt.see",
    "trace.list",
    "limit.list",
    "limit.see",
    "limit.change",
    "limit.change_customer",
    "ledger.what_if",
    "ledger.audit",
    "ledger.in_doubt",
    "ledger.adjust",
    "ledger.list_adjustments",
    "ledger.release_doubt",
    "ledger.reconcile",
    "customer.see",
    "gateway.provision",
    "webhook.manage",
    "token.create",
    "token.list_own",
    "token.delete",
]

# fmt: off - a table is read in columns
ALLOWED: Final[Mapping[Action, frozenset[Standing]]] = {
    # the eleven routes under /v1/ai/keys
    "key.list_all": frozenset({"admin", "manager"}),
    "key.list_of_user": frozenset({"admin", "manager", "self"}),
    "key.list_own": frozenset({"anyone"}),
    "key.create_for_user": frozenset({"admin", "manager", "self"}),
    "key.create_for_team": frozenset({"admin", "manager", "teammate"}),
    "key.delete_of_user": frozenset({"admin", "manager", "self"}),
    "key.delete_of_team": frozenset({"admin", "manager", "teammate"}),
    "key.delete_any": frozenset({"admin", "manager"}),
    "key.see": frozenset({"admin", "manager", "self", "teammate"}),
    # A member edits what the member made; a limit that an admin or manager set on a key of theirs stays set.
    "key.change": frozenset({"admin", "manager", "maker"}),
    # what happened
    "receipt.see": frozenset({"admin", "manager", "self", "teammate"}),
    "trace.list": frozenset({"admin", "manager"}),
    # limits; those of the customer as a whole are its admins' own
    "limit.list": frozenset({"anyone"}),
    "limit.see": frozenset({"admin", "manager", "self", "teammate"}),
    "limit.change": frozenset({"admin", "manager"}),
    "limit.change_customer": frozenset({"admin"}),
    # the book: managers see what is in doubt, admins decide about it
    "ledger.what_if": frozenset({"admin", "manager"}),
    "ledger.audit": frozenset({"admin"}),
    "ledger.in_doubt": frozenset({"admin", "manager"}),
    "ledger.adjust": frozenset({"admin"}),
    "ledger.list_adjustments": frozenset({"admin", "manager"}),
    "ledger.release_doubt": frozenset({"admin"}),
    "ledger.reconcile": frozenset({"admin"}),
    # the customer and its people
    "customer.see": frozenset({"anyone"}),
    "gateway.provision": frozenset({"admin"}),
    "webhook.manage": frozenset({"admin"}),
    "token.create": frozenset({"anyone"}),
    "token.list_own": frozenset({"anyone"}),
    "token.delete": frozenset({"admin", "self"}),
}
# fmt: on

_IN_WORDS: Final[Mapping[Standing, str]] = {
    "admin": "an admin",
    "manager": "a manager",
    "self": "its owner",
    "teammate": "a member of its team",
    "maker": "the member who made it",
    "anyone": "anyone signed in",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose the thing is. All None: it belongs to the customer, or there is no single thing."""

    user_id: UserId | None = None
    team_id: TeamId | None = None
    made_by: UserId | None = None


NO_ONE: Final = Subject()


def may(person: Person, action: Action, subject: Subject = NO_ONE) -> bool:
    return not ALLOWED[action].isdisjoint(_standings(person, subject))


def require(person: Person, action: Action, subject: Subject = NO_ONE) -> None:
    """Raises Forbidden, saying who may."""
    if not may(person, action, subject):
        who = ", ".join(words for standing, words in _IN_WORDS.items() if standing in ALLOWED[action])
        raise Forbidden(f"your role ({person.role}) does not allow this; it takes {who}")


def _standings(person: Person, subject: Subject) -> Iterator[Standing]:
    yield "anyone"
    if person.role != "member":
        yield person.role
    near = False
    if subject.user_id is not None and subject.user_id == person.user_id:
        near = True
        yield "self"
    if subject.team_id is not None and subject.team_id in person.team_ids:
        near = True
        yield "teammate"
    if near and subject.made_by == person.user_id:
        yield "maker"
