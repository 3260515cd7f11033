"""What a request says of itself, in the words of OpenTelemetry's semantic conventions for GenAI. Pure.

Only settings, never content. A value of another type than the conventions have for the name is left out: a provider
may know it, whoever reads spans would not.
"""

from collections.abc import Mapping
from typing import Any, Final

Value = str | int | float | bool | list[str] | None

MOST_TEXT: Final = 200
MOST_LIST: Final = 32
_INT64: Final = 1 << 63
_DOUBLES: Final = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}


def said_by_request(body: Mapping[str, Any], *, stream: bool) -> dict[str, Value]:
    """Attributes by name; None: the request does not say."""
    doubles = {name: _double(body.get(field)) for field, name in _DOUBLES.items()}
    return doubles | {
        "gen_ai.request.seed": _int(body.get("seed")),
        "gen_ai.request.stop_sequences": _texts(body.get("stop")),
        "gen_ai.request.stream": True if stream else None,
        "gen_ai.output.type": _output_type(body),
    }


def short(text: str | None) -> str | None:
    """What others say is text of any length; a record of the journal is not."""
    return None if text is None else text[:MOST_TEXT]


def _double(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if -_INT64 <= value < _INT64 else None


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64 else None


def _texts(value: object) -> list[str] | None:
    """One text or several."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        return None
    return [text[:MOST_TEXT] for text in texts[:MOST_LIST] if isinstance(text, str) and "\0" not in text] or None


def _output_type(body: Mapping[str, Any]) -> str | None:
    """`speech` where it is asked for, beside text or not; else what the format of the answer is called."""
    modalities, wanted = body.get("modalities"), body.get("response_format")
    if isinstance(modalities, list) and "audio" in modalities:
        return "speech"
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    return _OUTPUT_TYPES.get(kind) if isinstance(kind, str) else None
