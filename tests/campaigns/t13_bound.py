"""T13, the bound against real tokenisers: no prompt of any kind may have more tokens than were held for.

The one assumption that the ledger cannot check by itself. The tokenisers are those that OpenAI's and Mistral's models
use, byte-level and SentencePiece ones; what the provider adds around a message counts as three tokens, as OpenAI says.
"""

import base64
import random
import re
import statistics
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from campaigns.result import Result, Scale
from tollhouse.catalog.models import Model
from tollhouse.cloudflare.routes import route_of
from tollhouse.gateway.calls import read_chat
from tollhouse.gateway.estimate import estimate, normalised_pieces

MEDIAN_AT_MOST: Final = 5.0
_AROUND_A_MESSAGE: Final = 3
_WORDS: Final = re.findall(r"\w+", __doc__)
_CODE: Final = (
    "def f(x):\n    return x\n",
    "for (int i = 0; i < n; ++i) {\n\t",
    "SELECT * FROM t WHERE id = $1;\n",
    "});\n\n",
)
_EXPANDERS: Final = "ﷺ㌖㍿ﬃ①㎏ǆẛ̣"

Count = Callable[[str], int]
Make = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Tokeniser:
    """`provider`: whose route it stands behind."""

    name: str
    provider: str
    count: Count


def _cjk(chance: random.Random) -> str:
    return "".join(chr(chance.randint(0x4E00, 0x9FFF)) for _ in range(chance.randint(1, 400)))


def _any_unicode(chance: random.Random) -> str:
    points = (chance.choice((chance.randint(1, 0xD7FF), chance.randint(0xE000, 0x10FFFF))) for _ in range(200))
    return "".join(map(chr, points))


KINDS: Final[Mapping[str, Make]] = {
    "English": lambda chance: " ".join(chance.choices(_WORDS, k=chance.randint(1, 600))).capitalize(),
    "code": lambda chance: "".join(chance.choices(_CODE, k=chance.randint(1, 80))),
    "CJK": _cjk,
    "emoji": lambda chance: "".join(chance.choices("😀👩‍👩‍👧‍👦🏳️‍🌈🪙✍🏽", k=chance.randint(1, 200))),
    "base64": lambda chance: base64.b64encode(chance.randbytes(chance.randint(1, 900))).decode(),
    "bytes as text": lambda chance: chance.randbytes(chance.randint(1, 600)).decode("latin-1"),
    "any Unicode": _any_unicode,
    "grows when normalised": lambda chance: "".join(chance.choices(_EXPANDERS, k=chance.randint(1, 200))),
    "white space": lambda chance: "".join(chance.choices(" \n\t\u3000\u200b", k=chance.randint(1, 400))),
    "digits": lambda chance: "".join(chance.choices(string.digits, k=chance.randint(1, 800))),
}


def tokenisers() -> list[Tokeniser]:
    """Those that bring their vocabularies along."""
    import bpe_openai
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    names = ("o200k_base", "cl100k_base")
    found = [Tokeniser(name, "openai", _counting(bpe_openai.get_encoding(name))) for name in names]
    import mistral_common

    data = Path(mistral_common.__file__).parent / "data"
    for path in sorted(data.glob("*")):
        made: Any = None
        if path.name.startswith("tekken"):
            made = Tekkenizer.from_file(path)
        elif ".model." in path.name and not path.name.endswith("m1"):
            made = SentencePieceTokenizer(path)
        if made is not None:
            found.append(Tokeniser(path.name, "mistral", _counting(made, bos=False, eos=False)))
    return found


def _counting(made: Any, **options: bool) -> Count:
    def count(text: str) -> int:
        return len(made.encode(text, **options))

    return count


async def run(scale: Scale) -> Result:
    result = Result("T13 the bound", scale.full)
    chance = random.Random(13)
    ratios: dict[str, list[float]] = {}
    below: list[str] = []
    known = tokenisers()
    for _ in range(scale.pick(3, 300)):
        for kind, make in KINDS.items():
            for tools in (0, 100) if chance.random() < 0.05 else (0,):
                texts = [make(chance) for _ in range(chance.choice((1, 1, 3)))]
                for tokeniser in known:
                    bound, true = await _both(tokeniser, texts, tools)
                    ratios.setdefault(kind, []).append(bound / true)
                    if bound < true:
                        below.append(f"{tokeniser.name}, {kind}: {true} tokens, bound {bound}")
    medians = {kind: statistics.median(each) for kind, each in ratios.items()}
    everything = [ratio for each in ratios.values() for ratio in each]
    result.figures |= {
        "prompts": len(everything), "tokenisers": len(known), "below their tokens": len(below),
        "smallest bound / tokens": min(everything), "median": statistics.median(everything),
        "median by kind": {kind: round(median, 1) for kind, median in medians.items()},
    }  # fmt: skip
    result.expect(not below, f"{len(below)} bounds below the tokens: {below[:3]}")
    result.expect(
        statistics.median(everything) <= MEDIAN_AT_MOST, "the median bound is more than five times the tokens"
    )
    return result


async def _both(tokeniser: Tokeniser, texts: list[str], tools: int) -> tuple[int, int]:
    """The bound of the input, and its tokens."""
    messages = [{"role": "user", "content": text} for text in texts]
    listed = [_tool(number) for number in range(tools)]
    body = {"model": "m", "messages": messages} | ({"tools": listed} if listed else {})
    encoded = msgspec.json.encode(body)
    chat = await read_chat(encoded)
    route = route_of(tokeniser.provider)
    assert route is not None
    size = len(encoded) + (sum(normalised_pieces(encoded)) if route.normalises_text else 0)
    model = Model("m", tokeniser.provider, tokeniser.provider, "M", None, None, None)
    made = estimate(chat, model, size, policy="strict", default_max=1, price_version="v")
    true = sum(tokeniser.count(text) + tokeniser.count("user") + _AROUND_A_MESSAGE for text in texts)
    return made.input_tokens, true + sum(tokeniser.count(msgspec.json.encode(tool).decode()) for tool in listed)


def _tool(number: int) -> dict[str, Any]:
    properties = {f"argument_{each}": {"type": "string", "description": "what it is for"} for each in range(5)}
    function = {"name": f"tool_{number}", "parameters": {"type": "object", "properties": properties}}
    return {"type": "function", "function": function}
