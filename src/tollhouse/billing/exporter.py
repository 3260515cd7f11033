"""The loop that takes usage events from the outbox to a meter: each once, whatever dies in between.

Every process runs one. It looks for customers whose events wait, takes some of their turns, and sends their events one
after the other, because the meter takes one at a time of a customer. Before an event is sent it is written down that it
may be at the meter; after an answer, what the answer says. Who dies in between leaves an event that is sent again under
the same name. What stays unclear for longer than the meter remembers names, is too old for it, or is refused becomes a
dead letter. Calls know nothing of all this.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from tollhouse.billing.metering import MOST_DIGITS, OLDEST, REMEMBERED, Answer, MeterEvent
from tollhouse.db.pool import DATABASE_FAILURES, Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.logs import get_logger
from tollhouse.usage import exports
from tollhouse.usage.exports import DeadKind, NotSent, Turn, UsageEvent, Waiting

AT_ONCE: Final = 4
"""Customers whose events one process sends at the same time."""
BATCH: Final = 50
LOOKED_AT: Final = 1_000
"""Customers that one look passes, with or without an account."""
LOOK_EVERY_S: Final = 1.0
TURN_S: Final = 10.0
"""For how long a turn is used. An answer and the writing down of it may take a while longer."""
HOLD: Final = timedelta(seconds=30)
GIVE_UP_EVERY_S: Final = 60.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
_DOUBLINGS: Final = 8

_log = get_logger(__name__)


class Meter(Protocol):
    """Where events go; `tollhouse.billing.stripe_meters` has it."""

    async def send(self, event: MeterEvent) -> Answer:
        """One try, soon over; never raises for what the other side does."""
        ...


@dataclass(slots=True)
class Round:
    """What became of one batch. `stopped`: why no more of it was sent. `stumbles`: errors since the last success."""

    sent: list[str] = field(default_factory=list)
    others: list[NotSent] = field(default_factory=list)
    stopped: str | None = None
    everywhere: bool = False
    stumbles: int = 0


class Exporter:
    """Owns one process's share of the sending. `chance` spreads pauses: 0 to 1."""

    def __init__(
        self, database: Database, clock: Clock, meter: Meter, *, chance: Callable[[], float] = random.random
    ) -> None:
        self._database = database
        self._clock = clock
        self._meter = meter
        self._chance = chance
        self._after = ""
        self._troubles = 0
        self._give_up_at = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            busy = await self._look_apart()
            await asyncio.sleep(self._rest_s(busy=busy))

    async def look(self) -> int:
        """Give up what cannot be sent any more, then use some turns; how many there were to use."""
        await self._give_up()
        turns = await self._take_turns()
        if turns:
            async with asyncio.TaskGroup() as group:
                using = [group.create_task(self._use_apart(turn)) for turn in turns]
            self._troubles = self._troubles + 1 if all(task.result() for task in using) else 0
        return len(turns)

    async def _look_apart(self) -> bool:
        try:
            return await self.look() > 0
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: it must not die of one bad turn
            _log.warning("usage events could not be sent; trying again", error=repr(error))
            return False

    def _rest_s(self, *, busy: bool) -> float:
        if self._troubles:
            return self._pause_s(self._troubles)
        return 0.0 if busy else LOOK_EVERY_S * (0.5 + self._chance())

    def _pause_s(self, failures: int) -> float:
        """After so many failures in a row: doubled each time, at least half of it."""
        longest = min(FIRST_PAUSE_S * (1 << min(failures - 1, _DOUBLINGS)), LONGEST_PAUSE_S)
        return longest * (0.5 + self._chance() / 2)

    # Turns -------------------------------------------------------------------------------------------------

    async def _give_up(self) -> None:
        """Now and then: what is due to be given up is sent by nobody, so there is no hurry."""
        if self._clock.monotonic() < self._give_up_at:
            return
        now = self._clock.now()
        async with self._database.transaction() as connection:
            given_up = await exports.give_up(connection, now, not_before=now - OLDEST, tried_since=now - REMEMBERED)
        self._give_up_at = self._clock.monotonic() + (0 if given_up else GIVE_UP_EVERY_S)
        if given_up:
            _log.error("usage events became dead letters: too old, or uncertain for too long", events=given_up)

    async def _take_turns(self) -> list[Turn]:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            seen = await exports.waiting(connection, self._after, now, most=LOOKED_AT)
            chosen = self._choose(seen)
            return await exports.take_turns(connection, chosen, now, now + HOLD) if chosen else []

    def _choose(self, seen: Sequence[Waiting]) -> dict[CustomerId, str]:
        """Some that are ready. The next look goes on behind them, or behind all if there were no more."""
        ready = [(one.customer_id, one.account_id) for one in seen if one.ready and one.account_id is not None]
        chosen = dict(ready[:AT_ONCE])
        if len(ready) > AT_ONCE:
            self._after = ready[AT_ONCE - 1][0]
        else:
            self._after = seen[-1].customer_id if len(seen) == LOOKED_AT else ""
        return chosen

    async def _use_apart(self, turn: Turn) -> bool:
        """Whether it met something that others would meet, too. One that goes wrong leaves the others alone."""
        try:
            return await self._use(turn)
        except DATABASE_FAILURES as error:
            # Nothing is lost: what is not written down counts as perhaps sent, and goes again under the same name.
            _log.warning("a turn could not be written down", customer_id=turn.customer_id, error=repr(error))
            return True

    async def _use(self, turn: Turn) -> bool:
        over_at = self._clock.monotonic() + TURN_S
        while True:
            events = await self._take(turn)
            done = await self._send_all(turn, events, over_at)
            more = len(events) == BATCH and done.stopped is None and self._clock.monotonic() < over_at
            await self._write_down(turn, done, last=not more)
            if not more:
                return self._ended(turn, done)

    def _ended(self, turn: Turn, done: Round) -> bool:
        if done.stopped is not None:
            _log.warning("usage events are sent later", customer_id=turn.customer_id, error=done.stopped)
        return done.everywhere

    async def _take(self, turn: Turn) -> list[UsageEvent]:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            return await exports.take(
                connection,
                turn.customer_id,
                now,
                not_before=now - OLDEST,
                tried_since=now - REMEMBERED,
                most=BATCH,
            )

    async def _write_down(self, turn: Turn, done: Round, *, last: bool) -> None:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if done.sent:
                await exports.sent(connection, turn.customer_id, done.sent, now)
            if done.others:
                await exports.not_sent(connection, done.others, now)
            if last:
                await exports.end_turn(connection, turn, self._next_turn(turn, done, now), done.stopped)

    def _next_turn(self, turn: Turn, done: Round, now: datetime) -> datetime:
        if done.stopped is None:
            return now
        return now + timedelta(seconds=self._pause_s(turn.failures + 1))

    # Events ------------------------------------------------------------------------------------------------

    async def _send_all(self, turn: Turn, events: Sequence[UsageEvent], over_at: float) -> Round:
        """One after the other, until one is not taken for a reason that the next would meet, or the turn is over."""
        done = Round()
        for event in events:
            # By both clocks: who was frozen, or whose machine slept, must not send what has become too old meanwhile.
            over = self._clock.monotonic() >= over_at or self._clock.now() >= turn.until
            if done.stopped is not None or over:
                done.others.append(NotSent(event))
            else:
                self._sort(done, turn, event, await self._send(turn, event))
        return done

    async def _send(self, turn: Turn, event: UsageEvent) -> Answer:
        if len(str(abs(event.cost))) > MOST_DIGITS:
            return Answer("refused", f"the meter takes values of at most {MOST_DIGITS} digits")
        now = self._clock.now()
        at = min(event.occurred_at, now)  # a clock that ran ahead must not make an event that lies in the future
        return await self._meter.send(MeterEvent(event.name, event.idempotency_key, turn.account_id, event.cost, at))

    def _sort(self, done: Round, turn: Turn, event: UsageEvent, answer: Answer) -> None:
        match answer.verdict:
            case "taken":
                done.sent.append(event.entry_id)
                done.stumbles = 0
            case "refused":
                done.others.append(self._buried(turn, event, answer))
            case "not_taken" | "unclear":
                done.others.append(self._again(event, answer))
                done.stumbles += 1
                # One event that the meter stumbles over must not keep the customer's others; two are no accident.
                if answer.verdict == "not_taken" or not answer.answered or done.stumbles > 1:
                    done.stopped, done.everywhere = answer.reason, answer.everywhere

    def _again(self, event: UsageEvent, answer: Answer) -> NotSent:
        wait = timedelta(seconds=self._pause_s(event.attempts + 1))
        return NotSent(
            event,
            error=answer.reason,
            due_at=self._clock.now() + wait,
            unclear=answer.verdict == "unclear",
            new_key=answer.answered,
        )

    def _buried(self, turn: Turn, event: UsageEvent, answer: Answer) -> NotSent:
        """Refused now; but if an earlier try was not answered, that one may have been counted."""
        dead: DeadKind = "refused" if event.tried_before is None else "uncertain"
        _log.error(
            "a usage event became a dead letter",
            customer_id=turn.customer_id,
            entry_id=event.entry_id,
            kind=dead,
            reason=answer.reason,
        )
        return NotSent(event, error=answer.reason, unclear=dead == "uncertain", dead=dead)
