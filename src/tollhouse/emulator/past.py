"""Calls of the past, for a world that is to have one: booked like those of today, each once, by the caller's name."""

import msgspec

from tollhouse.emulator.book import CallRow, Models, true_cost_nanos
from tollhouse.emulator.log_ids import new_log_id
from tollhouse.emulator.world import World
from tollhouse.foundation.tokens import TokenUsage, usage_from_counts


class _Usage(msgspec.Struct, forbid_unknown_fields=True):
    input: int
    output: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


class _PastCall(msgspec.Struct, forbid_unknown_fields=True):
    """`usage` null: it was refused for free."""

    call_id: str
    gateway: str
    provider: str
    model: str
    status: int
    usage: _Usage | None
    metadata: dict[str, str]
    at_ms: int


class PastOrder(msgspec.Struct, forbid_unknown_fields=True):
    calls: list[_PastCall]


def book_past(world: World, order: PastOrder) -> list[str]:
    """Ids of their log rows, in the order given; of a call that is in the book already, the one it has."""
    known = {row.call_id: row.log_id for row in world.book.rows}
    return [known.get(call.call_id) or _enter(world, call) for call in order.calls]


def _enter(world: World, call: _PastCall) -> str:
    usage, log_id = _usage_of(call), new_log_id(call.at_ms * 1_000_000)
    row = CallRow(
        log_id=log_id,
        call_id=call.call_id,
        gateway=call.gateway,
        provider=call.provider,
        model=call.model,
        status=call.status,
        billed=call.usage is not None,
        input=usage.input,
        cached=usage.cached,
        output=usage.output,
        reasoning=usage.reasoning,
        true_cost_nanos=_cost(world.config.catalog, call, usage),
    )
    world.enter(row, call.metadata)
    return log_id


def _usage_of(call: _PastCall) -> TokenUsage:
    said = call.usage or _Usage(0, 0)
    return usage_from_counts(
        input=said.input,
        output=said.output,
        cached=said.cached,
        cache_write=said.cache_write,
        reasoning=said.reasoning,
    )


def _cost(models: Models, call: _PastCall, usage: TokenUsage) -> int:
    model = models.find(call.provider, call.model)
    return 0 if model is None else true_cost_nanos(usage, model.price)
