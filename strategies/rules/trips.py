"""What was a session worth when it was halted, and from what was that computed? Whoever doubts it adds it up again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crs.kernel.evidence import instant
from crs.kernel.money import CASH_DECIMALS, text_of
from strategies.rules import performance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MarkTaken:
    """The last tick of one symbol that the session had handled: number, both sides and the venue clock."""

    symbol: str
    seq: int
    bid: Decimal
    ask: Decimal
    venue_at: datetime


@dataclass(frozen=True, slots=True)
class PositionTaken:
    """One open position: `side` +1 long or −1 short, `volume` in units of `base_decimals`, `cost` of its opening and
    `unrealised` in base units of the account currency, to the cent."""

    position_id: int
    symbol: str
    side: int
    volume: int
    base_decimals: int
    cost: int
    unrealised: int


@dataclass(frozen=True, slots=True)
class Trip:
    """Every input of a session's PnL at one step. Money in 10⁻⁶ of the account currency; `flows` since the opening.

    PnL = cash + Σ unrealised + accrued swap − opening equity − flows; a long is worth its bid, a short costs its ask,
    and each position is side × (volume × price − cost), to the cent, halves away from zero.
    """

    at: datetime
    venue_at: datetime
    limit: int
    opening_equity: int
    flows: int
    cash: int
    swap_accrued: int
    marks: Sequence[MarkTaken]
    positions: Sequence[PositionTaken]

    @property
    def equity(self) -> int:
        """What the account was worth, as the session saw it."""
        return self.cash + sum(position.unrealised for position in self.positions) + self.swap_accrued

    @property
    def pnl(self) -> int:
        """The result since the opening, corrected for flows; negative is a loss."""
        return performance.pnl(opening_equity=self.opening_equity, flows=self.flows, equity=self.equity)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept: amounts, prices and volumes as decimal text."""
        return {
            "at": instant(self.at),
            "venue_time": instant(self.venue_at),
            "limit": _cash(self.limit),
            "pnl": _cash(self.pnl),
            "opening_equity": _cash(self.opening_equity),
            "flows": _cash(self.flows),
            "equity": _cash(self.equity),
            "cash": _cash(self.cash),
            "swap_accrued": _cash(self.swap_accrued),
            "marks": {
                mark.symbol: {
                    "seq": mark.seq,
                    "bid": f"{mark.bid:f}",
                    "ask": f"{mark.ask:f}",
                    "venue_time": instant(mark.venue_at),
                }
                for mark in self.marks
            },
            "positions": [
                {
                    "position_id": position.position_id,
                    "symbol": position.symbol,
                    "side": "LONG" if position.side > 0 else "SHORT",
                    "volume": text_of(position.volume, position.base_decimals),
                    "cost": _cash(position.cost),
                    "unrealised": _cash(position.unrealised),
                }
                for position in self.positions
            ],
        }


def _cash(units: int) -> str:
    return text_of(units, CASH_DECIMALS)
