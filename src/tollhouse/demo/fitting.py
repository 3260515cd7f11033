"""Past calls, priced and made to fit: what they cost, what was held for them, in which accounts they count. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tollhouse.catalog.cost import bound, cost
from tollhouse.catalog.models import Catalog
from tollhouse.catalog.prices import Price
from tollhouse.demo.cast import Habit
from tollhouse.demo.days import PastCall, scaled
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.records import Part, SettlementKind

USUAL_CAP: Final = 1_024
_LARGEST_CAP: Final = 8_192
_BYTES_A_TOKEN: Final = 4
_NEARLY_ALL: Final = 0.985
_KINDS: Final[dict[str, SettlementKind]] = {"estimated": "estimated", "failed": "in_doubt", "broken": "in_doubt",
                                            "timeout": "in_doubt"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """A budget in its present period. `began` None: it counts since ever. `used`: what stands in it already."""

    budget_id: int
    period_seq: int
    of_key: bool
    limit: Nanos | None
    began: datetime | None
    resets: bool
    used: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A call with the bound that was held for it and what the book charges."""

    call: PastCall
    price: Price
    cap: int
    hold: Nanos
    cost: Nanos
    kind: SettlementKind
    parts: tuple[Part, ...]


def fit(catalog: Catalog, habit: Habit, calls: Sequence[PastCall], accounts: Sequence[Account]) -> list[Priced]:
    """The calls, made so large that the key has spent the share of its budget that it should have."""
    priced = [made for call in calls if (made := _price(catalog, call, accounts)) is not None]
    own = next((account for account in accounts if account.of_key), None)
    if own is None or own.limit is None:
        return priced
    target = max(own.limit * min(habit.share, _NEARLY_ALL) - own.used, 0)
    for _ in range(3):  # what is held for calls in doubt does not grow evenly
        factor = target / max(_spent(priced, own), 1)
        if own.resets and factor >= 1:
            break
        priced = _scaled(catalog, priced, factor, own, accounts)
    while _spent(priced, own) > own.limit - own.used:
        priced.pop()
    return _exhausted(priced, own) if habit.share >= 1 else priced


def _price(catalog: Catalog, call: PastCall, accounts: Sequence[Account]) -> Priced | None:
    model = catalog.find(call.use.provider, call.use.model)
    if model is None or model.price is None:
        return None
    cap = min(max(USUAL_CAP, call.usage.output + call.usage.output // 4), max(_LARGEST_CAP, call.usage.output))
    window = model.context_window or call.usage.input * _BYTES_A_TOKEN
    hold = bound(model.price, min(call.usage.input * _BYTES_A_TOKEN, max(window, call.usage.input)), cap)
    kind = _KINDS.get(call.fate, "exact")
    charged = Nanos(0) if call.fate in ("limited", "refused") else cost(model.price, call.usage)
    counts = [account for account in accounts if account.began is None or account.began <= call.at]
    parts = tuple(Part(each.budget_id, each.period_seq, each.limit is not None) for each in counts)
    return Priced(call, model.price, cap, hold, hold if kind == "in_doubt" else charged, kind, parts)


def _scaled(
    catalog: Catalog, priced: Sequence[Priced], factor: float, own: Account, accounts: Sequence[Account]
) -> list[Priced]:
    """Only calls that count in the key's account: what was before stays."""
    return [
        (_price(catalog, scaled(each.call, factor), accounts) or each) if _counts(each, own) else each
        for each in priced
    ]


def _exhausted(priced: list[Priced], own: Account) -> list[Priced]:
    """The last call broke, and was charged what was held for it: all that was left."""
    last = priced.pop()
    left = Nanos((own.limit or 0) - own.used - _spent(priced, own))
    broken = replace(last.call, fate="broken")
    return [*priced, replace(last, call=broken, hold=left, cost=left, kind="in_doubt")]


def _spent(priced: Sequence[Priced], own: Account) -> int:
    return sum(each.cost for each in priced if _counts(each, own))


def _counts(each: Priced, own: Account) -> bool:
    return any(part.budget_id == own.budget_id for part in each.parts)
