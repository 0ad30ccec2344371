"""A venue account from deposit to flat, through the operations: deals, NAV and reconciliation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from approvals import queries as desk_queries
from approvals.models import Account
from ledger import queries
from ledger.models import Break, Deal, Journal, NavMark
from ledger.operations import nav, reconciliation, venue
from ledger.rules.matching import Statement
from ledger.rules.posting import KeyReused, Malformed
from ledger.rules.valuation import Mark, MarkMissing
from ledger.rules.venue_recipes import DealOutOfOrder
from tests.ledger.test_venue_recipes import deal
from tests.support.cast import WORKER
from tests.support.factories import NOON, make_chart

if TYPE_CHECKING:
    from ledger.rules.chart import Chart
    from ledger.rules.venue_recipes import VenueDeal

pytestmark = pytest.mark.django_db

DEPOSIT = deal(
    deal=1, order=0, position_id=0, entry="NONE", type="BALANCE", symbol="", base_asset="", volume=0, notional=0,
    profit=100_000_000_000, price=Decimal(0), magic=0,
)  # fmt: skip
OPEN = deal(deal=2, order=2, position_id=2, commission=-70_000)
CLOSE = deal(
    deal=3, order=3, position_id=2, type="SELL", entry="OUT", notional=166_001_300, profit=570_000, commission=-70_000,
    swap=-10_000,
)  # fmt: skip
MARKS = {"BTCUSD.s": Mark("BTCUSD.s", Decimal("16600.13"), Decimal("16602.57"), NOON)}


@pytest.fixture
def chart() -> Chart:
    return make_chart()


def book(chart: Chart, *deals: VenueDeal) -> None:
    for told in deals:
        venue.book_deal(told, account_id=chart.account_id, actor=WORKER)


def strike(chart: Chart, **changes: Any) -> NavMark:
    told: dict[str, Any] = {"marks": MARKS, "at": NOON, "venue_at": NOON, "actor": WORKER}
    return nav.strike(account_id=chart.account_id, **{**told, **changes})


def test_cash_is_the_venues_balance_after_every_deal(as_app: None, chart: Chart) -> None:
    balance = 0
    for told in (DEPOSIT, OPEN, CLOSE):
        book(chart, told)
        balance += told.profit + told.commission + told.fee + told.swap
        assert queries.venue_cash(chart.account_id) == balance
    assert queries.open_positions(chart.account_id) == []
    keys = Journal.objects.filter(account_id=chart.account_id).order_by("id").values_list("key", "kind")
    code = chart.account_code
    assert list(keys) == [
        (f"deal:{code}:1", "FUNDING"),
        (f"deal:{code}:2", "TRADE"),
        (f"deal:{code}:2:commission", "COMMISSION"),
        (f"deal:{code}:3", "TRADE"),
        (f"deal:{code}:3:commission", "COMMISSION"),
        (f"deal:{code}:3:swap", "SWAP_FEE"),
    ]


def test_a_deal_is_booked_once(as_app: None, chart: Chart) -> None:
    first = venue.book_deal(DEPOSIT, account_id=chart.account_id, actor=WORKER)
    again = venue.book_deal(DEPOSIT, account_id=chart.account_id, actor=WORKER)
    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    with pytest.raises(KeyReused):
        venue.book_deal(replace(DEPOSIT, profit=1_000_000), account_id=chart.account_id, actor=WORKER)
    assert queries.venue_cash(chart.account_id) == DEPOSIT.profit


def test_a_refused_deal_leaves_nothing(chart: Chart) -> None:
    for told, refusal in ((CLOSE, DealOutOfOrder), (replace(DEPOSIT, profit=0), Malformed)):
        with pytest.raises(refusal):
            venue.book_deal(told, account_id=chart.account_id, actor=WORKER)
    assert not Journal.objects.exists()
    assert not Deal.objects.exists()


def test_a_booked_deal_is_never_changed(chart: Chart) -> None:
    book(chart, DEPOSIT)
    with pytest.raises(DatabaseError, match="never changed"):
        Deal.objects.update(profit=1)


def test_nav_is_cash_and_positions_at_their_liquidation_side(as_app: None, chart: Chart) -> None:
    book(chart, DEPOSIT, OPEN)
    mark = strike(chart, swap_accrued=-10_000)
    assert (mark.cash, mark.unrealised, mark.positions) == (99_999_930_000, 570_000, 1)
    assert mark.nav == 99_999_930_000 + 570_000 - 10_000
    assert mark.flows == 100_000_000_000
    assert mark.earned == -70_000 + 570_000 - 10_000
    assert mark.marks["BTCUSD.s"]["bid"] == "16600.13"
    assert desk_queries.events_of("ledger.navmark", mark.id).count() == 1
    book(chart, CLOSE)
    assert strike(chart, marks={}).earned == 570_000 - 140_000 - 10_000
    assert [row.earned for row in queries.nav_history(chart.account_id)] == [490_000, 420_000]
    last = queries.last_nav(chart.account_id)
    assert last is not None
    assert last.unrealised == 0


def test_a_deposit_and_a_credit_are_no_profit(chart: Chart) -> None:
    book(chart, DEPOSIT, replace(DEPOSIT, deal=4, type="CREDIT", profit=5_000_000))
    mark = strike(chart)
    assert (mark.nav, mark.earned) == (100_000_000_000, 0)


def test_a_missing_mark_gives_no_nav(chart: Chart) -> None:
    book(chart, DEPOSIT, OPEN)
    with pytest.raises(MarkMissing):
        strike(chart, marks={})
    assert not NavMark.objects.exists()


def test_a_nav_mark_adds_up_and_is_never_changed(chart: Chart) -> None:
    book(chart, DEPOSIT)
    mark = strike(chart)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        NavMark.objects.update(nav=1)
    mark.id, mark.nav = None, mark.nav + 1
    with pytest.raises(IntegrityError, match="navmark_adds_up"), transaction.atomic():
        mark.save()


def statement(*deals: VenueDeal, balance: int) -> Statement:
    return Statement(deals=deals, balance=balance, since=None, complete_through=NOON)


def test_book_and_venue_agree_and_the_result_is_kept(as_app: None, chart: Chart) -> None:
    book(chart, DEPOSIT, OPEN, CLOSE)
    account = Account.objects.get(id=chart.account_id)
    outcome = reconciliation.reconcile(
        account=account, statement=statement(CLOSE, OPEN, DEPOSIT, balance=100_000_420_000), at=NOON, actor=WORKER
    )
    assert outcome.reconciliation.is_ok
    assert (outcome.reconciliation.matched, outcome.open_breaks) == (3, 0)


def test_every_difference_opens_one_break_until_it_is_gone(as_app: None, chart: Chart) -> None:
    book(chart, DEPOSIT, OPEN)
    account = Account.objects.get(id=chart.account_id)
    wrong = statement(replace(OPEN, price=Decimal("16543.28"), magic=8), balance=1)
    for _ in range(2):
        outcome = reconciliation.reconcile(account=account, statement=wrong, at=NOON, actor=WORKER)
        assert not outcome.reconciliation.is_ok
        assert outcome.open_breaks == 4
    rows = Break.objects.order_by("deal", "field").values_list("verdict", "deal", "field", "is_tolerated")
    assert list(rows) == [
        ("CASH", 0, "cash", False),
        ("BOOK_ONLY", 1, "deal", False),
        ("MISMATCH", 2, "magic", False),
        ("MISMATCH", 2, "price", False),
    ]
    outcome = reconciliation.reconcile(
        account=account, statement=statement(OPEN, DEPOSIT, balance=99_999_930_000), at=NOON, actor=WORKER
    )
    assert (outcome.reconciliation.is_ok, outcome.open_breaks) == (True, 0)
    assert not Break.objects.filter(closed_at=None).exists()


def test_a_venues_own_deal_is_to_be_booked_and_no_break(chart: Chart) -> None:
    book(chart, DEPOSIT, OPEN)
    account = Account.objects.get(id=chart.account_id)
    stop = replace(CLOSE, reason="SL", order=0)
    outcome = reconciliation.reconcile(
        account=account, statement=statement(stop, OPEN, DEPOSIT, balance=100_000_420_000), at=NOON, actor=WORKER
    )
    assert (outcome.reconciliation.venue_initiated, outcome.reconciliation.is_ok) == (1, False)
    assert list(Break.objects.values_list("verdict", flat=True)) == ["CASH"]
    book(chart, stop)
    outcome = reconciliation.reconcile(
        account=account, statement=statement(stop, OPEN, DEPOSIT, balance=100_000_420_000), at=NOON, actor=WORKER
    )
    assert outcome.reconciliation.is_ok
