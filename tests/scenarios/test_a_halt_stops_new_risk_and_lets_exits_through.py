"""Alice's bot trades; Bob stops everything; the bot gets nothing new in and everything out; the machine releases."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from approvals.operations import killswitch, limits
from approvals.rules.scope import GLOBAL
from crs.kernel import clock
from execution.models import Fill
from execution.operations import exits, halting, reconciling
from execution.tasks import carry_out_exits, send_order
from ledger.operations import nav
from ledger.rules.valuation import Mark
from tests.execution.facts import USD
from tests.execution.venue import PRICE, SYMBOL
from tests.support.api import make_client
from tests.support.cast import ALICE, BOB, WORKER
from tests.support.people import make_person

if TYPE_CHECKING:
    from tests.execution.venue import VenueDesk

pytestmark = [pytest.mark.scenario, pytest.mark.django_db]


def test_a_halt_stops_new_risk_and_lets_exits_through(desk: VenueDesk) -> None:
    """Goal: after a halt nothing new reaches the venue and every exit does. Method: REST, task, gateway, history."""
    bot = make_client(scopes=("order:propose",))
    _open_session(desk)

    bought = _propose(desk, bot)
    assert bought["orders"][0]["state"] == "FILLED"

    halting.engage(scope=GLOBAL, positions="KEEP", reason="prices look wrong", actor=WORKER, at=clock.now())
    refused = _propose(desk, bot, quantity="0.02")
    assert (refused["decision"], refused["refusals"][0]["code"]) == ("REFUSED", "KILL_SWITCH_ENGAGED")
    assert refused["orders"] == []
    sold = _propose(desk, bot, side="SELL", reduce_only=True)
    assert sold["orders"][0]["state"] == "FILLED"
    assert desk.positions() == ()

    halting.release(scope=GLOBAL, reason="feed repaired, prices compared", actor=WORKER, at=clock.now())
    again = _propose(desk, bot, quantity="0.03")
    assert again["orders"][0]["state"] == "FILLED"
    assert {str(deal.deal) for deal in desk.deals()} == set(Fill.objects.values_list("deal", flat=True))
    assert _reconciled(desk)


def test_a_person_stops_and_closes_without_a_vote(desk: VenueDesk) -> None:
    """Goal: CLOSE waits for nobody. Method: Bob's row alone, the sweep carries it, the venue is flat, books agree."""
    make_person(BOB.name, "risk")
    desk.trade()
    desk.trade(side="SELL", quantity=2_000_000)
    killswitch.engage(scope=GLOBAL, positions="CLOSE", reason="orders run away", actor=BOB, at=clock.now())
    carry_out_exits()
    assert desk.positions() == ()
    assert exits.carry_out(actor=WORKER, at=clock.now()).left == 0
    assert _reconciled(desk)


def _open_session(desk: VenueDesk) -> None:
    """A loss limit and a fresh mark: what the gate takes for a running session."""
    at, figures = clock.now(), desk.wire.account(desk.account.login)
    limits.set_loss_limit(
        account=desk.account, limit_units=500 * USD, opening_equity_units=figures.equity, actor=ALICE, at=at
    )


def _propose(desk: VenueDesk, bot: Any, **changed: Any) -> dict[str, Any]:
    """Propose over REST with a price of this moment, let the worker send, and return the intent as it then stands."""
    at = clock.now()
    desk.show_price(at=at)
    marks = {SYMBOL: Mark(symbol=SYMBOL, bid=PRICE, ask=PRICE, at=at)}
    venue_at = desk.wire.account(desk.account.login).venue_at
    nav.strike(account_id=desk.account.id, marks=marks, at=at, venue_at=venue_at, actor=WORKER)
    wish = {
        "key": str(uuid.uuid4()), "strategy": "pulse", "account": desk.account.code, "symbol": SYMBOL, "side": "BUY",
        "quantity": "0.01", **changed,
    }  # fmt: skip
    intent = bot.post("/api/v1/intents", wish).json()
    for order in intent["orders"]:
        send_order(order["id"])
    return dict(bot.get(f"/api/v1/intents/{intent['id']}").json())


def _reconciled(desk: VenueDesk) -> bool:
    compared = reconciling.reconcile_account(desk.account, wire=desk.wire, actor=WORKER, at=clock.now())
    return compared.is_ok
