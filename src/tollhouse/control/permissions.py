"""Who may do what: one table. Pure; knows nothing of HTTP or SQL.

A person has a *standing* towards a thing: by role (`admin`, `manager`), because it is theirs (`self`), because it
belongs to a team of theirs (`teammate`) or to one that they lead (`lead`), because they made it and it is still
theirs or their team's (`maker`), or just by being signed in (`anyone`). One allowed standing is enough. Things of
other customers never get this far: every statement asks for the customer too, so they do not exist.

An API token may be narrower than its owner: then it also needs the *scope* of the action.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tollhouse.control.callers import Person, TokenScope
from tollhouse.foundation.errors import Forbidden
from tollhouse.foundation.ids import TeamId, UserId

Standing = Literal["admin", "manager", "lead", "self", "teammate", "maker", "anyone"]

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
    "key.rotate",
    "key.change_many",
    "model.list",
    "receipt.see",
    "trace.list",
    "trace.send",
    "trace.search",
    "trace.see",
    "report.see",
    "report.export",
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
    "billing.see",
    "billing.retry",
    "customer.see",
    "customer.change",
    "customer.delete",
    "gateway.provision",
    "provider_key.manage",
    "webhook.manage",
    "trace_exporter.manage",
    "audit.list",
    "user.list",
    "user.see",
    "user.change",
    "user.change_role",
    "user.delete",
    "user.reset_password",
    "user.unbind_identity",
    "invitation.manage",
    "invitation.manage_any_role",
    "team.list",
    "team.see",
    "team.create",
    "team.change",
    "team.change_members",
    "team.find_people",
    "team.appoint_lead",
    "team.delete",
    "me.see",
    "me.change",
    "session.end_own",
    "session.list_own",
    "token.create",
    "token.list_own",
    "token.delete",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """`scope`: what a narrow token must have; None: no narrow token may do this."""

    scope: TokenScope | None
    standings: frozenset[Standing]


def _rule(scope: TokenScope | None, *standings: Standing) -> Rule:
    return Rule(scope, frozenset(standings))


# fmt: off - a table is read in columns
RULES: Final[Mapping[Action, Rule]] = {
    # the eleven routes under /v1/ai/keys, and what came after them
    "key.list_all": _rule("keys:read", "admin", "manager"),
    "key.list_of_user": _rule("keys:read", "admin", "manager", "self"),
    "key.list_own": _rule("keys:read", "anyone"),
    "key.create_for_user": _rule("keys:write", "admin", "manager", "self"),
    "key.create_for_team": _rule("keys:write", "admin", "manager", "teammate"),
    "key.delete_of_user": _rule("keys:write", "admin", "manager", "self"),
    "key.delete_of_team": _rule("keys:write", "admin", "manager", "teammate"),
    "key.delete_any": _rule("keys:write", "admin", "manager"),
    "key.see": _rule("keys:read", "admin", "manager", "self", "teammate"),
    # A member edits what the member made; a limit that an admin or manager set on a key of theirs stays set.
    "key.change": _rule("keys:write", "admin", "manager", "lead", "maker"),
    # A new secret changes no term, so whoever holds the key may have one.
    "key.rotate": _rule("keys:write", "admin", "manager", "self", "teammate"),
    "key.change_many": _rule("keys:write", "admin", "manager"),
    "model.list": _rule("keys:read", "anyone"),
    # what happened
    "receipt.see": _rule("reports:read", "admin", "manager", "self", "teammate"),
    "trace.list": _rule("reports:read", "admin", "manager"),
    # Asked by the door for spans (`intake/senders.py`), which has no roles: a member's spans are the member's own.
    "trace.send": _rule("traces:write", "anyone"),
    # Members are told of what is theirs and their teams' only; every statement asks for that.
    "trace.search": _rule("reports:read", "anyone"),
    "trace.see": _rule("reports:read", "anyone"),
    "report.see": _rule("reports:read", "anyone"),
    "report.export": _rule("reports:read", "anyone"),
    # limits; those of the customer as a whole are its admins' own
    "limit.list": _rule("limits:read", "anyone"),
    "limit.see": _rule("limits:read", "admin", "manager", "self", "teammate"),
    "limit.change": _rule("limits:write", "admin", "manager"),
    "limit.change_customer": _rule("limits:write", "admin"),
    # the book: managers see what is in doubt, admins decide about it
    "ledger.what_if": _rule("ledger:read", "admin", "manager"),
    "ledger.audit": _rule("ledger:read", "admin"),
    "ledger.in_doubt": _rule("ledger:read", "admin", "manager"),
    "ledger.adjust": _rule("ledger:write", "admin"),
    "ledger.list_adjustments": _rule("ledger:read", "admin", "manager"),
    "ledger.release_doubt": _rule("ledger:write", "admin"),
    "ledger.reconcile": _rule("ledger:read", "admin"),
    # what of it is on its way to Stripe
    "billing.see": _rule("ledger:read", "admin"),
    "billing.retry": _rule("ledger:write", "admin"),
    # the customer
    "customer.see": _rule("customer:read", "anyone"),
    "customer.change": _rule("customer:write", "admin"),
    "customer.delete": _rule(None, "admin"),
    "gateway.provision": _rule("customer:write", "admin"),
    "provider_key.manage": _rule("customer:write", "admin"),
    "webhook.manage": _rule("customer:write", "admin"),
    "trace_exporter.manage": _rule("customer:write", "admin"),
    "audit.list": _rule("customer:read", "admin"),
    # its people: managers run teams and invite members, admins decide who is what
    "user.list": _rule("people:read", "admin", "manager"),
    "user.see": _rule("people:read", "admin", "manager", "self"),
    "user.change": _rule("people:write", "admin", "self"),
    "user.change_role": _rule("people:write", "admin"),
    "user.delete": _rule("people:write", "admin"),
    "user.reset_password": _rule(None, "admin"),
    "user.unbind_identity": _rule(None, "admin"),
    "invitation.manage": _rule("people:write", "admin", "manager"),
    "invitation.manage_any_role": _rule("people:write", "admin"),
    "team.list": _rule("people:read", "anyone"),
    "team.see": _rule("people:read", "admin", "manager", "teammate"),
    "team.create": _rule("people:write", "admin", "manager"),
    "team.change": _rule("people:write", "admin", "manager", "lead"),
    "team.change_members": _rule("people:write", "admin", "manager", "lead"),
    # Whoever may put people into the team must be able to say whom: a few by the beginning of their name, no list.
    "team.find_people": _rule("people:read", "admin", "manager", "lead"),
    "team.appoint_lead": _rule("people:write", "admin", "manager"),
    "team.delete": _rule("people:write", "admin", "manager"),
    # oneself; a token that leaked must not be able to make itself permanent
    "me.see": _rule("people:read", "anyone"),
    "me.change": _rule(None, "anyone"),
    "session.end_own": _rule(None, "anyone"),
    "session.list_own": _rule(None, "anyone"),
    "token.create": _rule(None, "anyone"),
    "token.list_own": _rule(None, "anyone"),
    "token.delete": _rule(None, "admin", "self"),
}
# fmt: on

_BY_ROLE: Final[frozenset[Standing]] = frozenset({"admin", "manager"})

_IN_WORDS: Final[Mapping[Standing, str]] = {
    "admin": "an admin",
    "manager": "a manager",
    "lead": "the lead of its team",
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
    rule = RULES[action]
    return _in_scope(person, rule) and not rule.standings.isdisjoint(_standings(person, subject))


def require(person: Person, action: Action, subject: Subject = NO_ONE) -> None:
    """Raises Forbidden, saying who may."""
    _require_scope(person, action)
    if not may(person, action, subject):
        raise _refusal(person, action)


def require_chance(person: Person, action: Action) -> None:
    """Refuse whoever could not do this with any thing at all; the thing itself is judged when it is known."""
    _require_scope(person, action)
    if person.role not in RULES[action].standings and RULES[action].standings <= _BY_ROLE:
        raise _refusal(person, action)


def require_session(person: Person, what: str) -> None:
    """Refuse API tokens, also such as may do whatever their owner may. `what`: in words, after `cannot`."""
    if person.via != "session":
        raise Forbidden(f"an API token cannot {what}; sign in for that", code="session_required")


def _require_scope(person: Person, action: Action) -> None:
    rule = RULES[action]
    if _in_scope(person, rule):
        return
    if rule.scope is None:
        raise Forbidden("an API token cannot do this unless it has full access", code="scope_missing")
    raise Forbidden(f"this API token lacks the scope `{rule.scope}`", code="scope_missing")


def _in_scope(person: Person, rule: Rule) -> bool:
    return person.scopes is None or rule.scope in person.scopes


def _refusal(person: Person, action: Action) -> Forbidden:
    who = ", ".join(words for standing, words in _IN_WORDS.items() if standing in RULES[action].standings)
    return Forbidden(f"your role ({person.role}) does not allow this; it takes {who}")


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
        if subject.team_id in person.leads:
            yield "lead"
    if near and subject.made_by == person.user_id:
        yield "maker"
