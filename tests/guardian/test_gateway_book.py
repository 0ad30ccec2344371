"""Are the venue's books right to the cent, whatever is traded?"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.gateway.book import Account
from guardian.gateway.codes import Refused
from guardian.gateway.payloads import ACTIONS, micros_of, read_payload
from guardian.gateway.rows import Order, Quote, Split, Tickets
from guardian.gateway.symbols import LOT, SYMBOLS

AT = micros_of("2017-12-20T12:00:00Z")
UNIT = 10**8
DEPOSIT = 1_000_000  # cents
BTC, EUR = SYMBOLS["BTCUSD.s"], SYMBOLS["EURUSD.s"]


def quote(bid: str, spec: Any = BTC) -> Quote:
    price = int(Decimal(bid) * UNIT)
    return Quote(price, price + spec.spread * spec.point, AT)


def account(mode: str = "HEDGING", *, deposit: int = DEPOSIT) -> Account:
    book = Account(login=1, margin_mode=mode, leverage=100, tickets=Tickets())
    book.book_cash("BALANCE", deposit, at=AT)
    return book


def wish(side: str = "BUY", volume: str = "0.01", symbol: str = "BTCUSD.s", **more: Any) -> dict[str, Any]:
    return read_payload(
        ACTIONS["ORDER_OPEN"].fields,
        {"symbol": symbol, "type": side, "volume": volume, "magic": 7, "decision_id": "d", **more},
    )


def send(book: Account, bid: str = "16000.00", split: Split | None = None, **order: Any) -> Order:
    order_wish = wish(**order)
    spec = SYMBOLS[order_wish["symbol"]]
    how = {"split": split} if split else {}
    return book.open(order_wish, key="k", quotes={spec.name: quote(bid, spec)}, at=AT, **how)


def shut(book: Account, bid: str, *, position_id: int | None = None, volume: int | None = None, **how: Any) -> Order:
    position = book.positions[position_id or next(iter(book.positions))]
    now = quote(bid, SYMBOLS[position.symbol])
    return book.close(position, volume or position.volume, quote=now, at=AT, **how)


def code(caught: Any) -> tuple[str, int]:
    return caught.value.code, caught.value.data["retcode"]


# ── Prices and cash ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("side", "opened", "closed", "volume", "profit"),
    [
        # A buy is filled at the ask (bid + 10.00) and closed at the bid.
        ("BUY", "16000.00", "16000.00", "0.01", -10),
        ("BUY", "16000.00", "16110.00", "0.01", 100),
        ("BUY", "16000.00", "16011.50", "0.001", 0),  # 0.0015 rounds to nothing
        ("BUY", "16000.00", "16015.00", "0.001", 1),  # half a cent rounds away from zero
        ("BUY", "16000.00", "16005.00", "0.001", -1),
        ("SELL", "16000.00", "16000.00", "0.01", -10),
        ("SELL", "16000.00", "15890.00", "0.01", 100),
        ("SELL", "16000.00", "16090.00", "1.0", -10_000),
    ],
)
def test_a_round_trip_costs_the_spread_and_earns_the_move(
    side: str, opened: str, closed: str, volume: str, profit: int
) -> None:
    book = account(deposit=10_000_000)
    before = book.balance
    order = send(book, opened, side=side, volume=volume)
    assert order.state == "FILLED"
    commission = book.deals[-1].commission
    assert book.balance == before + commission, "opening moves no cash but the commission"
    shut(book, closed)
    assert book.deals[-1].profit == profit
    assert book.deals[-1].entry == "OUT"
    assert book.balance == before + 2 * commission + profit
    assert not book.positions


@pytest.mark.parametrize(
    ("symbol", "bid", "volume", "commission", "notional"),
    [
        ("BTCUSD.s", "16000.00", "0.01", -5, 160_100_000),
        ("BTCUSD.s", "16000.00", "0.001", -1, 16_010_000),  # 0.5 cents, rounded away from zero
        ("EURUSD.s", "1.18400", "0.10", -35, 11_841_000_000),
        ("XAUUSD.s", "1272.00", "0.1", -35, 12_723_000_000),
    ],
)
def test_commission_and_notional_follow_the_contract(
    symbol: str, bid: str, volume: str, commission: int, notional: int
) -> None:
    book = account()
    send(book, bid, symbol=symbol, volume=volume)
    assert (book.deals[-1].commission, book.deals[-1].notional) == (commission, notional)


def test_equity_is_what_closing_now_would_leave() -> None:
    book = account()
    send(book, "16000.00")
    send(book, "16000.00", side="SELL", volume="0.02")
    now = {"BTCUSD.s": quote("16123.45")}
    figures = book.figures(now)
    # (16123.45 − 16010.00) × 0.01 = 1.1345 and (16000.00 − 16133.45) × 0.02 = −2.669, each to the cent
    assert figures.equity - figures.balance == 113 - 267
    assert figures.margin == 1_601 + 3_200  # a tenth of each notional
    for position in list(book.positions.values()):
        book.close(position, position.volume, quote=now["BTCUSD.s"], at=AT)
    assert book.balance == figures.equity - 5 - 10  # and the commission of the two closing deals


def test_cash_is_booked_as_deals_and_credit_stands_apart() -> None:
    book = account()
    for kind, cents in (("CORRECTION", -123), ("CHARGE", -100), ("CREDIT", 5_000), ("INTEREST", 7), ("BALANCE", -1)):
        deal = book.book_cash(kind, cents, at=AT)
        assert (deal.type, deal.profit, deal.entry, deal.order) == (kind, cents, "NONE", 0)
    assert book.balance == DEPOSIT - 123 - 100 + 7 - 1
    assert book.credit == 5_000
    assert book.figures({}).equity == book.balance + 5_000


# ── Hedging, netting ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_hedging_account_keeps_both_sides() -> None:
    book = account()
    send(book)
    send(book, side="SELL")
    assert [row.type for row in book.positions.values()] == ["BUY", "SELL"]
    first, second = book.positions
    shut(book, "16000.00", position_id=second)
    assert list(book.positions) == [first], "closing one never touches the other"


def test_a_netting_account_holds_one_position_and_turns_it_around() -> None:
    book = account("NETTING")
    first = send(book, "16000.00", volume="0.02")
    second = send(book, "16100.00", volume="0.02")
    assert second.position_id == first.position_id
    (position,) = book.positions.values()
    assert (position.volume, position.price) == (4 * LOT // 100, 16_060 * UNIT)
    third = send(book, "16200.00", side="SELL", volume="0.01")
    assert (book.deals[-1].entry, book.deals[-1].profit) == ("OUT", 140)
    fourth = send(book, "16200.00", side="SELL", volume="0.05")
    assert (book.deals[-1].entry, book.deals[-1].profit) == ("INOUT", 420)
    (position,) = book.positions.values()
    assert (position.type, position.volume, position.price) == ("SELL", 2 * LOT // 100, 16_200 * UNIT)
    assert {order.position_id for order in (first, second, third, fourth)} == {position.position_id}


def test_the_mean_of_a_netted_position_is_exact_to_the_last_digit() -> None:
    book = account("NETTING")
    send(book, "16000.00", volume="0.001")
    send(book, "16000.01", volume="0.002")
    (position,) = book.positions.values()
    assert position.price == 1_601_000_666_667  # 16010.00666667
    assert BTC.price_text(position.price) == "16010.00666667"


def test_only_what_lessens_a_netted_position_counts_as_reducing() -> None:
    book = account("NETTING")
    send(book, volume="0.02")
    assert book.reduces("BTCUSD.s", -1, 2 * LOT // 100)
    assert not book.reduces("BTCUSD.s", -1, 3 * LOT // 100)
    assert not book.reduces("BTCUSD.s", 1, LOT // 100)
    assert not account().reduces("BTCUSD.s", -1, LOT // 100)
    with pytest.raises(Refused, match="reduce_only"):
        send(book, side="SELL", volume="0.03", reduce_only=True)
    assert send(book, side="SELL", volume="0.02", reduce_only=True).state == "FILLED"


# ── Several deals, parts ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_large_order_walks_the_book_in_several_deals() -> None:
    book = account(deposit=10**9)
    order = send(book, "16000.00", volume="5.000")
    deals = [deal for deal in book.deals if deal.order == order.order]
    assert [(deal.volume // LOT, deal.price // UNIT) for deal in deals] == [(2, 16_010), (2, 16_020), (1, 16_030)]
    assert len({deal.deal for deal in deals}) == 3
    (position,) = book.positions.values()
    assert position.price == 16_018 * UNIT


def test_a_partial_fill_is_partial_and_the_rest_is_gone() -> None:
    book = account()
    order = send(book, volume="0.010", split=Split(parts=3, share_bps=6_000))
    assert (order.state, order.filled, order.volume) == ("PARTIAL", 600_000, 1_000_000)
    assert [deal.volume for deal in book.deals if deal.order] == [200_000] * 3
    with pytest.raises(Refused) as caught:
        send(book, volume="0.010", filling="FOK", split=Split(parts=1, share_bps=6_000))
    assert code(caught) == ("MT5_ORDER_FAILED", 10_006)


def test_a_part_of_a_position_closes_and_takes_its_share_of_the_swap() -> None:
    book = account()
    send(book, volume="0.003")
    (position,) = book.positions.values()
    position.swap = -100
    shut(book, "16010.00", volume=100_000)
    assert (book.deals[-1].swap, position.swap, position.volume) == (-33, -67, 200_000)
    shut(book, "16010.00")
    assert book.deals[-1].swap == -67


# ── Refusals change nothing ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"volume": "0.0005"}, ("INVALID_VOLUME", 10_014)),
        ({"volume": "0.0015"}, ("INVALID_VOLUME", 10_014)),
        ({"volume": "101"}, ("INVALID_VOLUME", 10_014)),
        ({"volume": "7"}, ("MT5_ORDER_FAILED", 10_019)),
        ({"filling": "RETURN"}, ("UNSUPPORTED_FILLING", 10_030)),
        ({"filling": "SOON"}, ("UNSUPPORTED_FILLING", 10_030)),
        ({"sl": "16001.00"}, ("INVALID_STOPS", 10_016)),
        ({"sl": "15999.50"}, ("INVALID_STOPS", 10_016)),  # nearer than the stops level
        ({"tp": "15999.00"}, ("INVALID_STOPS", 10_016)),
        ({"sl": "15000.001"}, ("INVALID_STOPS", 10_016)),
        ({"side": "SELL", "sl": "16009.00"}, ("INVALID_STOPS", 10_016)),
        ({"price": "16000.00", "deviation": 999}, ("MT5_ORDER_FAILED", 10_004)),
        ({"side": "BUY_LIMIT"}, ("INVALID_VALUE", 10_015)),
        ({"side": "BUY_LIMIT", "price": "16010.00"}, ("INVALID_VALUE", 10_015)),
        ({"side": "BUY_STOP", "price": "16010.00"}, ("INVALID_VALUE", 10_015)),
        ({"side": "SELL_LIMIT", "price": "15000.00"}, ("INVALID_VALUE", 10_015)),
        ({"side": "BUY_LIMIT", "price": "15000.001"}, ("INVALID_VALUE", 10_015)),
        ({"side": "BUY_LIMIT", "price": "15000.00", "filling": "FOK"}, ("UNSUPPORTED_FILLING", 10_030)),
    ],
)
def test_a_refused_order_leaves_the_account_as_it_was(order: dict[str, Any], refusal: tuple[str, int]) -> None:
    book = account()
    book.take_touched()
    with pytest.raises(Refused) as caught:
        send(book, **order)
    assert code(caught) == refusal
    assert book.take_touched() == {}
    assert (book.balance, book.positions, book.orders) == (DEPOSIT, {}, {})


def test_a_smallest_volume_of_the_symbol_is_accepted() -> None:
    assert send(account(), volume="0.001").state == "FILLED"
    with pytest.raises(Refused):
        send(account(), "1.18400", symbol="EURUSD.s", volume="0.001")


def test_an_order_without_a_quote_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        account().open(wish(), key=None, quotes={}, at=AT)
    assert code(caught) == ("MT5_ORDER_FAILED", 10_021)


# ── What the venue does by itself ─────────────────────────────────────────────────────────────────────────────────────
def never(_: Order) -> bool:
    return False


@pytest.mark.parametrize(
    ("side", "stops", "bids", "reason", "price"),
    [
        ("BUY", {"sl": "15900.00"}, ["15900.01", "15899.00"], "SL", "15899.00"),
        ("BUY", {"tp": "16100.00"}, ["16099.99", "16100.00"], "TP", "16100.00"),
        ("SELL", {"sl": "16100.00"}, ["16089.99", "16090.00"], "SL", "16100.00"),  # a short is marked at the ask
        ("SELL", {"tp": "15900.00"}, ["15890.01", "15880.00"], "TP", "15890.00"),
    ],
)
def test_the_venue_closes_at_a_stop_by_a_deal_of_its_own(
    side: str, stops: dict[str, Any], bids: list[str], reason: str, price: str
) -> None:
    book = account()
    send(book, side=side, **stops)
    waiting, hit = ({"BTCUSD.s": quote(bid)} for bid in bids)
    assert not book.on_tick("BTCUSD.s", waiting, at=AT, is_halted=never)
    assert book.on_tick("BTCUSD.s", hit, at=AT + 1, is_halted=never)
    deal = book.deals[-1]
    assert (deal.reason, deal.entry, deal.time, deal.magic) == (reason, "OUT", AT + 1, 7)
    assert deal.price == int(Decimal(price) * UNIT)
    assert deal.order not in (0, book.deals[1].order)
    assert not book.positions


@pytest.mark.parametrize(
    ("side", "price", "bids", "filled_at"),
    [
        ("BUY_LIMIT", "15900.00", ["15890.01", "15880.00"], "15890.00"),
        ("SELL_LIMIT", "16100.00", ["16099.00", "16101.00"], "16101.00"),
        ("BUY_STOP", "16100.00", ["16089.00", "16095.00"], "16105.00"),
        ("SELL_STOP", "15900.00", ["15901.00", "15899.00"], "15899.00"),
    ],
)
def test_a_pending_order_waits_for_its_price(side: str, price: str, bids: list[str], filled_at: str) -> None:
    book = account()
    order = send(book, side=side, price=price)
    assert order.state == "PLACED"
    before, reached = ({"BTCUSD.s": quote(bid)} for bid in bids)
    assert not book.on_tick("BTCUSD.s", before, at=AT, is_halted=never)
    assert book.on_tick("BTCUSD.s", reached, at=AT, is_halted=never)
    assert order.state == "FILLED"
    assert book.deals[-1].price == int(Decimal(filled_at) * UNIT)
    assert not book.placed


@pytest.mark.parametrize("end", ["cancelled", "halted", "poor"])
def test_a_pending_order_may_end_without_a_deal(end: str) -> None:
    book = account(deposit=200 if end == "poor" else DEPOSIT)
    order = send(book, side="BUY_LIMIT", price="15900.00", volume="0.02")
    if end == "cancelled":
        book.cancel(order, at=AT)
    else:
        book.on_tick("BTCUSD.s", {"BTCUSD.s": quote("15000.00")}, at=AT, is_halted=lambda _: end == "halted")
    assert order.state == ("CANCELLED" if end == "cancelled" else "REJECTED")
    assert not book.placed
    assert len(book.deals) == 1


def test_a_stop_out_closes_the_largest_loss_first_and_only_as_much_as_needed() -> None:
    book = account(deposit=20_000)  # 200.00
    send(book, "16000.00", volume="0.02")
    send(book, "16000.00", volume="0.08")
    assert book.figures({"BTCUSD.s": quote("16000.00")}).margin == 16_010
    assert not book.on_tick("BTCUSD.s", {"BTCUSD.s": quote("14830.00")}, at=AT, is_halted=never)
    assert book.on_tick("BTCUSD.s", {"BTCUSD.s": quote("14700.00")}, at=AT, is_halted=never)
    closing = [deal for deal in book.deals if deal.reason == "SO"]
    assert [deal.volume for deal in closing] == [8 * LOT // 100]
    assert len(book.positions) == 1


def test_a_night_costs_swap_that_is_accrued_and_charged_on_closing() -> None:
    book = account()
    send(book, volume="0.10")
    send(book, side="SELL", volume="0.10")
    before = book.figures({"BTCUSD.s": quote("16000.00")})
    wednesday = BTC.hours.trading_day(AT)
    assert book.roll_over(BTC, wednesday)
    long, short = book.positions.values()
    assert (long.swap, short.swap) == (-83, -20)  # −8.33 × 0.1 and −2.00 × 0.1
    after = book.figures({"BTCUSD.s": quote("16000.00")})
    assert (after.balance, after.equity) == (before.balance, before.equity - 103)
    shut(book, "16010.00", position_id=long.position_id)
    assert book.deals[-1].swap == -83


def test_forex_charges_three_nights_on_wednesday_and_none_in_the_weekend() -> None:
    book = account()
    send(book, "1.18400", symbol="EURUSD.s", volume="1.00")
    (position,) = book.positions.values()
    charged = []
    for day in range(18, 25):  # Monday to Sunday
        before = position.swap
        book.roll_over(EUR, EUR.hours.trading_day(micros_of(f"2017-12-{day}T12:00:00Z")))
        charged.append(position.swap - before)
    assert charged == [-700, -700, -2_100, -700, -700, 0, 0]


# ── Properties ────────────────────────────────────────────────────────────────────────────────────────────────────────
steps = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL", "CLOSE", "PART", "NIGHT", "CASH", "TICK", "LIMIT"]),
        st.integers(1, 400),  # thousandths of a lot
        st.integers(900_000, 2_000_000),  # the bid in cents
    ),
    max_size=25,
)


def take(book: Account, step: tuple[str, int, int]) -> None:
    """Do one step; a refusal is an answer as good as any."""
    what, thousandths, cents = step
    now = Quote(cents * UNIT // 100, cents * UNIT // 100 + BTC.spread * BTC.point, AT)
    quotes, volume = {"BTCUSD.s": now}, thousandths * BTC.volume_step
    if what in ("BUY", "SELL"):
        book.open(wish(side=what, volume=f"{thousandths / 1000:.3f}"), key=None, quotes=quotes, at=AT)
    elif what == "LIMIT":
        below = f"{cents // 100 - 50}.00"
        book.open(wish(side="BUY_LIMIT", volume="0.050", price=below), key=None, quotes=quotes, at=AT)
    elif what == "NIGHT":
        book.roll_over(BTC, BTC.hours.trading_day(AT))
    elif what == "CASH":
        book.book_cash("CREDIT" if thousandths % 2 else "CORRECTION", thousandths - 200 or 1, at=AT)
    elif what == "TICK":
        book.on_tick("BTCUSD.s", quotes, at=AT, is_halted=never)
    elif book.positions:
        position = next(iter(book.positions.values()))
        part = volume if what == "PART" else position.volume
        book.close(position, part, quote=now, at=AT)


@pytest.mark.property
@settings(max_examples=150)
@given(mode=st.sampled_from(["HEDGING", "NETTING"]), steps=steps, mark=st.integers(900_000, 2_000_000))
def test_the_books_hold_after_any_day_of_trading(mode: str, steps: list[tuple[str, int, int]], mark: int) -> None:
    book = account(mode, deposit=5_000_000)
    journaled = [book.take_touched()]
    for step in steps:
        try:
            take(book, step)
        except Refused:
            assert not book.take_touched(), "a refusal changes nothing"
        journaled.append(book.take_touched())

    cash = [deal for deal in book.deals if deal.type != "CREDIT"]
    assert book.balance == sum(deal.profit + deal.commission + deal.fee + deal.swap for deal in cash)
    assert book.credit == sum(deal.cash for deal in book.deals if deal.type == "CREDIT")

    now = Quote(mark * UNIT // 100, mark * UNIT // 100 + BTC.spread * BTC.point, AT)
    figures = book.figures({"BTCUSD.s": now})
    floating = sum(to_the_cent(row, now) + row.swap for row in book.positions.values())
    assert figures.equity == book.balance + book.credit + floating

    held: dict[int, int] = {}
    for deal in book.deals:
        side = 1 if deal.type == "BUY" else -1
        held[deal.position_id] = held.get(deal.position_id, 0) + side * deal.volume
    held.pop(0, None)
    assert {key: units for key, units in held.items() if units} == {
        row.position_id: row.side * row.volume for row in book.positions.values()
    }
    assert all(row.volume > 0 for row in book.positions.values())
    assert mode == "HEDGING" or len(book.positions) <= 1

    again = Account(login=1, margin_mode=mode, leverage=100, tickets=Tickets())
    for rows in journaled:
        again.load(rows)
    assert (again.balance, again.credit, again.positions, again.placed) == (
        book.balance, book.credit, book.positions, book.placed
    )  # fmt: skip
    assert (again.deals, again.orders) == (book.deals, book.orders)


def to_the_cent(position: Any, now: Quote) -> int:
    """An independent reckoning, in decimals."""
    mark = now.bid if position.type == "BUY" else now.ask
    moved = (Decimal(mark) - Decimal(position.price)) * position.side * Decimal(position.volume)
    return int((moved * 100 / 10**16).quantize(Decimal(1), ROUND_HALF_UP))
