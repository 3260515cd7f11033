"""What operators watch, from settings: where the workers of a machine count, and the door that shows it."""

from pathlib import Path
from typing import TYPE_CHECKING

from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.secrets import Secret
from tollhouse.settings import Settings

if TYPE_CHECKING:
    from tollhouse.metrics.asgi import Metrics


def tallies_of(settings: Settings) -> Path:
    """Where the machine's workers count."""
    return settings.data_dir.resolve() / "tallies"


def metrics_of(settings: Settings, database: Database, clock: Clock) -> "Metrics | None":
    """The door for operators; None without a token."""
    if settings.metrics_token is None:
        return None
    # Late: only who has a token needs what writes the exposition.
    from tollhouse.metrics.asgi import Metrics
    from tollhouse.metrics.standing import Standing

    token = Secret(settings.metrics_token.get_secret_value())
    return Metrics(token, tallies_of(settings), Standing(database, clock))
