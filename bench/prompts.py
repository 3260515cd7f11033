"""Calls of one megabyte, each of a kind that is hard for some step of the road."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from bench.upstream import MODEL

SIZE_BYTES: Final = 1_000_000
NORMALISING_MODEL: Final = "gemini-2.5-flash"
"""Of a provider whose tokeniser may first bring text to NFKC, so the normal form is counted."""

_TEXT: Final = "The keeper lifts the bar when the toll is paid, and writes one line into the book.\n"
_CODE: Final = '\tif (row["name"] === \'\\t\') {\n\t\treturn "C:\\\\gate\\\\" + row["id"];  // "quoted"\n\t}\n'
_CJK: Final = "守门人收到过路费后抬起栏杆,并在账簿上写下一行。通行料を受け取ると門番は記録する。"

Encode = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole request body, as a client would send it."""

    name: str
    body: bytes


def prompts() -> list[Prompt]:
    """Every kind, each of `SIZE_BYTES` or a little more."""
    return [
        Prompt("ASCII text", _one_message(_TEXT)),
        Prompt("code, many escapes", _one_message(_CODE)),
        Prompt("CJK", _one_message(_CJK)),
        Prompt("CJK as \\u escapes", _one_message(_CJK, encode=_escaped)),
        Prompt("CJK, model that normalises", _one_message(_CJK, model=NORMALISING_MODEL)),
        Prompt("8,000 messages", _messages()),
        Prompt("600 tool schemas", _tools()),
    ]


def _one_message(piece: str, *, model: str = MODEL, encode: Encode = msgspec.json.encode) -> bytes:
    repeats = SIZE_BYTES // (len(encode(piece)) - 2) + 1
    return encode(_call(model, [{"role": "user", "content": piece * repeats}]))


def _messages() -> bytes:
    """A long conversation of short turns."""
    turns = [{"role": ("user", "assistant")[turn % 2], "content": f"{turn}: {_TEXT}"} for turn in range(8000)]
    return msgspec.json.encode(_call(MODEL, turns))


def _tools() -> bytes:
    """An agent with very many tools. One has a parameter called `model`, as an ordinary tool may."""
    parameters = {
        f"field_{number}": {"type": "string", "description": _TEXT, "enum": ["a", "b"]} for number in range(12)
    }
    schema = {"type": "object", "properties": parameters | {"model": {"type": "string"}}, "required": ["model"]}
    tools = [
        {"type": "function", "function": {"name": f"tool_{number}", "parameters": schema}} for number in range(600)
    ]
    return msgspec.json.encode(_call(MODEL, [{"role": "user", "content": _TEXT}]) | {"tools": tools})


def _call(model: str, messages: list[dict[str, str]]) -> dict[str, Any]:
    return {"model": model, "messages": messages, "max_tokens": 256}


def _escaped(value: object) -> bytes:
    """As Python's own encoder writes it: ASCII only."""
    return json.dumps(value, separators=(",", ":")).encode()
