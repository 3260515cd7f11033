"""Passwords: argon2id, made and checked on threads, a few at a time.

One hash takes 64 MiB and tens of milliseconds by design; without a bound, a burst of sign-ins would take the
machine's memory and the threads that everybody else needs.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.secrets import Secret

_PARALLEL: Final = 2
_MOST_PRESENT: Final = 64


class Passwords:
    """One per process, because the bound is the process's."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(_PARALLEL)
        self._present = 0

    async def hash(self, password: Secret) -> str:
        """What is stored in place of the password; raises Unavailable when too many are waiting."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password.reveal())

    async def verify(self, stored: str | None, password: Secret) -> bool:
        """Whether it is the password. `stored` None takes as long as a wrong one, so that time tells nothing."""
        async with self._turn():
            return await asyncio.to_thread(self._matches, stored, password.reveal())

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._present >= _MOST_PRESENT:
            raise Unavailable("too many people are signing in at this moment; try again shortly", retry_after_s=2)
        self._present += 1
        try:
            async with self._turns:
                yield
        finally:
            self._present -= 1

    def _matches(self, stored: str | None, password: str) -> bool:
        try:
            self._hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    @cached_property
    def _nobodys(self) -> str:
        """The hash of a password that nobody has."""
        return self._hasher.hash(secrets.token_hex(16))
