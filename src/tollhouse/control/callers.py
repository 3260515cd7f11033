"""The two words for whoever acts: a `Person` who signed in, and an `Actor`, the name the audit log writes down."""

from dataclasses import dataclass
from typing import Literal

from tollhouse.foundation.ids import CustomerId, TeamId, UserId

Role = Literal["admin", "manager", "member"]
Via = Literal["session", "token"]
TokenScope = Literal[
    "keys:read",
    "keys:write",
    "people:read",
    "people:write",
    "limits:read",
    "limits:write",
    "reports:read",
    "traces:write",
    "ledger:read",
    "ledger:write",
    "customer:read",
    "customer:write",
]
"""What a narrow API token may be good for; each action of the table of permissions needs one."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a user, or a loop or command by its name. `address` is where the request came from."""

    customer_id: CustomerId
    name: str
    user_id: UserId | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user who is signed in, as the database had them when the request came."""

    user_id: UserId
    customer_id: CustomerId
    email: str
    name: str
    role: Role
    team_ids: frozenset[TeamId]
    via: Via
    credential_id: str
    """Id of the session or API token that let them in."""
    address: str | None = None
    leads: frozenset[TeamId] = frozenset()
    """Of the teams, those that the person leads."""
    scopes: frozenset[TokenScope] | None = None
    """Of a narrow token; None: whatever the person may do."""

    @property
    def actor(self) -> Actor:
        return Actor(self.customer_id, self.user_id, user_id=self.user_id, address=self.address)
