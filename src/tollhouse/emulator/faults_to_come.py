"""Faults that management calls are about to meet, set through `POST /_emulator/management`."""

from collections import deque
from typing import Annotated, Final, Literal

import msgspec

Action = Literal["create", "get", "list", "update", "delete", "models", "any"]

MAX_WAITING: Final = 1_000


class ManagementFault(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`commit`: the work is done before the caller is told that it failed. Without `code` the edge answers in text."""

    on: Action = "any"
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    code: int | None = None
    message: str = "Emulated failure"
    commit: bool = False
    latency_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0
    drop: bool = False
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class FaultsToCome:
    """Used up first in, first out, among those that fit."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[ManagementFault, int]] = deque(maxlen=MAX_WAITING)

    def clear(self) -> None:
        self._waiting.clear()

    def add(self, faults: list[ManagementFault]) -> None:
        self._waiting.extend((fault, fault.times) for fault in faults)

    def take(self, action: Action) -> ManagementFault | None:
        for place, (fault, times) in enumerate(self._waiting):
            if fault.on in {"any", action}:
                if times > 1:
                    self._waiting[place] = (fault, times - 1)
                else:
                    del self._waiting[place]
                return fault
        return None
