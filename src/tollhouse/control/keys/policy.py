"""What members may give themselves: limits that admins set for keys that members make. Decisions are pure."""

from typing import Final

from tollhouse.access import keys
from tollhouse.access.allowlist import covers
from tollhouse.access.keys import KeyTerms
from tollhouse.access.member_policy import MemberPolicy
from tollhouse.control.callers import Person
from tollhouse.db import queries
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import Conflict, Forbidden
from tollhouse.foundation.ids import CustomerId

_CODE: Final = "beyond_member_policy"

_sql = queries.load(__file__)


async def read(connection: Connection, customer_id: CustomerId) -> MemberPolicy:
    return MemberPolicy.of(await _sql.member_policy(connection, customer_id=customer_id))


async def require_room(connection: Connection, person: Person, terms: KeyTerms) -> None:
    """Before a key is made: raises Forbidden for terms beyond the policy, Conflict for too many keys."""
    if person.role != "member":
        return
    policy = await read(connection, person.customer_id)
    require_within(policy, terms)
    if policy.max_keys is not None:
        # Whoever makes two at once must not have one too many.
        await _sql.lock_maker(connection, user_id=person.user_id)
        if await keys.count_of_maker(connection, person.customer_id, person.user_id) >= policy.max_keys:
            raise Conflict(f"a member may have at most {policy.max_keys} keys; delete one first", code="too_many_keys")


async def require_change(connection: Connection, person: Person, before: KeyTerms, after: KeyTerms) -> None:
    """What was beyond the policy before may stay, but nothing may be changed to be."""
    if person.role == "member":
        policy = await read(connection, person.customer_id)
        if (before.budget_usd, before.allowed_models) != (after.budget_usd, after.allowed_models):
            require_within(policy, after)


def require_within(policy: MemberPolicy, terms: KeyTerms) -> None:
    """Raises Forbidden, saying what would do."""
    most = policy.max_budget_usd
    if most is not None and (terms.budget_usd is None or terms.budget_usd > most):
        raise Forbidden(f"members' keys have a budget of at most {most} US dollars", code=_CODE, param="budget_usd")
    if not policy.allowed_models:
        return
    beyond = [pattern for pattern in terms.allowed_models if not covers(policy.allowed_models, pattern)]
    if beyond or not terms.allowed_models:
        allowed = ", ".join(policy.allowed_models[:20])
        raise Forbidden(f"choose among the models that members may use: {allowed}", code=_CODE, param="allowed_models")
