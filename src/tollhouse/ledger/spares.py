"""Empty files set aside on the disk, for a journal to go on in when its file is full.

They have their room before they are needed; when the disk fills up, what is already promised can still be written.
"""

import errno
import os
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

from tollhouse.ledger.replay import JournalFull

# A file system that cannot set room aside: files grow as they are written.
_CANNOT: Final = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class Spares:
    """Owns the spare files of one epoch. Those that a former process left are deleted; it may have written in them.

    `size_bytes` 0: no room is set aside.
    """

    def __init__(self, folder: Path, epoch: int, size_bytes: int) -> None:
        self._folder = folder
        self._epoch = epoch
        self._size_bytes = size_bytes
        self._made = 0
        self._ready: list[tuple[Path, FileIO]] = []
        delete_spares(folder, epoch)

    def set_aside(self, count: int) -> None:
        """Have at least so many ready; raises JournalFull."""
        while len(self._ready) < count:
            self._ready.append(self._make())

    def take(self) -> tuple[Path, FileIO]:
        """One to write in and to rename: zeros, or empty where no room can be set aside. Raises JournalFull."""
        return self._ready.pop() if self._ready else self._make()

    def close(self) -> None:
        while self._ready:
            discard(*self._ready.pop())

    def _make(self) -> tuple[Path, FileIO]:
        self._made += 1
        path = self._folder / f"{self._epoch:012d}-{self._made:06d}.spare"
        try:
            file = open(path, "xb", buffering=0, opener=_private)  # noqa: SIM115 - whoever takes it closes it
        except OSError as error:
            raise JournalFull(f"no new file for the journal: {error.strerror}") from error
        try:
            self._fill(file)
        except OSError as error:
            discard(path, file)
            raise JournalFull(f"no room for the journal: {error.strerror}") from error
        return path, file

    def _fill(self, file: FileIO) -> None:
        if self._size_bytes == 0:
            return
        try:
            os.posix_fallocate(file.fileno(), 0, self._size_bytes)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise


def discard(path: Path, file: FileIO) -> None:
    """On a disk that has become read-only it stays; the next owner deletes it."""
    file.close()
    with suppress(OSError):
        path.unlink()


def delete_spares(folder: Path, epoch: int) -> None:
    for path in folder.glob(f"{epoch:012d}-*.spare"):
        path.unlink()


_private: Final = partial(os.open, mode=0o600)
