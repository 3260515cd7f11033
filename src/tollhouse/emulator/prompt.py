"""The messages of a chat request: their checks, and all text in them that costs tokens."""

from dataclasses import dataclass
from typing import Final

from tollhouse.emulator.faults import ProviderFault
from tollhouse.emulator.values import Fields, text, wrong_type

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who speaks, all text in it, and how many images of which detail."""

    role: str
    text: str
    images_low: int = 0
    images_high: int = 0


def read_turns(fields: Fields) -> tuple[Turn, ...]:
    messages = fields.get("messages")
    if messages is None:
        message = "Missing required parameter: 'messages'."
        raise ProviderFault(400, message, "missing_required_parameter", "messages")
    if not isinstance(messages, list):
        wrong_type("messages", "an array of objects", messages)
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise ProviderFault(400, message, "empty_array", "messages")
    return tuple(_turn(f"messages[{index}]", message) for index, message in enumerate(messages))


def _turn(param: str, message: object) -> Turn:
    if not isinstance(message, dict):
        wrong_type(param, "an object", message)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise ProviderFault(400, f"Invalid value: '{param}.role'.", "invalid_value", f"{param}.role")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        missing = f"{param}.tool_call_id"
        raise ProviderFault(400, f"Missing parameter '{missing}'.", "missing_required_parameter", missing)
    content = message.get("content")
    if content is None and role != "assistant":
        missing = f"{param}.content"
        raise ProviderFault(
            400, f"Invalid value for 'content': expected a string, got null. ({missing})", None, missing
        )
    return _read_content(param, role, content, _extra_text(message))


def _read_content(param: str, role: str, content: object, extra: str) -> Turn:
    if content is None or isinstance(content, str):
        return Turn(role, (content or "") + extra)
    if not isinstance(content, list):
        wrong_type(f"{param}.content", "one of a string or an array of objects", content)
    texts, low, high = [extra], 0, 0
    for index, part in enumerate(content):
        words, detail = _read_part(f"{param}.content[{index}]", part)
        texts.append(words)
        low += detail == "low"
        high += detail == "high"
    return Turn(role, "".join(texts), low, high)


def _read_part(param: str, part: object) -> tuple[str, str | None]:
    """The text of a part, and for an image its detail. The data of audio and files counts as text."""
    if not isinstance(part, dict):
        wrong_type(param, "an object", part)
    kind = part.get("type")
    if kind in {"text", "refusal"}:
        return text(f"{param}.{kind}", part.get(kind)), None
    if kind == "image_url":
        return "", _image_detail(f"{param}.image_url", part.get("image_url"))
    if kind in {"input_audio", "file"}:
        return _text_of_values(part.get(kind)), None
    raise ProviderFault(400, f"Invalid value: '{param}.type'.", "invalid_value", f"{param}.type")


def _image_detail(param: str, image: object) -> str:
    if not isinstance(image, dict) or not isinstance(image.get("url"), str):
        raise ProviderFault(
            400, f"Missing required parameter: '{param}.url'.", "missing_required_parameter", f"{param}.url"
        )
    return "low" if image.get("detail") == "low" else "high"


def _extra_text(message: Fields) -> str:
    """Names and earlier tool calls are part of the prompt too."""
    calls = message.get("tool_calls")
    name = message.get("name")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return "".join([name if isinstance(name, str) else "", *map(_text_of_values, functions)])


def _text_of_values(value: object) -> str:
    return "".join(text for text in value.values() if isinstance(text, str)) if isinstance(value, dict) else ""
