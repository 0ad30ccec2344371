"""What does an account look like after an order, a tick, a night? The venue's own books, pure: no socket, no clock.

Orders go in; deals, positions and figures come out. Money is whole cents, prices 10⁻⁸, volumes 10⁻⁸ lots; every
product is rounded once, to the cent, halves away from zero. The balance is the sum of the deals' cash and nothing else.
A command changes rows in memory; `take_touched` hands out the changed ones, and they are on disk before anybody hears
of them (journal.py). Loading the rows again gives the same account.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from crs.kernel.money import share_half_up
from guardian.gateway import market
from guardian.gateway.codes import Refused
from guardian.gateway.rows import (
    BUY,
    NO_MONEY,
    OFF_QUOTES,
    PER_CENT,
    PER_MICRO,
    SELL,
    SIDES,
    WHOLE,
    Deal,
    Figures,
    Order,
    Position,
    Quote,
    Split,
    Tickets,
)  # fmt: skip
from guardian.gateway.symbols import LOT, SYMBOLS, SymbolSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

STOP_OUT_LEVEL_BPS: Final = 5_000  # equity below half of the margin: the venue closes, the largest loss first

Row = TypeVar("Row", Order, Deal, Position)


class Account:
    """One account's orders, deals and positions."""

    def __init__(self, *, login: int, margin_mode: str, leverage: int, tickets: Tickets) -> None:
        self.login, self.margin_mode, self.leverage = login, margin_mode, leverage
        self.balance = 0
        self.credit = 0
        self.orders: dict[int, Order] = {}
        self.placed: dict[int, Order] = {}
        self.positions: dict[int, Position] = {}
        self.deals: list[Deal] = []
        self._tickets = tickets
        self._touched: dict[str, dict[int, Order | Deal | Position]] = {"orders": {}, "deals": {}, "positions": {}}

    # ── Rows out and in ───────────────────────────────────────────────────────────────────────────────────────────────
    def take_touched(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows changed since the last call, for the journal; a position of volume 0 is gone."""
        taken = {name: [asdict(row) for row in rows.values()] for name, rows in self._touched.items() if rows}
        for rows in self._touched.values():
            rows.clear()
        return taken

    def load(self, rows: Mapping[str, Iterable[dict[str, Any]]]) -> None:
        """Put journaled rows back, in the order in which they were taken."""
        for row in rows.get("orders", ()):
            self._keep_order(_row(Order, row))
        for row in rows.get("deals", ()):
            self._keep_deal(_row(Deal, row))
        for row in rows.get("positions", ()):
            self._keep_position(_row(Position, row))
        self.take_touched()

    def _keep_order(self, order: Order) -> None:
        self.orders[order.order] = order
        if order.state == "PLACED":
            self.placed[order.order] = order
        else:
            self.placed.pop(order.order, None)
        self._tickets.order = max(self._tickets.order, order.order + 1)
        self._touched["orders"][order.order] = order

    def _keep_deal(self, deal: Deal) -> None:
        self.deals.append(deal)
        if deal.type == "CREDIT":
            self.credit += deal.cash
        else:
            self.balance += deal.cash
        self._tickets.deal = max(self._tickets.deal, deal.deal + 1)
        self._touched["deals"][deal.deal] = deal

    def _keep_position(self, position: Position) -> None:
        assert position.volume >= 0, "a position has no negative volume"
        if position.volume:
            self.positions[position.position_id] = position
        else:
            self.positions.pop(position.position_id, None)
        self._tickets.position = max(self._tickets.position, position.position_id + 1)
        self._touched["positions"][position.position_id] = position

    # ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def profit(self, position: Position, quote: Quote) -> int:
        """Return what closing the whole position now would realise, in cents, accrued swap apart."""
        mark = quote.bid if position.side > 0 else quote.ask
        return market.gain(position, position.volume, mark)

    def figures(self, quotes: Mapping[str, Quote]) -> Figures:
        """Return balance, equity and margin: longs at the bid, shorts at the ask, each position rounded to the cent."""
        floating = sum(self.profit(row, quotes[row.symbol]) + row.swap for row in self.positions.values())
        margin = sum(self._margin(SYMBOLS[row.symbol], row.volume, row.price) for row in self.positions.values())
        equity = self.balance + self.credit + floating
        level = equity * 10_000 // margin if margin else None
        return Figures(self.balance, self.credit, equity, margin, equity - margin, level)

    def _margin(self, spec: SymbolSpec, volume: int, price: int) -> int:
        return share_half_up(
            price * volume * spec.contract_size, numerator=spec.margin_bps, denominator=PER_CENT * 100 * self.leverage
        )

    # ── Orders ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def reduces(self, symbol: str, side: int, volume: int) -> bool:
        """Whether an order only lessens what a netting account holds; on a hedging account no new order does."""
        held = self._netted(symbol)
        return held is not None and held.side == -side and volume <= held.volume

    def open(
        self, wish: Mapping[str, Any], *, key: str | None, quotes: Mapping[str, Quote], at: int, split: Split = WHOLE
    ) -> Order:
        """Carry out ORDER_OPEN (base units, as `protocol.read_payload` gives it) and return the order.

        Raises `Refused`: volume, filling, stops, a price beyond the deviation, margin, or no quote.
        """
        spec = SYMBOLS[wish["symbol"]]
        side = SIDES[wish["type"]]
        is_market = wish["type"] in (BUY, SELL)
        if spec.name not in quotes:
            raise Refused("MT5_ORDER_FAILED", "no quote yet", retcode=OFF_QUOTES)
        quote = quotes[spec.name]
        market.refuse_volume(spec, wish["volume"])
        market.refuse_filling(wish["filling"], is_market=is_market, split=split)
        if wish["reduce_only"] and not self.reduces(spec.name, side, wish["volume"]):
            raise Refused("INVALID_VOLUME", "reduce_only: there is no such opposite position to lessen")
        entry = (quote.ask if side > 0 else quote.bid) if is_market else market.refuse_trigger(spec, wish, quote)
        if is_market:
            market.refuse_deviation(spec, wish, entry)
        market.refuse_stops(spec, side, wish, quote if is_market else Quote(entry, entry, at))
        if is_market and not self.reduces(spec.name, side, wish["volume"]):  # noqa: SIM102 — costs are looked at last
            if self._lacks_margin(spec, wish["volume"], entry, quotes):
                raise Refused("MT5_ORDER_FAILED", "not enough free margin", retcode=NO_MONEY)
        order = Order(
            order=self._tickets.take("order"), key=key, position_id=0, symbol=spec.name, type=wish["type"],
            volume=wish["volume"], filled=0, price=None if is_market else wish["price"], sl=wish["sl"], tp=wish["tp"],
            magic=wish["magic"], comment=wish["comment"], filling=wish["filling"], decision_id=wish["decision_id"],
            state="PLACED", reason="EXPERT", time=at,
        )  # fmt: skip
        if is_market:
            self._fill(order, entry, at=at, split=split)
        self._keep_order(order)
        return order

    def close(
        self, position: Position, volume: int, *, quote: Quote, at: int, reason: str = "EXPERT", key: str | None = None,
        comment: str = "", magic: int | None = None, split: Split = WHOLE,
    ) -> Order:  # fmt: skip
        """Close `volume` of a position at the market and return the closing order. Raises `Refused` on the volume."""
        spec = SYMBOLS[position.symbol]
        if volume != position.volume:
            market.refuse_volume(spec, volume)
        if volume > position.volume:
            raise Refused("INVALID_VOLUME", "more than the position holds")
        price = quote.bid if position.side > 0 else quote.ask
        order = Order(
            order=self._tickets.take("order"), key=key, position_id=position.position_id, symbol=position.symbol,
            type=SELL if position.side > 0 else BUY, volume=volume, filled=0, price=None, sl=None, tp=None,
            magic=position.magic if magic is None else magic, comment=comment, filling="IOC", decision_id="",
            state="PLACED", reason=reason, time=at,
        )  # fmt: skip
        self._fill(order, price, at=at, split=split, closing=position)
        self._keep_order(order)
        return order

    def cancel(self, order: Order, *, at: int, state: str = "CANCELLED", reason: str | None = None) -> None:
        """End a pending order."""
        assert order.order in self.placed
        order.state, order.time_done, order.reason = state, at, reason or order.reason
        self._keep_order(order)

    def book_cash(self, kind: str, cents: int, *, at: int, comment: str = "") -> Deal:
        """Book a deposit, credit, charge, correction … as a deal of its own."""
        deal = Deal(
            deal=self._tickets.take("deal"), order=0, position_id=0, entry="NONE", type=kind, reason="CLIENT",
            symbol="", volume=0, price=0, notional=0, profit=cents, commission=0, fee=0, swap=0, magic=0,
            comment=comment, time=at,
        )  # fmt: skip
        self._keep_deal(deal)
        return deal

    # ── What the venue does by itself ─────────────────────────────────────────────────────────────────────────────────
    def on_tick(self, symbol: str, quotes: Mapping[str, Quote], *, at: int, is_halted: Callable[[Order], bool]) -> bool:
        """Trigger stops, takes, pending orders and the stop-out after a tick; return whether anything happened."""
        quote, before = quotes[symbol], self._tickets.order + self._tickets.deal
        for position in [row for row in self.positions.values() if row.symbol == symbol]:
            if reason := market.triggered(position, quote):
                self.close(position, position.volume, quote=quote, at=at, reason=reason)
        rejected = False
        for order in [row for row in self.placed.values() if row.symbol == symbol and market.reached(row, quote)]:
            price = quote.ask if SIDES[order.type] > 0 else quote.bid
            reason = "KILL_SWITCH_ENGAGED" if is_halted(order) else ""
            if not reason and self._lacks_margin(SYMBOLS[symbol], order.volume, price, quotes):
                reason = "NO_MONEY"
            if reason:
                rejected = True
                self.cancel(order, at=at, state="REJECTED", reason=reason)
            else:
                self._fill(order, price, at=at)
                self._keep_order(order)
        self._stop_out(quotes, at=at)
        return rejected or self._tickets.order + self._tickets.deal != before

    def _stop_out(self, quotes: Mapping[str, Quote], *, at: int) -> None:
        while self.positions:
            level = self.figures(quotes).level_bps
            closable = [
                row for row in self.positions.values()
                if SYMBOLS[row.symbol].hours.is_open(at) and row.symbol in quotes
            ]  # fmt: skip
            if level is None or level >= STOP_OUT_LEVEL_BPS or not closable:
                return
            worst = min(closable, key=lambda row: (self.profit(row, quotes[row.symbol]) + row.swap, row.position_id))
            self.close(worst, worst.volume, quote=quotes[worst.symbol], at=at, reason="SO")

    def roll_over(self, spec: SymbolSpec, day: date) -> bool:
        """Accrue the swap that the end of a trading day charges; return whether any position of the symbol did."""
        nights = spec.hours.swap_nights(day)
        rolled = [row for row in self.positions.values() if row.symbol == spec.name] if nights else []
        for position in rolled:
            points = (spec.swap_long if position.side > 0 else spec.swap_short) * nights
            position.swap += share_half_up(
                points * spec.point * spec.contract_size, numerator=position.volume, denominator=PER_CENT
            )
            self._keep_position(position)
        return bool(rolled)

    # ── Executions ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _fill(
        self, order: Order, price: int, *, at: int, split: Split = WHOLE, closing: Position | None = None
    ) -> None:
        """Execute an order at `price` and worse: one deal for each level of the book that it takes."""
        spec = SYMBOLS[order.symbol]
        position = closing or self._netted(order.symbol)
        for volume, level in market.slices(spec, order.volume, split):
            at_price = max(price + SIDES[order.type] * level * spec.spread * spec.point, spec.point)
            position = self._execute(order, position, volume, at_price, at=at)
            order.filled += volume
        order.state = "FILLED" if order.filled == order.volume else "PARTIAL"
        order.time_done = at

    def _execute(self, order: Order, position: Position | None, volume: int, price: int, *, at: int) -> Position | None:
        side = SIDES[order.type]
        if position is None or not position.volume:
            position = Position(
                self._tickets.take("position"), order.symbol, BUY if side > 0 else SELL, 0, price, order.sl, order.tp,
                0, order.magic, order.comment, at,
            )  # fmt: skip
        order.position_id = position.position_id
        if position.side == side:
            held = position.volume
            position.price = share_half_up(
                position.price * held + price * volume, numerator=1, denominator=held + volume
            )  # fmt: skip
            position.volume = held + volume
            position.sl, position.tp = order.sl or position.sl, order.tp or position.tp
            self._deal(order, "IN", volume, price, at=at)
        else:
            closed = min(volume, position.volume)
            profit = market.gain(position, closed, price)
            swap = share_half_up(position.swap, numerator=closed, denominator=position.volume)
            position.volume, position.swap = position.volume - closed, position.swap - swap
            entry = "OUT" if closed == volume else "INOUT"
            self._deal(order, entry, volume, price, at=at, profit=profit, swap=swap)
            if closed < volume:
                position.type, position.volume, position.price = (BUY if side > 0 else SELL), volume - closed, price
                position.sl, position.tp, position.magic = order.sl, order.tp, order.magic
                position.time = at
        self._keep_position(position)
        return position

    def _deal(
        self, order: Order, entry: str, volume: int, price: int, *, at: int, profit: int = 0, swap: int = 0
    ) -> None:
        spec = SYMBOLS[order.symbol]
        commission = -share_half_up(spec.commission_cents, numerator=volume, denominator=LOT)
        self._keep_deal(
            Deal(
                deal=self._tickets.take("deal"), order=order.order, position_id=order.position_id, entry=entry,
                type=BUY if SIDES[order.type] > 0 else SELL, reason=order.reason, symbol=order.symbol, volume=volume,
                price=price,
                notional=share_half_up(price * volume, numerator=spec.contract_size, denominator=PER_MICRO),
                profit=profit, commission=commission, fee=0, swap=swap, magic=order.magic, comment=order.comment,
                time=at,
            )
        )  # fmt: skip

    def _netted(self, symbol: str) -> Position | None:
        if self.margin_mode != "NETTING":
            return None
        return next((row for row in self.positions.values() if row.symbol == symbol), None)

    def _lacks_margin(self, spec: SymbolSpec, volume: int, price: int, quotes: Mapping[str, Quote]) -> bool:
        return self._margin(spec, volume, price) > self.figures(quotes).free_margin


def _row(kind: type[Row], row: Mapping[str, Any]) -> Row:
    return kind(**{column.name: row[column.name] for column in fields(kind)})
