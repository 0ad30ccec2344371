"""What does the venue keep? Orders, deals, positions and the numbers on them.

Money is whole cents, prices 10⁻⁸, volumes 10⁻⁸ lots, moments microseconds of the venue clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

BUY, SELL = "BUY", "SELL"
SIDES: Final = {"BUY": 1, "BUY_LIMIT": 1, "BUY_STOP": 1, "SELL": -1, "SELL_LIMIT": -1, "SELL_STOP": -1}
DONE, DONE_PARTIAL, REQUOTE, REJECT, INVALID_PRICE = 10_009, 10_010, 10_004, 10_006, 10_015
INVALID_VOLUME = 10_014
INVALID_STOPS, MARKET_CLOSED, NO_MONEY, OFF_QUOTES, UNSUPPORTED_FILLING = 10_016, 10_018, 10_019, 10_021, 10_030
# 10⁻⁸ of a price times 10⁻⁸ lots, in cents.
PER_CENT: Final = 10**14
PER_MICRO: Final = 10**10


class Quote(NamedTuple):
    """What the venue offers now: sell at `bid`, buy at `ask`; `at` is the tick's moment on the venue clock."""

    bid: int
    ask: int
    at: int


@dataclass(slots=True)
class Order:
    """One order and its state: PLACED, FILLED, PARTIAL (the rest is cancelled), CANCELLED or REJECTED."""

    order: int
    key: str | None
    position_id: int
    symbol: str
    type: str
    volume: int
    filled: int
    price: int | None
    sl: int | None
    tp: int | None
    magic: int
    comment: str
    filling: str
    decision_id: str
    state: str
    reason: str
    time: int
    time_done: int | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """One execution, or one booking of cash; never changed. `profit`, `commission`, `fee` and `swap` are cents as they
    move the balance: a cost is negative. `notional` is price × contract size × volume in millionths of the currency."""

    deal: int
    order: int
    position_id: int
    entry: str
    type: str
    reason: str
    symbol: str
    volume: int
    price: int
    notional: int
    profit: int
    commission: int
    fee: int
    swap: int
    magic: int
    comment: str
    time: int

    @property
    def cash(self) -> int:
        """What the deal moves the balance (a CREDIT: the credit) by."""
        return self.profit + self.commission + self.fee + self.swap


@dataclass(slots=True)
class Position:
    """An open position; `price` is the mean of its opening deals, `swap` the cents accrued and not yet charged."""

    position_id: int
    symbol: str
    type: str
    volume: int
    price: int
    sl: int | None
    tp: int | None
    swap: int
    magic: int
    comment: str
    time: int

    @property
    def side(self) -> int:
        """+1 for a long, −1 for a short position."""
        return 1 if self.type == BUY else -1


@dataclass(slots=True)
class Tickets:
    """The next free numbers of a gateway. Deals, orders and positions count apart: nobody may take one for another."""

    deal: int = 50_000_001
    order: int = 20_000_001
    position: int = 70_000_001
    login: int = 900_001

    def take(self, kind: str) -> int:
        """Return the next number of a kind."""
        number: int = getattr(self, kind)
        setattr(self, kind, number + 1)
        return number


@dataclass(frozen=True, slots=True)
class Figures:
    """The account in cents, by liquidation marks. `level_bps` is None without margin."""

    balance: int
    credit: int
    equity: int
    margin: int
    free_margin: int
    level_bps: int | None


@dataclass(frozen=True, slots=True)
class Split:
    """How the market takes an order: in how many deals, and which share of it at all."""

    parts: int = 1
    share_bps: int = 10_000


WHOLE: Final = Split()
