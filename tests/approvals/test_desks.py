from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from approvals import queries
from approvals.models import Account, Book, Desk, TradeMode, Venue, VenueKind
from approvals.operations import desks
from approvals.rules.desks import BookMismatch, MalformedCode, UnknownTimezone
from tests.support.cast import ALICE
from tests.support.factories import NOON, make_account, make_desk

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def test_a_new_desk_has_a_house_account_in_each_book_and_says_so_in_the_evidence(as_app: None) -> None:
    desk = make_desk(code="ALPHA")
    assert sorted(desk.accounts.values_list("code", "book")) == [
        ("ALPHA-HOUSE-LIVE", "LIVE"),
        ("ALPHA-HOUSE-PAPER", "PAPER"),
        ("ALPHA-HOUSE-SHADOW", "SHADOW"),
    ]
    assert queries.house_account(desk, "PAPER").venue.kind == VenueKind.HOUSE
    event = queries.events_of("approvals.desk", "ALPHA").get()
    assert (event.action, event.actor_kind, event.actor) == ("approvals.desk.opened", "person", "alice")


def test_a_code_belongs_to_one_desk(as_app: None) -> None:
    make_desk(code="ALPHA")
    with pytest.raises(desks.CodeTaken):
        make_desk(code="ALPHA")


@pytest.mark.parametrize("code", ["", "alpha", "A B", "-A", "A-", "A--B", "A:B", "A/B", "Ä", "A" * 33])
def test_a_malformed_code_is_refused(code: str) -> None:
    with pytest.raises(MalformedCode):
        desks.open_desk(code=code, name="x", actor=ALICE, at=NOON)


def test_a_login_is_one_account(as_app: None) -> None:
    account = make_account()
    with pytest.raises(desks.LoginTaken):
        desks.open_account(
            desk=account.desk, venue=account.venue, code="OTHER", book=Book.PAPER, login=account.login, server="paper",
            actor=ALICE, at=NOON,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("book", "mode"), [(Book.LIVE, TradeMode.DEMO), (Book.PAPER, TradeMode.REAL), (Book.SHADOW, TradeMode.REAL)]
)
def test_real_money_and_the_live_book_go_together(book: Book, mode: TradeMode) -> None:
    account = make_account()
    with pytest.raises(BookMismatch):
        desks.open_account(
            desk=account.desk, venue=account.venue, code="OTHER", book=book, trade_mode=mode, actor=ALICE, at=NOON
        )
    with pytest.raises(IntegrityError, match="account_live_is_real"), transaction.atomic():
        Account.objects.create(
            desk=account.desk, venue=account.venue, code="OTHER", book=book, trade_mode=mode, margin_mode="HEDGING",
            currency="USD", opened_at=NOON,
        )  # fmt: skip


def test_an_unknown_time_zone_is_refused() -> None:
    account = make_account()
    with pytest.raises(UnknownTimezone):
        desks.open_account(
            desk=account.desk, venue=account.venue, code="OTHER", book=Book.PAPER, timezone="Mars/Base",
            actor=ALICE, at=NOON,
        )  # fmt: skip


def test_an_account_closes_once_and_stays() -> None:
    account = make_account()
    for _ in range(2):
        desks.close_account(account=account, reason="end of session", actor=ALICE, at=NOON)
    assert account not in queries.open_accounts(account.desk)
    actions = [event.action for event in queries.events_of("approvals.account", account.code)]
    assert actions == ["approvals.account.opened", "approvals.account.closed"]


def test_a_desk_a_venue_and_an_account_never_become_another() -> None:
    account = make_account()
    other = make_desk()
    changes: list[Callable[[], object]] = [
        lambda: Desk.objects.filter(id=account.desk_id).update(code="OTHER"),
        lambda: Venue.objects.filter(id=account.venue_id).update(kind="MT5"),
        lambda: Account.objects.filter(id=account.id).update(desk=other),
        lambda: Account.objects.filter(id=account.id).update(book="SHADOW"),
        lambda: Account.objects.filter(id=account.id).update(login="1"),
        lambda: Account.objects.raw("DELETE FROM approvals_account RETURNING id")[0],
    ]
    for change in changes:
        with pytest.raises(DatabaseError, match="never"), transaction.atomic():
            change()
    Account.objects.filter(id=account.id).update(timezone="Europe/Athens")
