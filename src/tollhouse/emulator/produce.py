"""The provider's part of a call: take a script, produce the answer, decide what it costs and how it travels."""

from dataclasses import dataclass
from typing import Final

import msgspec

from tollhouse.emulator import openai_shapes, response_cache
from tollhouse.emulator.book import Bill, CallRow, Model, call_id_of, true_cost_nanos
from tollhouse.emulator.call_logs import CallLog
from tollhouse.emulator.chat import ChatRequest
from tollhouse.emulator.delivery import Delivery
from tollhouse.emulator.faults import ProviderFault
from tollhouse.emulator.gateways import Gateway
from tollhouse.emulator.limits import Spender
from tollhouse.emulator.openai_shapes import Event, Telling, UsageTwist
from tollhouse.emulator.provider import Answer, answer
from tollhouse.emulator.scripts import PLAIN, Script, fault_of, fault_reply, sse_pieces
from tollhouse.emulator.wire import EVENT_STREAM, PLAIN_TEXT, Header, Reply, Request, compressed
from tollhouse.emulator.world import World
from tollhouse.foundation.tokens import TokenUsage

_MAX_ATTEMPTS: Final = 5
_NANOS_PER_USD: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """A call that passed every check of the gateway. `sent_model` is the model as the caller wrote it."""

    request: Request
    log_id: str
    account_id: str
    gateway: Gateway
    provider: str
    sent_model: str
    chat: ChatRequest
    metadata: dict[str, str]
    headers: list[Header]


def produce(world: World, call: Call) -> Delivery:
    """The answer, with its bill attached. Raises ProviderFault when the prompt is too long."""
    model = world.config.catalog.find(call.provider, call.chat.model.removeprefix("models/"))
    script = world.scripts.take(call.gateway.id, (call.sent_model, call.chat.model))
    for _ in range(_retries(call)):
        if not script.refuses() or script.status is None or script.status < 500:
            break
        _bill(world, call, model, script, _answer(world, call, model, script)).present()
        script = world.scripts.take(call.gateway.id, (call.sent_model, call.chat.model))
    whole = _answer(world, call, model, script)
    bill = _bill(world, call, model, script, whole)
    return _delivery(world, call, script, whole, bill)


def _retries(call: Call) -> int:
    """Cloudflare's own repetitions, each with its own bill."""
    asked = call.request.fields.get("cf-aig-max-attempts", "")
    attempts = int(asked) if asked.isdigit() else call.gateway.settings.retry_max_attempts or 1
    return min(attempts, _MAX_ATTEMPTS) - 1


def _answer(world: World, call: Call, model: Model | None, script: Script) -> Answer:
    window = model.context_window if model is not None else None
    return answer(call.chat, call.provider, window, world.prompts, script.wishes())


# The bill


def _bill(world: World, call: Call, model: Model | None, script: Script, whole: Answer) -> Bill:
    billed = script.billed()

    def enter(usage: TokenUsage) -> None:
        booked = usage if billed else TokenUsage()
        cost = true_cost_nanos(booked, model.price) if billed and model is not None else 0
        _enter(world, call, _row(call, _status(script), booked, cost, billed=billed), booked)

    return Bill(enter, whole.usage, only_what_was_sent=script.bill_on_disconnect == "sent")


def _row(call: Call, status: int, usage: TokenUsage, cost: int, *, billed: bool) -> CallRow:
    return CallRow(
        log_id=call.log_id,
        call_id=call_id_of(call.metadata),
        gateway=call.gateway.id,
        provider=call.provider,
        model=call.chat.model,
        status=status,
        billed=billed,
        input=usage.input,
        cached=usage.cached,
        output=usage.output,
        reasoning=usage.reasoning,
        true_cost_nanos=cost,
    )


def _enter(world: World, call: Call, row: CallRow, usage: TokenUsage) -> None:
    world.enter(row, call.metadata)
    spender = Spender(call.account_id, call.gateway, call.provider, call.chat.model, call.metadata)
    world.fences.spent(spender, world.now_s(), row.true_cost_nanos)
    if _wants_log(call):
        world.logs.add(_log(world, call, row, usage))


def _wants_log(call: Call) -> bool:
    asked = call.request.fields.get("cf-aig-collect-log", "")
    return asked == "true" if asked else call.gateway.settings.collect_logs


def _log(world: World, call: Call, row: CallRow, usage: TokenUsage) -> CallLog:
    return CallLog(
        id=row.log_id,
        created_at=world.clock.now().isoformat(),
        gateway=row.gateway,
        provider=row.provider,
        model=row.model,
        path=call.request.path.split("/", 5)[-1],
        status_code=row.status,
        success=row.status < 400,
        cached=False,
        tokens_in=usage.input,
        tokens_out=usage.output,
        cost=row.true_cost_nanos / _NANOS_PER_USD,
        metadata=call.metadata,
    )


# The way it travels


def _status(script: Script) -> int:
    """As the caller sees it; 0 when it sees none."""
    if script.hang or script.drop_connection == "before_headers":
        return 0
    if script.cloudflare_error is not None:
        return fault_reply(fault_of(script.cloudflare_error)).status
    return script.status or 200


def _delivery(world: World, call: Call, script: Script, whole: Answer, bill: Bill) -> Delivery:
    if _is_streamed(call, script):
        return _stream(world, call, script, whole, bill)
    reply = _whole_reply(world, call, script, whole)
    _keep_for_later(world, call, script, reply)
    dressed = Reply(reply.status, reply.body, _headers(call, script, reply.headers))
    sent = compressed(dressed, call.request.fields.get("accept-encoding", ""))
    return Delivery(
        status=sent.status,
        headers=[*sent.headers, (b"content-length", str(len(sent.body)).encode())],
        pieces=[Event(sent.body, sum(choice.visible for choice in whole.choices))],
        bill=bill,
        latency_s=_latency_s(world, script),
        drop="mid_body" if script.cut_after_chunks is not None else script.drop_connection,
        hang=script.hang,
    )


def _is_streamed(call: Call, script: Script) -> bool:
    if script.raw_sse is not None:
        return True
    whole = script.json_for_stream or script.refuses() or script.cloudflare_error is not None
    return call.chat.stream and not whole and script.body is msgspec.UNSET


def _whole_reply(world: World, call: Call, script: Script, whole: Answer) -> Reply:
    if script.cloudflare_error is not None:
        return fault_reply(fault_of(script.cloudflare_error))
    status = script.status or 200
    if isinstance(script.body, str):
        return Reply(status, script.body.encode(), [PLAIN_TEXT])
    if script.body is not msgspec.UNSET:
        return Reply(status, msgspec.json.encode(script.body))
    if script.refuses():
        fault = ProviderFault(status, "The emulated provider was told to refuse.", "scripted", kind="server_error")
        return Reply(status, msgspec.json.encode(fault.body()))
    return Reply(status, openai_shapes.completion(whole, _telling(world, call, script)))


def _keep_for_later(world: World, call: Call, script: Script, reply: Reply) -> None:
    """Only what the provider said by itself is worth a place in the response cache."""
    if script is not PLAIN or call.chat.stream or response_cache.skips(call.request):
        return
    key = response_cache.key_of(call.account_id, call.request)
    ttl_s = response_cache.ttl_of(call.request, call.gateway.settings.cache_ttl)
    world.answers.keep(key, reply, world.now_s(), ttl_s)


def _stream(world: World, call: Call, script: Script, whole: Answer, bill: Bill) -> Delivery:
    pieces = _pieces(world, call, script, whole)
    cut = False
    if script.error_event_after_chunks is not None:
        pieces = pieces[: script.error_event_after_chunks]
        visible = pieces[-1].visible if pieces else 0
        pieces.append(Event(openai_shapes.error_event("The emulated provider failed."), visible))
    elif script.cut_after_chunks is not None:
        pieces, cut = pieces[: script.cut_after_chunks], True
    delay_ms = script.chunk_delay_ms
    return Delivery(
        status=script.status or 200,
        headers=_headers(call, script, [EVENT_STREAM]),
        pieces=pieces,
        bill=bill,
        latency_s=_latency_s(world, script),
        delay_s=world.config.chunk_delay_s if delay_ms is None else delay_ms / 1000,
        cut=cut,
        drop=script.drop_connection,
        hang=script.hang,
    )


def _pieces(world: World, call: Call, script: Script, whole: Answer) -> list[Event]:
    if script.raw_sse is not None:
        return [Event(piece, 0) for piece in sse_pieces(script)]
    return openai_shapes.events(whole, _telling(world, call, script))


def _telling(world: World, call: Call, script: Script) -> Telling:
    unasked: UsageTwist | None = "with_finish" if call.chat.usage_unasked else None
    return Telling(
        answer_id=f"chatcmpl-{call.log_id}",
        created=int(world.now_s()),
        include_usage=call.chat.include_usage or call.chat.usage_unasked,
        usage_nulls=call.chat.include_usage,
        usage=unasked if script.usage is None else script.usage,
        done=not script.no_done,
    )


def _headers(call: Call, script: Script, usual: list[Header]) -> list[Header]:
    """The script's headers replace usual ones of the same name."""
    told = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in script.headers.items()]
    replaced = {name for name, _ in told}
    return [header for header in (*usual, *call.headers) if header[0] not in replaced] + told


def _latency_s(world: World, script: Script) -> float:
    return world.config.latency_s if script.latency_ms is None else script.latency_ms / 1000
