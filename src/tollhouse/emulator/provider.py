"""The provider behind the gateway: the same request always gets the same answer, and every token can be counted.

Prompt tokens: for each message a quarter of its UTF-8 bytes, rounded up, and 4; 3 for the answer's opening; a
quarter of the tools' compact JSON; 85 for an image of low detail, 765 for any other. So never more than the bytes
of the text + 16 a message + the tools' bytes (+ images).

Output tokens: of text, a word with its blank; of JSON and tool arguments, four characters; a tool's name is one.
How much a model would like to say (20 to 200 tokens a choice, and 32 to 255 of reasoning for models that think)
follows from a hash of the prompt; the caller's maximum and the context window cut both, reasoning first.

Cached tokens: a prompt of 1,024 tokens or more is remembered at every 128 tokens from there on, per provider and
model; a later prompt that begins with the same text has the longest such part cached.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tollhouse.emulator.chat import ChatRequest, Tool, is_reasoning
from tollhouse.emulator.examples import example
from tollhouse.emulator.faults import ProviderFault
from tollhouse.emulator.prompt import Turn
from tollhouse.foundation.tokens import TokenUsage

BYTES_PER_TOKEN: Final = 4
LOW_DETAIL_TOKENS: Final = 85
HIGH_DETAIL_TOKENS: Final = 765
FIRST_CACHED_TOKENS: Final = 1024
CACHE_STEP_TOKENS: Final = 128
_MESSAGE_TOKENS: Final = 4
_OPENING_TOKENS: Final = 3
_MAX_PREFIXES: Final = 20_000
_LEXICON: Final = (
    "the keeper opens the gate at dawn and counts every coin twice before a cart may pass over the bridge while rain "
    "falls on the road and lamps burn low in the small house where the book lies open under a steady hand"
)
_WORDS: Final = _LEXICON.split()
_TEXT: Final = tuple(f"{_WORDS[(place * 7 + place // 13) % len(_WORDS)]} " for place in range(4096))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a script wants of an answer; None leaves it to the provider."""

    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    content: str | None = None
    ignore_max: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """`pieces` are the visible tokens: of the text, or of the tool call's arguments."""

    pieces: Sequence[str]
    reasoning: int
    finish: str
    tool: ToolCall | None

    @property
    def visible(self) -> int:
        return len(self.pieces) + (self.tool is not None)


@dataclass(frozen=True, slots=True)
class Answer:
    model: str
    choices: tuple[Choice, ...]
    usage: TokenUsage
    digest: str


class PromptCache:
    """Which long prompt beginnings the provider has seen; the oldest are forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def clear(self) -> None:
        self._seen.clear()

    def cached_tokens(self, provider: str, model: str, prompt: bytes) -> int:
        """Tokens of the longest known beginning; remembers this prompt for the next."""
        step = CACHE_STEP_TOKENS * BYTES_PER_TOKEN
        first = FIRST_CACHED_TOKENS * BYTES_PER_TOKEN
        if len(prompt) < first:
            return 0
        running = hashlib.blake2b(f"{provider}/{model}/".encode() + prompt[:first], digest_size=16)
        longest = 0
        for end in range(first, len(prompt) + 1, step):
            if end > first:
                running.update(prompt[end - step : end])
            if self._was_seen(running.digest()):
                longest = end // BYTES_PER_TOKEN
        return longest

    def _was_seen(self, mark: bytes) -> bool:
        if mark in self._seen:
            self._seen.move_to_end(mark)
            return True
        self._seen[mark] = None
        if len(self._seen) > _MAX_PREFIXES:
            self._seen.popitem(last=False)
        return False


def prompt_tokens(request: ChatRequest) -> int:
    """The documented count; see the module."""
    return (
        sum(_turn_tokens(turn) for turn in request.turns) + _OPENING_TOKENS + -(-request.tools_bytes // BYTES_PER_TOKEN)
    )


def _turn_tokens(turn: Turn) -> int:
    text = -(-len(turn.text.encode()) // BYTES_PER_TOKEN)
    return text + _MESSAGE_TOKENS + turn.images_low * LOW_DETAIL_TOKENS + turn.images_high * HIGH_DETAIL_TOKENS


def answer(request: ChatRequest, provider: str, window: int | None, cache: PromptCache, wishes: Wishes) -> Answer:
    """Produce the whole answer. Raises ProviderFault when the prompt does not fit the context window."""
    prompt = "".join(f"{turn.role}\n{turn.text}\n" for turn in request.turns).encode()
    tokens = prompt_tokens(request)
    limit = None if wishes.ignore_max else _limit(request, tokens, window)
    seed = int.from_bytes(hashlib.blake2b(prompt, digest_size=8).digest())
    choices = tuple(_choice(request, seed + place * 7919, limit, wishes) for place in range(request.choices))
    cached = cache.cached_tokens(provider, request.model, prompt)
    reasoning = sum(choice.reasoning for choice in choices)
    usage = TokenUsage(
        input=tokens,
        output=sum(choice.visible for choice in choices) + reasoning,
        cached=min(cached if wishes.cached_tokens is None else wishes.cached_tokens, tokens),
        reasoning=reasoning,
    )
    return Answer(request.model, choices, usage, f"{seed:016x}")


def _limit(request: ChatRequest, tokens: int, window: int | None) -> int | None:
    """How many tokens one choice may have."""
    if window is None:
        return request.max_output
    if tokens >= window:
        message = (
            f"This model's maximum context length is {window} tokens. However, your messages resulted in "
            f"{tokens} tokens. Please reduce the length of the messages."
        )
        raise ProviderFault(400, message, "context_length_exceeded", "messages")
    return min(request.max_output or window, window - tokens)


def _choice(request: ChatRequest, seed: int, limit: int | None, wishes: Wishes) -> Choice:
    reasoning = _at_most(_natural_reasoning(request, seed, wishes), limit)
    rest = None if limit is None else limit - reasoning
    tool = _called_tool(request)
    if rest == 0:
        return Choice((), reasoning, "length", None)
    if tool is not None and wishes.content is None:
        return _tool_choice(request, tool, seed, reasoning, rest)
    pieces = _natural_pieces(request, seed, wishes)
    cut = rest is not None and rest < len(pieces)
    return Choice(pieces[:rest], reasoning, "length" if cut else "stop", None)


def _at_most(count: int, limit: int | None) -> int:
    return count if limit is None else min(count, limit)


def _natural_reasoning(request: ChatRequest, seed: int, wishes: Wishes) -> int:
    if wishes.reasoning_tokens is not None:
        return wishes.reasoning_tokens
    if not is_reasoning(request.model) or request.reasoning_effort == "none":
        return 0
    natural = 32 + seed % 224
    match request.reasoning_effort:
        case "minimal" | "low":
            return natural // 4
        case "high" | "xhigh" | "max":
            return natural * 4
        case _:
            return natural


def _natural_pieces(request: ChatRequest, seed: int, wishes: Wishes) -> Sequence[str]:
    if wishes.content is not None:
        return text_pieces(wishes.content)
    if request.schema is not None and wishes.completion_tokens is None:
        return json_pieces(msgspec.json.encode(example(request.schema, seed)).decode())
    count = 20 + seed % 181 if wishes.completion_tokens is None else wishes.completion_tokens
    return _words(seed, count)


def _words(seed: int, count: int) -> Sequence[str]:
    start = (seed >> 8) % len(_TEXT)
    repeats = (start + count) // len(_TEXT) + 1
    return (_TEXT * repeats)[start : start + count] if repeats > 1 else _TEXT[start : start + count]


def text_pieces(text: str) -> list[str]:
    """Words with the blanks that follow them."""
    return re.findall(r"\S+\s*|\s+", text)


def json_pieces(text: str) -> list[str]:
    """Four characters each."""
    return [text[start : start + BYTES_PER_TOKEN] for start in range(0, len(text), BYTES_PER_TOKEN)]


def _called_tool(request: ChatRequest) -> Tool | None:
    """Which tool the model calls: the forced one, else the one the last user message names, else what is required."""
    if not request.tools or request.tool_choice == "none":
        return None
    if request.forced_tool is not None:
        return next(tool for tool in request.tools if tool.name == request.forced_tool)
    last = request.turns[-1]
    named = [tool for tool in request.tools if last.role == "user" and tool.name in last.text]
    if named:
        return named[0]
    return request.tools[0] if request.tool_choice == "required" else None


def _tool_choice(request: ChatRequest, tool: Tool, seed: int, reasoning: int, rest: int | None) -> Choice:
    """A call of `tool`; its name is the first token. OpenAI ends a forced call with `stop`."""
    pieces = json_pieces(msgspec.json.encode(example(tool.parameters, seed)).decode())
    room = None if rest is None else rest - 1
    cut = room is not None and room < len(pieces)
    finish = "length" if cut else "stop" if request.forced_tool else "tool_calls"
    return Choice(pieces[:room], reasoning, finish, ToolCall(f"call_{seed & (1 << 96) - 1:024x}", tool.name))
