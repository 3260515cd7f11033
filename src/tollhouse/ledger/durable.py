"""Makes what was written to files durable: many wait, one fdatasync at a time serves them all.

When the disk fails a sync, nothing tells which pages it dropped, and a second sync would call them written. So the
first failure is the last word.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

from tollhouse.foundation.processor import step_back_thread
from tollhouse.ledger.replay import JournalFailed

_NICENESS: Final = 5
"""Of the thread that waits for the disk: else it interrupts the event loop each time that this wakes it."""


class Durable:
    """Owns a journal's open files. `through`: the highest number that no power cut can take any more."""

    def __init__(self, folder: Path, written: Callable[[], int], through: int) -> None:
        self.through = through
        self.failure: str | None = None
        self._folder = folder
        self._written = written
        self._files: list[FileIO] = []
        self._is_folder_synced = True
        self._running: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "journal", step_back_thread, (_NICENESS,))

    def add(self, file: FileIO) -> None:
        """The file that is written from now on. Those before it are closed once they are synced."""
        self._files.append(file)
        self._is_folder_synced = False

    async def sync(self) -> int:
        """Wait until all that is written now is durable; returns how far that is. Raises JournalFailed, for good."""
        wanted = self._written()
        while self.through < wanted:
            if self.failure is not None:
                raise JournalFailed(self.failure)
            # Not awaited itself: who is cancelled leaves the others their sync.
            await asyncio.wait([self._running or self._begin()])
        return self.through

    def close(self, reason: str) -> None:
        """Waits for a sync that runs."""
        self.failure = self.failure or reason
        self._thread.shutdown()
        for file in self._files:
            file.close()

    def _begin(self) -> "asyncio.Future[None]":
        files = tuple(self._files)
        folder = None if self._is_folder_synced else self._folder
        self._is_folder_synced = True
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._thread, _sync, [file.fileno() for file in files], folder)
        self._running.add_done_callback(partial(self._end, self._written(), files[:-1]))
        return self._running

    def _end(self, through: int, full: tuple[FileIO, ...], running: "asyncio.Future[None]") -> None:
        self._running = None
        error = running.exception()
        if error is not None:
            self.failure = f"the disk failed to make the journal durable: {error}"
            return
        self.through = through
        del self._files[: len(full)]
        for file in full:
            file.close()


def _sync(files: list[int], folder: Path | None) -> None:
    for file in files:
        os.fdatasync(file)
    if folder is not None:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
