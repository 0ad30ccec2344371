"""The gateway dies in the middle of an order and comes back: the order is asked about, never sent a second time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from crs.kernel import clock
from execution.models import Fill, Order
from execution.operations import orders, reconciling
from guardian.adapters.gateway_mt5.blocking import BlockingWire
from tests.support.cast import WORKER
from tests.support.paper_gateway import eventually

if TYPE_CHECKING:
    from tests.execution.venue import VenueDesk
    from tests.support.paper_gateway import PaperGateway

pytestmark = [pytest.mark.scenario, pytest.mark.django_db]


@pytest.mark.parametrize(("fault", "outcome"), [("TORN_JOURNAL", "FAILED"), ("LOSE_ANSWER", "FILLED")])
def test_a_killed_gateway_never_trades_twice(
    desk: VenueDesk, venue: PaperGateway, monkeypatch: pytest.MonkeyPatch, fault: str, outcome: str
) -> None:
    """Goal: one order at most. Method: die before or after the order is on the venue's disk, restart, ask, compare.

    TORN_JOURNAL dies while writing the record: it never happened. LOSE_ANSWER carries the order out and says nothing;
    the gateway is then killed and knows it again from its journal.
    """
    impatient = {"timeout_ms": 400}
    original = BlockingWire.call
    assert desk.wire.call("FAULT", desk.account.login, {"kind": fault}).status == "OK"
    decided = desk.decide()
    with monkeypatch.context() as patched:
        patched.setattr(BlockingWire, "call", lambda self, *a, **o: original(self, *a, **{**o, **impatient}))
        recorded = orders.carry(decided.orders[0], actor=WORKER, at=clock.now())
    assert recorded is not None
    assert recorded.state == "UNKNOWN"
    if fault == "TORN_JOURNAL":
        venue.died()
    else:
        venue.kill()
    assert orders.carry(decided.orders[0], actor=WORKER, at=clock.now()) is None

    venue.start()
    Order.objects.update(sent_at=clock.now() - timedelta(seconds=10))  # beyond expiry and budget

    def settled() -> bool:
        orders.settle_due(actor=WORKER, at=clock.now() + timedelta(seconds=2))
        return Order.objects.get().settled_at is not None

    eventually(settled, within_s=20)
    assert Order.objects.get().state == outcome
    assert len(desk.deals()) == Fill.objects.count() == (1 if outcome == "FILLED" else 0)
    compared = reconciling.reconcile_account(desk.account, wire=desk.wire, actor=WORKER, at=clock.now())
    assert compared.is_ok, compared
