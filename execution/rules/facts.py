"""What does the gate need to know? The wish, and one small group of facts for each rule.

A group that could not be read is `None`: its rule then says NO_DATA, and no data never passes. Volumes are whole
numbers of 10⁻⁸ lots, money is base units of the account currency (10⁻⁶), prices are `Decimal`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

# Whoever reads facts needs their units beside them.
from crs.kernel.money import CASH_DECIMALS as CASH_DECIMALS  # noqa: PLC0414 — handed on
from crs.kernel.money import LOT_DECIMALS as LOT_DECIMALS  # noqa: PLC0414 — handed on

if TYPE_CHECKING:
    from datetime import datetime, timedelta

PAR: Final = Decimal(1)  # the rate of a currency to itself

Side = Literal["BUY", "SELL"]
OrderType = Literal["MARKET", "LIMIT", "STOP"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to trade: `quantity` lots (10⁻⁸) of `symbol` on `account`, for `strategy`.

    A `reduce_only` wish can only make a position smaller: it is carried out by closing, never by opening.
    """

    account: str
    strategy: str
    symbol: str
    side: Side
    quantity: int
    order_type: OrderType = "MARKET"
    limit_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reduce_only: bool = False

    @property
    def sign(self) -> int:
        """+1 for a purchase, −1 for a sale."""
        return 1 if self.side == "BUY" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltCopy:
    """A copy of the halts: when it was read, its epoch, and the engaged scopes that cover the wish."""

    read_at: datetime
    epoch: int
    covering: tuple[str, ...]
    epoch_known: int | None = None  # the epoch that the proposer knew; None: he proposes under the present one


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeCopy:
    """The modes other than NORMAL that cover the wish, strictest first, such as `FORCE_CLOSE ACCOUNT:P-7`."""

    covering: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Is the symbol's session open on the venue clock? `venue_at` is that clock's time."""

    is_open: bool
    venue_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the account should be and who the gateway said it was, as `login server trade margin currency`."""

    expected: str
    actual: str
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTerms:
    """The row of the symbol map, as the venue stated it. `stops_level` is a number of points."""

    is_active: bool
    point: Decimal
    contract_size: Decimal
    volume_min: int
    volume_step: int
    volume_max: int
    stops_level: int
    quote_rate: Decimal | None = None  # account currency for one unit of the quote currency; None: no mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The last price: both sides, when it was received, and whether ticks before it are missing."""

    bid: Decimal
    ask: Decimal
    received_at: datetime
    has_gap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Our orders on the account and symbol.

    `unknown`: without a definite outcome. `same`: like the wish and in flight, or decided within the duplicate window.
    `reducing`: lots of orders in flight on the side of the wish, which may already use up the position.
    """

    unknown: int
    same: int
    reducing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Our signed lots on the account and symbol, and whether an opposite order makes them smaller (NETTING)."""

    lots: int
    is_netting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The running session: its limit, its opening equity, flows since and equity on liquidation marks."""

    limit: int
    opening_equity: int
    flows: int
    equity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the proposer sees himself, fresher than any row: a trading slice stands in the stream of ticks."""

    tick: Tick | None = None
    market: Market | None = None
    loss: Loss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The figures of the order rules. Who chose them: docs/SETTINGS.md."""

    halts_age_max: timedelta
    identity_age_max: timedelta
    tick_age_max: timedelta
    collar_bps: int
    notional_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the rules of the gate may look at; `at` is wall time. `wish` is None before the signal."""

    at: datetime
    bounds: Bounds
    wish: Wish | None = None
    halts: HaltCopy | None = None
    modes: ModeCopy | None = None
    market: Market | None = None
    identity: Identity | None = None
    symbol: SymbolTerms | None = None
    tick: Tick | None = None
    orders: Orders | None = None
    position: Position | None = None
    loss: Loss | None = None
    added: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        # Computed once: every rule about size asks for it.
        object.__setattr__(self, "added", lots_added(self.wish, self.position, self.orders))

    @property
    def is_reducing(self) -> bool:
        """True when the wish cannot make any position larger."""
        return self.wish is not None and self.added == 0


def lots_added(wish: Wish | None, position: Position | None, orders: Orders | None) -> int:
    """Return how many lots of the wish take new risk; only the part that makes a position smaller is left out.

    An opposite order reduces on a NETTING account only (on a HEDGING one it opens a second position), and only as far
    as orders in flight have not used up the position. A position that is not known reduces nothing: all is new risk.
    """
    if wish is None or wish.reduce_only:
        return 0
    if position is None or orders is None or not position.is_netting or position.lots * wish.sign >= 0:
        return wish.quantity
    return wish.quantity - min(wish.quantity, max(0, abs(position.lots) - orders.reducing))
