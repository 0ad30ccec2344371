"""When can something have happened that we write down?

A moment outside is a typing mistake or an attack, and many a reader cannot print it: infinity, BC, a year of five
digits. The guards of book and evidence hold the same bounds in SQL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)  # itself too late


def is_plausible(at: datetime) -> bool:
    """Tell whether an aware moment lies within the bounds."""
    return EARLIEST <= at < LATEST
