"""What is a venue account worth if everything were closed now?

NAV on liquidation marks: cash + Σ position values + accrued swap, where a long is worth its bid and a short costs its
ask, each position rounded to the cent as the venue does. Source: specification, sections 8.4 (two marks) and 17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from crs.kernel.money import Asset, Price, share_half_up
from crs.kernel.refusal import Refusal
from ledger.rules.venue_recipes import CENT_DECIMALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from ledger.rules.venue_recipes import Position


class MarkMissing(Refusal):
    """A position is open on a symbol without a mark: there is no NAV then, never a guess."""

    code: ClassVar[str] = "NO_DATA"
    title: ClassVar[str] = "A mark is missing, so there is no NAV"


@dataclass(frozen=True, slots=True)
class Mark:
    """The two sides of a symbol at a moment of the venue clock, in the account currency per whole base unit."""

    symbol: str
    bid: Decimal
    ask: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class PositionValue:
    """What one position is worth now, in base units of the account currency, a multiple of the cent."""

    position_id: int
    symbol: str
    unrealised: int


def value(position: Position, *, mark: Mark, base: Asset, currency: Asset) -> PositionValue:
    """Return the unrealised result of a position at its liquidation side, to the cent, halves away from zero."""
    price = Price.quoted(mark.bid if position.side > 0 else mark.ask, base=base, quote=currency)
    cent = 10 ** max(currency.decimals - CENT_DECIMALS, 0)
    # volume × price − cost, as one fraction and rounded once: rounding the worth first could move it by a cent.
    numerator = position.side * (position.volume * price.numerator - position.cost * price.denominator)
    cents = share_half_up(1, numerator=numerator, denominator=price.denominator * cent)
    return PositionValue(position.position_id, position.symbol, cents * cent)


def values(
    positions: Iterable[Position], *, marks: Mapping[str, Mark], assets: Mapping[str, Asset], currency: Asset
) -> list[PositionValue]:
    """Return the value of each open position. Raises `MarkMissing` when a symbol has no mark."""
    result = []
    for position in positions:
        mark = marks.get(position.symbol)
        if mark is None:
            raise MarkMissing(f"no mark for {position.symbol}", symbol=position.symbol)
        result.append(value(position, mark=mark, base=assets[position.base_asset], currency=currency))
    return result


def drawdown_max(navs: Iterable[int]) -> int:
    """Return the largest fall from a previous high, in base units; `navs` are corrected for flows and in order."""
    high: int | None = None
    fall = 0
    for nav in navs:
        high = nav if high is None else max(high, nav)
        fall = max(fall, high - nav)
    return fall
