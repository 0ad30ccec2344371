"""How does a symbol stand, as far as we know?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from guardian.rules import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

State = Literal["LIVE", "STALE", "MARKET_CLOSED", "NO_DATA", "INACTIVE"]
STALE_AFTER = timedelta(seconds=15)  # for people's eyes; the gate has its own, stricter figure


def state(
    *,
    is_active: bool,
    received_at: datetime | None,
    venue_at: datetime | None,
    sessions: Mapping[str, Any],
    at: datetime,
) -> State:
    """Return how a symbol stands at `at`. A closed market is not taken for a silent one."""
    if not is_active:
        return "INACTIVE"
    if received_at is None or venue_at is None:
        return "NO_DATA"
    if not calendar.is_open(sessions, venue_at):
        return "MARKET_CLOSED"
    return "STALE" if at - received_at > STALE_AFTER else "LIVE"
