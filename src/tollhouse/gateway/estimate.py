"""Step 3: the most this call can cost, computed on what is really sent. Pure; no tokeniser, bytes are the bound.

Byte-level tokenisers make at most one token of a byte. Tokenisers that normalise their text first (NFKC) may see
more bytes than were sent, so for those the normal form is counted. More than the context window is refused by
the provider, so the window caps any bound. Section 3 of the ledger's design has the sources.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tollhouse.access.permits import BoundPolicy
from tollhouse.catalog.cost import affordable_output, bound
from tollhouse.catalog.models import Model
from tollhouse.catalog.prices import Price
from tollhouse.foundation.money import Nanos
from tollhouse.gateway import refusals
from tollhouse.gateway.calls import ChatRequest, Json, content_parts

TEMPLATE_TOKENS: Final = 64
TOOL_TOKENS: Final = 32
TOOL_PROMPT_TOKENS: Final = 1024
IMAGE_TOKENS: Final = 65_536
"""Above the dearest known picture (48,169 tokens for a high-detail image on gpt-4o-mini)."""
SAFETY_OUTPUT_TOKENS: Final = 32
SHORTEST_ANSWER: Final = 256
SHORTEST_REASONED_ANSWER: Final = 2048
UNKNOWN_WINDOW: Final = 2_000_000
NORMALISED_PIECE: Final = 64 << 10

_REASONS: Final = re.compile(
    r"(?:.*/)?(?:o\d|gpt-[5-9]|grok-[34]|gemini-(?:2\.5|[3-9])|magistral|deepseek-r|qwq|.*(?:thinking|reason))"
)
_WINDOW_SIZED: Final = frozenset({"file", "input_file", "document"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bound and how it was reached. `amount` None: the model has no price.

    `floor` is the least hold with which the call still makes sense; equal to `amount` where nothing may be cut.
    """

    price: Price | None
    input_tokens: int
    output_tokens: int
    choices: int
    amount: Nanos | None
    floor: Nanos
    reasons: bool
    price_version: str
    clamped: bool = False


def estimate(
    chat: ChatRequest,
    model: Model | None,
    size_bytes: int,
    *,
    policy: BoundPolicy,
    default_max: int,
    price_version: str,
) -> Estimate:
    """The bound of a call. `size_bytes`: of the outgoing body, with what normalisation may add to it."""
    price = model.price if model else None
    reasons = _REASONS.match(chat.model.lower()) is not None
    input_tokens = _input_bound(chat.body, size_bytes, model)
    output_tokens = _output_cap(chat, model, default_max)
    shortest = min(output_tokens, SHORTEST_REASONED_ANSWER if reasons else SHORTEST_ANSWER)
    if price is None:
        return Estimate(None, input_tokens, output_tokens, chat.choices, None, Nanos(0), reasons, price_version)
    amount = _amount(price, input_tokens, output_tokens, chat.choices)
    may_cut = policy == "clamp" or (policy == "clamp_if_unset" and chat.max_output_tokens is None)
    floor = _amount(price, input_tokens, shortest, chat.choices) if may_cut else amount
    return Estimate(price, input_tokens, output_tokens, chat.choices, amount, floor, reasons, price_version)


def affordable_tokens(made: Estimate, money: int) -> int:
    """How many output tokens (per choice) a hold of `money` nano-USD covers; negative if not even the prompt."""
    if made.price is None:
        return made.output_tokens
    total = affordable_output(made.price, made.input_tokens, money)
    return (total - SAFETY_OUTPUT_TOKENS) // made.choices


def fit(made: Estimate, granted: Nanos) -> Estimate:
    """The estimate with its output cut to what the hold covers."""
    if made.amount is None or granted >= made.amount:
        return made
    output = min(made.output_tokens, affordable_tokens(made, granted))
    return replace(made, output_tokens=output, amount=granted, clamped=True)


def normalised_pieces(encoded: bytes) -> Iterator[int]:
    """Bytes that NFKC adds, piece by piece, so that a large prompt can be counted between other calls.

    Compatibility forms replace single characters, so a cut between two changes nothing that matters to a bound.
    """
    start = 0
    while start < len(encoded):
        end = start + NORMALISED_PIECE
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:
            end += 1  # never within a character
        piece = encoded[start:end]
        yield max(len(unicodedata.normalize("NFKC", piece.decode()).encode()) - len(piece), 0)
        start = end


def _amount(price: Price, input_tokens: int, output_tokens: int, choices: int) -> Nanos:
    return bound(price, input_tokens, output_tokens * choices + SAFETY_OUTPUT_TOKENS)


def _output_cap(chat: ChatRequest, model: Model | None, default_max: int) -> int:
    """What is sent as the maximum: the caller's, else the default; never above what the model can answer."""
    wanted = chat.max_output_tokens or default_max
    if model is not None and model.max_output_tokens is not None:
        return min(wanted, model.max_output_tokens)
    return wanted


def _input_bound(body: Json, size_bytes: int, model: Model | None) -> int:
    window = model.context_window if model else None
    parts = list(content_parts(body["messages"]))
    if any(part.get("type") in _WINDOW_SIZED for part in parts):
        if window is None:
            raise refusals.bad_field(
                "messages",
                "hold files, whose size nobody can bound for this model",
                code="unbounded_content",
            )
        return window
    pictures = [part for part in parts if part.get("type") == "image_url"]
    tools = body.get("tools") or ()
    tokens = size_bytes - sum(_inline_bytes(part) for part in pictures) + TEMPLATE_TOKENS
    tokens += len(pictures) * IMAGE_TOKENS + len(tools) * TOOL_TOKENS + (TOOL_PROMPT_TOKENS if tools else 0)
    tokens += tokens // 100 + 1
    return min(tokens, window or UNKNOWN_WINDOW)


def _inline_bytes(part: Json) -> int:
    """The size of a picture written into the prompt as a data URL; its pixels are bounded apart."""
    picture = part.get("image_url")
    url = picture.get("url") if isinstance(picture, dict) else picture
    return len(url) if isinstance(url, str) and url.startswith("data:") else 0
