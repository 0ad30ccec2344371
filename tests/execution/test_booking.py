"""execution/operations/booking.py: what the venue did by itself is booked with its reason, and is no break."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from approvals import queries as approvals_queries
from crs.kernel import clock
from execution import queries
from execution.models import AccountHistory, Fill, Order, Position
from execution.operations import booking, exits, orders, reconciling
from execution.rules.wire import NO_ANSWER
from guardian.models import Symbol
from ledger import queries as ledger_queries
from tests.execution.facts import LOT, USD
from tests.execution.venue import MAGIC, SYMBOL, VenueDesk
from tests.support.cast import WORKER
from tests.support.paper_gateway import close, eventually, key, trade
from tests.support.paper_gateway import order as foreign_order

if TYPE_CHECKING:
    from guardian.adapters.gateway_mt5.blocking import BlockingWire

pytestmark = pytest.mark.django_db


def _cash_is_equal(desk: VenueDesk) -> bool:
    return ledger_queries.venue_cash(desk.account.id) == desk.wire.account(desk.account.login).balance


def _has_stopped(desk: VenueDesk) -> bool:
    Fill.objects.exists()  # the server ends a transaction that idles for ten seconds, the test's own too
    return any(deal.reason == "SL" for deal in desk.deals())


def test_a_stop_of_the_venue_is_booked_as_its_own_deal(wire: BlockingWire, db: None, as_app: None) -> None:
    """A stop is no break and no surprise: it belongs to the strategy whose position it closed."""
    ledger_queries.forget()
    desk = VenueDesk.open(wire, SYMBOL, speed=7_200)
    desk.trade()
    for quantity in range(2, 8):  # a venue that ran away while the test slept refuses the stop: another try
        price = desk.positions()[0].current_price
        # The crash of the next day takes it.
        stop = (price * Decimal("0.96")).quantize(Decimal("0.01"))
        if desk.trade(stop_loss=stop, quantity=quantity * LOT // 100).state == "FILLED":
            break
    eventually(lambda: _has_stopped(desk), within_s=60)
    adopted = desk.adopt()
    assert (adopted.venue_initiated, adopted.unclaimed) == (1, ())
    fill = Fill.objects.get(reason="SL")
    assert (fill.strategy, fill.responsible, fill.entry, fill.order_id) == ("pulse", "alice", "OUT", None)
    assert Position.objects.get(position_id=fill.position_id).lots == 0
    subject = f"{desk.account.code}:{fill.deal}"
    assert approvals_queries.events_of("execution.fill", subject).get().action == "execution.fill.venue_initiated"
    assert _cash_is_equal(desk)


def test_a_fill_of_an_order_that_rested_finds_it_outside_the_windows_orders(desk: VenueDesk) -> None:
    """A history names the orders placed in its window: one placed before and filled in it brings its deal alone.

    The account is netting in effect: the position stands already, so nothing else would keep the deal from being taken
    for the venue's own.
    """
    desk.trade()
    filled = desk.deals()[-1]
    limit = filled.price.quantize(Decimal(1)) - 150
    resting = desk.trade(order_type="LIMIT", limit_price=limit)
    assert (resting.state, bool(resting.venue_order)) == ("SENT", True)
    history = desk.wire.history(desk.account.login, start=queries.EVER, end=queries.NEVER)
    deal = replace(filled, deal=filled.deal + 1_000, order=int(resting.venue_order), price=limit)

    adopted = booking.adopt(
        replace(history, deals=(deal,), orders=()), account=desk.account, actor=WORKER, at=clock.now()
    )
    assert (adopted.booked, adopted.venue_initiated, adopted.unclaimed) == (1, 0, ())
    assert Fill.objects.get(deal=str(deal.deal)).order_id == resting.id
    resting.refresh_from_db()
    assert resting.filled == resting.quantity


def test_adopting_again_books_nothing_again(desk: VenueDesk) -> None:
    desk.trade()
    assert desk.adopt().booked == 0
    AccountHistory.objects.all().delete()  # as if nothing had ever been read
    assert desk.adopt().booked == 0
    assert Fill.objects.count() == 1


def test_a_deal_whose_answer_was_lost_finds_its_order_in_the_history(desk: VenueDesk) -> None:
    decided = desk.decide()
    ready = orders.prepare(decided.orders[0], actor=WORKER, at=clock.now())
    assert ready is not None
    trade(desk.wire, desk.account.login, foreign_order(magic=MAGIC, volume="0.01"), idempotency_key=ready.key)
    orders.record(ready.order_id, NO_ANSWER, actor=WORKER, at=clock.now())
    assert desk.adopt().booked == 1
    order = Order.objects.get(id=ready.order_id)
    assert (order.filled, Fill.objects.get().order_id) == (LOT // 100, order.id)
    assert order.state == "UNKNOWN"  # only the venue's word about the order settles it
    orders.settle(order, wire=desk.wire, actor=WORKER, at=clock.now())
    assert Order.objects.get(id=order.id).state == "FILLED"


def test_a_trade_by_hand_is_booked_to_foreign_and_never_ours(desk: VenueDesk) -> None:
    """Foreign trades count in the book, and in no strategy."""
    trade(desk.wire, desk.account.login, foreign_order(magic=0))
    adopted = desk.adopt()
    assert adopted.booked == 1
    assert Fill.objects.get().strategy == "FOREIGN"
    assert _cash_is_equal(desk)
    close(desk.wire, desk.account.login, desk.positions()[0].position_id)
    desk.adopt()
    assert set(Fill.objects.values_list("strategy", flat=True)) == {"FOREIGN"}
    assert _cash_is_equal(desk)


def test_a_deal_with_our_number_and_without_our_order_is_left_unclaimed(desk: VenueDesk) -> None:
    desk.trade()
    trade(desk.wire, desk.account.login, foreign_order(magic=MAGIC))
    adopted = desk.adopt()
    assert len(adopted.unclaimed) == 1
    assert Fill.objects.count() == 1


def test_cash_of_the_venue_is_no_profit(desk: VenueDesk) -> None:
    """A deposit, a charge and a correction move cash; none of them is a fill, and only one is a flow."""
    flows = ledger_queries.flows(desk.account.id)
    for kind, amount in (("BALANCE", "250.00"), ("CHARGE", "-3.50"), ("CORRECTION", "0.07")):
        payload = {"type": kind, "amount": amount, "comment": "test"}
        answer = desk.wire.call("ACCOUNT_ADJUST", desk.account.login, payload, idempotency_key=key())
        assert answer.status == "OK", answer
    assert desk.adopt().booked == 3
    assert not Fill.objects.exists()
    assert ledger_queries.flows(desk.account.id) - flows == 250 * USD
    assert _cash_is_equal(desk)


def test_a_symbol_that_nobody_mapped_is_left_for_people(wire: BlockingWire, db: None) -> None:
    ledger_queries.forget()
    desk = VenueDesk.open(wire, SYMBOL, "ETHUSD.s")
    Symbol.objects.filter(account=desk.account, symbol="ETHUSD.s").delete()
    trade(desk.wire, desk.account.login, foreign_order("ETHUSD.s", magic=0, volume="0.1"))
    adopted = desk.adopt()
    assert len(adopted.unclaimed) == 1
    assert queries.history_start(desk.account.id) > queries.EVER


@pytest.mark.parametrize("mode", ["HEDGING", "NETTING"])
def test_positions_follow_the_venue_in_both_margin_modes(wire: BlockingWire, db: None, mode: str) -> None:
    """Closing one position never changes another; a netted one is one."""
    ledger_queries.forget()
    desk = VenueDesk.open(wire, mode=mode)
    desk.trade(quantity=3 * LOT // 100)
    desk.trade(quantity=2 * LOT // 100)
    desk.trade(side="SELL", quantity=LOT // 100)
    held = {str(row.position_id): row.volume * (1 if row.type == "BUY" else -1) for row in desk.positions()}
    ours = {row.position_id: row.lots for row in queries.open_positions(desk.account.id)}
    assert ours == held
    assert len(held) == (3 if mode == "HEDGING" else 1)
    assert _cash_is_equal(desk)


def test_a_deal_that_the_book_refuses_holds_up_no_other(desk: VenueDesk) -> None:
    """Somebody opens under our number and closes again: both stay unclaimed, and what comes after is booked."""
    desk.trade()
    trade(desk.wire, desk.account.login, foreign_order(magic=MAGIC))
    stray = max(desk.positions(), key=lambda row: row.position_id)
    close(desk.wire, desk.account.login, stray.position_id, magic=0)
    trade(desk.wire, desk.account.login, foreign_order(magic=0))
    adopted = desk.adopt()
    assert (adopted.booked, len(adopted.unclaimed)) == (1, 2)


def test_closing_a_stray_position_settles_its_order_and_shows_as_a_break(desk: VenueDesk) -> None:
    desk.trade()
    trade(desk.wire, desk.account.login, foreign_order(magic=MAGIC))
    desk.adopt()
    stray = max(desk.positions(), key=lambda row: row.position_id)
    at = clock.now()
    assert exits.close_position(desk.account, stray, key="stray", actor=WORKER, at=at)
    order = Order.objects.get(position_id=str(stray.position_id))
    assert (order.state, order.filled) == ("FILLED", order.quantity)
    compared = reconciling.reconcile_account(desk.account, wire=desk.wire, actor=WORKER, at=at)
    assert (compared.is_ok, compared.venue_only) == (False, 2)
