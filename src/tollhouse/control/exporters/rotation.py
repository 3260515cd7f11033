"""Headers of exporters, for wrapping their data keys anew (see `rewrapping.py`)."""

from tollhouse.control import rewrapping
from tollhouse.control.exporters.sealed_headers import owner
from tollhouse.control.rewrapping import Rotation, Rows
from tollhouse.db.pool import Database
from tollhouse.foundation.sealing import Keyring
from tollhouse.traces.exports import exporters
from tollhouse.traces.exports.exporters import Sealed


async def rotate(database: Database, keyring: Keyring) -> Rotation[Sealed]:
    """All exporters of the installation that have headers."""
    rows = Rows(
        page=exporters.sealed_page,
        owner=lambda exporter: owner(exporter.customer_id, exporter.id),
        swap=exporters.rewrap,
        again=lambda connection, exporter: exporters.sealed(connection, exporter.id),
    )
    return await rewrapping.rotate(database, keyring, rows)
