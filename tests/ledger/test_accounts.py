from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from approvals import queries as desk_queries
from approvals.models import Account
from ledger import queries
from ledger.models import AccountType, Asset, LedgerAccount
from ledger.operations import accounts
from ledger.rules import chart as rules
from tests.support.cast import ALICE
from tests.support.factories import NOON, make_account, make_chart, make_desk

pytestmark = pytest.mark.django_db


def test_a_chart_is_opened_once_and_told_by_name(as_app: None) -> None:
    account = make_account(code="PAPER-7Y")
    first = accounts.open_chart(account, actor=ALICE, at=NOON)
    again = accounts.open_chart(account, actor=ALICE, at=NOON)
    assert first == again
    codes = dict(LedgerAccount.objects.filter(account=account).values_list("code", "id"))
    assert codes["PAPER-7Y:FEES:COMMISSION"] == first.fees_commission
    assert codes["PAPER-7Y:VENUE:CREDIT"] == first.venue_credit
    assert len(codes) == len(rules.CHART)
    actions = [event.action for event in desk_queries.events_of("approvals.account", "PAPER-7Y")]
    assert actions.count("ledger.chart.opened") == 1


def test_a_chart_that_was_never_opened_is_not_there() -> None:
    with pytest.raises(LedgerAccount.DoesNotExist):
        queries.chart(make_account().id)


def test_every_type_of_a_chart_is_one_of_the_fourteen() -> None:
    assert len(AccountType) == 14
    assert {type_ for type_, _ in rules.CHART} <= set(AccountType.values)


def test_an_asset_keeps_its_decimals() -> None:
    asset = accounts.open_asset(code="XAG", decimals=8, actor=ALICE, at=NOON)
    assert accounts.open_asset(code="XAG", decimals=8, actor=ALICE, at=NOON) == asset
    with pytest.raises(accounts.AssetTaken):
        accounts.open_asset(code="XAG", decimals=6, actor=ALICE, at=NOON)
    for decimals, code in ((78, "LONG"), (6, "bad code")):
        with pytest.raises(IntegrityError, match="asset_"), transaction.atomic():
            Asset.objects.create(code=code, decimals=decimals)


def test_a_ledger_account_stands_where_its_account_does() -> None:
    """Method: the same row on another desk, then in another book; the composite foreign key knows the Account."""
    chart = make_chart()
    account = Account.objects.get(id=chart.account_id)
    for change in ({"desk": make_desk()}, {"book": "SHADOW"}):
        told = {"desk": account.desk, "book": account.book, **change}
        with pytest.raises(IntegrityError, match="ledgeraccount_account_desk_book"), transaction.atomic():
            LedgerAccount.objects.create(
                code=f"{account.code}:GAS", type="GAS", account=account, opened_at=NOON, **told
            )
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        LedgerAccount.objects.filter(account=account).update(sub="OTHER")
