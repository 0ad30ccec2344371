"""What do a gateway's records look like on our side? Frozen, typed, exact: prices `Decimal`, money whole micro-units.

Money is 10⁻⁶ of the account currency, volumes 10⁻⁸ lots, moments aware and in UTC; `venue_*` is the venue clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from crs.kernel.money import CASH_DECIMALS, LOT_DECIMALS, units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answers a PING. Without an account the login and what belongs to it are empty."""

    gateway_id: str
    program: str
    protocol: int
    is_connected: bool
    epoch: int
    server_at: datetime
    login: str = ""
    server: str = ""
    trade_mode: str = ""
    margin_mode: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolInfo:
    """A symbol's terms; `stated` is the venue's own record, as the symbol map keeps it."""

    symbol: str
    base_asset: str
    digits: int
    point: Decimal
    contract_size: Decimal
    volume_min: int
    volume_step: int
    volume_max: int
    stops_level: int
    profit_currency: str
    is_synthetic: bool
    stated: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """Cash and equity of an account, by liquidation marks."""

    balance: int
    credit: int
    equity: int
    margin: int
    free_margin: int
    margin_level: Decimal | None
    currency: str
    leverage: int
    venue_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position at its liquidation mark; `swap` is accrued and not yet charged."""

    position_id: int
    symbol: str
    type: str
    volume: int
    open_price: Decimal
    current_price: Decimal
    sl: Decimal | None
    tp: Decimal | None
    swap: int
    profit: int
    magic: int
    comment: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal: one execution or one booking of cash. Costs are negative, as they move the balance."""

    deal: int
    order: int
    position_id: int
    entry: str
    type: str
    reason: str
    symbol: str
    volume: int
    price: Decimal
    notional: int
    profit: int
    commission: int
    fee: int
    swap: int
    magic: int
    comment: str
    venue_at: datetime

    @property
    def cash(self) -> int:
        """What the deal moves the balance by."""
        return self.profit + self.commission + self.fee + self.swap


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the venue keeps it."""

    order: int
    idempotency_key: str | None
    position_id: int
    symbol: str
    type: str
    volume: int
    filled: int
    price: Decimal | None
    state: str
    reason: str
    magic: int
    decision_id: str
    placed_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Deals and orders of a window. `complete_through` is on the venue clock, `complete_through_wall` on ours."""

    deals: tuple[Deal, ...]
    orders: tuple[Order, ...]
    complete_through: datetime
    complete_through_wall: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What became of a key: the order's state, or PENDING, DONE, REJECTED or NOT_FOUND for a request without one.

    `status`, `code` and `data` are the recorded answer. NOT_FOUND is final only when `complete_through_wall` is later
    than the request's expiry plus the gateway's budget.
    """

    state: str
    status: str
    code: str
    message: str
    data: dict[str, Any]
    order: Order | None
    deals: tuple[Deal, ...]
    complete_through: datetime
    complete_through_wall: datetime


def price(text: str) -> Decimal:
    """Return a price of the wire. Raises `ValueError` for what is no finite number: it never becomes one of ours."""
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"no price: {text!r}") from error
    if not value.is_finite():
        raise ValueError(f"no price: {text!r}")
    return value


def cash(text: str) -> int:
    """Return an amount of the wire in micro-units."""
    return units_of(text, CASH_DECIMALS)


def volume(text: str) -> int:
    """Return a volume of the wire in 10⁻⁸ lots."""
    return units_of(text, LOT_DECIMALS)


def moment(text: str) -> datetime:
    """Return a moment of the wire."""
    return datetime.fromisoformat(text)


def identity(data: dict[str, Any]) -> Identity:
    """Read PING's data."""
    return Identity(
        gateway_id=data["gateway_id"], program=data["program"], protocol=data["protocol"],
        is_connected=data["connected"], epoch=data["epoch"], server_at=moment(data["server_time"]),
        **{name: data.get(name, "") for name in ("login", "server", "trade_mode", "margin_mode", "currency")},
    )  # fmt: skip


def symbol_info(data: dict[str, Any]) -> SymbolInfo:
    """Read SYMBOL_INFO's data."""
    return SymbolInfo(
        symbol=data["symbol"], base_asset=data["base_asset"], digits=data["digits"], point=price(data["point"]),
        contract_size=Decimal(data["contract_size"]), volume_min=volume(data["volume_min"]),
        volume_step=volume(data["volume_step"]), volume_max=volume(data["volume_max"]),
        stops_level=data["stops_level"], profit_currency=data["profit_currency"], is_synthetic=data["synthetic"],
        stated=data,
    )  # fmt: skip


def figures(data: dict[str, Any]) -> AccountFigures:
    """Read GET_ACCOUNT's data."""
    return AccountFigures(
        balance=cash(data["balance"]), credit=cash(data["credit"]), equity=cash(data["equity"]),
        margin=cash(data["margin"]), free_margin=cash(data["free_margin"]),
        margin_level=_maybe_price(data["margin_level"]), currency=data["currency"], leverage=data["leverage"],
        venue_at=moment(data["venue_time"]),
    )  # fmt: skip


def positions(data: dict[str, Any]) -> tuple[Position, ...]:
    """Read GET_POSITIONS' data."""
    return tuple(
        Position(
            position_id=row["position_id"], symbol=row["symbol"], type=row["type"], volume=volume(row["volume"]),
            open_price=price(row["open_price"]), current_price=price(row["current_price"]),
            sl=_maybe_price(row["sl"]), tp=_maybe_price(row["tp"]), swap=cash(row["swap"]),
            profit=cash(row["profit"]), magic=row["magic"], comment=row["comment"], opened_at=moment(row["time"]),
        )
        for row in data["positions"]
    )  # fmt: skip


def deal(row: dict[str, Any]) -> Deal:
    """Read a deal record."""
    return Deal(
        deal=row["deal"], order=row["order"], position_id=row["position_id"], entry=row["entry"], type=row["type"],
        reason=row["reason"], symbol=row["symbol"], volume=volume(row["volume"]), price=price(row["price"]),
        notional=cash(row["notional"]), profit=cash(row["profit"]), commission=cash(row["commission"]),
        fee=cash(row["fee"]), swap=cash(row["swap"]), magic=row["magic"], comment=row["comment"],
        venue_at=moment(row["time"]),
    )  # fmt: skip


def order(row: dict[str, Any]) -> Order:
    """Read an order record."""
    return Order(
        order=row["order"], idempotency_key=row["idempotency_key"], position_id=row["position_id"],
        symbol=row["symbol"], type=row["type"], volume=volume(row["volume"]), filled=volume(row["filled"]),
        price=_maybe_price(row["price"]), state=row["state"], reason=row["reason"], magic=row["magic"],
        decision_id=row["decision_id"], placed_at=moment(row["time"]),
        done_at=moment(row["time_done"]) if row["time_done"] else None,
    )  # fmt: skip


def history(data: dict[str, Any]) -> History:
    """Read GET_HISTORY's data."""
    return History(
        deals=tuple(deal(row) for row in data["deals"]),
        orders=tuple(order(row) for row in data["orders"]),
        complete_through=moment(data["complete_through"]),
        complete_through_wall=moment(data["complete_through_wall"]),
    )


def order_report(data: dict[str, Any]) -> OrderReport:
    """Read ORDER_QUERY's data."""
    recorded = data.get("outcome") or {}
    return OrderReport(
        state=data["state"], status=recorded.get("status", ""), code=recorded.get("code", ""),
        message=recorded.get("message", ""), data=recorded.get("data", {}),
        order=order(data["order"]) if data.get("order") else None,
        deals=tuple(deal(row) for row in data.get("deals", ())),
        complete_through=moment(data["complete_through"]),
        complete_through_wall=moment(data["complete_through_wall"]),
    )  # fmt: skip


def _maybe_price(text: str | None) -> Decimal | None:
    return None if text is None else price(text)
