"""Provider keys, for wrapping their data keys anew (see `rewrapping.py`)."""

from tollhouse.access import provider_keys
from tollhouse.access.provider_keys import ProviderKey
from tollhouse.control import rewrapping
from tollhouse.control.rewrapping import Rotation, Rows
from tollhouse.db.pool import Database
from tollhouse.foundation.sealing import Keyring


async def rotate(database: Database, keyring: Keyring) -> Rotation[ProviderKey]:
    """All provider keys of the installation."""
    rows = Rows(
        page=provider_keys.page,
        owner=lambda key: (key.customer_id, key.provider),
        swap=provider_keys.rewrap,
        again=lambda connection, key: provider_keys.find(connection, key.customer_id, key.provider),
    )
    return await rewrapping.rotate(database, keyring, rows)
