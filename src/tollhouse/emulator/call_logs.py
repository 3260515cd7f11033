"""Cloudflare's own log rows, with the manners that make them useless for metering.

A fresh id is "not found" on the first read, has no cost on the second, and is complete from the third on; `metadata`
is an object on one read and a string on the next. Accounts made after September 2026 have no such API at all.
"""

from collections import OrderedDict
from typing import Final, Literal

import msgspec

LogMood = Literal["late", "prompt", "absent"]

MAX_LOGS: Final = 10_000


class CallLog(msgspec.Struct):
    id: str
    created_at: str
    gateway: str
    provider: str
    model: str
    path: str
    status_code: int
    success: bool
    cached: bool
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    metadata: dict[str, str]
    reads: int = 0

    def shown(self, *, with_cost: bool) -> dict[str, object]:
        shown: dict[str, object] = msgspec.to_builtins(self)
        del shown["reads"], shown["gateway"]
        if not with_cost:
            shown["cost"] = None
        if self.reads % 2:
            shown["metadata"] = msgspec.json.encode(self.metadata).decode()
        return shown | {"wholesale": False, "custom_cost": False, "step": 0, "duration": 1, "model_type": "chat"}


class CallLogs:
    """Rows of all gateways; the oldest are dropped."""

    def __init__(self) -> None:
        self.mood: LogMood = "late"
        self._rows: OrderedDict[str, CallLog] = OrderedDict()

    def clear(self) -> None:
        self.mood = "late"
        self._rows.clear()

    def add(self, row: CallLog) -> None:
        self._rows[row.id] = row
        if len(self._rows) > MAX_LOGS:
            self._rows.popitem(last=False)

    def read(self, gateway: str, log_id: str) -> dict[str, object] | None:
        row = self._rows.get(log_id)
        if row is None or row.gateway != gateway:
            return None
        row.reads += 1
        if self.mood == "late" and row.reads == 1:
            return None
        return row.shown(with_cost=self.mood == "prompt" or row.reads > 2)

    def page(
        self, gateway: str, page: int, per_page: int, *, oldest_first: bool = False
    ) -> tuple[list[dict[str, object]], int]:
        """Rows by their time, and how many there are."""
        in_order = self._rows.values() if oldest_first else reversed(self._rows.values())
        rows = [row for row in in_order if row.gateway == gateway]
        start = (page - 1) * per_page
        return [row.shown(with_cost=True) for row in rows[start : start + per_page]], len(rows)
