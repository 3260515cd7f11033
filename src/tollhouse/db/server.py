"""The database of an installation: a server by URL, or our own; migrated either way.

Apart from the rest of this room because it is needed once, and migrating takes a second to load.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tollhouse.db import migrate
from tollhouse.db.embedded import EmbeddedPostgres


@contextmanager
def running(url: str | None, data_dir: Path) -> Iterator[str]:
    """The URL to connect to. Without one, the embedded server in the data directory (which exists) is started."""
    if url is not None:
        migrate.upgrade(url)
        yield url
        return
    server = EmbeddedPostgres(data_dir.resolve())
    try:
        migrate.upgrade(server.url)
        yield server.url
    finally:
        server.stop()
