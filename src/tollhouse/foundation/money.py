"""Money is an integer: nano-USD for amounts, pico-USD per token for prices.

A price in pico-USD per token is numerically the price in micro-USD per million tokens, so every published
price is an exact integer. The cost of a call is summed in pico-USD and rounded up once, to the nano-dollar.
No float is ever money here.
"""

from decimal import Decimal, InvalidOperation
from typing import Final, NewType

from tollhouse.foundation.errors import BadRequest

Nanos = NewType("Nanos", int)
"""An amount in nano-USD (1 USD = 1_000_000_000)."""

PicosPerToken = NewType("PicosPerToken", int)
"""A price in pico-USD per token (1 USD per million tokens = 1_000_000)."""

NANOS_PER_USD: Final = 1_000_000_000
PICOS_PER_NANO: Final = 1_000

MAX_KEY_BUDGET_USD: Final = Decimal("999999.9999")
"""The largest value of `numeric(10,4)`; dearer key budgets are refused with 422."""

_NANOS_PER_PLACE: Final = 100_000

MAX_LIMIT_USD: Final = Decimal(9_000_000)
"""The largest limit of people, teams and customers: far below what a bigint of nano-USD can hold, sums included."""


def usd_to_nanos(usd: Decimal) -> Nanos:
    """Exact conversion; raises BadRequest for NaN, negative amounts or more than nine decimals."""
    try:
        nanos = usd * NANOS_PER_USD
        exact = nanos.to_integral_value()
    except InvalidOperation as cause:
        raise BadRequest("amount is not a number of US dollars") from cause
    if not usd.is_finite() or usd < 0 or exact != nanos:
        raise BadRequest("amount must be zero or more US dollars, with at most nine decimals")
    return Nanos(int(exact))


def nanos_to_usd(nanos: int) -> Decimal:
    """The exact dollar value, with as many decimals as it needs."""
    return Decimal(nanos) / NANOS_PER_USD


def usd_string(nanos: int) -> str:
    """Four decimals for people and for `numeric(10,4)` fields: `"0.0100"`. Rounds half up, never decides."""
    sign = "-" if nanos < 0 else ""
    whole, rest = divmod((abs(nanos) + _NANOS_PER_PLACE // 2) // _NANOS_PER_PLACE, 10_000)
    return f"{sign}{whole}.{rest:04d}"


def exact_usd_string(nanos: int) -> str:
    """All nine decimals: `"0.000034500"`. For receipts, where the last nano-dollar counts."""
    sign = "-" if nanos < 0 else ""
    whole, rest = divmod(abs(nanos), NANOS_PER_USD)
    return f"{sign}{whole}.{rest:09d}"


def round_up_to_nanos(picos: int) -> Nanos:
    """Pico-USD to nano-USD, rounded up: the one rounding in the life of a call."""
    return Nanos(-(-picos // PICOS_PER_NANO))
