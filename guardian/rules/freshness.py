"""Does a symbol tick? From its last tick, its trading hours and the time: facts in, verdict out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from guardian.rules import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# Our choice: pages are polled each 2 s, so whoever looks knows of a silent gateway within the 15 s that any part may be
# silent. New risk is refused after one second already.
SILENT_MAX: Final = timedelta(seconds=10)

Freshness = Literal["ACTIVE", "STALE", "MARKET_CLOSED", "NO_DATA"]


def freshness(
    *,
    received_at: datetime | None,
    venue_at: datetime | None,
    sessions: Mapping[str, Any],  # Any: as the venue's JSON has it
    at: datetime,
    speed: int = 1,
) -> Freshness:
    """Return whether a symbol ticks at `at`, is silent in an open market or in a closed one, or never ticked.

    `received_at` is the last tick by our clock, `venue_at` by the venue's, which has gone on since by `speed` seconds a
    second. Hours that cannot be read count as open: silence is then said rather than excused.
    """
    if received_at is None or venue_at is None:
        return "NO_DATA"
    silent = at - received_at
    try:
        is_open = calendar.is_open(sessions, venue_at + silent * speed)
    except (KeyError, ValueError):
        is_open = True
    if not is_open:
        return "MARKET_CLOSED"
    return "STALE" if silent > SILENT_MAX else "ACTIVE"
