"""The operator's own word on models and prices: a JSON file that adds, corrects, unprices or hides models.

    {"models": [
      {"provider": "openai", "id": "my-ft", "price": {"input": "0.25", "output": "1"}},
      {"provider": "custom-acme", "id": "acme-7b", "context_window": 32768, "max_output_tokens": 4096,
       "price": null},
      {"provider": "groq", "id": "llama3-8b-8192", "remove": true}]}

Prices are USD per million tokens, as strings or numbers, read exactly: at most six decimals, never through a
float. What an entry leaves out stays as the catalog has it. A class without a rate of its own costs what its
whole costs IN THE SAME TIER. A file that is not understood completely stops the start.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollhouse.catalog.prices import Price, Rates, picos_per_token
from tollhouse.catalog.providers import canonical_provider
from tollhouse.foundation.errors import UNREADABLE, StartupError
from tollhouse.foundation.money import PicosPerToken

_MOST_USD_PER_MTOK: Final = 1_000_000  # a dollar a token: a slip of the unit, not a price
_EXACT: Final = Context(prec=28, traps=[Inexact])
_SIX_PLACES: Final = Decimal("0.000001")

_ModelId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/@+-]{1,200}\Z")]
_Text = Annotated[str, Meta(min_length=1, max_length=200)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]


@dataclass(frozen=True, slots=True)
class Override:
    """One entry, checked. UNSET: not mentioned. `price` None: unpriced on purpose."""

    provider: str
    id: str
    name: str | UnsetType
    owned_by: str | UnsetType
    context_window: int | UnsetType | None
    max_output_tokens: int | UnsetType | None
    price: Price | UnsetType | None
    remove: bool


class _Amounts(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None


class _TierAmounts(_Amounts):
    above_input_tokens: _Count


class _PriceAmounts(_Amounts):
    tiers: list[_TierAmounts] = []


class _Entry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    provider: str
    id: _ModelId
    name: _Text | UnsetType = UNSET
    owned_by: _Text | UnsetType = UNSET
    context_window: _Count | UnsetType | None = UNSET
    max_output_tokens: _Count | UnsetType | None = UNSET
    price: _PriceAmounts | UnsetType | None = UNSET
    remove: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    models: list[_Entry]


class _FileError(Exception):
    """Said in msgspec's words, so that all refusals of a file read alike."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} - at `{where}`")


def read(path: Path) -> tuple[Override, ...]:
    """The entries of an override file, in order; StartupError names the file, the entry and the field."""
    try:
        return tuple(_checked(msgspec.json.decode(path.read_bytes(), type=_File).models))
    except (OSError, *UNREADABLE, _FileError) as cause:
        raise StartupError(f"price overrides {path}: {cause}") from cause


def _checked(entries: list[_Entry]) -> Iterator[Override]:
    seen = set()
    for position, entry in enumerate(entries):
        where = f"$.models[{position}]"
        override = _override(entry, where)
        key = (override.provider, override.id.lower())
        if key in seen:
            raise _FileError(f"A second entry for {entry.id} of {override.provider}", where)
        seen.add(key)
        yield override


def _override(entry: _Entry, where: str) -> Override:
    provider = canonical_provider(entry.provider)
    if provider is None:
        raise _FileError("Unknown provider", f"{where}.provider")
    if entry.remove and entry != _Entry(provider=entry.provider, id=entry.id, remove=True):
        raise _FileError("A removed model has no other fields", f"{where}.remove")
    return Override(
        provider=provider,
        id=entry.id,
        name=entry.name,
        owned_by=entry.owned_by,
        context_window=entry.context_window,
        max_output_tokens=entry.max_output_tokens,
        price=_price(entry.price, f"{where}.price") if isinstance(entry.price, _PriceAmounts) else entry.price,
        remove=entry.remove,
    )


def _price(amounts: _PriceAmounts, where: str) -> Price:
    tiers = [_rates(amounts, 0, where)]
    for position, tier in enumerate(amounts.tiers):
        at = f"{where}.tiers[{position}]"
        if tier.above_input_tokens <= tiers[-1].above_input_tokens:
            raise _FileError("Tiers must ascend", f"{at}.above_input_tokens")
        tiers.append(_rates(tier, tier.above_input_tokens, at))
    return Price(tuple(tiers))


def _rates(amounts: _Amounts, above: int, where: str) -> Rates:
    fresh = _picos(amounts.input, f"{where}.input")
    spoken = _picos(amounts.output, f"{where}.output")
    return Rates(
        above_input_tokens=above,
        input=fresh,
        cached=_picos_or(amounts.cached, fresh, f"{where}.cached"),
        cache_write=_picos_or(amounts.cache_write, fresh, f"{where}.cache_write"),
        output=spoken,
        reasoning=_picos_or(amounts.reasoning, spoken, f"{where}.reasoning"),
    )


def _picos_or(usd: Decimal | None, whole: PicosPerToken, where: str) -> PicosPerToken:
    return whole if usd is None else _picos(usd, where)


def _picos(usd: Decimal, where: str) -> PicosPerToken:
    if not usd.is_finite() or not 0 <= usd <= _MOST_USD_PER_MTOK:
        raise _FileError(f"Expected USD per million tokens, 0 to {_MOST_USD_PER_MTOK}", where)
    try:
        return picos_per_token(_EXACT.quantize(usd, _SIX_PLACES))
    except Inexact:
        raise _FileError("Expected at most six decimals", where) from None
