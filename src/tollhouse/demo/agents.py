"""What tools told of their sessions: an agent, its questions to models, and the tools it used. Pure.

Each session is one trace. Where its calls went through us, the spans of our road stand below those that ask, and only
ours count; what a tool asked elsewhere is counted as it says.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from tollhouse.demo.cast import Session
from tollhouse.demo.days import PastCall
from tollhouse.demo.stories import STORIES, Step, Story
from tollhouse.foundation.ids import CustomerId, KeyId, TeamId, UserId
from tollhouse.traces.spans import KIND_CLIENT, STATUS_ERROR, STATUS_OK, STATUS_UNSET, Attributes, Span

KIND_INTERNAL: Final = 1
_NS: Final = 1_000_000_000
_AROUND_NS: Final = 9_000_000
"""What an agent does before and after it asks a model."""


@dataclass(frozen=True, slots=True)
class Whose:
    """To whom a session belongs. `key_id` None: its calls did not go through us."""

    customer_id: CustomerId
    user_id: UserId | None
    team_id: TeamId | None
    key_id: KeyId | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands in a trace."""

    trace_id: str
    parent_span_id: str


@dataclass(frozen=True, slots=True)
class Told:
    """The spans of a session, and below which of them each call stands, by its number."""

    spans: list[Span]
    places: dict[int, Place]


def session_of(kind: Session, whose: Whose, calls: Sequence[PastCall], costs: Sequence[int] | None = None) -> Told:
    """`costs`: what the sender says that each call cost; None: the calls went through us."""
    story = STORIES[kind]
    name = f"{whose.customer_id} {kind} {calls[0].session}"
    return _Teller(story, whose, name, random.Random(f"{kind} {calls[0].session}")).tell(calls, costs)  # noqa: S311


class _Teller:
    """Makes the spans of one session."""

    def __init__(self, story: Story, whose: Whose, name: str, chance: random.Random) -> None:
        self._story = story
        self._whose = whose
        self._chance = chance
        self._name = name
        self._trace_id = sha256(name.encode()).hexdigest()[:32]
        self._root_id = self._span_id("root")
        self._told = Told([], {})

    def tell(self, calls: Sequence[PastCall], costs: Sequence[int] | None) -> Told:
        asked, answered = self._chance.choice(self._story.tasks)
        for step, call in enumerate(calls):
            last = step == len(calls) - 1
            ended = self._ask(call, step, asked, answered if last else "", None if costs is None else costs[step])
            if not last:
                self._use_tools(step, ended, _ns(calls[step + 1].at) - _AROUND_NS)
        self._root(_ns(calls[0].at) - 3 * _AROUND_NS, _ns(calls[-1].end) + 4 * _AROUND_NS, asked, answered)
        return self._told

    def _ask(self, call: PastCall, step: int, asked: str, answered: str, cost: int | None) -> int:
        """A question to a model; returns when it had its answer."""
        span_id = self._span_id(f"chat {step}")
        failed = call.fate not in ("completed", "estimated")
        end_ns = _ns(call.end) + _AROUND_NS
        self._told.places[call.number] = Place(self._trace_id, span_id)
        usage = call.usage
        self._add(
            span_id, f"chat {call.use.model}", _ns(call.at) - _AROUND_NS, end_ns,
            {**_said_of_call(call), **_content(asked, answered)},
            kind=KIND_CLIENT, counted=cost is not None, status=STATUS_ERROR if failed else STATUS_UNSET,
            model=call.use.model, provider=call.use.provider, cost_nanos=0 if failed and cost is not None else cost,
            input_tokens=0 if failed else usage.input, output_tokens=0 if failed else usage.output,
            cached_tokens=0 if failed else usage.cached, reasoning_tokens=0 if failed else usage.reasoning,
        )  # fmt: skip
        return end_ns

    def _use_tools(self, step: int, start_ns: int, end_ns: int) -> None:
        """One or two tools between two questions."""
        used = self._chance.sample(self._story.steps, k=min(self._chance.choice((1, 1, 2)), len(self._story.steps)))
        at, room = start_ns + 2_000_000, max(end_ns - start_ns - 4_000_000, 1_000_000) // len(used)
        for number, tool in enumerate(used):
            took = int(room * self._chance.uniform(0.5, 0.95))
            self._use(f"tool {step} {number}", tool, at, at + took)
            at += room

    def _use(self, name: str, tool: Step, start_ns: int, end_ns: int) -> None:
        failed = self._chance.random() < tool.fails
        said: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": self._chance.choice(tool.arguments),
        }
        self._add(
            self._span_id(name), f"execute_tool {tool.name}", start_ns, end_ns,
            {**said, "error.type": tool.error} if failed else said,
            kind=KIND_INTERNAL, counted=False, status=STATUS_ERROR if failed else STATUS_OK,
            status_message=tool.error if failed else None,
        )  # fmt: skip

    def _root(self, start_ns: int, end_ns: int, asked: str, answered: str) -> None:
        said: Attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": self._story.agent}
        self._add(
            self._root_id, self._story.root, start_ns, end_ns, {**said, **_content(asked, answered)},
            kind=KIND_INTERNAL, counted=False, parent_span_id=None, status=STATUS_OK,
        )  # fmt: skip

    def _add(self, span_id: str, name: str, start_ns: int, end_ns: int, attributes: Attributes, **more: object) -> None:
        whose = self._whose
        known: dict[str, object] = {"parent_span_id": self._root_id} | more
        self._told.spans.append(
            Span(
                day=datetime.fromtimestamp(start_ns // _NS, UTC).date(), customer_id=whose.customer_id,
                trace_id=self._trace_id, span_id=span_id, user_id=whose.user_id, team_id=whose.team_id,
                key_id=whose.key_id, vendor=self._story.vendor, tool=self._story.tool, name=name, start_ns=start_ns,
                end_ns=end_ns, attributes={**attributes, "gen_ai.conversation.id": self._trace_id[:12]},
                resource_attributes=self._story.resource, source="otlp",
                **known,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def _span_id(self, name: str) -> str:
        return sha256(f"{self._name} {name}".encode()).hexdigest()[:16]


def _said_of_call(call: PastCall) -> Attributes:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.use.provider,
        "gen_ai.request.model": call.use.model,
        "gen_ai.usage.input_tokens": call.usage.input,
        "gen_ai.usage.output_tokens": call.usage.output,
    }


def _content(asked: str, answered: str) -> Attributes:
    """Prompt and answer, as the conventions have them; a call between says nothing but that it uses tools."""
    said: dict[str, str] = {"gen_ai.input.messages": _message("user", asked)}
    return said | {"gen_ai.output.messages": _message("assistant", answered)} if answered else said


def _message(role: str, text: str) -> str:
    return msgspec.json.encode([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
