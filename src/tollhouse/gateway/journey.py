"""The road of a call, on one screen. Only this file knows the order of the steps.

    authenticate -> authorize -> credentials -> count -> estimate -> hold -> forward -> relay(on_close=settle)

A hold is taken before anything is sent and resolved on every way out: by the relay before the caller sees the
end, or by the `finally` below. A caller who hangs up is one more way of closing; so is a shutdown.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tollhouse.access.permits import Permit
from tollhouse.access.rates import Rates, Slow, Turn
from tollhouse.catalog.models import Catalog
from tollhouse.cloudflare.upstream import UpstreamError, UpstreamPool, UpstreamResponse
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.errors import TollhouseError
from tollhouse.gateway import refusals
from tollhouse.gateway.authenticate import Permits, authenticate
from tollhouse.gateway.authorize import Destination, authorize, budgets_of
from tollhouse.gateway.caller import Caller
from tollhouse.gateway.calls import TAGS_HEADER, Arrival, ChatRequest, pause, read_chat, read_tags
from tollhouse.gateway.credentials import Credential, Credentials
from tollhouse.gateway.estimate import Estimate, affordable_tokens, estimate, fit, normalised_pieces
from tollhouse.gateway.forward import Outgoing, forward, write
from tollhouse.gateway.passage import BROKEN, NOT_SENT, TIMED_OUT, Passage
from tollhouse.gateway.relay import Relay
from tollhouse.gateway.settle import Settler, opening_of
from tollhouse.ledger.crashpoints import CrashPoint
from tollhouse.ledger.keeper import Keeper
from tollhouse.ledger.purse import Wish
from tollhouse.ledger.records import Call, entry_day
from tollhouse.ledger.till import Refuse


@dataclass(frozen=True, slots=True)
class RoadLimits:
    """What one call may take."""

    max_body_bytes: int
    body_timeout_s: float
    call_max_s: float
    default_max_output_tokens: int


@dataclass(slots=True)
class Prices:
    """The catalog in force. Replaced at midnight UTC; a call is priced by the one it was held with."""

    catalog: Catalog


@dataclass(frozen=True, slots=True)
class Road:
    """Everything the steps need; built once by the app."""

    permits: Permits
    prices: Prices
    keeper: Keeper
    pool: UpstreamPool
    credentials: Credentials
    default_account: str | None
    rates: Rates
    relay: Relay
    settler: Settler
    clock: Clock
    limits: RoadLimits
    point: CrashPoint

    async def travel(self, arrival: Arrival, caller: Caller) -> None:
        """One call, from its headers to its entry. Raises TollhouseError for every refusal."""
        permit = await authenticate(self.permits, caller.header(b"authorization"), arrival.at)
        tags = read_tags(caller.header(TAGS_HEADER))
        raw = await caller.read_body(self.limits.max_body_bytes, self.limits.body_timeout_s)
        chat = await read_chat(raw, tags)
        destination = authorize(permit, chat, self.prices.catalog, default_account=self.default_account)
        credential = self.credentials.of(permit, destination)
        with self._counted(permit) as turn:
            draft, made = await self._estimate(permit, chat, destination)
            passage = await self._hold(arrival, permit, chat, destination, made)
            passage.provider_key = credential.provider_key
            try:
                await self._carry(passage, credential, draft, caller)
            finally:
                self.settler.settle(passage)
                turn.tokens = passage.ending.usage.total

    async def _carry(self, passage: Passage, credential: Credential, draft: Outgoing, caller: Caller) -> None:
        """There and back, within the time that a call may take."""
        try:
            async with asyncio.timeout(self.limits.call_max_s):
                response = await self._forward(passage, credential, draft)
                try:
                    await self.relay.relay(response, passage, caller, on_close=self.settler.settle)
                finally:
                    await response.aclose()
        except TimeoutError as cause:
            passage.ending, passage.error_type = TIMED_OUT, "timeout"
            raise refusals.call_too_long(self.limits.call_max_s) from cause

    @contextlib.contextmanager
    def _counted(self, permit: Permit) -> Iterator[Turn]:
        """The call's turn among those of its key, if the key has limits of calls."""
        turn = self.rates.admit(permit.key_id, permit.calls, self.clock.now_ns())
        if isinstance(turn, Slow):
            raise refusals.too_fast(turn)
        try:
            yield turn or Turn(b"")
        finally:
            if turn is not None:
                self.rates.finish(turn, self.clock.now_ns())

    async def _estimate(self, permit: Permit, chat: ChatRequest, destination: Destination) -> tuple[Outgoing, Estimate]:
        """What will be sent, with the default cap where the caller set none, and the bound of just that."""
        default_max = permit.max_output_tokens or self.limits.default_max_output_tokens
        await pause(chat.size_bytes)
        draft = write(chat, destination, chat.max_output_tokens or default_max)
        extra = 0
        if destination.route.normalises_text and not draft.body.isascii():
            for added in normalised_pieces(draft.body):
                extra += added
                await pause(chat.size_bytes)
        made = estimate(
            chat,
            destination.entry,
            len(draft.body) + extra,
            policy=permit.bound_policy,
            default_max=default_max,
            price_version=self.prices.catalog.version,
        )
        await pause(chat.size_bytes)
        return draft, made

    async def _hold(
        self, arrival: Arrival, permit: Permit, chat: ChatRequest, destination: Destination, made: Estimate
    ) -> Passage:
        """Set the bound aside on every scope; a call that does not fit ends here."""
        answer = await self.keeper.hold(_wish(arrival, permit, chat, destination, made))
        if isinstance(answer, Refuse):
            raise _refusal(answer, made, destination)
        return Passage(arrival, permit, chat, destination, fit(made, answer.amount), answer.amount, entry_day(answer))

    async def _forward(self, passage: Passage, credential: Credential, draft: Outgoing) -> UpstreamResponse:
        """Send; what went wrong decides what the call may have cost."""
        permit, destination = passage.permit, passage.destination
        if draft.output_tokens != passage.estimate.output_tokens:
            draft = write(passage.chat, destination, passage.estimate.output_tokens)
            await pause(passage.chat.size_bytes)
        passage.sent_at = self.clock.monotonic()
        self.point("before_send")
        try:
            response = await forward(self.pool, credential, permit, destination, passage.arrival.call_id, draft.body)
        except UpstreamError as cause:
            passage.ending = BROKEN if cause.sent else NOT_SENT
            passage.error_type = cause.code
            raise
        self.point("after_send")
        return response


def _wish(arrival: Arrival, permit: Permit, chat: ChatRequest, destination: Destination, made: Estimate) -> Wish:
    call = Call(
        call_id=arrival.call_id,
        customer_id=permit.customer_id,
        key_id=permit.key_id,
        user_id=permit.user_id,
        team_id=permit.team_id,
        provider=destination.provider,
        model=destination.model,
        price_version=made.price_version,
    )
    note = opening_of(arrival, stream=chat.stream)
    return Wish(call, budgets_of(permit, destination), made.amount, made.floor, note)


def _refusal(answer: Refuse, made: Estimate, destination: Destination) -> TollhouseError:
    if answer.verdict is None or answer.standing is None:
        return refusals.ledger_unavailable()
    if made.amount is None:
        return refusals.model_unpriced(destination.provider, destination.model)
    affordable = affordable_tokens(made, refusals.left_of(answer.standing))
    return refusals.over_budget(answer.standing, made.floor, affordable)
