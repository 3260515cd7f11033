"""Headers of an exporter as one sealed secret: values are never shown again, names are."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.sealing import Envelope, Keyring
from tollhouse.foundation.secrets import Secret

_KIND: Final = "trace exporter"
"""Part of whose the secret is: no envelope of another kind opens as headers."""

_decoder: Final = msgspec.json.Decoder(dict[str, str])


def seal(keyring: Keyring, headers: Mapping[str, Secret], customer_id: CustomerId, exporter_id: str) -> Envelope:
    plain = {name: value.reveal() for name, value in headers.items()}
    return keyring.seal(Secret(msgspec.json.encode(plain).decode()), *owner(customer_id, exporter_id))


def unseal(keyring: Keyring, envelope: Envelope, customer_id: CustomerId, exporter_id: str) -> dict[str, str]:
    """Raises SealError."""
    return _decoder.decode(keyring.open(envelope, *owner(customer_id, exporter_id)).reveal())


def owner(customer_id: CustomerId, exporter_id: str) -> tuple[str, str, str]:
    return customer_id, exporter_id, _KIND
