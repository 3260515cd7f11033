"""The catalog: every model that can be bought, by provider and id, with its price.

Made once at start and never changed; a price that changes at midnight UTC is known from the next `load` on.
Names come from callers, so all that is remembered about them is bounded.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from msgspec import UnsetType

from tollhouse.catalog.overrides import Override, read
from tollhouse.catalog.prices import Price
from tollhouse.catalog.providers import FIRST_PARTIES, NAMED_ONLY
from tollhouse.catalog.shelves import SOURCE_VERSION, Offer, Shelf, shelves

_LONGEST_NAME: Final = 200
_REMEMBERED_NAMES: Final = 4096

Key = tuple[str, str]
"""Provider and lower-cased id: some providers take a name in any case, so no case may dodge an override."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Model:
    """What one provider sells under one id. `price` None: unpriced, which a budget refuses."""

    id: str
    """As the provider's own API knows it: `gpt-4o`, `@cf/meta/llama-3.1-8b-instruct`."""
    provider: str
    owned_by: str
    name: str
    context_window: int | None
    max_output_tokens: int | None
    price: Price | None


class Catalog:
    """Look-ups by exact id, then by the source's rules for families of names. A removed model is None."""

    def __init__(self, models: Mapping[Key, Model | None], listed: Iterable[Key], stock: Mapping[str, Shelf]) -> None:
        self._models = models
        self._stock = stock
        self._all = tuple(model for key in sorted(listed) if (model := models[key]))
        self._providers = frozenset(model.provider for model in self._all)
        self._named_by_host = _hosts_by_name(self._all)
        self.version = _version(models)
        self._family = lru_cache(_REMEMBERED_NAMES)(self._family_anew)
        self._owner = lru_cache(_REMEMBERED_NAMES)(self._owner_anew)

    def find(self, provider: str, model: str) -> Model | None:
        """The model, or the family that a dated or otherwise varied name belongs to; None: not known."""
        if len(model) > _LONGEST_NAME:
            return None
        key = (provider, model.lower())
        if key in self._models:
            return self._models[key]
        return self._family(*key) if provider in self._stock else None

    def provider_of(self, model: str) -> str | None:
        """Who sells this model, if its name says so: a maker by exact id, a sole host, a maker by family."""
        return self._owner(model.lower()) if len(model) <= _LONGEST_NAME else None

    def providers(self) -> frozenset[str]:
        """The providers of all listed models."""
        return self._providers

    def all(self) -> tuple[Model, ...]:
        """What to show people, by provider and id: real names that may answer a chat call, priced or not."""
        return self._all

    def with_overrides(self, entries: Iterable[Override]) -> "Catalog":
        """Another catalog, with what the entries say instead of what is here."""
        changed = {(entry.provider, entry.id.lower()): _changed(self, entry) for entry in entries}
        listed = {(model.provider, model.id.lower()) for model in self._all}
        return Catalog({**self._models, **changed}, listed | changed.keys(), self._stock)

    def _family_anew(self, provider: str, name: str) -> Model | None:
        family = self._stock[provider].family(name)
        return self._models.get((provider, family.lower())) if family else None

    def _owner_anew(self, name: str) -> str | None:
        for slug in FIRST_PARTIES:
            if self._models.get((slug, name)):
                return slug
        hosts = self._named_by_host.get(name, ())
        if len(hosts) == 1:
            return hosts[0]
        return next((slug for slug in FIRST_PARTIES if self.find(slug, name)), None)


def load(overrides: Path | None, today: date) -> Catalog:
    """The catalog at the prices of that UTC day; StartupError if the override file is not understood."""
    plain = _plain(today)
    return plain if overrides is None else plain.with_overrides(read(overrides))


@lru_cache(maxsize=2)
def _plain(today: date) -> Catalog:
    """Without overrides. It takes a tenth of a second, and is the same for all who ask on one day."""
    stock = shelves(today)
    models: dict[Key, Model | None] = {}
    listed = set()
    for slug, shelf in stock.items():
        for offer in shelf.offers:
            key = (slug, offer.id.lower())
            # A provider's own offer comes first and wins over one it borrows from a maker.
            models.setdefault(key, _model(slug, offer))
            if offer.listed:
                listed.add(key)
    return Catalog(models, listed, stock)


def _changed(plain: Catalog, entry: Override) -> Model | None:
    """The model an entry asks for: on top of what the catalog has under this name, if anything."""
    if entry.remove:
        return None
    base = plain.find(entry.provider, entry.id) or _unknown(entry)
    return replace(
        base,
        id=entry.id,
        name=_given(entry.name, base.name),
        owned_by=_given(entry.owned_by, base.owned_by),
        context_window=_given(entry.context_window, base.context_window),
        max_output_tokens=_given(entry.max_output_tokens, base.max_output_tokens),
        price=_given(entry.price, base.price),
    )


def _given(value: T | UnsetType, otherwise: T) -> T:
    return otherwise if isinstance(value, UnsetType) else value


def _unknown(entry: Override) -> Model:
    owner = _maker(entry.provider, entry.id)
    return Model(entry.id, entry.provider, owner, entry.id, context_window=None, max_output_tokens=None, price=None)


def _model(slug: str, offer: Offer) -> Model:
    return Model(
        id=offer.id,
        provider=slug,
        owned_by=_maker(slug, offer.id),
        name=offer.name,
        context_window=offer.context_window,
        max_output_tokens=None,  # the source does not know
        price=offer.price,
    )


def _maker(slug: str, model_id: str) -> str:
    """Who made a model: hosts write it into the id (`meta-llama/...`, `@cf/meta/...`)."""
    maker, slash, rest = model_id.removeprefix("@cf/").partition("/")
    return maker if slash and "/" not in rest else slug


def _hosts_by_name(models: Iterable[Model]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for model in models:
        if model.provider not in NAMED_ONLY:
            hosts.setdefault(model.id.lower(), []).append(model.provider)
    return hosts


def _version(models: Mapping[Key, Model | None]) -> str:
    """Names the source and, by a hash, all prices in force: same version, same cost of every call.

    Over the prices rather than the override file, since prices also change with the day of loading.
    """
    digest = hashlib.sha256()
    for key, model in sorted(models.items()):
        digest.update(repr((key, model and model.price)).encode())
    return f"{SOURCE_VERSION}+{digest.hexdigest()[:8]}"
