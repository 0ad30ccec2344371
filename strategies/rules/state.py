"""What does a session remember of its symbols between two slices? Saved with the cursor; a successor goes on there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strategies.rules import performance, signals
from strategies.rules.performance import LAG_BOUNDS_US, Slots
from strategies.rules.signals import Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FAILURES_MAX = 3  # guardian.md 11.2: retried three times after 2ⁿ s, then the symbol stops


@dataclass(slots=True)
class SymbolState:
    """One symbol: its signal, the last tick that was handled, and what was counted."""

    track: Track = field(default_factory=Track)
    seq: int = 0
    gap_bar: int = -1  # the bar in which ticks were missing; no new risk until a whole bar has come after it
    ticks: int = 0
    signals: int = 0
    heartbeats: int = 0
    errors: int = 0
    failures: int = 0  # in a row
    heartbeat_due_ms: int = 0  # wall clock, milliseconds since the epoch, as is paused_until_ms
    paused_until_ms: int = 0
    is_stopped: bool = False
    lags: list[int] = field(default_factory=lambda: [0] * (len(LAG_BOUNDS_US) + 1))

    @property
    def has_gap(self) -> bool:
        """True until the bar after the one with the missing ticks is complete."""
        return self.gap_bar >= 0 and self.track.bar <= self.gap_bar + 1

    def failed(self, *, at_ms: int) -> None:
        """Count a failure of the symbol's own handling: pause 2ⁿ s, and stop for good after the third retry."""
        self.failures += 1
        self.errors += 1
        self.paused_until_ms = at_ms + 1000 * 2**self.failures
        self.is_stopped = self.failures > FAILURES_MAX

    def lagged(self, lag_us: int) -> None:
        """Count how long a tick took from its receipt to its decision."""
        self.lags[performance.lag_bucket(lag_us)] += 1

    def as_json(self) -> dict[str, Any]:
        """Return the state as it is saved."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "track"} | {
            "track": self.track.as_json()
        }


@dataclass(slots=True)
class GroupState:
    """All symbols of a session and its slots."""

    symbols: dict[str, SymbolState]
    slots: Slots
    peak_units: int | None = None  # of equity corrected for flows
    drawdown_units: int = 0  # the deepest fall from a peak
    struck_ms: int = 0  # when the ledger got its last NAV mark, wall clock

    def marked(self, earned_units: int) -> None:
        """Take a valuation, corrected for flows, into peak and drawdown."""
        self.peak_units, down = performance.drawdown(
            earned_units if self.peak_units is None else self.peak_units, earned_units
        )
        self.drawdown_units = max(self.drawdown_units, down)

    def as_json(self) -> dict[str, Any]:
        """Return the state as it is saved."""
        return {
            "symbols": {name: state.as_json() for name, state in self.symbols.items()},
            "slots": self.slots.as_json(),
            "peak_units": self.peak_units,
            "drawdown_units": self.drawdown_units,
            "struck_ms": self.struck_ms,
        }


def group(saved: Mapping[str, Any], names: Iterable[str]) -> GroupState:
    """Return what `as_json` saved; an empty mapping is a fresh start."""
    known = saved.get("symbols", {})
    return GroupState(
        {name: _symbol(known.get(name, {})) for name in names},
        performance.slots(saved.get("slots", {})),
        saved.get("peak_units"),
        saved.get("drawdown_units", 0),
        saved.get("struck_ms", 0),
    )


def _symbol(saved: Mapping[str, Any]) -> SymbolState:
    return SymbolState(**{**saved, "track": signals.track(saved.get("track", {}))})
