"""What does the market take, at which price, and what does it refuse?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crs.kernel.money import share_half_up
from guardian.gateway.codes import Refused
from guardian.gateway.rows import (
    INVALID_PRICE,
    INVALID_STOPS,
    INVALID_VOLUME,
    PER_CENT,
    REJECT,
    REQUOTE,
    SIDES,
    UNSUPPORTED_FILLING,
    Order,
    Position,
    Quote,
    Split,
)
from guardian.gateway.symbols import SYMBOLS, SymbolSpec

if TYPE_CHECKING:
    from collections.abc import Mapping


def slices(spec: SymbolSpec, volume: int, split: Split) -> list[tuple[int, int]]:
    """Return (volume, level) of each execution: as deep as the book is at each price, in as many parts as asked."""
    step = spec.volume_step
    left = volume if split.share_bps == 10_000 else max(volume * split.share_bps // 10_000 // step * step, step)
    most = spec.depth
    if split.parts > 1:
        most = min(most, max(left // split.parts // step * step, step))
    slices: list[tuple[int, int]] = []
    taken = 0
    while left:
        part = left if split.parts > 1 and len(slices) == split.parts - 1 and left <= spec.depth else min(left, most)
        slices.append((part, taken // spec.depth))
        taken, left = taken + part, left - part
    return slices


def triggered(position: Position, quote: Quote) -> str:
    price = quote.bid if position.side > 0 else quote.ask
    if position.sl is not None and (price - position.sl) * position.side <= 0:
        return "SL"
    if position.tp is not None and (price - position.tp) * position.side >= 0:
        return "TP"
    return ""


def reached(order: Order, quote: Quote) -> bool:
    assert order.price is not None
    side = SIDES[order.type]
    price = quote.ask if side > 0 else quote.bid
    ahead = (price - order.price) * side
    return ahead <= 0 if order.type.endswith("LIMIT") else ahead >= 0


def refuse_volume(spec: SymbolSpec, volume: int) -> None:
    if not spec.volume_min <= volume <= spec.volume_max or volume % spec.volume_step:
        raise Refused("INVALID_VOLUME", "outside the symbol's minimum, maximum or step", retcode=INVALID_VOLUME)


def refuse_filling(filling: str, *, is_market: bool, split: Split) -> None:
    allowed = ("FOK", "IOC") if is_market else ("RETURN", "IOC")
    if filling not in allowed:
        raise Refused("UNSUPPORTED_FILLING", f"one of {', '.join(allowed)}", retcode=UNSUPPORTED_FILLING)
    if filling == "FOK" and split.share_bps < 10_000:
        raise Refused("MT5_ORDER_FAILED", "the market does not fill the whole order", retcode=REJECT)


def refuse_deviation(spec: SymbolSpec, wish: Mapping[str, Any], entry: int) -> None:
    if wish["price"] is not None and abs(entry - wish["price"]) > wish["deviation"] * spec.point:
        raise Refused("MT5_ORDER_FAILED", f"requote: {spec.price_text(entry)}", retcode=REQUOTE)


def refuse_trigger(spec: SymbolSpec, wish: Mapping[str, Any], quote: Quote) -> int:
    """Return the price of a pending order, on its own side of the market and a stops level away from it."""
    price, side = wish["price"], SIDES[wish["type"]]
    if price is None or price % spec.point:
        raise Refused("INVALID_VALUE", "a pending order has a price of the symbol's digits", retcode=INVALID_PRICE)
    market = quote.ask if side > 0 else quote.bid
    ahead = (price - market) * side * (-1 if wish["type"].endswith("LIMIT") else 1)
    if ahead < spec.stops_level * spec.point:
        raise Refused("INVALID_VALUE", "the price is on the wrong side of the market", retcode=INVALID_PRICE)
    return int(price)


def refuse_stops(spec: SymbolSpec, side: int, wish: Mapping[str, Any], quote: Quote) -> None:
    away = spec.stops_level * spec.point
    market = quote.bid if side > 0 else quote.ask
    for stop, direction in ((wish["sl"], -side), (wish["tp"], side)):
        if stop is not None and (stop % spec.point or (stop - market) * direction < away):
            raise Refused("INVALID_STOPS", "a stop stands on the wrong side or too near", retcode=INVALID_STOPS)


def gain(position: Position, volume: int, price: int) -> int:
    """Return the profit of closing `volume` of a position at `price`, in cents, halves away from zero."""
    moved = (price - position.price) * position.side * SYMBOLS[position.symbol].contract_size
    return share_half_up(moved, numerator=volume, denominator=PER_CENT)
