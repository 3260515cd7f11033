"""JSON bodies checked against a struct; a refusal names the field."""

import re
from typing import TypeVar

import msgspec

from tollhouse.foundation.errors import UNREADABLE

Body = TypeVar("Body")


class BadBody(Exception):
    """`field` is a dotted path inside the body, empty for the body itself."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def decode(body: bytes, kind: type[Body]) -> Body:
    """Raises BadBody."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as cause:
        raise BadBody(_field_of(str(cause)), str(cause)) from None
    except UNREADABLE as cause:
        raise BadBody("", f"Malformed JSON: {cause}") from None


def _field_of(message: str) -> str:
    within = re.search(r"at `\$\.?([^`]*)`$", message)
    named = re.search(r"(?:required|unknown) field `([^`]+)`", message)
    parts = [found.group(1) for found in (within, named) if found]
    return ".".join(part for part in parts if part)
