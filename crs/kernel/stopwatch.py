"""What time is it now, for whoever was told the time when he began? The entry point's wall time, moved on.

Work that waits for a venue takes seconds; its later steps happen later than `at`. The clock that moves it on never goes
back, and a test that gives a time of its own gets times of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crs.kernel import clock

if TYPE_CHECKING:
    from datetime import datetime

NS_PER_MS: Final = 1_000_000


class Stopwatch:
    """Begins at `at`; `at` and `ms` move on with the machine's monotonic clock."""

    def __init__(self, at: datetime) -> None:
        self._began_at = at
        self._began_ns = clock.monotonic_ns()

    @property
    def ms(self) -> int:
        """Milliseconds since the beginning."""
        return (clock.monotonic_ns() - self._began_ns) // NS_PER_MS

    @property
    def at(self) -> datetime:
        """The wall time now."""
        return self._began_at + timedelta(milliseconds=self.ms)
