"""Is silence told from a closed market?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.rules.freshness import freshness

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
ALWAYS = {"always_open": True}
WEEK = {"always_open": False, "timezone": "UTC", "weekly": [{"opens": "SUN 22:00", "closes": "FRI 22:00"}]}
LATE = datetime(2017, 12, 8, 21, 59, 50, tzinfo=UTC)  # a Friday, ten seconds before the close


@pytest.mark.parametrize(
    ("silent_s", "venue_at", "sessions", "speed", "verdict"),
    [
        (0, AT, ALWAYS, 1, "ACTIVE"),
        (10, AT, ALWAYS, 60, "ACTIVE"),
        (10.1, AT, ALWAYS, 1, "STALE"),
        (-1, AT, ALWAYS, 1, "ACTIVE"),  # two machines' clocks differ a little
        (0, LATE, WEEK, 1, "ACTIVE"),
        (1, LATE, WEEK, 60, "MARKET_CLOSED"),  # the venue's minute has passed in one of our seconds
        (60, LATE, WEEK, 1, "MARKET_CLOSED"),
        (60, AT, WEEK, 1, "STALE"),
        (60, AT, {}, 1, "STALE"),
        (60, AT, {"always_open": False, "timezone": "Nowhere/Else", "weekly": []}, 1, "STALE"),
        (60, AT, {"always_open": False, "timezone": "UTC", "weekly": []}, 1, "MARKET_CLOSED"),
        (0, None, ALWAYS, 1, "NO_DATA"),
        (None, AT, ALWAYS, 1, "NO_DATA"),
    ],
)
def test_silence_in_an_open_market_is_stale(
    silent_s: float | None, venue_at: datetime | None, sessions: dict[str, Any], speed: int, verdict: str
) -> None:
    received_at = None if silent_s is None else AT - timedelta(seconds=silent_s)
    assert freshness(received_at=received_at, venue_at=venue_at, sessions=sessions, at=AT, speed=speed) == verdict
