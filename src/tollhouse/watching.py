"""What watches a house is made here, from settings: where it counts, the door of `/metrics`, what spans say of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.secrets import Secret
from tollhouse.settings import Settings
from tollhouse.tallies.cells import Tally

if TYPE_CHECKING:
    from tollhouse.metrics.asgi import Metrics

METRICS_PATH: Final = "/metrics"


def tally_of(settings: Settings, number: int) -> Tally:
    """One worker's counts. Whoever asks for them closes them."""
    return Tally(_tallies(settings), number)


def metrics_of(settings: Settings, database: Database, clock: Clock) -> "Metrics | None":
    """The door for operators; None without a token."""
    if settings.metrics_token is None:
        return None
    # Late: only who has a token needs what writes the exposition.
    from tollhouse.metrics.asgi import Metrics
    from tollhouse.metrics.standing import Standing

    token = Secret(settings.metrics_token.get_secret_value())
    return Metrics(token, _tallies(settings), Standing(database, clock))


def server_of(settings: Settings) -> tuple[str, int] | None:
    """Where calls are sent, for their spans: a name and a port."""
    host, port = settings.cf_gateway_base.host, settings.cf_gateway_base.port
    return None if host is None or port is None else (host, port)


def _tallies(settings: Settings) -> Path:
    """Where the machine's workers count."""
    return settings.data_dir.resolve() / "tallies"
