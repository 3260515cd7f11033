"""From what was sent to rows: each span in the conventions' words, with its vendor, and whose it is.

Work on many spans is done in turns: others have the loop between them. Requests are sorted one after another, in the
order of arrival: two that are sorted side by side are done no sooner, and the first of them could be stored meanwhile.
What cannot be taken is set apart with its reason; the rest of the batch does not suffer.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from tollhouse.foundation.clock import Clock
from tollhouse.foundation.logs import redact
from tollhouse.foundation.processor import give_way
from tollhouse.intake.otlp import Origin, Rejected, Sent, text_of
from tollhouse.traces import vendors
from tollhouse.traces.attribution import Attribution, Owner, Sender
from tollhouse.traces.dialects import Dialects, Reading, Value, redacted
from tollhouse.traces.spans import Span

OTLP: Final = "otlp"
_TURN_S: Final = 0.001
_LOOK_EVERY: Final = 8
_NS_PER_S: Final = 1_000_000_000
_NS_PER_DAY: Final = 86_400 * _NS_PER_S
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MOST_SHOWN: Final = 8
_RESOURCE_CHARS: Final = 4_096
_RESOURCE_VALUE_CHARS: Final = 512
# Each begins with what is looked for letter by letter: five quick searches, where one for all of them is a slow one.
_MARKS: Final = tuple(map(re.compile, (rb"aig_", rb"sk-", rb"earer ", rb"th[tsriw]_", rb"k_(?:live|test)_")))
_PLACES: Final = ("server.address", "gen_ai.openai.api_base", "openai.api_base", "url.full", "http.url")


@dataclass(frozen=True, slots=True)
class Window:
    """Which times are believed: so many seconds back and ahead of now. Ordinary clocks differ; theirs is kept."""

    back_s: float
    ahead_s: float = 3600.0


@dataclass(slots=True)
class Sorted:
    """Rows, and what was set apart: the first reasons, and how many in all."""

    spans: list[Span] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0

    def reject(self, rejected: Rejected) -> None:
        self.rejected_count += 1
        if len(self.rejected) < _MOST_SHOWN:
            self.rejected.append(rejected)


@dataclass(frozen=True, slots=True)
class _Source:
    """A resource and scope, read once for all its spans; `notes` are attributes that each of them gets."""

    resource: Reading
    scope: str
    notes: dict[str, Value]
    vendor: str
    tool: str | None


class _Draft(NamedTuple):
    sent: Sent
    reading: Reading
    source: _Source
    whose: dict[str, str]


class Sorter:
    """Keeps what it learnt of names; `own_host` is where this installation is reached, if that is known."""

    def __init__(self, attribution: Attribution, clock: Clock, window: Window, *, own_host: str | None = None) -> None:
        self._attribution = attribution
        self._clock = clock
        self._window = window
        self._own_host = own_host
        self._dialects = Dialects()
        self._work = asyncio.Lock()

    async def sort(
        self, sender: Sender, pieces: Iterator[Origin | Sent | Rejected], *, suspect: bool, agent: bytes | None = None
    ) -> Sorted:
        """All spans of a request. Raises what reading them raises, and Unavailable without a database."""
        made, turn = Sorted(), _Turn()
        async with self._work:
            drafts = await self._read(pieces, made, turn, suspect=suspect, agent=agent)
            _count_once(drafts)
            await self._attribution.learn(sender, (draft.whose for draft in drafts if draft.whose))
            turn.begin()
            for draft, owner in zip(drafts, self._owners(sender, drafts), strict=True):
                if owner is None:
                    made.reject(Rejected(draft.sent.index, draft.sent.span_id, _NOBODYS))
                else:
                    made.spans.append(_span(draft, owner, sender))
                if turn.is_over():
                    await turn.pause()
        return made

    def _owners(self, sender: Sender, drafts: list[_Draft]) -> list[Owner | None]:
        """Whose each span is. One that names nobody belongs to whoever its trace belongs to, if the batch says it."""
        known: dict[tuple[tuple[str, str], ...], Owner | None] = {}
        of_trace: dict[str, Owner] = {}
        owners: list[Owner | None] = []
        for draft in drafts:
            give_way()
            key = tuple(draft.whose.items())
            if key not in known:
                known[key] = self._attribution.owner(sender, draft.whose)
            owner = known[key]
            owners.append(owner)
            if owner is not None:
                of_trace.setdefault(draft.sent.trace_id, owner)
        return [
            of_trace.get(draft.sent.trace_id) if owner is None and not draft.whose else owner
            for draft, owner in zip(drafts, owners, strict=True)
        ]

    async def _read(
        self,
        pieces: Iterator[Origin | Sent | Rejected],
        made: Sorted,
        turn: "_Turn",
        *,
        suspect: bool,
        agent: bytes | None,
    ) -> list[_Draft]:
        drafts: list[_Draft] = []
        source: _Source | None = None
        now = self._clock.now_ns()
        oldest, newest = now - int(self._window.back_s * _NS_PER_S), now + int(self._window.ahead_s * _NS_PER_S)
        for piece in pieces:
            if isinstance(piece, Sent):
                assert source is not None  # noqa: S101 - an origin comes before its spans
                reason = self._untimely(piece, oldest, newest)
                if reason is None:
                    drafts.append(self._draft(piece, source, suspect=suspect))
                else:
                    made.reject(Rejected(piece.index, piece.span_id, reason))
            elif isinstance(piece, Origin):
                source = self._source(piece, suspect=suspect, agent=agent)
            else:
                made.reject(piece)
            if turn.is_over():
                await turn.pause()
        return drafts

    def _source(self, origin: Origin, *, suspect: bool, agent: bytes | None) -> _Source:
        resource = origin.resource
        language = text_of(resource, "telemetry.sdk.language")
        vendor, tool = vendors.maker(text_of(resource, "service.name"), origin.scope, language)
        if vendor == vendors.UNKNOWN:
            vendor = vendors.tool_of(agent) or vendor
        notes: dict[str, Value] = {"otel.scope.name": origin.scope, "otel.scope.version": origin.version}
        said = {name: value for name, value in notes.items() if value}
        reading = self._dialects.translate(resource, suspect=suspect)
        reading.attributes = _bounded(reading.attributes)
        return _Source(reading, origin.scope, said, vendor, tool)

    def _untimely(self, sent: Sent, oldest_ns: int, newest_ns: int) -> str | None:
        """Why the span's times cannot be believed; None: they can."""
        if oldest_ns <= sent.start_ns <= newest_ns and sent.end_ns <= newest_ns:
            return None
        if not sent.start_ns:
            return "it has no start time"
        if sent.start_ns < oldest_ns:
            return f"it started more than {self._window.back_s / 86_400:g} days ago"
        return f"its time is more than {self._window.ahead_s / 60:g} minutes ahead"

    def _draft(self, sent: Sent, source: _Source, *, suspect: bool) -> _Draft:
        root = sent.parent_span_id is None
        reading = self._dialects.read(sent.name, sent.attributes, root=root, scope=source.scope, suspect=suspect)
        if reading.counted and self._own_host is not None and _goes_to(self._own_host, reading.attributes):
            reading.counted = False  # the road has a span of its own for this call
        if suspect and sent.status_message is not None:
            sent.status_message = redact(sent.status_message)
        whose = source.resource.whose
        return _Draft(sent, reading, source, {**whose, **reading.whose} if whose else reading.whose)


_NOBODYS: Final = (
    "its customer cannot be told: set the attribute tollhouse.customer.id, or user.id or user.email of a known user"
)


class _Turn:
    """So much work at a time, then everything else on the loop has its turn."""

    def __init__(self) -> None:
        self._steps = 0
        self.begin()

    def begin(self) -> None:
        self._began = time.perf_counter()

    def is_over(self) -> bool:
        """Asked after every step; lets others have the processor, and looks at the clock now and then."""
        give_way()
        self._steps += 1
        if self._steps % _LOOK_EVERY:
            return False
        return time.perf_counter() - self._began > _TURN_S

    async def pause(self) -> None:
        await asyncio.sleep(0)
        self.begin()


def suspect(body: bytes) -> bool:
    """Whether something in a body looks like a credential: then each of its texts is searched for one."""
    for mark in _MARKS:
        give_way()
        if mark.search(body):
            return True
    return False


def _bounded(attributes: dict[str, Value]) -> dict[str, Value]:
    """Of a resource, as much as each of its spans can carry along: every row has it."""
    kept: dict[str, Value] = {}
    size = 0
    for key, value in attributes.items():
        short = value[:_RESOURCE_VALUE_CHARS] if isinstance(value, str) else value
        size += len(key) + len(str(short))
        if size > _RESOURCE_CHARS:
            kept["tollhouse.resource.truncated"] = True
            break
        kept[key] = short
    return kept


def _count_once(drafts: list[_Draft]) -> None:
    """A call that two instrumentations tell of, one inside the other, is one call: the outer one's."""
    counted = {(draft.sent.trace_id, draft.sent.span_id) for draft in drafts if draft.reading.counted}
    for draft in drafts:
        sent = draft.sent
        if draft.reading.counted and sent.parent_span_id and (sent.trace_id, sent.parent_span_id) in counted:
            draft.reading.counted = False


def _goes_to(host: str, attributes: dict[str, Value]) -> bool:
    return any(host in text_of(attributes, name) for name in _PLACES if name in attributes)


@lru_cache(maxsize=64)
def _day(number: int) -> date:
    return date.fromordinal(_EPOCH_DAY + number)


def _span(draft: _Draft, owner: Owner, sender: Sender) -> Span:
    sent, reading, source = draft.sent, draft.reading, draft.source
    vendor, tool = vendors.by_attributes(sent.attributes) or (source.vendor, source.tool)
    return Span(
        day=_day(sent.start_ns // _NS_PER_DAY),
        customer_id=owner.customer_id,
        trace_id=sent.trace_id,
        span_id=sent.span_id,
        parent_span_id=sent.parent_span_id,
        user_id=owner.user_id,
        team_id=owner.team_id,
        key_id=sender.key_id,
        vendor=vendor,
        tool=tool,
        name=sent.name,
        kind=sent.kind,
        start_ns=sent.start_ns,
        end_ns=max(sent.start_ns, sent.end_ns),
        status=sent.status,
        status_message=sent.status_message,
        model=reading.model,
        provider=reading.provider,
        input_tokens=reading.input_tokens,
        output_tokens=reading.output_tokens,
        cached_tokens=reading.cached_tokens,
        cache_write_tokens=reading.cache_write_tokens,
        reasoning_tokens=reading.reasoning_tokens,
        cost_nanos=reading.cost_nanos,
        attributes=_attributes(draft, owner),
        resource_attributes=source.resource.attributes,
        source=OTLP,
        counted=reading.counted,
    )


def _attributes(draft: _Draft, owner: Owner) -> dict[str, Value]:
    """What the span says, and what of it is only counted. Names of ours cannot have come from the sender."""
    sent, attributes, content = draft.sent, draft.reading.attributes, draft.reading.content
    attributes.update(draft.source.notes)
    if content and owner.captures:
        attributes.update((key, redacted(value)) for key, value in content.items())
    if content or sent.events or sent.links or sent.dropped or sent.end_ns < sent.start_ns:
        notes: tuple[tuple[str, Value], ...] = (
            ("tollhouse.span.events", sent.events),
            ("tollhouse.span.links", sent.links),
            ("tollhouse.span.dropped_attributes", sent.dropped),
            ("tollhouse.span.content_dropped", bool(content) and not owner.captures),
            ("tollhouse.span.ended_before_start", sent.end_ns < sent.start_ns),
        )
        attributes.update(note for note in notes if note[1])
    return attributes
