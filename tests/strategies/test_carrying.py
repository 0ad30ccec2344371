"""strategies/operations/carrying.py: what the venue does by itself is booked when it is told, or when looked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crs.kernel import clock
from execution.models import Fill, Order
from guardian.adapters.gateway_mt5.answers import accepted
from guardian.adapters.gateway_mt5.feed import DealFeed
from ledger import queries as ledger_queries
from strategies.models import SymbolRun
from strategies.operations import carrying, sessions, slices
from strategies.rules.signals import STRATEGY
from tests.guardian.gateway_contract import FAR_AHEAD, LONG_AGO
from tests.strategies import stage
from tests.support.paper_gateway import key, order, trade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.adapters.gateway_mt5.address import Address
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from strategies.models import Session
    from tests.support.paper_gateway import PaperGateway

pytestmark = pytest.mark.scenario
SYMBOL = "BTCUSD.s"
CALM = {"symbols": [SYMBOL], "duration_seconds": 0, "speed": 60}  # bars of venue time: it hardly ever trades
LIVELY = {**CALM, "speed": 18_000}
NEVER_S = 3_600.0


@pytest.fixture
def wire(gateway: PaperGateway) -> Iterator[BlockingWire]:
    with gateway.wire() as opened:
        yield opened


@pytest.fixture(autouse=True)
def one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """No successor reads the history at its start: what is booked was heard or looked for."""
    monkeypatch.setattr(slices, "SLICE", timedelta(seconds=50))
    monkeypatch.setattr(slices, "TASK", timedelta(seconds=51))


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by the clock, beyond the first look."""
    monkeypatch.setattr(carrying, "SYNC_S", NEVER_S)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event is lost: the slice listens where nobody speaks."""

    def elsewhere(address: Address, login: str) -> DealFeed:
        return DealFeed(replace(address, ticks="tcp://127.0.0.1:9"), login)

    monkeypatch.setattr(slices, "DealFeed", elsewhere)


def login_of(session: Session) -> str:
    """Wait until the session has saved once, so that its first look is behind it, and return its login."""
    stage.eventually(lambda: SymbolRun.objects.filter(session=session, ticks__gt=0).exists())
    session.refresh_from_db()
    assert session.account is not None
    return session.account.login


def adjust(wire: BlockingWire, login: str) -> None:
    """Let the venue move cash by itself; a flow, so that the session's figures stay comparable."""
    payload = {"type": "BALANCE", "amount": "12.34", "comment": "test"}
    accepted(wire.call("ACCOUNT_ADJUST", login, payload, idempotency_key=key()))


def until_cash_is_equal(session: Session, wire: BlockingWire, login: str) -> None:
    """Wait until the book has the venue's balance."""
    assert session.account is not None
    account_id = session.account.pk
    stage.eventually(lambda: ledger_queries.venue_cash(account_id) == wire.account(login).balance, within_s=20)


def end(session: Session) -> None:
    sessions.request_stop(session_id=session.pk, at=clock.now())


def is_reconciled(session: Session) -> bool:
    session.refresh_from_db()
    assert session.report is not None, session.error
    return bool(session.report["reconciled"])


@pytest.mark.usefixtures("unasked")
def test_a_deal_of_the_venue_is_booked_when_it_is_told(wire: BlockingWire) -> None:
    session = stage.start(**CALM)
    with stage.beside(lambda: stage.play(session)):
        login = login_of(session)
        adjust(wire, login)
        until_cash_is_equal(session, wire, login)
        end(session)
    assert is_reconciled(session)


@pytest.mark.usefixtures("unasked")
def test_a_stop_of_the_venue_is_booked_when_it_is_told(wire: BlockingWire) -> None:
    session = stage.start(**CALM)
    with stage.beside(lambda: stage.play(session)):
        login = login_of(session)
        (opened,) = accepted(trade(wire, login, order(SYMBOL, magic=0)))["deals"]
        (held,) = [row for row in wire.positions(login) if row.position_id == opened["position_id"]]
        stops = {"sl": f"{held.current_price - Decimal(3):.2f}", "tp": f"{held.current_price + Decimal(3):.2f}"}
        accepted(trade(wire, login, order(SYMBOL, magic=0, **stops)))
        stage.eventually(lambda: Fill.objects.filter(reason__in=("SL", "TP")).exists())
        until_cash_is_equal(session, wire, login)
        end(session)
    assert is_reconciled(session)


@pytest.mark.usefixtures("deaf")
def test_a_deal_whose_event_was_lost_is_found_by_looking(wire: BlockingWire) -> None:
    session = stage.start(**CALM)
    with stage.beside(lambda: stage.play(session)):
        login = login_of(session)
        accepted(trade(wire, login, order(SYMBOL, magic=0)))
        stage.eventually(lambda: Fill.objects.filter(strategy="FOREIGN").exists())
        adjust(wire, login)
        until_cash_is_equal(session, wire, login)
        end(session)
    assert is_reconciled(session)


def test_a_deal_that_the_history_does_not_show_yet_is_asked_for_again(
    wire: BlockingWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "HISTORY_EVERY", 1_000_000)
    session = stage.start(**CALM)
    with stage.beside(lambda: stage.play(session)):
        login = login_of(session)
        accepted(wire.call("FAULT", login, {"kind": "LAG", "ms": 1_500, "count": 3}))
        adjust(wire, login)
        until_cash_is_equal(session, wire, login)
        end(session)
    assert is_reconciled(session)


@pytest.mark.usefixtures("unasked")
def test_a_deal_of_our_own_order_is_booked_once_though_it_is_told_before_the_answer(wire: BlockingWire) -> None:
    """Goal: the event neither doubles the deal nor makes it the venue's own. Method: the answer never comes at all."""
    session = stage.start(**LIVELY)
    with stage.beside(lambda: stage.play(session)):
        login = login_of(session)
        accepted(wire.call("FAULT", login, {"kind": "LOSE_ANSWER", "actions": ["ORDER_OPEN"], "count": 1}))
        early = stage.eventually(lambda: Order.objects.filter(state="SENT", fills__entry="IN").first())
        stage.eventually(lambda: Order.objects.get(id=early.id).state == "FILLED")  # a deal counts more than silence
        end(session)
    assert is_reconciled(session)
    deals = [str(deal.deal) for deal in wire.history(login, start=LONG_AGO, end=FAR_AHEAD).deals if deal.order]
    assert sorted(Fill.objects.values_list("deal", flat=True)) == sorted(deals)
    assert not Fill.objects.filter(reason="EXPERT", order=None).exists()


def test_deals_of_our_own_orders_are_told_of_too_and_booked_once(wire: BlockingWire) -> None:
    session = stage.start(**{**LIVELY, "duration_seconds": 6})
    report: dict[str, Any] = stage.play(session)
    assert report["reconciled"]
    assert report["trades_executed"]
    login = login_of(session)
    deals = [str(deal.deal) for deal in wire.history(login, start=LONG_AGO, end=FAR_AHEAD).deals if deal.order]
    assert sorted(Fill.objects.values_list("deal", flat=True)) == sorted(deals)
    assert not Fill.objects.filter(reason="EXPERT", order=None).exists()


def test_a_session_leaves_what_another_opened_on_its_account_alone_until_it_ends(wire: BlockingWire) -> None:
    """Goal: a bot's position is the bot's. Method: the session comes and goes beside it; its end closes both."""
    session = stage.start(**LIVELY)
    with stage.beside(lambda: stage.play(session)):
        login = login_of(session)
        (opened,) = accepted(trade(wire, login, order(SYMBOL, magic=0)))["deals"]
        theirs = Fill.objects.filter(position_id=opened["position_id"], entry="OUT")
        came = stage.eventually(lambda: Fill.objects.filter(strategy="FOREIGN", entry="IN").first())
        ours = Fill.objects.filter(strategy=STRATEGY, entry="OUT", reason="EXPERT", id__gt=came.id)
        stage.eventually(ours.exists)
        assert not theirs.exists()
        end(session)
    assert theirs.exists()
    assert is_reconciled(session)
