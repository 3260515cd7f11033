"""Where the installation's master keys come from: the environment, or a file beside the data that is made once.

The file has one key a line, the current one first. It belongs to one machine: nodes that share a database must be given
their keys by the environment, or none could open what another sealed.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.sealing import SHORTEST_SECRET_CHARS, Keyring
from tollhouse.foundation.secrets import Secret

FILE_NAME: Final = "secret.key"
_NEW_KEY_BYTES: Final = 32


class MasterKeys:
    """Keyrings of one purpose. With a `secret` given, the file is not looked at; `former` ones only open."""

    def __init__(
        self, purpose: str, folder: Path, *, secret: Secret | None = None, former: Sequence[Secret] = ()
    ) -> None:
        self.file = folder / FILE_NAME
        self._purpose = purpose
        self._secret = secret
        self._former = former
        self._keyring: Keyring | None = None

    def keyring(self) -> Keyring:
        """As it was last read. Raises StartupError when it was not yet, and cannot be."""
        return self._keyring or self.latest()

    def latest(self) -> Keyring:
        """Read again; without any key, one is made. Raises StartupError."""
        own = self._own() or _make(self.file)
        self._keyring = Keyring(self._purpose, [*own, *self._former])
        return self._keyring

    def look(self) -> Keyring | None:
        """What there is; makes nothing. Raises StartupError when it cannot be read."""
        own = self._own()
        return Keyring(self._purpose, [*own, *self._former]) if own else None

    def renew(self) -> None:
        """A new current key at the top of the file; those that are there stay. Raises StartupError."""
        if self._secret is not None:
            raise StartupError(
                "the master key comes from TOLLHOUSE_SECRET_KEY: start every node with a new one there and this one "
                "in TOLLHOUSE_FORMER_SECRET_KEYS, then rotate without --new"
            )
        with _alone(self.file.parent):
            _write(self.file, [_fresh(), *_read(self.file)])

    def _own(self) -> list[Secret]:
        return [self._secret] if self._secret is not None else _read(self.file)


def _make(file: Path) -> list[Secret]:
    """One process of many makes it; the others read what it made."""
    with _alone(file.parent):
        found = _read(file)
        if not found:
            found = [_fresh()]
            _write(file, found)
    return found


def _fresh() -> Secret:
    return Secret(secrets.token_hex(_NEW_KEY_BYTES))


def _read(file: Path) -> list[Secret]:
    """Empty without a file: files are written whole or not at all."""
    try:
        lines = file.read_text().split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as cause:
        raise StartupError(f"the master keys in {file} cannot be read: {cause}") from cause
    if not lines or min(map(len, lines)) < SHORTEST_SECRET_CHARS:
        raise StartupError(f"{file} must have a key of at least {SHORTEST_SECRET_CHARS} characters in each line")
    return [Secret(line) for line in lines]


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The only one who writes there. Raises StartupError for a folder that cannot be used."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as cause:
        raise _unwritable(folder, cause) from cause
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(file: Path, keys: Sequence[Secret]) -> None:
    """Whole or not at all, durable, and readable by nobody else. The caller is alone in the folder."""
    draft = file.with_name(file.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as written:
            written.writelines(f"{key.reveal()}\n" for key in keys)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(file)
        _sync(file.parent)
    except OSError as cause:
        raise _unwritable(file, cause) from cause


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(place: Path, cause: OSError) -> StartupError:
    return StartupError(f"cannot write {place}: {cause.strerror}. Set TOLLHOUSE_SECRET_KEY, or mend the place.")
