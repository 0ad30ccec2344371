"""What time is it? The only place that reads the clock; everything below the entry floor gets `at` as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the wall time, aware and in UTC."""
    return datetime.now(tz=UTC)


def monotonic_ns() -> int:
    """Return a clock that never goes back, in nanoseconds; for durations only."""
    return time.monotonic_ns()
