"""Keys, tokens and how little of them we keep: a SHA-256 and enough characters to recognise one.

A raw key carries 128 random bits, so a plain fast hash is right: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
from typing import Final

KEY_PREFIX: Final = "aig_"
TOKEN_PREFIX: Final = "tht_"  # noqa: S105 - a prefix, not a secret
SESSION_PREFIX: Final = "ths_"
WEBHOOK_PREFIX: Final = "thw_"
INVITATION_PREFIX: Final = "thi_"
RESET_PREFIX: Final = "thr_"
_RAW_LENGTH: Final = len(KEY_PREFIX) + 32


class Secret:
    """A string that cannot be printed by accident; `reveal()` is easy to search for."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


def new_raw_key() -> str:
    """A virtual key: `aig_` and 32 hex digits. Shown once, never stored."""
    return KEY_PREFIX + secrets.token_hex(16)


def new_api_token() -> str:
    return TOKEN_PREFIX + secrets.token_hex(32)


def new_session_token() -> str:
    return SESSION_PREFIX + secrets.token_hex(32)


def new_webhook_secret() -> str:
    return WEBHOOK_PREFIX + secrets.token_hex(32)


def new_invitation_token() -> str:
    """Opens the door once, for somebody who has no password yet."""
    return INVITATION_PREFIX + secrets.token_hex(32)


def new_reset_token() -> str:
    """Sets a new password, once."""
    return RESET_PREFIX + secrets.token_hex(32)


def csrf_token(raw_session: str) -> str:
    """What our own pages send along with a session's cookie: a page of somebody else's cannot know it."""
    return hmac.new(raw_session.encode(), b"tollhouse: cross-site request forgery", hashlib.sha256).hexdigest()


def same_secret(left: str, right: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return secrets.compare_digest(left.encode(), right.encode())


def sha256_hex(raw: str) -> str:
    """What is stored in place of a key, token or session."""
    return hashlib.sha256(raw.encode()).hexdigest()


def looks_like_key(raw: str) -> bool:
    """Cheap test before any hashing or look-up."""
    return len(raw) == _RAW_LENGTH and raw.startswith(KEY_PREFIX)


def display(raw: str) -> str:
    """First 8 and last 4 characters: `aig_1a2b...9f3c`."""
    return f"{raw[:8]}...{raw[-4:]}"
