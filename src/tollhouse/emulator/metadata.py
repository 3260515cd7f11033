"""`cf-aig-metadata`: at most five entries, and one nested value discards the whole map without a word."""

from typing import Final

import msgspec

MAX_ENTRIES: Final = 5
_RESERVED_PREFIX: Final = "cf."


def read_metadata(header: str | None) -> dict[str, str]:
    """What Cloudflare keeps of the header; values as text. Empty when it is missing or unusable."""
    if not header:
        return {}
    try:
        entries = msgspec.json.decode(header, type=dict[str, str | int | float | bool])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    kept = list(entries.items())[:MAX_ENTRIES]
    return {name: _text(value) for name, value in kept if not name.startswith(_RESERVED_PREFIX)}


def _text(value: str | float | bool) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
