"""How is text from outside read as a whole number or a moment? In one spelling each, so that two readers agree.

Python's own readers take more than they should: `int` and `str.isdecimal` know the digits of every script,
`datetime.fromisoformat` knows weeks, days without a time and more than microseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

BIGINT_MAX: Final = 2**63 - 1
WHOLE = re.compile(r"0|[1-9][0-9]*")
# Source: RFC 3339, section 5.6, with T alone between day and time, and no more than the microseconds that we keep.
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def whole(text: str, *, most: int = BIGINT_MAX) -> int:
    """Return the whole number from 0 to `most` that plain digits say: no sign, no leading zero.

    Raises `ValueError` for everything else.
    """
    if len(text) > len(str(most)) or not WHOLE.fullmatch(text) or int(text) > most:
        raise ValueError(f"a whole number from 0 to {most}")
    return int(text)


def moment(text: str) -> datetime:
    """Return the moment of a text such as 2026-11-20T12:00:00.250Z, in UTC.

    Raises `ValueError` for what is not RFC 3339 with its offset, says more than microseconds, or leaves the calendar.
    """
    if not MOMENT.fullmatch(text):
        raise ValueError("a moment is RFC 3339 with its offset, such as 2026-11-20T12:00:00Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such moment in the calendar") from error
