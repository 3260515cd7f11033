"""A worker's journal in memory, and the machine it lies on: what a kill, a power cut and a broken disk leave of it."""

from collections.abc import Iterable

from tollhouse.foundation.ids import CallId, WorkerId
from tollhouse.ledger.records import Record, Reserved, Resolved, Stopped

Numbered = tuple[int, Record]


class Journal:
    """Numbered records; those up to `synced` survive a power cut. `boot`: in which run of the machine it began."""

    def __init__(self, boot: int) -> None:
        self.boot = boot
        self.intact = True
        self.records: list[Numbered] = []
        self.last = 0
        self.synced = 0

    def append(self, record: Record) -> int:
        self.last += 1
        self.records.append((self.last, record))
        return self.last

    def read(self, after: int, most: int, through: int) -> list[Numbered]:
        """The next records, without a look at what is behind: numbers only grow."""
        found: list[Numbered] = []
        for numbered in reversed(self.records):
            if numbered[0] <= after:
                break
            if numbered[0] <= through:
                found.append(numbered)
        return found[::-1][:most]

    def open(self) -> dict[CallId, Reserved]:
        """Reservations without an outcome."""
        still: dict[CallId, Reserved] = {}
        for _, record in self.records:
            if isinstance(record, Reserved):
                still[record.call.call_id] = record
            elif isinstance(record, Resolved):
                still.pop(record.reserved.call.call_id, None)
        return still

    @property
    def stopped(self) -> bool:
        return bool(self.records) and isinstance(self.records[-1][1], Stopped)

    def cut(self, last: int) -> list[Record]:
        """Forget what is behind `last`; returns it."""
        lost = [record for number, record in self.records if number > last]
        self.records = [numbered for numbered in self.records if numbered[0] <= last]
        self.last = min(self.last, last)
        self.synced = min(self.synced, last)
        return lost


class Slot:
    """A worker's place on a machine: a lasting id, a lock, and the journals of its lives by epoch."""

    def __init__(self, worker_id: WorkerId) -> None:
        self.worker_id = worker_id
        self.journals: dict[int, Journal] = {}
        self.holder: object | None = None
        self.busy = False


class Node:
    """A machine. A power cut ends all that runs on it and changes `boot`."""

    def __init__(self, name: str, slots: Iterable[Slot]) -> None:
        self.name = name
        self.boot = 1
        self.slots = list(slots)

    def free_slot(self) -> Slot | None:
        return next((slot for slot in self.slots if slot.holder is None), None)

    def deserted(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.busy and slot.holder is None]
