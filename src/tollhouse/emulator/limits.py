"""Cloudflare's own fences: requests per interval (of the gateway, of Unified Billing) and US dollars per window.

Both belong to a gateway. The spend fence is eventually consistent, as the real one: each call is judged by what was
known before the call ahead of it, so at least one call too many passes.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tollhouse.emulator.faults import GatewayFault
from tollhouse.emulator.gateways import Gateway, SpendRule

_MAX_EVENTS: Final = 100_000
_UNIFIED_WINDOW_S: Final = 60
_NANOS_PER_USD: Final = 1_000_000_000

Technique = Literal["fixed", "sliding"]


class Tally:
    """A sum over a window: of the clock's own length (`fixed`) or ending now (`sliding`)."""

    def __init__(self, window_s: float, technique: Technique) -> None:
        self._window_s = window_s
        self._technique = technique
        self._events: deque[tuple[float, int]] = deque(maxlen=_MAX_EVENTS)
        self._sum = 0

    def add(self, now_s: float, amount: int) -> None:
        self._forget(now_s)
        if len(self._events) == _MAX_EVENTS:
            self._sum -= self._events[0][1]
        self._events.append((now_s, amount))
        self._sum += amount

    def total(self, now_s: float) -> int:
        self._forget(now_s)
        return self._sum

    def _forget(self, now_s: float) -> None:
        oldest = now_s - now_s % self._window_s if self._technique == "fixed" else now_s - self._window_s
        while self._events and self._events[0][0] < oldest:
            self._sum -= self._events.popleft()[1]


class _Spend:
    """What was spent under one rule, and what the fence believes."""

    def __init__(self, rule: SpendRule) -> None:
        self.tally = Tally(rule.window, rule.technique)
        self.believed = 0


@dataclass(frozen=True, slots=True)
class Spender:
    """Whose call of which model is judged by the rules of which gateway."""

    account: str
    gateway: Gateway
    provider: str
    model: str
    metadata: Mapping[str, str]


class Fences:
    """Counts for all gateways; settings are read from the gateway at each call."""

    def __init__(self) -> None:
        self._unified: dict[tuple[str, str], Tally] = {}
        self._rates: dict[tuple[str, str, int, Technique], Tally] = {}
        self._spends: dict[tuple[str, str, int, str], _Spend] = {}

    def clear(self) -> None:
        self._unified.clear()
        self._rates.clear()
        self._spends.clear()

    def pass_rate(self, account: str, gateway: Gateway, now_s: float) -> None:
        """Count one request. Raises GatewayFault 2003."""
        settings = gateway.settings
        limit, interval = settings.rate_limiting_limit, settings.rate_limiting_interval
        if not limit or not interval:
            return
        technique = settings.rate_limiting_technique or "fixed"
        tally = self._rates.setdefault((account, gateway.id, interval, technique), Tally(interval, technique))
        _count(tally, limit, now_s, GatewayFault(2003))

    def pass_unified(self, account: str, gateway: Gateway, limit: int, now_s: float) -> None:
        """Count one request that Unified Billing pays; `limit` 0 is none. Raises GatewayFault 2018."""
        if limit:
            tally = self._unified.setdefault((account, gateway.id), Tally(_UNIFIED_WINDOW_S, "sliding"))
            _count(tally, limit, now_s, GatewayFault(2018))

    def pass_spend(self, spender: Spender, now_s: float) -> None:
        """Raises GatewayFault 2041 when a rule was already known to be over."""
        for rule, spend in self._spends_of(spender):
            over = spend.believed >= round(rule.limit * _NANOS_PER_USD)
            spend.believed = spend.tally.total(now_s)
            if over:
                name = rule.id or "spend rule"
                text = f"Spend limit exceeded: {name}, ${rule.limit} per {rule.window} s ({rule.technique})"
                raise GatewayFault(2041, text)

    def spent(self, spender: Spender, now_s: float, nanos: int) -> None:
        """A call was billed."""
        for _, spend in self._spends_of(spender):
            spend.tally.add(now_s, nanos)

    def _spends_of(self, spender: Spender) -> Iterator[tuple[SpendRule, _Spend]]:
        limits = spender.gateway.settings.spend_limits
        if limits is None or not limits.enabled:
            return
        for place, rule in enumerate(limits.rules):
            bucket = _bucket(rule, spender) if rule.enabled else None
            if bucket is not None:
                key = (spender.account, spender.gateway.id, place, bucket)
                yield rule, self._spends.setdefault(key, _Spend(rule))


def _count(tally: Tally, limit: int, now_s: float, refusal: GatewayFault) -> None:
    if tally.total(now_s) >= limit:
        raise refusal
    tally.add(now_s, 1)


def _bucket(rule: SpendRule, spender: Spender) -> str | None:
    """Which partition of the rule a call falls into; None when the rule is not about it."""
    if rule.provider is not None and spender.provider not in rule.provider.values:
        return None
    if rule.model is not None and spender.model not in rule.model.values:
        return None
    parts = []
    for name, wanted in (rule.metadata or {}).items():
        value = spender.metadata.get(name)
        if value is None or (wanted.mode == "filter" and value not in wanted.values):
            return None
        parts.append(value if wanted.mode == "partition" else "")
    return "\n".join(parts)
