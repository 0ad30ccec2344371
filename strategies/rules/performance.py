"""How did a session do while it ran? Drawdown, loss, slots and lags, in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SLOT_S = 15
# Upper bounds of the lag buckets, microseconds; the last bucket is open.
LAG_BOUNDS_US = (
    250, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000, 12_000, 15_000, 20_000,
    30_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
)  # fmt: skip


def pnl(*, opening_equity: int, flows: int, equity: int) -> int:
    """Return the profit or loss since the opening, corrected for deposits and withdrawals; positive is profit."""
    return equity - opening_equity - flows


def is_beyond(pnl_units: int, *, limit: int) -> bool:
    """Tell whether a loss passes its limit: strictly more trips, and a profit never does (P01, P02).

    Source: guardian.md 1.2: loss = max(0, −PnL); trips when loss > limit.
    """
    assert limit > 0, "a limit that is not positive is refused when the configuration loads"
    return max(0, -pnl_units) > limit


def drawdown(peak: int, nav: int) -> tuple[int, int]:
    """Return the new peak and how far `nav` stands below it."""
    peak = max(peak, nav)
    return peak, peak - nav


@dataclass(slots=True)
class Slots:
    """Fifteen-second slots of a session: how many are complete, and in how many every symbol was handled."""

    number: int = 0  # of the present slot
    seen: set[str] = field(default_factory=set)  # symbols handled in it
    total: int = 0
    concurrent: int = 0

    def handled(self, symbol: str) -> None:
        """Remember that a symbol was handled in the present slot."""
        self.seen.add(symbol)

    def advance(self, elapsed_s: int, symbols: Sequence[str]) -> None:
        """Close the slots that have ended `elapsed_s` after the start; one that nobody was there for stays empty."""
        while (self.number + 1) * SLOT_S <= elapsed_s:
            self._close(symbols)

    def end(self, elapsed_s: int, symbols: Sequence[str]) -> None:
        """Close the last slot at the session's end; a remainder counts only if it is the only one."""
        self.advance(elapsed_s, symbols)
        if self.total == 0:
            self._close(symbols)

    def _close(self, symbols: Sequence[str]) -> None:
        self.total += 1
        self.concurrent += self.seen.issuperset(symbols)
        self.number += 1
        self.seen = set()

    def as_json(self) -> dict[str, Any]:
        """Return the slots as they are saved."""
        return {"number": self.number, "seen": sorted(self.seen), "total": self.total, "concurrent": self.concurrent}


def slots(saved: Mapping[str, Any]) -> Slots:
    """Return the slots that `as_json` saved; an empty mapping is a fresh start."""
    return Slots(**{**saved, "seen": set(saved.get("seen", ()))})


def lag_bucket(lag_us: int) -> int:
    """Return the number of the bucket that a lag falls into."""
    return next((number for number, bound in enumerate(LAG_BOUNDS_US) if lag_us <= bound), len(LAG_BOUNDS_US))


def lag_percentile_us(buckets: Sequence[int], permille: int) -> int | None:
    """Return the upper bound, in µs, of the bucket of a percentile by nearest rank; None without samples (P06)."""
    total = sum(buckets)
    rank = -(-total * permille // 1000)
    for number, count in enumerate(buckets):
        rank -= count
        if total and rank <= 0:
            return LAG_BOUNDS_US[min(number, len(LAG_BOUNDS_US) - 1)]
    return None


def summed(buckets: Iterable[Sequence[int]]) -> list[int]:
    """Return the buckets of several symbols added up."""
    return [sum(column) for column in zip(*buckets, strict=True)]
