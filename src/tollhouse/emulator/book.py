"""The provider's own book: what every call truly cost, to be compared with what others recorded.

The arithmetic is its own, in exact fractions, so that a slip in the catalog's or the ledger's is found. Rates are
pico-USD per token; the sum is rounded up once, to the nano-dollar. Unpriced models cost nothing.

Memory is bounded: totals for ever, single calls for the last 200,000, values of a metadata key for the first
10,000 (the rest is summed up under `(others)`). `call_id` is not a group: see `by_call`.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final, Protocol

import msgspec

from tollhouse.foundation.tokens import TokenUsage

MAX_CALLS: Final = 200_000
MAX_VALUES: Final = 10_000
MAX_NAMES: Final = 100
MAX_LEAKS: Final = 1_000
OTHERS: Final = "(others)"
_CALL_IDS: Final = ("call_id", "call")


class Rates(Protocol):
    """Pico-USD per token, for calls whose input is above a number of tokens."""

    @property
    def above_input_tokens(self) -> int: ...
    @property
    def input(self) -> int: ...
    @property
    def cached(self) -> int: ...
    @property
    def cache_write(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def reasoning(self) -> int: ...


class Price(Protocol):
    @property
    def tiers(self) -> Sequence[Rates]: ...


class Model(Protocol):
    @property
    def price(self) -> Price | None: ...
    @property
    def context_window(self) -> int | None: ...


class Models(Protocol):
    """The part of a catalog that a provider needs to know about itself."""

    def find(self, provider: str, model: str) -> Model | None: ...


def true_cost_nanos(usage: TokenUsage, price: Price | None) -> int:
    """The whole call is priced by the highest tier its input exceeds."""
    if price is None or not price.tiers:
        return 0
    reached = [tier for tier in price.tiers if usage.input > tier.above_input_tokens]
    rates = max(reached or price.tiers[:1], key=lambda tier: tier.above_input_tokens)
    plain_input = usage.input - usage.cached - usage.cache_write
    nanos = (
        Fraction(plain_input * rates.input, 1000)
        + Fraction(usage.cached * rates.cached, 1000)
        + Fraction(usage.cache_write * rates.cache_write, 1000)
        + Fraction((usage.output - usage.reasoning) * rates.output, 1000)
        + Fraction(usage.reasoning * rates.reasoning, 1000)
    )
    return -(-nanos.numerator // nanos.denominator)


class CallRow(msgspec.Struct, frozen=True, gc=False):
    """One call that reached the provider. `billed` is False when it was refused for free."""

    log_id: str
    call_id: str | None
    gateway: str
    provider: str
    model: str
    status: int
    billed: bool
    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    true_cost_nanos: int = 0


class Leak(msgspec.Struct, frozen=True, gc=False):
    """A secret that went where it does not belong. Says where, never what."""

    kind: str
    where: str
    gateway: str
    path: str
    log_id: str


class Total(msgspec.Struct):
    calls: int = 0
    true_cost_nanos: int = 0

    def add(self, row: CallRow) -> None:
        self.calls += 1
        self.true_cost_nanos += row.true_cost_nanos


class Totals(msgspec.Struct):
    """`calls` are billed ones; `refused` reached the provider and cost nothing; `rejected` never reached it."""

    calls: int = 0
    true_cost_nanos: int = 0
    refused: int = 0
    cache_hits: int = 0
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    by_gateway: dict[str, Total] = msgspec.field(default_factory=dict)
    by_metadata: dict[str, dict[str, Total]] = msgspec.field(default_factory=dict)
    leak_count: int = 0


class Book:
    """Only `enter` adds a call; `told` hears of each new one."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.totals = Totals()
        self.rows: deque[CallRow] = deque(maxlen=MAX_CALLS)
        self.leaks: deque[Leak] = deque(maxlen=MAX_LEAKS)

    def enter(self, row: CallRow, metadata: Mapping[str, str]) -> None:
        self.rows.append(row)
        if not row.billed:
            self.totals.refused += 1
            return
        self.totals.calls += 1
        self.totals.true_cost_nanos += row.true_cost_nanos
        _group(self.totals.by_gateway, row.gateway).add(row)
        for name, value in metadata.items():
            if name not in _CALL_IDS:
                self._group_of(name, value).add(row)

    def _group_of(self, name: str, value: str) -> Total:
        names = self.totals.by_metadata
        known = name if name in names or len(names) < MAX_NAMES else OTHERS
        return _group(names.setdefault(known, {}), value)

    def reject(self, code: str) -> None:
        """Cloudflare refused the call itself."""
        self.totals.rejected[code] = self.totals.rejected.get(code, 0) + 1

    def leak(self, leak: Leak) -> None:
        self.leaks.append(leak)
        self.totals.leak_count += 1


def call_id_of(metadata: Mapping[str, str]) -> str | None:
    """The caller's own name for the call."""
    return next((metadata[name] for name in _CALL_IDS if name in metadata), None)


def _group(groups: dict[str, Total], value: str) -> Total:
    known = groups.get(value)
    if known is None:
        known = groups.setdefault(value if len(groups) < MAX_VALUES else OTHERS, Total())
    return known


class Bill:
    """The bill of one call: presented exactly once, whatever ends the call.

    `enter` books a usage; `whole` is what the provider produced in the end, `part` what it had produced when so
    many visible tokens were out.
    """

    def __init__(self, enter: Callable[[TokenUsage], None], whole: TokenUsage, *, only_what_was_sent: bool) -> None:
        self._enter = enter
        self._whole = whole
        self._only_what_was_sent = only_what_was_sent
        self._presented = False

    def present(self) -> None:
        """The provider has produced the whole answer."""
        self._book(self._whole)

    def caller_left(self, visible_tokens: int) -> None:
        """The caller hung up before the end."""
        self._book(self._part(visible_tokens) if self._only_what_was_sent else self._whole)

    def _part(self, visible_tokens: int) -> TokenUsage:
        whole = self._whole
        reasoning = whole.reasoning if visible_tokens else 0
        return TokenUsage(whole.input, visible_tokens + reasoning, whole.cached, whole.cache_write, reasoning)

    def _book(self, usage: TokenUsage) -> None:
        if not self._presented:
            self._presented = True
            self._enter(usage)
