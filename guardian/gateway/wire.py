"""How do the venue's rows look on the wire? Decimal text, RFC 3339, names of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crs.kernel.money import share_half_up, text_of
from guardian.gateway.payloads import CASH_DECIMALS, NOTIONAL_DECIMALS, moment_of
from guardian.gateway.symbols import SYMBOLS, SymbolSpec, volume_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardian.gateway.book import Account
    from guardian.gateway.replay import Tick
    from guardian.gateway.rows import Deal, Figures, Order, Position, Quote


def cash(cents: int) -> str:
    """Return cents as decimal text."""
    return text_of(cents, CASH_DECIMALS)


def price(spec: SymbolSpec, value: int | None) -> str | None:
    """Return a price with the symbol's digits; none stays none."""
    return None if value is None else spec.price_text(value)


def tick(login: int, spec: SymbolSpec, row: Tick) -> dict[str, Any]:
    """Return a tick; `sent_ns` is added when it leaves."""
    return {"login": str(login), "symbol": spec.name, "seq": row.seq, "bid": spec.price_text(row.bid),
            "ask": spec.price_text(row.ask), "venue_time": moment_of(row.venue_time)}  # fmt: skip


def deal(row: Deal) -> dict[str, Any]:
    """Return a deal record (guardian 8.4), and its notional."""
    spec = SYMBOLS.get(row.symbol)
    return {
        "deal": row.deal, "order": row.order, "position_id": row.position_id, "entry": row.entry, "type": row.type,
        "reason": row.reason, "symbol": row.symbol, "volume": volume_text(row.volume),
        "price": spec.price_text(row.price) if spec else "0", "notional": text_of(row.notional, NOTIONAL_DECIMALS),
        "profit": cash(row.profit), "commission": cash(row.commission), "fee": cash(row.fee), "swap": cash(row.swap),
        "magic": row.magic, "comment": row.comment, "time": moment_of(row.time),
    }  # fmt: skip


def order(row: Order) -> dict[str, Any]:
    """Return an order and its state."""
    spec = SYMBOLS[row.symbol]
    return {
        "order": row.order, "idempotency_key": row.key, "position_id": row.position_id, "symbol": row.symbol,
        "type": row.type, "volume": volume_text(row.volume), "filled": volume_text(row.filled),
        "price": price(spec, row.price), "sl": price(spec, row.sl), "tp": price(spec, row.tp), "magic": row.magic,
        "comment": row.comment, "decision_id": row.decision_id, "state": row.state, "reason": row.reason,
        "time": moment_of(row.time), "time_done": None if row.time_done is None else moment_of(row.time_done),
    }  # fmt: skip


def executed(row: Order, deals: Iterable[Deal], *, retcode: int) -> dict[str, Any]:
    """Return what ORDER_OPEN and ORDER_CLOSE answer; `price` is the mean of the deals."""
    own = [item for item in deals if item.order == row.order]
    spec = SYMBOLS[row.symbol]
    mean = None
    if row.filled:
        mean = spec.price_text(
            share_half_up(sum(item.price * item.volume for item in own), numerator=1, denominator=row.filled)
        )
    return {
        "order": row.order, "position_id": row.position_id, "deals": [deal(item) for item in own],
        "symbol": row.symbol, "volume": volume_text(row.filled), "price": mean, "state": row.state,
        "execution_time": moment_of(row.time_done or row.time), "retcode": retcode,
    }  # fmt: skip


def position(row: Position, book: Account, quote: Quote) -> dict[str, Any]:
    """Return an open position at its liquidation mark."""
    spec = SYMBOLS[row.symbol]
    return {
        "position_id": row.position_id, "symbol": row.symbol, "type": row.type, "volume": volume_text(row.volume),
        "open_price": spec.price_text(row.price),
        "current_price": spec.price_text(quote.bid if row.side > 0 else quote.ask),
        "sl": price(spec, row.sl), "tp": price(spec, row.tp), "swap": cash(row.swap),
        "profit": cash(book.profit(row, quote)), "magic": row.magic, "comment": row.comment,
        "time": moment_of(row.time),
    }  # fmt: skip


def figures(row: Figures, *, currency: str, leverage: int) -> dict[str, Any]:
    """Return GET_ACCOUNT's data; `margin_level` in percent, none without margin."""
    return {
        "balance": cash(row.balance), "credit": cash(row.credit), "equity": cash(row.equity),
        "margin": cash(row.margin), "free_margin": cash(row.free_margin),
        "margin_level": None if row.level_bps is None else text_of(row.level_bps, 2),
        "currency": currency, "leverage": leverage,
    }  # fmt: skip
