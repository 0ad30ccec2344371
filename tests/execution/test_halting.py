"""execution/operations/halting.py and exits.py: a halt reaches the venue, and CLOSE leaves it flat."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from approvals import queries as approvals_queries
from approvals.operations import killswitch, modes
from approvals.rules.scope import GLOBAL, Scope
from crs.kernel import clock
from execution.models import AccountCheck, Fill, GatewayLatch, Order, Position
from execution.operations import exits, halting, identity, orders, reconciling
from guardian.adapters.gateway_mt5.blocking import BlockingWire
from guardian.models import Symbol
from ledger import queries as ledger_queries
from tests.execution.facts import LOT
from tests.execution.venue import VenueDesk
from tests.support.cast import BOB, WORKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.paper_gateway import PaperGateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_desk(own_gateway: PaperGateway, db: None) -> Iterator[VenueDesk]:
    """A desk at a gateway that belongs to this test: a GLOBAL halt would reach everybody else's accounts."""
    ledger_queries.forget()
    with BlockingWire(own_gateway.address) as wire:
        yield VenueDesk.open(wire)
    ledger_queries.forget()


def _engage(scope: Scope = GLOBAL, positions: Any = "CLOSE") -> halting.Receipt:
    return halting.engage(scope=scope, positions=positions, reason="drill", actor=WORKER, at=clock.now())


def test_close_leaves_the_venue_flat_and_the_receipt_says_so(own_desk: VenueDesk, as_app: None) -> None:
    own_desk.trade()
    own_desk.trade(side="SELL", quantity=LOT // 50)
    receipt = _engage()
    assert receipt.ok
    assert own_desk.positions() == ()
    told = next(step for step in receipt.steps if step.name.startswith("gateway told"))
    assert told.facts["positions_closed"] == 2
    assert receipt.ms < 5_000
    event = approvals_queries.last_receipt(GLOBAL)
    assert event is not None
    assert event.epoch == receipt.epoch

    exits.carry_out(actor=WORKER, at=clock.now())  # books what the venue's own kill switch did
    assert set(Fill.objects.filter(order=None).values_list("reason", "strategy")) == {("KILL_SWITCH", "pulse")}
    assert not Position.objects.exclude(lots=0).exists()
    compared = reconciling.reconcile_account(own_desk.account, wire=own_desk.wire, actor=WORKER, at=clock.now())
    assert compared.is_ok, compared


def test_keep_blocks_and_keeps_and_still_lets_exits_through(own_desk: VenueDesk) -> None:
    own_desk.trade()
    assert _engage(positions="KEEP").ok
    assert len(own_desk.positions()) == 1
    assert own_desk.decide().intent.reason == "KILL_SWITCH_ENGAGED"
    assert own_desk.trade(side="SELL", reduce_only=True).state == "FILLED"
    assert own_desk.positions() == ()


def test_the_gateway_itself_refuses_new_risk_while_latched(own_desk: VenueDesk) -> None:
    """A permit from before the halt, sent after it by a carrier that did not look: the venue holds the halt too."""
    from execution.adapters import gateway_mt5

    decided = own_desk.decide()
    ready = orders.prepare(decided.orders[0], actor=WORKER, at=clock.now())
    assert ready is not None
    _engage(positions="KEEP")
    outcome = gateway_mt5.send_blocking(own_desk.wire, ready)
    assert (outcome.state, outcome.code) == ("REJECTED", "KILL_SWITCH_ENGAGED")
    assert orders.record(ready.order_id, outcome, actor=WORKER, at=clock.now()).state == "REJECTED"


def test_pending_orders_are_cancelled_by_a_halt(own_desk: VenueDesk) -> None:
    """A halt that leaves pending orders at the venue is none."""
    own_desk.trade()
    price = own_desk.positions()[0].current_price
    order = own_desk.trade(order_type="LIMIT", limit_price=price.quantize(price) - 150, quantity=LOT // 20)
    assert order.state == "SENT"
    receipt = _engage(positions="KEEP")
    assert next(step for step in receipt.steps if step.name.startswith("gateway")).facts["orders_cancelled"] == 1
    asked = Order.objects.select_related("account").get(id=order.id)
    assert orders.settle(asked, wire=own_desk.wire, actor=WORKER, at=clock.now()).state == "CANCELLED"


@pytest.mark.parametrize("kind", ["DESK", "ACCOUNT", "STRATEGY", "SYMBOL", "VENUE"])
def test_each_scope_closes_what_it_covers(own_desk: VenueDesk, kind: Any) -> None:
    names = {
        "DESK": own_desk.account.desk.code,
        "ACCOUNT": own_desk.account.code.lower(),
        "STRATEGY": "Pulse",
        "SYMBOL": "btcusd.S",
        "VENUE": "paper",
    }
    own_desk.trade()
    assert _engage(Scope(kind, names[kind])).ok
    assert own_desk.positions() == ()


@pytest.mark.parametrize(("kind", "name"), [("STRATEGY", "another"), ("SYMBOL", "XAUUSD.s")])
def test_a_halt_touches_nothing_outside_its_scope(own_desk: VenueDesk, kind: Any, name: str) -> None:
    """The smallest scope, and no global halt for one of them."""
    own_desk.trade()
    assert _engage(Scope(kind, name)).ok
    assert len(own_desk.positions()) == 1
    assert own_desk.decide(quantity=LOT // 20).is_allowed


def test_a_silent_gateway_is_named_and_carried_on_until_it_answers(
    own_desk: VenueDesk, own_gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_desk.trade()
    own_gateway.kill()
    monkeypatch.setattr(halting, "CLOSE_WITHIN", halting.ANSWER_WITHIN / 20)
    receipt = _engage()
    assert not receipt.ok
    assert receipt.steps[-1].facts["no_answer"] == ["PAPER"]
    assert own_desk.decide_without_venue().intent.reason == "KILL_SWITCH_ENGAGED"
    assert halting.carry_on(at=clock.now()) == 1  # tried, in vain
    assert not GatewayLatch.objects.exists()

    own_gateway.start()
    for _ in range(10):
        halting.carry_on(at=clock.now())
        if GatewayLatch.objects.filter(flat_at__isnull=False).exists():
            break
    assert own_desk.positions() == ()
    assert halting.carry_on(at=clock.now()) == 0  # nothing left to carry


def test_a_halt_that_only_wrote_its_row_reaches_the_gateway_by_the_sweep(own_desk: VenueDesk) -> None:
    own_desk.trade()
    killswitch.engage(scope=GLOBAL, positions="CLOSE", reason="by key", actor=WORKER, at=clock.now())
    assert halting.carry_on(at=clock.now()) == 1
    assert own_desk.positions() == ()
    halting.carry_on(at=clock.now())
    receipts = approvals_queries.halt_events(GLOBAL).filter(action="RECEIPT")
    assert [event.receipt["steps"][0]["name"] for event in receipts if event.receipt] == ["gateway told: PAPER"]


def test_a_release_lets_the_gateway_trade_again(own_desk: VenueDesk) -> None:
    _engage(positions="KEEP")
    receipt = halting.release(scope=GLOBAL, reason="looked at it", actor=WORKER, at=clock.now())
    assert receipt.ok
    assert receipt.state == "SAFE"
    assert own_desk.trade().state == "FILLED"
    assert halting.carry_on(at=clock.now()) == 0


def test_a_release_by_two_people_reaches_the_gateway_by_the_sweep(own_desk: VenueDesk) -> None:
    _engage(positions="KEEP")
    killswitch.release(scope=GLOBAL, reason="the row alone", actor=WORKER, at=clock.now())
    assert own_desk.trade().state == "REJECTED"  # the gateway still holds its latch
    assert halting.carry_on(at=clock.now()) == 1
    assert own_desk.trade(quantity=LOT // 50).state == "FILLED"


def test_force_close_closes_its_account_and_no_other(own_desk: VenueDesk) -> None:
    """FORCE_CLOSE that only refuses would leave the positions open."""
    other = VenueDesk.open(own_desk.wire)
    own_desk.trade()
    other.trade()
    modes.set_mode(
        scope=Scope("ACCOUNT", own_desk.account.code),
        mode="FORCE_CLOSE",
        reason="SESSION_LOSS",
        actor=WORKER,
        at=clock.now(),
    )
    carried = exits.carry_out(actor=WORKER, at=clock.now())
    assert (carried.accounts, carried.closing) == (1, 1)
    assert own_desk.positions() == ()
    assert len(other.positions()) == 1
    closing = Order.objects.get(reduce_only=True)
    assert (closing.state, closing.strategy, closing.responsible) == ("FILLED", "pulse", "alice")
    assert own_desk.decide().intent.reason == "FORCE_CLOSE"
    assert exits.carry_out(actor=WORKER, at=clock.now()).left == 0


def test_a_refused_exit_is_tried_again_and_two_workers_send_one(own_desk: VenueDesk) -> None:
    own_desk.trade()
    fault = {"kind": "REJECT", "count": 1, "actions": ["ORDER_CLOSE"]}
    assert own_desk.wire.call("FAULT", own_desk.account.login, fault).status == "OK"
    modes.set_mode(scope=GLOBAL, mode="FORCE_CLOSE", reason="drill", actor=WORKER, at=clock.now())
    at = clock.now()
    exits.carry_out(actor=WORKER, at=at)
    assert Order.objects.get(reduce_only=True).state == "REJECTED"
    exits.carry_out(actor=WORKER, at=at)  # the same try: the same key, no second order
    assert Order.objects.filter(reduce_only=True).count() == 1
    exits.carry_out(actor=WORKER, at=at.replace(microsecond=0) + halting.ANSWER_WITHIN)
    assert own_desk.positions() == ()


def test_another_account_at_the_gateway_halts_before_the_first_order(own_desk: VenueDesk) -> None:
    """Real instead of demo, netting instead of hedging — noticed before the first order, not after it."""
    lie = {"kind": "LIE", "data": {"trade_mode": "REAL", "margin_mode": "NETTING"}}
    assert own_desk.wire.call("FAULT", own_desk.account.login, lie).status == "OK"
    assert not identity.ask(own_desk.account, wire=own_desk.wire, actor=WORKER, at=clock.now())
    intent = own_desk.decide().intent
    codes = [row["code"] for row in intent.rules if row["verdict"] == "REFUSE"]
    assert codes == ["KILL_SWITCH_ENGAGED", "ACCOUNT_MISMATCH"]
    halt = approvals_queries.kill_switch(Scope("ACCOUNT", own_desk.account.code))
    assert halt is not None
    assert (halt.state, halt.positions) == ("ENGAGED", "KEEP")
    assert own_desk.deals() == []


def test_a_login_that_the_gateway_does_not_serve_is_a_mismatch(own_desk: VenueDesk) -> None:
    check = AccountCheck.objects.get(account=own_desk.account)
    assert check.actual == check.expected
    assert not identity.check(own_desk.account, None, actor=WORKER, at=clock.now())
    assert AccountCheck.objects.get(account=own_desk.account).actual == identity.NOT_SERVED


def test_engaging_again_changes_nothing_and_a_person_may_release_only_with_another(own_desk: VenueDesk) -> None:
    first = _engage(positions="KEEP")
    again = _engage(positions="KEEP")
    assert again.ok
    assert not again.steps[0].facts["is_new"]
    assert first.scope == again.scope
    with pytest.raises(killswitch.NotAtTheMachine):
        halting.release(scope=GLOBAL, reason="alone", actor=BOB, at=clock.now())


def test_the_same_mismatch_is_latched_once(own_desk: VenueDesk) -> None:
    for _ in range(3):
        assert not identity.check(own_desk.account, None, actor=WORKER, at=clock.now())
    events = approvals_queries.halt_events(Scope("ACCOUNT", own_desk.account.code))
    assert [event.action for event in events] == ["ENGAGE"]


def test_a_close_that_cannot_be_finished_is_asked_ever_less_often(own_desk: VenueDesk) -> None:
    """A market that is shut for a weekend: neither a thousand records at the venue nor a forgotten position."""
    at = clock.now()
    killswitch.engage(scope=GLOBAL, positions="CLOSE", reason="drill", actor=WORKER, at=at)
    epoch = approvals_queries.halts().epoch
    GatewayLatch.objects.create(
        gateway_id="PAPER", scope="GLOBAL", epoch=epoch, state="ENGAGED", positions="CLOSE", told_at=at
    )
    row = approvals_queries.kill_switch(GLOBAL)
    latch = GatewayLatch.objects.get()
    assert row is not None
    day = at + timedelta(days=1)
    latch.told_at = day
    assert not halting._is_due(row, latch, day + timedelta(seconds=29))
    assert halting._is_due(row, latch, day + timedelta(seconds=30))
    latch.told_at = at + timedelta(seconds=5)
    assert halting._is_due(row, latch, at + timedelta(seconds=6))
    latch.flat_at = day
    assert not halting._is_due(row, latch, day + timedelta(days=1))


def test_an_exit_waits_for_a_market_that_is_shut_and_leaves_no_rows_behind(own_desk: VenueDesk) -> None:
    own_desk.trade()
    modes.set_mode(scope=GLOBAL, mode="FORCE_CLOSE", reason="drill", actor=WORKER, at=clock.now())
    shut = {"timezone": "UTC", "always_open": False, "weekly": [{"opens": "SUN 00:00", "closes": "SUN 00:01"}]}
    Symbol.objects.update(sessions=shut)
    carried = exits.carry_out(actor=WORKER, at=clock.now())
    assert (carried.closing, carried.left) == (0, 1)
    assert not Order.objects.filter(reduce_only=True).exists()
    Symbol.objects.update(sessions={**shut, "always_open": True})
    assert exits.carry_out(actor=WORKER, at=clock.now()).closing == 1
    assert own_desk.positions() == ()
