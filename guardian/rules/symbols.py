"""Is a symbol's market open, and how fresh is what we know of it?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["LIVE", "STALE", "MARKET_CLOSED", "NO_DATA", "INACTIVE"]
WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MINUTES_A_DAY = 1_440
STALE_AFTER = timedelta(seconds=15)  # for people's eyes; the gate has its own, stricter figure


def is_open(sessions: Mapping[str, Any], venue_at: datetime) -> bool:  # Any: as the venue stated it
    """Tell whether the market is open at `venue_at`, by the sessions that SYMBOL_INFO stated.

    `weekly` holds stretches such as {"opens": "SUN 17:00", "closes": "FRI 17:00"} in the venue's own `timezone`, so
    that daylight saving moves them as it moves the venue (P55). What cannot be read is closed.
    """
    if sessions.get("always_open") is True:
        return True
    weekly, zone = sessions.get("weekly"), sessions.get("timezone")
    if not weekly or not zone:
        return False
    local = venue_at.astimezone(ZoneInfo(zone))
    now = local.weekday() * MINUTES_A_DAY + local.hour * 60 + local.minute
    return any(_within(now, _minute(stretch["opens"]), _minute(stretch["closes"])) for stretch in weekly)


def _minute(text: str) -> int:
    """Return the minute of the week of a text such as "SUN 17:00"."""
    day, _, clock = text.partition(" ")
    hour, _, minute = clock.partition(":")
    return WEEK.index(day) * MINUTES_A_DAY + int(hour) * 60 + int(minute)


def _within(now: int, opens: int, closes: int) -> bool:
    return opens <= now < closes if opens < closes else now >= opens or now < closes


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
    if not is_open(sessions, venue_at):
        return "MARKET_CLOSED"
    return "STALE" if at - received_at > STALE_AFTER else "LIVE"
