"""Prices as integers: pico-USD per token, by class of token and by size of the input.

A tier is a cliff, as genai_prices' `TieredPrices` documents and as providers publish it: once the input of a
call is larger than a threshold, the rates of that tier hold for ALL tokens of the call, output included.

Only a provider's standard rate is known here. What makes a call dearer by request (`service_tier`, `speed`, a
one-hour cache, searches, audio) has no place in a `TokenUsage`; the door has to refuse or neutralise it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from tollhouse.foundation.money import PicosPerToken

PICOS_PER_USD_PER_MTOK: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """What one token of each class costs in one tier.

    Where the source has no rate of its own, `cached` and `cache_write` are the input's and `reasoning` is the
    output's.
    """

    above_input_tokens: int
    """Zero for the base tier."""
    input: PicosPerToken
    cached: PicosPerToken
    cache_write: PicosPerToken
    output: PicosPerToken
    reasoning: PicosPerToken


@dataclass(frozen=True, slots=True)
class Price:
    """Tiers, ascending; the first is the base tier and is always there."""

    tiers: tuple[Rates, ...]

    def rates_for(self, input_tokens: int) -> Rates:
        """The one tier that holds for a call with so many input tokens, cached and written ones included."""
        for tier in reversed(self.tiers[1:]):
            if input_tokens > tier.above_input_tokens:
                return tier
        return self.tiers[0]

    def dearest(self, up_to_input_tokens: int) -> Rates:
        """The dearest rate of each class that a call of at most so many input tokens can meet.

        Component by component, since a dearer tier need not be dearer in every class.
        """
        if len(self.tiers) == 1:
            return self.tiers[0]
        return dearest_of(0, self._reachable(up_to_input_tokens))

    def _reachable(self, up_to_input_tokens: int) -> list[Rates]:
        above = [tier for tier in self.tiers[1:] if up_to_input_tokens > tier.above_input_tokens]
        return [self.tiers[0], *above]


def dearest_of(above_input_tokens: int, choices: Iterable[Rates]) -> Rates:
    """The component-wise maximum of at least one set of rates, as the tier above so many input tokens."""
    rates = list(choices)
    return Rates(
        above_input_tokens=above_input_tokens,
        input=max(choice.input for choice in rates),
        cached=max(choice.cached for choice in rates),
        cache_write=max(choice.cache_write for choice in rates),
        output=max(choice.output for choice in rates),
        reasoning=max(choice.reasoning for choice in rates),
    )


def picos_per_token(usd_per_mtok: Decimal) -> PicosPerToken:
    """USD per million tokens to pico-USD per token, rounded up to the next whole one.

    Published prices are whole; a few derived ones (OpenRouter's cache writes, by the twelfth) are not.
    """
    return PicosPerToken(int((usd_per_mtok * PICOS_PER_USD_PER_MTOK).to_integral_value(ROUND_CEILING)))
