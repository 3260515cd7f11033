"""The data plane: what Cloudflare checks before a call reaches a provider, in its order.

Gateway, token, provider, rate, credential, path, cache, spend, body; then the provider answers (see `produce`).
Judging needs no socket: it ends in a whole reply or in a delivery.
"""

from dataclasses import dataclass, field
from typing import Final

from tollhouse.emulator import metadata as metadata_header
from tollhouse.emulator import response_cache
from tollhouse.emulator.book import CallRow, Leak, call_id_of
from tollhouse.emulator.chat import decode_fields, model_of, read_chat
from tollhouse.emulator.credentials import (
    Account,
    Payer,
    find_leaks,
    find_payer,
    is_authorized,
)
from tollhouse.emulator.delivery import Delivery, deliver
from tollhouse.emulator.faults import (
    GatewayFault,
    ProviderFault,
    WorkersAiFault,
    gateway_reply,
    provider_reply,
)
from tollhouse.emulator.gateways import DEFAULT_GATEWAY, Gateway, default_settings
from tollhouse.emulator.limits import Spender
from tollhouse.emulator.log_ids import new_log_id
from tollhouse.emulator.paths import Place, Target, find_place, find_target, require_chat
from tollhouse.emulator.produce import Call, produce
from tollhouse.emulator.received import Received
from tollhouse.emulator.values import Fields
from tollhouse.emulator.wire import Header, Line, Reply, Request, compressed, json_reply
from tollhouse.emulator.world import World

_NOBODY: Final = Account(frozenset(), frozenset(), frozenset())
_HOP_HEADERS: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "keep-alive"})


@dataclass(slots=True)
class _Visit:
    """One request while it is judged; filled in as far as judging gets."""

    request: Request
    received: Received
    log_id: str
    account_id: str
    gateway_id: str
    rest: str
    account: Account
    metadata: dict[str, str]
    provider: str | None = None
    model: str = ""
    headers: list[Header] = field(default_factory=list)


class DataPlane:
    """Serves `/v1/{account}/{gateway}/...`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: Request, line: Line) -> None:
        self._world.in_flight += 1
        try:
            outcome = self.judge(request)
            if isinstance(outcome, Delivery):
                await deliver(outcome, line)
            else:
                await line.reply(outcome)
        finally:
            self._world.in_flight -= 1

    def judge(self, request: Request) -> Reply | Delivery:
        """Decide everything about the answer; the request, its leaks and its refusal are on record afterwards."""
        visit = self._open(request)
        try:
            outcome = self._admit(visit)
        except GatewayFault as fault:
            self._world.book.reject(str(fault.code))
            outcome = gateway_reply(fault)
        except ProviderFault as fault:
            outcome = provider_reply(fault)
            self._enter_refusal(visit, fault.status)
        self._record_leaks(visit)
        visit.received.status = outcome.status
        if isinstance(outcome, Reply):
            return _with_headers(outcome, visit)
        return outcome

    # What is known at once

    def _open(self, request: Request) -> _Visit:
        _, _, account_id, gateway_id, *rest = [*request.path.split("/", 4), "", ""][:5]
        log_id = new_log_id(self._world.clock.now_ns())
        received = self._world.requests.add(request, self._world.clock.now().isoformat())
        received.log_id, received.gateway = log_id, gateway_id
        return _Visit(
            request=request,
            received=received,
            log_id=log_id,
            account_id=account_id,
            gateway_id=gateway_id,
            rest=rest[0],
            account=self._world.accounts.get(account_id, _NOBODY),
            metadata=metadata_header.read_metadata(request.fields.get("cf-aig-metadata")),
            headers=_answer_headers(request, log_id),
        )

    # The checks

    def _admit(self, visit: _Visit) -> Reply | Delivery:
        gateway = self._gateway(visit)
        if not visit.rest:
            return json_reply(501, {"error": "the emulator has no universal endpoint"})
        place = find_place(visit.rest)
        visit.provider = place.provider.slug if place.provider else None
        now_s = self._world.now_s()
        self._world.fences.pass_rate(visit.account_id, gateway, now_s)
        fields, target = self._target(visit, place)
        payer = find_payer(visit.request, gateway, target, visit.account)
        self._forward(visit, payer)
        if payer == "nobody":
            raise _unpaid(target)
        require_chat(place, visit.request.method, visit.request.parameters())
        if payer == "unified":
            limit = self._world.config.unified_calls_per_minute
            self._world.fences.pass_unified(visit.account_id, gateway, limit, now_s)
        hit = self._cached(visit, now_s)
        return hit or self._call(visit, gateway, place, target, fields)

    def _gateway(self, visit: _Visit) -> Gateway:
        gateway = self._world.shelf.find(visit.account_id, visit.gateway_id)
        authorized = is_authorized(visit.request, visit.account)
        if gateway is None and visit.gateway_id == DEFAULT_GATEWAY and authorized:
            now = self._world.clock.now()
            return self._world.shelf.add(visit.account_id, DEFAULT_GATEWAY, default_settings(), now)
        if gateway is None:
            raise GatewayFault(2001)
        if gateway.settings.authentication and not authorized:
            raise GatewayFault(2009)
        return gateway

    def _target(self, visit: _Visit, place: Place) -> tuple[Fields | None, Target]:
        """On /compat the body names the provider, so it is read first; elsewhere the provider reads it later."""
        if place.provider is not None:
            return None, Target(place.provider, "", native=True)
        require_chat(place, visit.request.method, {})
        fields = _read_fields(visit.request)
        model = model_of(fields)
        visit.model = model
        target = find_target(place, model)
        visit.provider = target.provider.slug
        return fields, target

    def _cached(self, visit: _Visit, now_s: float) -> Reply | None:
        if response_cache.skips(visit.request):
            return None
        hit = self._world.answers.find(response_cache.key_of(visit.account_id, visit.request), now_s)
        if hit is not None:
            self._world.book.totals.cache_hits += 1
            visit.headers = _answer_headers(visit.request, visit.log_id, cache=b"HIT")
        return hit

    def _call(
        self, visit: _Visit, gateway: Gateway, place: Place, target: Target, fields: Fields | None
    ) -> Reply | Delivery:
        if fields is None:
            fields = _read_fields(visit.request)
            visit.model = model_of(fields)
            target = find_target(place, visit.model)
        slug = target.provider.slug
        chat = read_chat(fields, slug, target.model)
        spender = Spender(visit.account_id, gateway, slug, target.model, visit.metadata)
        self._world.fences.pass_spend(spender, self._world.now_s())
        call = Call(
            request=visit.request,
            log_id=visit.log_id,
            account_id=visit.account_id,
            gateway=gateway,
            provider=slug,
            sent_model=visit.model,
            chat=chat,
            metadata=visit.metadata,
            headers=visit.headers,
        )
        return produce(self._world, call)

    # What is kept

    def _forward(self, visit: _Visit, payer: Payer) -> None:
        """Headers that would reach the provider: all but Cloudflare's own and those of one hop."""
        visit.received.payer = payer
        visit.received.provider = visit.provider or ""
        visit.received.forwarded = [
            name for name in visit.request.fields if not name.startswith("cf-aig-") and name not in _HOP_HEADERS
        ]

    def _record_leaks(self, visit: _Visit) -> None:
        for found in find_leaks(visit.request, visit.provider, visit.account):
            leak = Leak(found.kind, found.where, visit.gateway_id, visit.request.path, visit.log_id)
            self._world.leak(leak)

    def _enter_refusal(self, visit: _Visit, status: int) -> None:
        row = CallRow(
            log_id=visit.log_id,
            call_id=call_id_of(visit.metadata),
            gateway=visit.gateway_id,
            provider=visit.provider or "",
            model=visit.model,
            status=status,
            billed=False,
        )
        self._world.enter(row, visit.metadata)


def _unpaid(target: Target) -> ProviderFault:
    """Forwarded without a usable credential: the provider's own 401."""
    if target.provider.slug == "workers-ai":
        return WorkersAiFault(401, "Authentication error")
    return ProviderFault(401, "You didn't provide an API key.", "invalid_api_key")


def _read_fields(request: Request) -> Fields:
    return decode_fields(request.body, request.fields.get("content-type", ""))


def _answer_headers(request: Request, log_id: str, cache: bytes = b"MISS") -> list[Header]:
    headers = [
        (b"cf-aig-log-id", log_id.encode()),
        (b"cf-aig-request-id", b"req-" + log_id.encode()),
        (b"cf-aig-step", b"0"),
        (b"cf-aig-cache-status", cache),
    ]
    event_id = request.fields.get("cf-aig-event-id")
    return [*headers, (b"cf-aig-event-id", event_id.encode("latin-1"))] if event_id else headers


def _with_headers(reply: Reply, visit: _Visit) -> Reply:
    whole = Reply(reply.status, reply.body, [*reply.headers, *visit.headers])
    return compressed(whole, visit.request.fields.get("accept-encoding", ""))
