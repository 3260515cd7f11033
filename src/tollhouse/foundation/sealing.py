"""Secrets that are kept to be used again, each in an envelope. Pure.

A secret is encrypted with a *data key* of its own, and the data key with a *master key* of the installation. When
the master key changes, data keys are wrapped anew and the secrets themselves stay closed. Whose a secret is (its
*owner*: any words, always the same) is authenticated with every part: a row that was copied to another owner, or a part
that was swapped or changed, does not open.

AES-256-GCM with random nonces of 96 bits (NIST SP 800-38D); master keys are derived with HKDF-SHA256 (RFC 5869).
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tollhouse.foundation.secrets import Secret

SHORTEST_SECRET_CHARS: Final = 32
"""Of what master keys are derived from: nothing here slows guessing, so it must be long, and random."""
_KEY_BITS: Final = 256
_NONCE_BYTES: Final = 12
_ID_DIGITS: Final = 16


class SealError(Exception):
    """A sealed secret does not open."""


class UnknownMasterKey(SealError):
    """It was sealed with a master key that this keyring does not have."""


class BrokenSeal(SealError):
    """It is not what was sealed, or not for this owner."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A secret in its envelope. `sealed` and `wrapped` are a nonce and a ciphertext: of the secret, of its data key."""

    sealed: bytes
    wrapped: bytes
    master_key_id: str


class MasterKey:
    """What wraps data keys. Its `id` is a short hash: it tells keys apart and opens nothing."""

    __slots__ = ("_cipher", "id")

    def __init__(self, secret: Secret, purpose: str) -> None:
        derived = HKDF(SHA256(), _KEY_BITS // 8, salt=None, info=purpose.encode()).derive(secret.reveal().encode())
        self.id = hashlib.sha256(derived).hexdigest()[:_ID_DIGITS]
        self._cipher = AESGCM(derived)

    def wrap(self, data_key: bytes, owner: Sequence[str]) -> bytes:
        return _encrypt(self._cipher, data_key, _bound("data key", *owner, self.id))

    def unwrap(self, wrapped: bytes, owner: Sequence[str]) -> bytes:
        """Raises BrokenSeal."""
        return _decrypt(self._cipher, wrapped, _bound("data key", *owner, self.id))


class Keyring:
    """The master keys of one purpose: the current one seals, former ones only open."""

    def __init__(self, purpose: str, secrets: Sequence[Secret]) -> None:
        """`secrets`: the current one first, at least one."""
        keys = [MasterKey(secret, purpose) for secret in secrets]
        self._current = keys[0]
        self._by_id = {key.id: key for key in keys}

    @property
    def current_id(self) -> str:
        return self._current.id

    def knows(self, master_key_id: str) -> bool:
        return master_key_id in self._by_id

    def seal(self, secret: Secret, *owner: str) -> Envelope:
        """With a data key that nothing else is sealed with."""
        data_key = AESGCM.generate_key(_KEY_BITS)
        sealed = _encrypt(AESGCM(data_key), secret.reveal().encode(), _bound("secret", *owner))
        return Envelope(sealed, self._current.wrap(data_key, owner), self._current.id)

    def open(self, envelope: Envelope, *owner: str) -> Secret:
        """Raises UnknownMasterKey, BrokenSeal."""
        data_key = self._unwrap(envelope, owner)
        return Secret(_decrypt(AESGCM(data_key), envelope.sealed, _bound("secret", *owner)).decode())

    def rewrap(self, envelope: Envelope, *owner: str) -> Envelope:
        """The same secret, its data key under the current master key; as it is, if that is so already.

        The data key is looked at in any case, the secret never. Raises UnknownMasterKey, BrokenSeal.
        """
        data_key = self._unwrap(envelope, owner)
        if envelope.master_key_id == self._current.id:
            return envelope
        return Envelope(envelope.sealed, self._current.wrap(data_key, owner), self._current.id)

    def _unwrap(self, envelope: Envelope, owner: Sequence[str]) -> bytes:
        master = self._by_id.get(envelope.master_key_id)
        if master is None:
            raise UnknownMasterKey(f"there is no master key {envelope.master_key_id}")
        return master.unwrap(envelope.wrapped, owner)


class Keyrings(Protocol):
    """Where the keyring of the moment comes from: master keys may be added while we run."""

    def keyring(self) -> Keyring:
        """As it was last read."""
        ...

    def latest(self) -> Keyring:
        """Read again. Raises StartupError when it cannot be read."""
        ...


def _bound(*words: str) -> bytes:
    """Words as bytes that no other words give: each with its length before it."""
    encoded = [word.encode() for word in words]
    return b"".join(len(word).to_bytes(4, "big") + word for word in encoded)


def _encrypt(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _decrypt(cipher: AESGCM, encrypted: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as cause:
        raise BrokenSeal("it was changed, or belongs to somebody else") from cause
