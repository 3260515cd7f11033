"""What a call costs, what it can cost at most, and how long an answer some money buys.

All three sum in pico-USD and round up once, to the nano-dollar. `bound` is what the ledger holds before a
call and `cost` what it books after, so `bound` is never below `cost` for any usage within its token counts -
as long as both get the SAME `Price`: a catalog loaded anew in between may know another one.
"""

from typing import Final

from tollhouse.catalog.prices import Price, Rates
from tollhouse.foundation.money import PICOS_PER_NANO, Nanos, PicosPerToken, round_up_to_nanos
from tollhouse.foundation.tokens import TokenUsage

MAX_OUTPUT_TOKENS: Final = 1_000_000_000
"""More than any model answers; what `affordable_output` says at most, and when output is free."""


def cost(price: Price, usage: TokenUsage) -> Nanos:
    """The exact cost of a finished call. `usage` keeps its invariant: no part is larger than its whole."""
    rates = price.rates_for(usage.input)
    fresh = usage.input - usage.cached - usage.cache_write
    spoken = usage.output - usage.reasoning
    return round_up_to_nanos(
        fresh * rates.input
        + usage.cached * rates.cached
        + usage.cache_write * rates.cache_write
        + spoken * rates.output
        + usage.reasoning * rates.reasoning
    )


def bound(price: Price, input_tokens: int, output_tokens: int) -> Nanos:
    """The most that a call of at most so many tokens can cost, whatever its classes and tier are."""
    rates = price.dearest(input_tokens)
    return round_up_to_nanos(input_tokens * _per_input(rates) + output_tokens * _per_output(rates))


def affordable_output(price: Price, input_tokens: int, nanos: int) -> int:
    """The most output tokens whose `bound` is within `nanos`, up to MAX_OUTPUT_TOKENS; -1: not even none."""
    rates = price.dearest(input_tokens)
    left = nanos * PICOS_PER_NANO - input_tokens * _per_input(rates)
    if left < 0:
        return -1
    per_output = _per_output(rates)
    return min(left // per_output, MAX_OUTPUT_TOKENS) if per_output else MAX_OUTPUT_TOKENS


def _per_input(rates: Rates) -> PicosPerToken:
    return max(rates.input, rates.cached, rates.cache_write)


def _per_output(rates: Rates) -> PicosPerToken:
    return max(rates.output, rates.reasoning)
