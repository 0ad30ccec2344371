"""Which legs does a venue's deal make? Cash equals the venue's balance to the cent after every deal.

Source: the margin recipes of the specification, section 16.2. An open position stands on CONVERSION both ways and does
not move cash; the realised result moves to cash on the close, as the venue booked it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from crs.kernel.money import share_half_up
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from ledger.rules.chart import Chart

DealEntry = Literal["IN", "OUT", "INOUT", "OUT_BY", "NONE"]
CENT_DECIMALS = 2  # what an account currency is settled to; a residue below that is rounding, anything else is not

# How a deal that is no trade moves the account, by its type: the ledger account on the other side of the cash.
CASH_DEALS: Mapping[str, tuple[str, str, str]] = {
    # type: (kind of the journal, ledger account that the venue moved, other side)
    "BALANCE": ("FUNDING", "venue", "external"),
    "CREDIT": ("FUNDING", "venue_credit", "external"),
    "BONUS": ("FUNDING", "venue_credit", "external"),
    "CHARGE": ("ADJUSTMENT", "venue", "fees_charge"),
    "COMMISSION": ("COMMISSION", "venue", "fees_commission"),
    "COMMISSION_DAILY": ("COMMISSION", "venue", "fees_commission"),
    "COMMISSION_MONTHLY": ("COMMISSION", "venue", "fees_commission"),
    "TAX": ("ADJUSTMENT", "venue", "fees_tax"),
    "INTEREST": ("ADJUSTMENT", "venue", "reward_income"),
    "DIVIDEND": ("ADJUSTMENT", "venue", "reward_income"),
    "CORRECTION": ("ADJUSTMENT", "venue", "suspense"),
}


class UnknownDealType(Refusal):
    """The venue names a deal that no recipe knows; it is looked at before anything is booked."""

    code: ClassVar[str] = "UNKNOWN_DEAL_TYPE"
    title: ClassVar[str] = "No recipe books this kind of deal"


class DealOutOfOrder(Refusal):
    """A deal closes more than the book has open on its position; the missing deal is booked first."""

    code: ClassVar[str] = "DEAL_OUT_OF_ORDER"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The deal closes what the book has not opened"


@dataclass(frozen=True, slots=True)
class VenueDeal:
    """One deal as the venue tells it.

    `volume` is in base units of `base_asset` (lots × contract size); `profit`, `commission`, `fee` and `swap` are base
    units of the account currency, signed as they moved the balance; `notional` is price × volume in that currency,
    positive. `profit` is also the amount of a deal that is no trade.
    """

    deal: int
    order: int
    position_id: int
    entry: DealEntry
    type: str  # BUY, SELL or a key of CASH_DEALS
    reason: str  # CLIENT, EXPERT, SL, TP, SO, ROLLOVER, CORRECTION, …: the venue's word
    symbol: str
    base_asset: str
    volume: int
    price: Decimal
    profit: int
    commission: int
    fee: int
    swap: int
    notional: int
    magic: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """What the book has open on one position: `side` +1 long, −1 short, 0 flat; `cost`, the notional of its opening."""

    position_id: int
    symbol: str
    base_asset: str
    side: int
    volume: int
    cost: int


Leg = tuple[int, str, int]  # ledger account, asset code, units


@dataclass(frozen=True, slots=True)
class Recipe:
    """One journal of a deal: `part` is "" for the deal itself, otherwise the end of its key."""

    part: str
    kind: str
    legs: tuple[Leg, ...]


def journals(
    deal: VenueDeal, *, chart: Chart, position: Position, currency_decimals: int, foreign: bool
) -> list[Recipe]:
    """Return the journals of a deal, in order; amounts of zero leave no leg and an empty journal is left out.

    `position` is what the book has open before the deal. Raises `UnknownDealType` and `DealOutOfOrder`.
    """
    if deal.type in ("BUY", "SELL"):
        trade = _trade(deal, chart=chart, position=position, currency_decimals=currency_decimals, foreign=foreign)
        recipes = [Recipe("", "TRADE", trade)]
    elif deal.type in CASH_DEALS:
        kind, own, other = CASH_DEALS[deal.type]
        cash: Leg = (getattr(chart, own), chart.currency, deal.profit)
        recipes = [Recipe("", kind, (cash, (getattr(chart, other), chart.currency, -deal.profit)))]
    else:
        raise UnknownDealType(f"deal {deal.deal} has type {deal.type[:40]!r}", deal=deal.deal, type=deal.type[:40])

    charges = [(chart.fees_commission, deal.commission), (chart.fees_fee, deal.fee)]
    recipes.append(Recipe("commission", "COMMISSION", tuple(_cash_legs(charges, chart=chart))))
    recipes.append(Recipe("swap", "SWAP_FEE", tuple(_cash_legs([(chart.fees_swap, deal.swap)], chart=chart))))
    cleaned = [Recipe(part.part, part.kind, tuple(leg for leg in part.legs if leg[2])) for part in recipes]
    return [recipe for recipe in cleaned if recipe.legs]


def after(position: Position, deal: VenueDeal) -> Position:
    """Return the position after a trade deal. Raises `DealOutOfOrder`."""
    side = 1 if deal.type == "BUY" else -1
    if deal.entry == "IN":
        return Position(
            deal.position_id,
            deal.symbol,
            deal.base_asset,
            side,
            position.volume + deal.volume,
            position.cost + deal.notional,
        )
    closed, opened = _split(deal, position)
    cost = _cost_of(position, closed)
    if opened:  # INOUT: through zero, on to the other side
        return Position(
            deal.position_id, deal.symbol, deal.base_asset, side, opened, _part_of(deal.notional, opened, deal.volume)
        )
    left = position.volume - closed
    return Position(
        deal.position_id, deal.symbol, deal.base_asset, position.side if left else 0, left, position.cost - cost
    )


def fold(deals: Iterable[VenueDeal]) -> dict[int, Position]:
    """Return every position after trade deals in the venue's order, flat ones too, by position id."""
    positions: dict[int, Position] = {}
    for deal in deals:
        if deal.type in ("BUY", "SELL"):
            positions[deal.position_id] = after(positions.get(deal.position_id) or flat(deal), deal)
    return positions


def flat(deal: VenueDeal) -> Position:
    """Return the position of a deal before its first deal."""
    return Position(deal.position_id, deal.symbol, deal.base_asset, 0, 0, 0)


def _trade(
    deal: VenueDeal, *, chart: Chart, position: Position, currency_decimals: int, foreign: bool
) -> tuple[Leg, ...]:
    """Open and close alike: the base asset one way, the notional the other; then the realised result as booked.

    1. BUY: STRATEGY(X) +v, CONVERSION(X) −v; STRATEGY(currency) −n, CONVERSION(currency) +n; SELL: the reverse.
    2. What it closes realised proceeds − cost; the venue booked `profit`: VENUE +profit, STRATEGY(currency) −profit.
    3. The difference of the two is below a cent and goes to ROUNDING; a larger one is unexplained and goes to SUSPENSE.
    """
    holder = chart.foreign if foreign else chart.strategy
    side = 1 if deal.type == "BUY" else -1
    legs: list[Leg] = [
        (holder, deal.base_asset, side * deal.volume),
        (chart.conversion, deal.base_asset, -side * deal.volume),
        (holder, chart.currency, -side * deal.notional),
        (chart.conversion, chart.currency, side * deal.notional),
        (chart.venue, chart.currency, deal.profit),
        (holder, chart.currency, -deal.profit),
    ]
    if deal.entry != "IN":
        closed, _ = _split(deal, position)
        proceeds = _part_of(deal.notional, closed, deal.volume)
        realised = position.side * (proceeds - _cost_of(position, closed))
        residue = realised - deal.profit
        cent = 10 ** max(currency_decimals - CENT_DECIMALS, 0)
        other = chart.rounding if abs(residue) < cent else chart.suspense
        legs += [(holder, chart.currency, -residue), (other, chart.currency, residue)]
    return tuple(legs)


def _split(deal: VenueDeal, position: Position) -> tuple[int, int]:
    """How much of a deal closes and how much opens; only INOUT does both."""
    against = -1 if deal.type == "BUY" else 1
    if position.side != against or (deal.volume > position.volume and deal.entry != "INOUT"):
        raise DealOutOfOrder(
            f"deal {deal.deal} closes {deal.volume} of position {deal.position_id}, which has {position.volume} open",
            deal=deal.deal,
            position=deal.position_id,
            volume=str(deal.volume),
            open=str(position.side * position.volume),
        )
    closed = min(deal.volume, position.volume)
    return closed, deal.volume - closed


def _cost_of(position: Position, volume: int) -> int:
    """The opening notional of a part of a position; the last part takes what is left, so that nothing remains."""
    return _part_of(position.cost, volume, position.volume)


def _part_of(units: int, part: int, whole: int) -> int:
    return units if part == whole else share_half_up(units, numerator=part, denominator=whole)


def _cash_legs(charges: Iterable[tuple[int, int]], *, chart: Chart) -> Iterable[Leg]:
    """A charge moves the balance by its (usually negative) units; the fee account takes the other side."""
    for account, units in charges:
        yield chart.venue, chart.currency, units
        yield account, chart.currency, -units
