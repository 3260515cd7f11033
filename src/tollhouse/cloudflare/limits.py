"""What the pool may use: how many connections, how long, how much."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`max_waiting` callers may wait for a connection, each as long as making one may take (`connect_timeout_s`).

    `first_byte_timeout_s` runs from sending to the end of the answer's head; `idle_timeout_s` between two pieces
    of the body; `keepalive_s` is how long an idle connection is kept, and should be below what the other side
    keeps. `max_header_bytes` bounds the head and any other bytes that are not body.
    """

    max_connections: int
    max_waiting: int
    connect_timeout_s: float
    first_byte_timeout_s: float
    idle_timeout_s: float
    keepalive_s: float = 30.0
    max_header_bytes: int = 64 << 10

    def __post_init__(self) -> None:
        times = (self.connect_timeout_s, self.first_byte_timeout_s, self.idle_timeout_s, self.keepalive_s)
        if self.max_connections < 1 or self.max_waiting < 0 or self.max_header_bytes < 1 or min(times) <= 0:
            raise ValueError("limits must be positive")

    @property
    def watch_interval_s(self) -> float:
        """How often deadlines are looked at: one look over all connections instead of a timer for each piece."""
        shortest = min(self.connect_timeout_s, self.first_byte_timeout_s, self.idle_timeout_s, self.keepalive_s)
        return min(max(shortest / 8, 0.01), 0.5)
