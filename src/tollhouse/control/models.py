"""GET /v1/ai/models in OpenAI's list shape, with prices. An id is `provider/model`: what the proxy takes back.

Each entry is made and encoded once, at start: calls are priced by the day's catalog, this list shows the start's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request, Response

from tollhouse.access.allowlist import allows
from tollhouse.access.permits import Permit
from tollhouse.catalog.models import Model
from tollhouse.catalog.prices import Price, Rates
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import allowed_or_key
from tollhouse.control.shapes import Shown, refusals
from tollhouse.foundation.errors import NotFound

router = APIRouter(prefix="/v1/ai/models", tags=["models"], route_class=ControlRoute)

_CREATED_UNKNOWN: Final = 0
_PICOS_PER_USD_PER_MILLION: Final = 1_000_000


class RatesOut(Shown):
    """US dollars per million tokens, as decimal strings."""

    input_usd_per_million: str
    cached_usd_per_million: str
    cache_write_usd_per_million: str
    output_usd_per_million: str
    reasoning_usd_per_million: str


class TierOut(RatesOut):
    """These rates hold for all tokens of a call whose input is larger than the threshold."""

    above_input_tokens: int


class PricingOut(RatesOut):
    """The base rates, and all tiers with the base tier first."""

    tiers: list[TierOut]


class ModelOut(Shown):
    """`pricing` null: unpriced, so that keys with a budget cannot call it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    provider: str
    name: str
    context_window: int | None
    max_output_tokens: int | None
    pricing: PricingOut | None

    @classmethod
    def of(cls, model: Model) -> "ModelOut":
        return cls(
            id=f"{model.provider}/{model.id}",
            created=_CREATED_UNKNOWN,
            owned_by=model.owned_by,
            provider=model.provider,
            name=model.name,
            context_window=model.context_window,
            max_output_tokens=model.max_output_tokens,
            pricing=None if model.price is None else _pricing(model.price),
        )


class ModelList(Shown):
    object: Literal["list"] = "list"
    data: list[ModelOut]


def _pricing(price: Price) -> PricingOut:
    tiers = [TierOut(above_input_tokens=rates.above_input_tokens, **_rates(rates)) for rates in price.tiers]
    return PricingOut(tiers=tiers, **_rates(price.tiers[0]))


def _rates(rates: Rates) -> dict[str, str]:
    return {
        "input_usd_per_million": _usd_per_million(rates.input),
        "cached_usd_per_million": _usd_per_million(rates.cached),
        "cache_write_usd_per_million": _usd_per_million(rates.cache_write),
        "output_usd_per_million": _usd_per_million(rates.output),
        "reasoning_usd_per_million": _usd_per_million(rates.reasoning),
    }


def _usd_per_million(picos_per_token: int) -> str:
    """Exact: a pico-dollar per token is a millionth of a dollar per million tokens."""
    whole, rest = divmod(picos_per_token, _PICOS_PER_USD_PER_MILLION)
    return f"{whole}.{rest:06d}"


@dataclass(frozen=True, slots=True)
class _Entry:
    model: Model
    encoded: bytes


class Listing:
    """All models, encoded: once, when they are first asked for."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = tuple(models)

    @cached_property
    def _entries(self) -> dict[str, _Entry]:
        encoded = (_Entry(model, ModelOut.of(model).model_dump_json().encode()) for model in self._models)
        return {f"{entry.model.provider}/{entry.model.id}": entry for entry in encoded}

    @cached_property
    def everything(self) -> bytes:
        return _joined(self._entries.values())

    def admitted_by(self, allowed: Sequence[str]) -> bytes:
        """The models that a key's allow-list lets through."""
        if not allowed:
            return self.everything
        return _joined(
            entry for entry in self._entries.values() if allows(allowed, entry.model.provider, entry.model.id)
        )

    def find(self, model_id: str, allowed: Sequence[str]) -> bytes | None:
        entry = self._entries.get(model_id)
        if entry is None or not allows(allowed, entry.model.provider, entry.model.id):
            return None
        return entry.encoded


def _joined(entries: Iterable[_Entry]) -> bytes:
    return b'{"object":"list","data":[' + b",".join(entry.encoded for entry in entries) + b"]}"


def _listing_of(request: Request) -> Listing:
    listing: Listing = request.state.listing
    return listing


Models = Annotated[Listing, Depends(_listing_of)]


@router.get(
    "",
    response_model=ModelList,
    summary="Models with context windows and prices; with a virtual key, those it may call",
    responses=refusals(401, 403),
)
async def list_models(
    listing: Models, caller: Annotated[Person | Permit, Depends(allowed_or_key("model.list"))]
) -> Response:
    return _json(listing.admitted_by(_list_of(caller)))


@router.get(
    "/{model_id:path}", response_model=ModelOut, summary="One model, by its id", responses=refusals(401, 403, 404, 422)
)
async def get_model(
    listing: Models, caller: Annotated[Person | Permit, Depends(allowed_or_key("model.list"))], model_id: str
) -> Response:
    encoded = listing.find(model_id, _list_of(caller))
    if encoded is None:
        raise NotFound("there is no such model for you; ids look like `openai/gpt-4o`", code="model_not_found")
    return _json(encoded)


def _list_of(caller: Person | Permit) -> Sequence[str]:
    return caller.allowed_models if isinstance(caller, Permit) else ()


def _json(encoded: bytes) -> Response:
    return Response(encoded, media_type="application/json")
