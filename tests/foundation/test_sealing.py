"""Envelopes: they open for their owner, with their master key, as they were sealed, and in no other way."""

from dataclasses import replace

import pytest

from tollhouse.foundation.sealing import BrokenSeal, Envelope, Keyring, SealError, UnknownMasterKey
from tollhouse.foundation.secrets import Secret

PURPOSE = "test"
OLD, NEW = Secret("old " * 10), Secret("new " * 10)
SECRET = Secret("sk-tenant-0123456789")
OWNER = ("customer", "openai")


@pytest.fixture
def ring() -> Keyring:
    return Keyring(PURPOSE, [OLD])


@pytest.fixture
def envelope(ring: Keyring) -> Envelope:
    return ring.seal(SECRET, *OWNER)


def test_what_was_sealed_opens_for_its_owner(ring: Keyring, envelope: Envelope) -> None:
    opened = ring.open(envelope, *OWNER)
    assert opened == SECRET
    assert "sk-tenant" not in repr((opened, ring, envelope))
    assert SECRET.reveal().encode() not in envelope.sealed + envelope.wrapped
    assert envelope.master_key_id == ring.current_id


def test_nothing_is_used_twice(ring: Keyring) -> None:
    """The same secret of the same owner: another data key, other nonces, nothing in common."""
    made = [ring.seal(SECRET, *OWNER) for _ in range(50)]
    for parts in ([one.sealed for one in made], [one.wrapped for one in made]):
        assert len({part[:12] for part in parts}) == len({part[12:28] for part in parts}) == 50
    mixed = replace(made[0], wrapped=made[1].wrapped)
    with pytest.raises(BrokenSeal):
        ring.open(mixed, *OWNER)


def _with(envelope: Envelope, part: str, value: bytes) -> Envelope:
    return replace(envelope, sealed=value) if part == "sealed" else replace(envelope, wrapped=value)


@pytest.mark.parametrize("part", ["sealed", "wrapped"])
def test_a_changed_bit_anywhere_is_noticed(ring: Keyring, envelope: Envelope, part: str) -> None:
    """In the nonce, the ciphertext or the tag."""
    whole: bytes = getattr(envelope, part)
    for place in range(len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(BrokenSeal):
            ring.open(_with(envelope, part, changed), *OWNER)


@pytest.mark.parametrize("part", ["sealed", "wrapped"])
@pytest.mark.parametrize("length", [0, 5, 12, 20, -1])
def test_a_part_that_was_cut_is_noticed(ring: Keyring, envelope: Envelope, part: str, length: int) -> None:
    with pytest.raises(BrokenSeal):
        ring.open(_with(envelope, part, getattr(envelope, part)[:length]), *OWNER)


@pytest.mark.parametrize(
    "owner",
    [("other", "openai"), ("customer", "groq"), ("custome", "ropenai"), ("customer",), ("customer", "openai", "")],
)
def test_it_opens_for_nobody_else(ring: Keyring, envelope: Envelope, owner: tuple[str, ...]) -> None:
    with pytest.raises(BrokenSeal):
        ring.open(envelope, *owner)
    with pytest.raises(BrokenSeal):
        ring.rewrap(envelope, *owner)


def test_another_master_key_does_not_open_it_nor_one_of_another_purpose(envelope: Envelope) -> None:
    for stranger in (Keyring(PURPOSE, [NEW]), Keyring("another", [OLD])):
        assert not stranger.knows(envelope.master_key_id)
        with pytest.raises(UnknownMasterKey):
            stranger.open(envelope, *OWNER)
        with pytest.raises(BrokenSeal):
            stranger.open(replace(envelope, master_key_id=stranger.current_id), *OWNER)


def test_a_renamed_master_key_does_not_help(envelope: Envelope) -> None:
    with pytest.raises(SealError):
        Keyring(PURPOSE, [OLD, NEW]).open(replace(envelope, master_key_id="0" * 16), *OWNER)


def test_rewrapped_it_opens_with_the_new_master_key_alone(envelope: Envelope) -> None:
    both = Keyring(PURPOSE, [NEW, OLD])
    rewrapped = both.rewrap(envelope, *OWNER)
    assert rewrapped.sealed == envelope.sealed
    assert rewrapped.master_key_id == both.current_id != envelope.master_key_id
    assert Keyring(PURPOSE, [NEW]).open(rewrapped, *OWNER) == SECRET
    assert both.open(envelope, *OWNER) == SECRET
    assert both.rewrap(rewrapped, *OWNER) is rewrapped


def test_what_does_not_open_is_not_rewrapped(ring: Keyring, envelope: Envelope) -> None:
    """Not even if its master key is the current one already."""
    with pytest.raises(BrokenSeal):
        ring.rewrap(replace(envelope, wrapped=bytes(60)), *OWNER)
    with pytest.raises(UnknownMasterKey):
        Keyring(PURPOSE, [NEW]).rewrap(envelope, *OWNER)
