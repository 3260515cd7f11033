"""Passwords are checked right, and never too many at once."""

import asyncio
from typing import Literal

import pytest
from argon2 import PasswordHasher

from tollhouse.control import passwords as module
from tollhouse.control.passwords import Passwords
from tollhouse.foundation.errors import Unavailable
from tollhouse.foundation.secrets import Secret

RIGHT, WRONG = Secret("correct horse battery"), Secret("incorrect horse battery")


async def test_only_the_password_itself_opens() -> None:
    passwords = Passwords()
    stored = await passwords.hash(RIGHT)
    assert "horse" not in stored
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, RIGHT)
    assert not await passwords.verify(stored, WRONG)


@pytest.mark.parametrize("stored", [None, "", "plain text", "$argon2id$v=19$m=65536,t=3,p=4$broken"])
async def test_what_is_no_hash_opens_to_nobody(stored: str | None) -> None:
    assert not await Passwords().verify(stored, RIGHT)


class _Watched(PasswordHasher):
    """Notes what it is asked to check against."""

    def __init__(self) -> None:
        super().__init__()
        self.checked: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - theirs
        self.checked.append(hash)
        return super().verify(hash, password)


async def test_a_person_who_is_not_there_costs_as_much_as_one_who_is() -> None:
    """The same work is done for both, so the answer's time does not say who has an account."""
    passwords, watched = Passwords(), _Watched()
    passwords._hasher = watched
    await passwords.verify(None, RIGHT)
    await passwords.verify(await passwords.hash(RIGHT), WRONG)
    unknown, known = (str(stored).split("$")[:4] for stored in watched.checked)
    assert unknown == known  # algorithm and cost


async def test_too_many_at_once_are_turned_away_and_the_rest_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_PRESENT", 3)
    passwords = Passwords()
    answers = await asyncio.gather(*(passwords.hash(RIGHT) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 2
    assert await passwords.hash(RIGHT)  # the places are free again
