"""A permit: the frozen snapshot of a key that one call needs. Read once, then nobody asks the database again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId
from tollhouse.foundation.sealing import Envelope

BoundPolicy = Literal["strict", "clamp_if_unset", "clamp"]
"""What to do when the bound does not fit: refuse, shorten if the caller set no maximum, or always shorten."""

GatewayState = Literal["none", "pending", "ready", "failed"]


class PermitBudget(NamedTuple):
    """A budget that the key's calls count in. `models`: a pattern as in allow-lists; empty: every model."""

    id: int
    models: str


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls may be made with a key; None: any number. Tokens are those of prompts and answers together."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_calls: int | None = None


UNLIMITED: Final = CallLimits()


@dataclass(frozen=True, slots=True)
class Permit:
    """Everything about the key, its owner and its customer that the road of a call asks for."""

    key_id: KeyId
    key_name: str
    customer_id: CustomerId
    user_id: UserId | None
    team_id: TeamId | None
    disabled: bool
    expires_at: datetime | None
    allowed_models: tuple[str, ...]
    """Empty: every model."""
    max_output_tokens: int | None
    """What a call may answer when its caller set no maximum; None: the installation's default."""
    bound_policy: BoundPolicy
    gateway_state: GatewayState
    gateway_id: str | None
    account_id: str | None
    credential_mode: str
    budgets: tuple[PermitBudget, ...] = ()
    """Of the key, its user or team, and the customer."""
    calls: CallLimits = UNLIMITED
    tags: tuple[str, ...] = ()
    """What the key is for; each of its calls has them, too."""
    provider_keys: Mapping[str, Envelope] = field(default_factory=dict)
    """The customer's own keys by provider, as they are stored; none where they are not what pays."""

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now
