"""execution/operations/orders.py against the paper gateway in its own process: sent once, asked about, booked once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from approvals import queries as approvals_queries
from approvals.operations import killswitch
from approvals.rules.scope import Scope
from crs.kernel import clock
from execution import queries
from execution.models import Fill, Order, Position
from execution.operations import orders
from execution.rules.wire import NO_ANSWER, Outcome
from ledger import queries as ledger_queries
from tests.execution.facts import LOT
from tests.execution.venue import MAGIC, VenueDesk
from tests.support.cast import ALICE, WORKER

if TYPE_CHECKING:
    from guardian.adapters.gateway_mt5.blocking import BlockingWire

pytestmark = pytest.mark.django_db


def _fault(desk: VenueDesk, kind: str, **terms: object) -> None:
    answer = desk.wire.call("FAULT", desk.account.login, {"kind": kind, **terms})
    assert answer.status == "OK", answer


def _settled(desk: VenueDesk, order: Order) -> Order:
    orders.settle(order, wire=desk.wire, actor=WORKER, at=clock.now())
    return Order.objects.get(id=order.id)


def _cash_is_equal(desk: VenueDesk) -> bool:
    return ledger_queries.venue_cash(desk.account.id) == desk.wire.account(desk.account.login).balance


def test_an_order_is_filled_and_booked_with_cash_equal_to_the_cent(desk: VenueDesk, as_app: None) -> None:
    order = desk.trade()
    assert (order.state, order.filled, order.retcode) == ("FILLED", LOT // 100, 10009)
    fill = Fill.objects.get()
    assert (fill.strategy, fill.responsible, fill.entry, fill.order_id) == ("pulse", "alice", "IN", order.id)
    assert fill.commission < 0
    assert fill.journal_id
    assert Position.objects.get().lots == LOT // 100
    assert _cash_is_equal(desk)

    closed = desk.trade(side="SELL", reduce_only=True)
    assert closed.state == "FILLED"
    assert closed.position_id == fill.position_id
    assert Position.objects.get().lots == 0
    assert desk.positions() == ()
    assert _cash_is_equal(desk)


def test_the_permit_is_part_of_what_the_venue_keeps(desk: VenueDesk) -> None:
    order = desk.trade()
    report = desk.wire.order_query(desk.account.login, key=str(order.client_order_id))
    assert report.order is not None
    assert (report.order.decision_id, report.order.magic) == (str(order.intent_id), MAGIC)


def test_a_refused_order_says_why_and_leaves_no_fill(desk: VenueDesk, as_app: None) -> None:
    _fault(desk, "REJECT", code="MT5_ORDER_FAILED", retcode=10006)
    order = desk.trade()
    assert (order.state, order.code, order.retcode) == ("REJECTED", "MT5_ORDER_FAILED", 10006)
    assert order.settled_at is not None
    assert not Fill.objects.exists()
    assert desk.deals() == []


def test_several_deals_of_one_order_are_several_fills(desk: VenueDesk) -> None:
    """The second deal of an order is not lost."""
    _fault(desk, "PARTIAL", parts=3)
    order = desk.trade(quantity=3 * LOT // 100)
    assert order.state == "FILLED"
    assert Fill.objects.filter(order=order).count() == len(desk.deals()) == 3
    assert len(set(Fill.objects.values_list("deal", flat=True))) == 3
    assert _cash_is_equal(desk)


def test_a_partial_fill_is_booked_for_what_was_filled(desk: VenueDesk) -> None:
    _fault(desk, "PARTIAL", parts=2, share_bps=5_000)
    order = desk.trade(quantity=4 * LOT // 100)
    assert (order.state, order.filled) == ("PARTIAL", 2 * LOT // 100)
    assert order.settled_at is not None
    assert Position.objects.get().lots == 2 * LOT // 100
    assert _cash_is_equal(desk)


def test_an_order_whose_answer_was_lost_is_asked_about_and_never_sent_again(
    desk: VenueDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue carried it out and nobody heard. One order at the venue, one on the wire, one in the book."""
    sent: list[str] = []
    original = type(desk.wire).call

    def counted(self: BlockingWire, action: str, *arguments: object, **options: object) -> object:
        sent.append(action)
        return original(self, action, *arguments, **{**options, "timeout_ms": 300})  # type: ignore[arg-type]  # passed on

    _fault(desk, "LOSE_ANSWER")
    decided = desk.decide()
    monkeypatch.setattr(type(desk.wire), "call", counted)
    order = Order.objects.get(id=desk.carry(decided).order_id)
    assert (order.state, order.code, order.settled_at) == ("UNKNOWN", "NO_ANSWER", None)

    refused = desk.decide(side="SELL")
    assert refused.intent.reason == "ORDER_UNKNOWN"
    assert orders.carry(order.id, actor=WORKER, at=clock.now()) is None  # nobody can send it again

    assert orders.settle_due(actor=WORKER, at=clock.now() + timedelta(seconds=1)) == 1
    order.refresh_from_db()
    assert (order.state, order.filled) == ("FILLED", LOT // 100)
    assert len(desk.deals()) == Fill.objects.count() == 1
    assert sent.count("ORDER_OPEN") == 1
    assert "ORDER_QUERY" in sent
    assert _cash_is_equal(desk)


def test_a_hundred_orders_with_lost_answers_leave_no_duplicate(
    desk: VenueDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stress test 2 in small: every fifth answer is lost; in the end book and venue have the same deals."""
    original = type(desk.wire).call
    monkeypatch.setattr(
        type(desk.wire),
        "call",
        lambda self, *a, **o: original(self, *a, **{**o, "timeout_ms": o.get("timeout_ms") or 200}),
    )
    for number in range(20):
        if number % 5 == 0:
            _fault(desk, "LOSE_ANSWER")
        order = desk.trade(symbol="BTCUSD.s", quantity=LOT // 1000 * (number + 1))
        if order.state == "UNKNOWN":
            assert _settled(desk, order).state == "FILLED"
    assert {str(deal.deal) for deal in desk.deals()} == set(Fill.objects.values_list("deal", flat=True))
    assert Fill.objects.count() == Order.objects.count() == 20
    assert _cash_is_equal(desk)


def test_an_order_that_never_arrived_is_failed_only_by_a_complete_history(desk: VenueDesk) -> None:
    """ "Not found" of a history that may still lag is no answer."""
    decided = desk.decide()
    ready = orders.prepare(decided.orders[0], actor=WORKER, at=clock.now())
    assert ready is not None
    orders.record(ready.order_id, NO_ANSWER, actor=WORKER, at=clock.now())
    order = Order.objects.select_related("account").get(id=ready.order_id)
    _fault(desk, "LAG", ms=60_000)
    assert _settled(desk, order).state == "UNKNOWN"
    assert _settled(desk, order).state == "UNKNOWN"  # complete, but not later than expiry and budget

    Order.objects.filter(id=order.id).update(sent_at=clock.now() - timedelta(seconds=10))
    assert _settled(desk, Order.objects.select_related("account").get(id=order.id)).state == "FAILED"
    assert not Fill.objects.exists()


def test_an_order_is_not_failed_while_the_venue_holds_a_position_of_ours_that_we_do_not_know(desk: VenueDesk) -> None:
    order = desk.trade()
    Position.objects.update(lots=0)  # as if its deal had never been booked
    lost = desk.decide(side="SELL")
    ready = orders.prepare(lost.orders[0], actor=WORKER, at=clock.now())
    assert ready is not None
    orders.record(ready.order_id, NO_ANSWER, actor=WORKER, at=clock.now())
    Order.objects.filter(id=ready.order_id).update(sent_at=clock.now() - timedelta(seconds=10))
    asked = Order.objects.select_related("account").get(id=ready.order_id)
    assert _settled(desk, asked).state == "UNKNOWN"
    assert order.state == "FILLED"


def test_what_a_dead_carrier_left_is_taken_over(desk: VenueDesk) -> None:
    left = desk.decide()
    orders.prepare(left.orders[0], actor=WORKER, at=clock.now() - timedelta(seconds=20))
    orders.settle_due(actor=WORKER, at=clock.now())
    assert Order.objects.get(id=left.orders[0]).state == "FAILED"  # asked about, and provably never arrived


def test_a_permit_that_ran_out_is_not_sent(desk: VenueDesk) -> None:
    decided = desk.decide()
    late = clock.now() + timedelta(seconds=11)
    assert orders.carry(decided.orders[0], actor=WORKER, at=late) is None
    order = Order.objects.get()
    assert (order.state, order.code) == ("CANCELLED", "PERMIT_EXPIRED")
    assert desk.deals() == []


def test_a_halt_between_decision_and_sending_stops_new_risk_and_lets_a_reduction_through(desk: VenueDesk) -> None:
    desk.trade()
    risk, exit_ = desk.decide(quantity=2 * LOT // 100), desk.decide(side="SELL", reduce_only=True)
    killswitch.engage(
        scope=Scope("ACCOUNT", desk.account.code), positions="KEEP", reason="drill", actor=WORKER, at=clock.now()
    )
    assert orders.carry(risk.orders[0], actor=WORKER, at=clock.now()) is None
    assert Order.objects.get(id=risk.orders[0]).code == "KILL_SWITCH_ENGAGED"
    assert desk.carry(exit_).state == "FILLED"
    assert desk.positions() == ()


def test_nothing_was_sent_when_there_was_no_connection(desk: VenueDesk, settings: object) -> None:
    decided = desk.decide()
    settings.GATEWAY_COMMAND_URL = "tcp://127.0.0.1:9"  # type: ignore[attr-defined]  # pytest-django's settings
    recorded = orders.carry(decided.orders[0], actor=WORKER, at=clock.now())
    assert recorded is not None
    assert (recorded.state, recorded.code) == ("CANCELLED", "GATEWAY_UNREACHABLE")


def test_a_resting_order_is_cancelled_and_keeps_no_permit(desk: VenueDesk) -> None:
    position = desk.trade()
    price = desk.positions()[0].current_price
    assert position.state == "FILLED"
    limit = (price * Decimal("0.982")).quantize(Decimal("0.01"))  # far below the market, and inside the collar
    order = desk.trade(order_type="LIMIT", limit_price=limit)
    assert (order.state, bool(order.venue_order), order.settled_at) == ("SENT", True, None), order.code
    cancelled = orders.cancel(order, wire=desk.wire, actor=ALICE, at=clock.now())
    assert cancelled.state == "CANCELLED"
    assert Order.objects.get(id=order.id).settled_at is not None
    assert approvals_queries.events_of("execution.order", order.id).count() == 0


def test_recording_the_same_answer_twice_changes_nothing(desk: VenueDesk) -> None:
    order = desk.trade()
    report = desk.wire.order_query(desk.account.login, key=str(order.client_order_id))
    again = orders.record(order.id, Outcome(state="FILLED", deals=report.deals), actor=WORKER, at=clock.now())
    assert (again.state, again.new_fills) == ("FILLED", 0)
    assert Fill.objects.count() == 1


def test_an_answer_that_says_filled_without_its_deals_leaves_the_question_open(desk: VenueDesk) -> None:
    """Nothing is invented: the venue says filled, its deals are missing, so they are asked for."""
    decided = desk.decide()
    ready = orders.prepare(decided.orders[0], actor=WORKER, at=clock.now())
    assert ready is not None
    recorded = orders.record(ready.order_id, Outcome(state="FILLED"), actor=WORKER, at=clock.now())
    assert recorded.state == "UNKNOWN"
    assert not Fill.objects.exists()
    assert queries.in_flight(desk.account.id).count() == 1
