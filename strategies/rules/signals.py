"""When does the demo strategy want to be in the market? Bars built from ticks, two averages over their closes.

Prices are whole points (the symbol's smallest price step), averages whole millionths of a point: a replay of the same
ticks gives the same signals on every machine.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from crs.kernel.money import BPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

STRATEGY: Final = "ema-cross"  # its name on every order, and in the scope that halts it
Wish = Literal["LONG", "FLAT"]
SCALE = 1_000_000  # millionths of a point
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """A bar lasts `bar_s` venue seconds; the averages weigh `fast_bars` and `slow_bars` closes.

    `band_bps`: how far the fast one must stand from the slow one before it says anything, so that a market without a
    direction is not paid for in spreads.
    """

    bar_s: int
    fast_bars: int
    slow_bars: int
    band_bps: int = 0

    def __post_init__(self) -> None:
        assert 0 < self.fast_bars < self.slow_bars
        assert self.bar_s > 0
        assert self.band_bps >= 0


@dataclass(slots=True)
class Track:
    """What one symbol's signal remembers from tick to tick: the open bar and the two averages."""

    bar: int = -1  # number of the open bar since the epoch; -1 before the first tick
    open: int = 0  # points, as are high, low and close
    high: int = 0
    low: int = 0
    close: int = 0
    bars: int = 0  # closed so far
    fast: int = 0  # millionths of a point, as is slow
    slow: int = 0

    def as_json(self) -> dict[str, int]:
        """Return the state as it is saved with the cursor."""
        return asdict(self)


def track(saved: Mapping[str, int]) -> Track:
    """Return the state that `as_json` saved; an empty mapping is a fresh start."""
    return Track(**saved)


def points(price: Decimal, *, digits: int) -> int:
    """Return a price in whole points; a price with more digits than the symbol has is a broken gateway."""
    scaled = price.scaleb(digits)
    whole = int(scaled)
    assert whole == scaled, f"{price} has more than {digits} digits"
    return whole


def on_tick(state: Track, *, bid_points: int, venue_us: int, parameters: Parameters) -> Wish | None:
    """Take one tick into the bar; at the first tick of a new bar return what the closed one asks for.

    LONG while the fast average stands more than the band above the slow one, FLAT while it stands more than the band
    below; None inside a bar, before `slow_bars` bars are complete, and inside the band. A gap in ticks makes no bars.
    Source of the average: exponential moving average with weight 2 ÷ (n + 1), rounded down to a millionth of a point.
    """
    bar = venue_us // (parameters.bar_s * MICROSECONDS)
    if bar == state.bar:
        state.high = max(state.high, bid_points)
        state.low = min(state.low, bid_points)
        state.close = bid_points
        return None

    wish = _close_bar(state, parameters) if state.bar >= 0 else None
    state.bar = bar
    state.open = state.high = state.low = state.close = bid_points
    return wish


def _close_bar(state: Track, parameters: Parameters) -> Wish | None:
    close = state.close * SCALE
    if state.bars == 0:
        state.fast = state.slow = close
    else:
        state.fast += 2 * (close - state.fast) // (parameters.fast_bars + 1)
        state.slow += 2 * (close - state.slow) // (parameters.slow_bars + 1)
    state.bars += 1
    # Multiplied instead of divided: whole numbers compare exactly.
    distance, band = (state.fast - state.slow) * BPS, state.slow * parameters.band_bps
    if state.bars < parameters.slow_bars or abs(distance) <= band:
        return None
    return "LONG" if distance > 0 else "FLAT"


def pip(digits: int) -> int:
    """Return how many points a pip has: ten where the venue quotes a fractional pip (3 or 5 digits), otherwise one."""
    return 10 if digits in (3, 5) else 1


def stops(
    price: Decimal, *, digits: int, stop_loss_pips: int, take_profit_pips: int, stops_level: int
) -> tuple[Decimal, Decimal]:
    """Return stop-loss and take-profit of a long position opened at `price`, at least `stops_level` points away."""
    step = pip(digits)
    loss = max(stop_loss_pips * step, stops_level + 1)
    profit = max(take_profit_pips * step, stops_level + 1)
    base = points(price, digits=digits)
    assert base > loss, f"a stop of {loss} points lies below zero at {price}"
    return price - price.__class__(loss).scaleb(-digits), price + price.__class__(profit).scaleb(-digits)
