"""A worker's place on this machine: `<data_dir>/workers/<n>`, locked by whoever works there.

The lock is the proof of death: who gets it knows that the former holder is gone, however it went. A slot is `busy`
from before its first call until everything its journal holds is in the book.
"""

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.ids import WorkerId, new_id

MOST_SLOTS: Final = 256
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Slot:
    """A locked slot, the `number`-th of its machine. `worker_id`: its lasting name; `journal`: a folder."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self._lock = lock
        self._busy = path / "busy"
        self.number = int(path.name)
        self.worker_id = WorkerId(_identity(path / "id"))
        self.journal = path / "journal"

    def begin(self) -> None:
        self._busy.touch()

    def finish(self) -> None:
        """The book has everything that the journal holds."""
        self._busy.unlink(missing_ok=True)

    def release(self) -> None:
        self._lock.close()


def take(data_dir: Path) -> Slot:
    """The first free slot; raises StartupError when all are in use."""
    for number in range(MOST_SLOTS):
        path = data_dir / "workers" / str(number)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _try_lock(path)
        if lock is not None:
            return Slot(path, lock)
    raise StartupError(f"all {MOST_SLOTS} worker slots in {data_dir / 'workers'} are in use")


def deserted(data_dir: Path) -> Iterator[Slot]:
    """Slots whose worker died before it had finished, each locked for the taker."""
    for path in sorted((data_dir / "workers").iterdir()):
        if (path / "busy").exists() and (lock := _try_lock(path)) is not None:
            yield Slot(path, lock)


def boot_id() -> str:
    """Which run of the machine this is: what was written in it is still there. Empty: unknown, nothing is proved."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _try_lock(path: Path) -> IO[str] | None:
    lock = (path / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _identity(path: Path) -> str:
    """The slot's lasting name; written whole or not at all."""
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.write_text(new_id())
        draft.replace(path)
    return path.read_text().strip()
