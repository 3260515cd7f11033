"""Limits that limit nothing are refused, and timeouts are looked at often enough."""

import pytest

from cloudflare.loopback import limits


@pytest.mark.parametrize(
    "changed",
    [
        {"max_connections": 0},
        {"max_waiting": -1},
        {"connect_timeout_s": 0},
        {"first_byte_timeout_s": -1},
        {"idle_timeout_s": 0},
        {"keepalive_s": 0},
        {"max_header_bytes": 0},
    ],
)
def test_limits_that_limit_nothing_are_refused(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        limits(**changed)


@pytest.mark.parametrize(("idle_timeout_s", "interval_s"), [(0.01, 0.01), (0.8, 0.1), (600, 0.5)])
def test_deadlines_are_looked_at_well_within_the_shortest_of_them(idle_timeout_s: float, interval_s: float) -> None:
    assert limits(idle_timeout_s=idle_timeout_s).watch_interval_s == pytest.approx(interval_s)
