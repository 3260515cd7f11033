"""One call between its hold and its entry: everything that the steps after the hold learn about it.

A passage starts out as lost. Whatever ends it says so by setting `ending`; if nothing does, the call is charged
in doubt, because it may have been sent.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from tollhouse.access.permits import Permit
from tollhouse.foundation.money import Nanos
from tollhouse.foundation.secrets import Secret
from tollhouse.foundation.tokens import NO_TOKENS, TokenUsage
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import Arrival, ChatRequest
from tollhouse.gateway.estimate import Estimate
from tollhouse.gateway.meter import Reading
from tollhouse.ledger.records import SettlementKind
from tollhouse.usage.receipts import UsageSource

OutcomeName = Literal[
    "completed", "refused_upstream", "failed_upstream", "broken", "timeout", "abandoned", "not_sent", "lost"
]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, for the book (`kind`, `usage`) and for people (`outcome`)."""

    kind: SettlementKind
    outcome: OutcomeName
    usage: TokenUsage = NO_TOKENS
    usage_source: UsageSource = "none"


LOST: Final = Ending("in_doubt", "lost")
NOT_SENT: Final = Ending("void", "not_sent")
BROKEN: Final = Ending("in_doubt", "broken")
TIMED_OUT: Final = Ending("in_doubt", "timeout")
ABANDONED: Final = Ending("in_doubt", "abandoned")


@dataclass(slots=True)
class Passage:
    """A call that holds money. Only `ending`, what was read, and `booked` change."""

    arrival: Arrival
    permit: Permit
    chat: ChatRequest
    destination: Destination
    estimate: Estimate
    held: Nanos
    day: date
    ending: Ending = LOST
    reading: Reading = field(default_factory=Reading)
    upstream_status: int | None = None
    cf_log_id: str | None = None
    sent_at: float | None = None
    """When it began to be sent, and when the answer began: of the monotonic clock, like its arrival."""
    first_byte_at: float | None = None
    error_type: str | None = None
    booked: bool = False
    """Whether its outcome was written down; that happens once."""
    provider_key: Secret | None = None
    """The customer's own key, if it goes along: nobody may read it in the answer."""
