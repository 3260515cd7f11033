"""Workers AI's models as Cloudflare's search lists them: half typed, so read with patience. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from tollhouse.cloudflare.api import ManagementError
from tollhouse.foundation.errors import UNREADABLE

_CHAT_TASK: Final = "Text Generation"


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """`unit` in Cloudflare's words ("per M input tokens"); `price` exact, in `currency`."""

    unit: str
    price: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class WorkersModel:
    """`name` is the id that calls use (`@cf/vendor/model`); the search's own `id` is of no use."""

    name: str
    task: str
    description: str
    context_window: int | None
    prices: tuple[ModelPrice, ...]

    @property
    def chats(self) -> bool:
        return self.task == _CHAT_TASK


class _Task(msgspec.Struct):
    name: str = ""


class _Property(msgspec.Struct):
    property_id: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class _Model(msgspec.Struct):
    name: str
    description: str | None = None
    task: _Task | None = None
    properties: list[_Property] | None = None


class _Price(msgspec.Struct):
    unit: str
    price: Decimal
    currency: str = "USD"


def read_models(result: msgspec.Raw) -> list[WorkersModel]:
    """One page. Entries without a name are skipped; a page that is no list raises ManagementError."""
    try:
        entries = msgspec.json.decode(result, type=list[msgspec.Raw])
    except UNREADABLE as cause:
        raise ManagementError("a list of models that is none", status=200, retryable=True) from cause
    return [model for entry in entries if (model := _model(entry)) is not None]


def _model(entry: msgspec.Raw) -> WorkersModel | None:
    try:
        model = msgspec.json.decode(entry, type=_Model)
    except UNREADABLE:
        return None
    properties = {each.property_id: each.value for each in model.properties or ()}
    return WorkersModel(
        name=model.name,
        task=model.task.name if model.task else "",
        description=model.description or "",
        context_window=_whole_number(properties.get("context_window")),
        prices=_prices(properties.get("price")),
    )


def _whole_number(raw: msgspec.Raw | None) -> int | None:
    """A number, or one written as a string: both occur."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=int, strict=False)
    except UNREADABLE:
        return None


def _prices(raw: msgspec.Raw | None) -> tuple[ModelPrice, ...]:
    if raw is None:
        return ()
    try:
        listed = msgspec.json.decode(raw, type=list[_Price])
    except UNREADABLE:
        return ()
    return tuple(ModelPrice(each.unit, each.price, each.currency) for each in listed)
