"""The table of permissions, cell by cell where it matters."""

from dataclasses import replace
from typing import get_args

import pytest

from tollhouse.control.callers import Person, Role, TokenScope
from tollhouse.control.permissions import NO_ONE, RULES, Action, Standing, Subject, may, require, require_chance
from tollhouse.foundation.errors import Forbidden
from tollhouse.foundation.ids import CustomerId, TeamId, UserId

ME, COLLEAGUE, MY_TEAM, OTHER_TEAM = UserId("me"), UserId("colleague"), TeamId("mine"), TeamId("other")


def person(role: Role) -> Person:
    return Person(ME, CustomerId("acme"), "me@example.com", "Me", role, frozenset({MY_TEAM}), "session", "s1")


def test_every_action_has_a_row_and_every_row_an_action() -> None:
    assert RULES.keys() == set(get_args(Action))
    assert set[Standing]().union(*(rule.standings for rule in RULES.values())) <= set(get_args(Standing))


def test_every_scope_is_good_for_something() -> None:
    assert {rule.scope for rule in RULES.values()} - {None} == set(get_args(TokenScope))


@pytest.mark.parametrize("action", get_args(Action))
def test_an_admin_may_everything(action: Action) -> None:
    """Also what is allowed to anyone, and things of nobody."""
    assert may(person("admin"), action, NO_ONE)


MEMBERS_CAN = [
    ("key.list_all", NO_ONE, False),
    ("key.list_own", NO_ONE, True),
    ("key.list_of_user", Subject(user_id=ME), True),
    ("key.list_of_user", Subject(user_id=COLLEAGUE), False),
    ("key.create_for_user", Subject(user_id=ME), True),
    ("key.create_for_user", Subject(user_id=COLLEAGUE), False),
    ("key.create_for_team", Subject(team_id=MY_TEAM), True),
    ("key.create_for_team", Subject(team_id=OTHER_TEAM), False),
    ("key.delete_of_user", Subject(user_id=ME), True),
    ("key.delete_of_user", Subject(user_id=COLLEAGUE), False),
    ("key.delete_of_team", Subject(team_id=MY_TEAM), True),
    ("key.delete_of_team", Subject(team_id=OTHER_TEAM), False),
    ("key.delete_any", Subject(user_id=ME), False),
    ("key.see", Subject(user_id=ME), True),
    ("key.see", Subject(team_id=MY_TEAM), True),
    ("key.see", Subject(user_id=COLLEAGUE), False),
    ("key.see", Subject(team_id=OTHER_TEAM), False),
    ("key.see", NO_ONE, False),
    ("key.change", Subject(user_id=ME, made_by=ME), True),
    ("key.change", Subject(user_id=ME, made_by=COLLEAGUE), False),
    ("key.change", Subject(user_id=COLLEAGUE, made_by=ME), False),
    ("key.change", Subject(team_id=MY_TEAM, made_by=ME), True),
    ("key.change", Subject(team_id=OTHER_TEAM, made_by=ME), False),
    ("receipt.see", Subject(user_id=COLLEAGUE), False),
    ("receipt.see", Subject(team_id=MY_TEAM), True),
    ("trace.list", NO_ONE, False),
    ("limit.list", NO_ONE, True),
    ("limit.see", Subject(user_id=ME), True),
    ("limit.see", Subject(team_id=MY_TEAM), True),
    ("limit.see", Subject(user_id=COLLEAGUE), False),
    ("limit.see", Subject(team_id=OTHER_TEAM), False),
    ("limit.see", NO_ONE, False),
    ("limit.change", Subject(user_id=ME), False),
    ("limit.change", Subject(team_id=MY_TEAM), False),
    ("limit.change_customer", NO_ONE, False),
    ("ledger.what_if", NO_ONE, False),
    ("ledger.audit", NO_ONE, False),
    ("ledger.in_doubt", NO_ONE, False),
    ("ledger.adjust", NO_ONE, False),
    ("ledger.list_adjustments", NO_ONE, False),
    ("ledger.release_doubt", NO_ONE, False),
    ("ledger.reconcile", NO_ONE, False),
    ("webhook.manage", NO_ONE, False),
    ("trace_exporter.manage", NO_ONE, False),
    ("gateway.provision", NO_ONE, False),
    ("key.rotate", Subject(user_id=ME, made_by=COLLEAGUE), True),
    ("key.rotate", Subject(team_id=MY_TEAM), True),
    ("key.rotate", Subject(user_id=COLLEAGUE), False),
    ("key.change_many", NO_ONE, False),
    ("user.list", NO_ONE, False),
    ("user.see", Subject(user_id=ME), True),
    ("user.see", Subject(user_id=COLLEAGUE), False),
    ("user.change", Subject(user_id=ME), True),
    ("user.change", Subject(user_id=COLLEAGUE), False),
    ("user.change_role", Subject(user_id=ME), False),
    ("user.delete", Subject(user_id=ME), False),
    ("user.reset_password", Subject(user_id=ME), False),
    ("team.see", Subject(team_id=MY_TEAM), True),
    ("team.see", Subject(team_id=OTHER_TEAM), False),
    ("team.create", NO_ONE, False),
    ("team.change_members", Subject(team_id=MY_TEAM), False),
    ("team.find_people", Subject(team_id=MY_TEAM), False),
    ("team.find_people", NO_ONE, False),
    ("invitation.manage", NO_ONE, False),
    ("audit.list", NO_ONE, False),
    ("customer.change", NO_ONE, False),
    ("customer.delete", NO_ONE, False),
    ("provider_key.manage", NO_ONE, False),
]


@pytest.mark.parametrize(("action", "subject", "allowed"), MEMBERS_CAN)
def test_a_member_may_what_is_theirs(action: Action, subject: Subject, allowed: bool) -> None:
    """A limit that somebody else set on a member's key is not the member's to change."""
    assert may(person("member"), action, subject) is allowed


@pytest.mark.parametrize("action", [action for action in get_args(Action) if action.startswith(("key.", "trace."))])
def test_a_manager_may_with_keys_and_traces_what_an_admin_may(action: Action) -> None:
    assert may(person("manager"), action, Subject(user_id=COLLEAGUE, made_by=COLLEAGUE))


def test_a_manager_may_not_provision_the_gateway() -> None:
    assert not may(person("manager"), "gateway.provision")


def test_a_manager_sets_limits_but_not_those_of_the_customer_nor_where_news_goes() -> None:
    assert may(person("manager"), "limit.change", Subject(user_id=COLLEAGUE))
    assert may(person("manager"), "limit.see")
    assert may(person("manager"), "ledger.what_if")
    assert not may(person("manager"), "limit.change_customer")
    assert not may(person("manager"), "webhook.manage")


def test_a_manager_sees_what_is_in_doubt_and_decides_nothing_about_it() -> None:
    assert may(person("manager"), "ledger.in_doubt")
    assert may(person("manager"), "ledger.list_adjustments")
    for action in ("ledger.audit", "ledger.adjust", "ledger.release_doubt", "ledger.reconcile"):
        assert not may(person("manager"), action)


LEADS_CAN = [
    ("team.change", MY_TEAM, True),
    ("team.change_members", MY_TEAM, True),
    ("team.change_members", OTHER_TEAM, False),
    ("team.find_people", MY_TEAM, True),
    ("team.find_people", OTHER_TEAM, False),
    ("team.appoint_lead", MY_TEAM, False),
    ("team.delete", MY_TEAM, False),
    ("key.change", MY_TEAM, True),
    ("key.change", OTHER_TEAM, False),
]


@pytest.mark.parametrize(("action", "team_id", "allowed"), LEADS_CAN)
def test_a_lead_runs_the_team_that_they_lead(action: Action, team_id: TeamId, allowed: bool) -> None:
    lead = replace(person("member"), leads=frozenset({MY_TEAM}))
    assert may(lead, action, Subject(team_id=team_id)) is allowed


def test_a_narrow_token_does_what_its_scopes_say_and_only_if_its_owner_may() -> None:
    narrow = replace(person("admin"), via="token", scopes=frozenset({"keys:read"}))
    assert may(narrow, "key.list_all")
    assert not may(narrow, "key.delete_any")
    assert not may(narrow, "me.change")
    with pytest.raises(Forbidden, match="keys:write"):
        require(narrow, "key.delete_any")
    with pytest.raises(Forbidden, match="full access"):
        require_chance(narrow, "token.create")
    assert not may(replace(narrow, role="member"), "key.list_all")


def test_whoever_has_no_chance_is_refused_before_the_thing_is_known() -> None:
    with pytest.raises(Forbidden, match="an admin, a manager"):
        require_chance(person("member"), "key.list_all")
    require_chance(person("member"), "key.see")
    require_chance(person("manager"), "key.list_all")


def test_the_refusal_says_who_may() -> None:
    with pytest.raises(Forbidden, match="an admin, a manager") as refused:
        require(person("member"), "key.list_all")
    assert "member" in refused.value.message
