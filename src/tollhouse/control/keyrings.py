"""The keys that seal what is kept for customers, as whoever stores or opens something needs them."""

from tollhouse.foundation.errors import StartupError, Unavailable
from tollhouse.foundation.logs import get_logger
from tollhouse.foundation.sealing import Keyring, Keyrings

_log = get_logger(__name__)


def latest(keyrings: Keyrings) -> Keyring:
    """Read again, because another process may have made a new master key. Raises Unavailable."""
    try:
        return keyrings.latest()
    except StartupError as cause:
        _log.error("the master keys could not be read", error=str(cause))
        raise Unavailable(
            "secrets cannot be sealed right now; your operator can see why with `tollhouse doctor`",
            code="secrets_unavailable",
        ) from cause
