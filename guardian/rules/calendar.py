"""Is a symbol's market open? From the sessions that the venue states, in the venue's own time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
DAY_MINUTES: Final = 24 * 60


def is_open(sessions: Mapping[str, Any], venue_at: datetime) -> bool:  # Any: as the venue's JSON has it
    """Return whether the market trades at `venue_at`, a moment of the venue clock.

    `sessions` is what SYMBOL_INFO states: `timezone`, `always_open`, and `weekly` windows such as
    `{"opens": "SUN 17:00", "closes": "FRI 17:00"}` in local time, so that daylight saving moves them. A window that
    closes before it opens runs over the end of the week. Raises `KeyError` or `ValueError` on anything else.
    """
    if sessions["always_open"] is True:
        return True
    local = venue_at.astimezone(ZoneInfo(sessions["timezone"]))
    now = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
    for window in sessions["weekly"]:
        opens, closes = _minute(window["opens"]), _minute(window["closes"])
        if opens <= now < closes if opens < closes else (now >= opens or now < closes):
            return True
    return False


def _minute(text: str) -> int:
    """Return the minute of the week of a text such as `SUN 17:00`."""
    day, time = text.split(" ")
    hour, minute = time.split(":")
    return DAYS.index(day) * DAY_MINUTES + int(hour) * 60 + int(minute)
