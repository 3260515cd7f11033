"""Ids are text. `NewType` keeps a user's id from being handed over as a team's."""

import os
import time
import uuid
from typing import NewType

CustomerId = NewType("CustomerId", str)
UserId = NewType("UserId", str)
TeamId = NewType("TeamId", str)
KeyId = NewType("KeyId", str)
CallId = NewType("CallId", str)
WorkerId = NewType("WorkerId", str)


def new_id() -> str:
    """A random UUID, for rows that people make."""
    return str(uuid.uuid4())


def new_call_id() -> CallId:
    """A UUID version 7 (RFC 9562): sorts by time, so the ledger's index grows at one end."""
    millis = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (millis << 80) | tail
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return CallId(str(uuid.UUID(int=value)))


def is_uuid(text: str) -> bool:
    """Whether Postgres would take this text as a uuid; ask before a caller's id reaches SQL."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
