"""What tests of the journal make: records, small journals, and all that can be read of one."""

from collections.abc import Iterable
from pathlib import Path

from tollhouse.foundation.ids import CallId, CustomerId, KeyId, TeamId, UserId, WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import segments
from tollhouse.ledger.records import Amount, Call, Carried, Part, Record, Reserved, Resolved, Returned
from tollhouse.ledger.segments import Identity, Journal, JournalLimits, Reader, Scan

SMALL = JournalLimits(segment_bytes=8192, max_bytes=1 << 20, keep_s=100, record_bytes=1024)
Numbered = tuple[int, Record]


def identity(epoch: int = 1, boot_id: str = "boot", worker: str = "worker") -> Identity:
    return Identity(WorkerId(worker), epoch, boot_id)


def reserved(number: int, note: bytes = b"") -> Reserved:
    call = Call(
        CallId(f"call-{number}"), CustomerId("c"), KeyId("k"), UserId("u"), TeamId("t"), "openai", "gpt-4o", None
    )
    return Reserved(call, 1_700_000_000_000_000 + number, (Part(1, 2, True), Part(3, 4, False)), Nanos(1000), note)


def resolved(number: int, note: bytes = b"", reserved_note: bytes = b"") -> Resolved:
    return Resolved(reserved(number, reserved_note), "exact", Nanos(900), note)


def returned(nanos: int) -> Returned:
    return Returned((Amount(1, 2, Nanos(nanos)),))


def new_journal(folder: Path, epoch: int = 1, limits: JournalLimits = SMALL) -> Journal:
    return segments.open_new(folder, identity(epoch), limits)


def read_all(journal: Journal, after: int = 0) -> list[Numbered]:
    return journal.reader(after).read(1_000_000, 1 << 40, journal.last)


def read_left(left: Scan, after: int = 0) -> list[Numbered]:
    """What can be read of a journal that nobody writes."""
    return Reader(left.segments, after).read(1_000_000, 1 << 40, left.last) if left.segments else []


def open_calls(records: Iterable[Numbered]) -> dict[CallId, Reserved]:
    """The calls without an outcome: the plain definition, to compare with."""
    calls: dict[CallId, Reserved] = {}
    for _, record in records:
        if isinstance(record, Reserved):
            calls[record.call.call_id] = record
        elif isinstance(record, Carried):
            calls[record.reserved.call.call_id] = record.reserved
        elif isinstance(record, Resolved):
            calls.pop(record.reserved.call.call_id, None)
    return calls


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))
