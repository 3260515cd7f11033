"""What keys that members make may be: set by a customer's admins, kept in its settings, asked when keys are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class MemberPolicy:
    """`max_budget_usd`: a key has a budget, and at most this. `allowed_models`: what its list may hold; empty: all.

    None: not limited.
    """

    max_budget_usd: Decimal | None = None
    allowed_models: tuple[str, ...] = ()
    max_keys: int | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "MemberPolicy":
        """From the customer's settings; None: nobody set any."""
        found = stored or {}
        budget = found.get("max_budget_usd")
        return cls(
            max_budget_usd=None if budget is None else Decimal(budget),
            allowed_models=tuple(found.get("allowed_models") or ()),
            max_keys=found.get("max_keys"),
        )

    def stored(self) -> dict[str, str | int | list[str] | None]:
        """As the settings have it, JSON."""
        return {
            "max_budget_usd": None if self.max_budget_usd is None else str(self.max_budget_usd),
            "allowed_models": list(self.allowed_models),
            "max_keys": self.max_keys,
        }


FREE: Final = MemberPolicy()
