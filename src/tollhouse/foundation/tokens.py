"""Tokens of one call, by the classes that have prices of their own.

`input` and `output` are totals as OpenAI reports them (`prompt_tokens`, `completion_tokens`); `cached`,
`cache_write` are parts of `input`, `reasoning` is a part of `output`. Dialects in which the cached part is an
addend are translated to this form where they are read.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Counts are zero or more; parts never exceed their total (see `usage_from_counts`)."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output


NO_TOKENS: Final = TokenUsage()


def usage_from_counts(
    *,
    input: int,  # noqa: A002 - the standard word of the field
    output: int,
    cached: int = 0,
    cache_write: int = 0,
    reasoning: int = 0,
) -> TokenUsage:
    """Clamp odd numbers from outside: nothing negative, no part larger than its whole."""
    whole_in, whole_out = max(input, 0), max(output, 0)
    hit = min(max(cached, 0), whole_in)
    return TokenUsage(
        input=whole_in,
        output=whole_out,
        cached=hit,
        cache_write=min(max(cache_write, 0), whole_in - hit),
        reasoning=min(max(reasoning, 0), whole_out),
    )
