"""What members may give themselves: no more than admins allow."""

import asyncio
from decimal import Decimal

import pytest

from control.house import House, Member, refusal
from tollhouse.access.keys import KeyTerms
from tollhouse.access.member_policy import MemberPolicy
from tollhouse.control.keys.policy import require_within
from tollhouse.foundation.errors import Forbidden
from tollhouse.foundation.ids import CustomerId

KEYS = "/v1/ai/keys"


async def _set(admin: Member, **policy: object) -> None:
    answer = await admin.api.patch("/v1/customers/me", json={"member_keys": policy})
    assert answer.status_code == 200, answer.text


async def test_without_a_policy_members_are_free(house: House, acme: CustomerId) -> None:
    member = await house.member(acme)
    assert (await member.api.post(f"{KEYS}/user", json={"name": "k"})).status_code == 201


async def test_a_members_key_has_a_budget_within_the_limit(house: House, acme: CustomerId, admin: Member) -> None:
    await _set(admin, max_budget_usd="10")
    member = await house.member(acme)
    team_id = await house.team(acme, member)
    for path in (f"{KEYS}/user", f"{KEYS}/team/{team_id}"):
        for budget in (None, "10.0001"):
            answer = await member.api.post(path, json={"name": "k", "budget_usd": budget})
            assert refusal(answer) == (403, "beyond_member_policy")
            assert answer.json()["error"]["param"] == "budget_usd"
        assert (await member.api.post(path, json={"name": "k", "budget_usd": "10"})).status_code == 201
    assert (await admin.api.post(f"{KEYS}/user", json={"name": "k"})).status_code == 201


async def test_a_member_cannot_widen_a_key_later_but_change_what_else_it_says(
    house: House, acme: CustomerId, admin: Member
) -> None:
    member = await house.member(acme)
    made = (await member.api.post(f"{KEYS}/user", json={"name": "k", "budget_usd": "50"})).json()["key"]["hash"]
    await _set(admin, max_budget_usd="10", allowed_models=["openai/*"])
    path = f"{KEYS}/{made}"
    assert (await member.api.patch(path, json={"name": "renamed"})).status_code == 200
    assert refusal(await member.api.patch(path, json={"budget_usd": "20"})) == (403, "beyond_member_policy")
    narrow = {"budget_usd": "5", "allowed_models": ["openai/gpt-4o"]}
    assert (await member.api.patch(path, json=narrow)).status_code == 200
    assert refusal(await member.api.patch(path, json={"allowed_models": None})) == (403, "beyond_member_policy")


async def test_members_have_only_so_many_keys_also_when_they_hurry(
    house: House, acme: CustomerId, admin: Member
) -> None:
    await _set(admin, max_keys=2)
    member = await house.member(acme)
    answers = await asyncio.gather(*(member.api.post(f"{KEYS}/user", json={"name": "k"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]
    other = await house.member(acme)
    assert (await other.api.post(f"{KEYS}/user", json={"name": "k"})).status_code == 201


@pytest.mark.parametrize(
    ("allowed", "asked", "fits"),
    [
        (("openai/*",), ("openai/gpt-4o", "openai/gpt*"), True),
        (("openai/*",), ("gpt-4o",), False),
        (("openai/*",), ("openai*",), False),
        (("openai/*",), (), False),
        (("gpt-4o",), ("openai/gpt-4o", "GPT-4o"), True),
        (("gpt-4o",), ("gpt-4o-mini",), False),
        (("openai/gpt-4o",), ("gpt-4o",), False),
        (("gpt*",), ("openai/gpt-4o", "gpt-4o"), True),
        (("gpt*",), ("openai/*", "*"), False),
        (("*",), ("anything", "some/*"), True),
    ],
)
def test_a_list_is_within_another(allowed: tuple[str, ...], asked: tuple[str, ...], fits: bool) -> None:
    terms = KeyTerms("k", budget_usd=Decimal(1), allowed_models=asked)
    policy = MemberPolicy(allowed_models=allowed)
    if fits:
        require_within(policy, terms)
    else:
        with pytest.raises(Forbidden, match="members may use"):
            require_within(policy, terms)
