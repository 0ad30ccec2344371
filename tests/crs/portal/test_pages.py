"""Does every page of the portal open, for everybody in his language, and say what it shows in words and units?"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from approvals.models import Account, AuditEvent
from approvals.operations import killswitch, limits
from approvals.rules.desks import house_code
from approvals.rules.scope import GLOBAL
from crs.kernel import clock
from crs.kernel.actor import machine
from crs.kernel.admin import plain
from crs.kernel.sheet import cell as sheet_cell
from crs.portal import book
from guardian.models import Heartbeat
from ledger.admin import TYPE_WORDS
from ledger.models import LedgerAccount, NavMark
from ledger.models.accounts import AccountType
from ledger.operations import posting
from strategies.models import Session
from tests.crs.portal import desk
from tests.crs.portal.desk import M
from tests.support.factories import make_account, make_chart, make_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries


PAGES = [
    "/admin/strategies/session/",
    "/admin/guardian/symbol/",
    "/admin/ledger/journal/",
    "/admin/ledger/ledgeraccount/",
    "/admin/ledger/navmark/",
    "/admin/execution/intent/",
    "/admin/execution/order/",
    "/admin/approvals/account/",
    "/admin/approvals/auditevent/",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_list_and_every_row_opens_in_both_languages(
    signed_in: Callable[..., Client], path: str, language: str
) -> None:
    shown = desk.show()
    desk.order(shown.account, at=shown.at)
    browser = signed_in("viewer")
    browser.cookies["django_language"] = language
    listed = browser.get(path)
    assert listed.status_code == 200
    start = listed.content.decode().split(f'href="{path}', 2)
    row = next(part for part in start[1:] if part[0].isdigit()).partition('"')[0]
    assert browser.get(f"{path}{row}").status_code == 200
    assert browser.post(f"{path}{row}", {}).status_code == 403
    assert browser.get(f"{path}add/").status_code == 403


def test_a_list_asks_as_often_for_many_rows_as_for_few(
    signed_in: Callable[..., Client], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        desk.show()
    browser = signed_in("viewer")
    for path in PAGES:
        browser.get(path)
        with django_assert_max_num_queries(18):
            browser.get(path)


def test_a_report_shows_three_equal_figures_and_its_json(signed_in: Callable[..., Client]) -> None:
    at = clock.now()
    shown = desk.show(state="ENDED", ended_at=at, report=desk.REPORT)
    text = desk.words(signed_in("viewer"), f"/admin/strategies/session/{shown.session.pk}/change/")
    assert "The session ended flat" in text
    assert text.count("−100.00 USD") >= 3
    assert "Reconciled" in text
    assert "4 / 4" in text
    assert json.dumps("60.000")[1:-1] in text


def test_a_journal_shows_debits_and_credits_that_are_equal(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    text = desk.words(signed_in("viewer"), f"/admin/ledger/journal/{shown.journal_id}/change/")
    assert f"{shown.account.code}:VENUE" in text
    assert "Sum 100,000.00 USD 100,000.00 USD" in text


def test_evidence_is_listed_as_it_was_recorded_and_says_when_it_happened_where_that_differs(
    signed_in: Callable[..., Client],
) -> None:
    """A replay's journals happened in 2017, and once stood so between rows of today."""
    told = datetime(2017, 12, 4, 0, 35, tzinfo=UTC)
    account = make_account()
    chart = make_chart(account=account)
    legs = [(chart.venue, "USD", M), (chart.external, "USD", -M)]
    posting.post(make_entry(chart, legs, occurred_at=told), actor=machine("test"))
    killswitch.engage(scope=GLOBAL, reason="a drill", actor=machine("test"), at=clock.now())
    body = signed_in("viewer").get("/admin/approvals/auditevent/").content.decode()
    rows = [re.findall(r"<time[^>]*>([^<]+)</time>", row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]
    moments = [row for row in rows if row]
    assert len(moments[0]) == 1, "the halt happened as it was recorded"
    assert [row[1] for row in moments if row[1:] == ["2017-12-04 00:35:00"]], "the journal happened long ago"
    assert [row[0] for row in moments] == sorted((row[0] for row in moments), reverse=True)
    assert "just then" in body


def test_a_fill_leads_to_its_order_session_journal_and_evidence(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    order = desk.order(shown.account, at=shown.at)
    row = desk.fill(order, journal_id=shown.journal_id, deal="77", at=shown.at)
    event = AuditEvent.objects.get(subject_kind="ledger.journal", subject_id=shown.journal_id)
    browser = signed_in("viewer")
    body = browser.get(f"/admin/execution/fill/{row.pk}/change/").content.decode()
    for path in (
        f"/admin/ledger/journal/{shown.journal_id}/change/",
        f"/admin/execution/order/{order.pk}/change/",
        f"/admin/execution/intent/{order.intent_id}/change/",
        f"/admin/strategies/session/{shown.session.pk}/change/",
        f"/admin/approvals/auditevent/{event.pk}/change/",
    ):
        assert f'<a class="num" href="{path}">' in body
    journal = browser.get(f"/admin/ledger/journal/{shown.journal_id}/change/").content.decode()
    assert f'<a class="num" href="/admin/approvals/auditevent/{event.pk}/change/">' in journal


def test_what_the_venue_did_by_itself_is_said(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    order = desk.order(shown.account, at=shown.at)
    row = desk.fill(order, journal_id=shown.journal_id, deal="77", at=shown.at, order_id=None, entry="OUT")
    text = desk.words(signed_in("viewer"), f"/admin/execution/fill/{row.pk}/change/")
    assert f"Buy 0.01 lots of BTCUSD.s at 14,267.10 on {shown.account.code}: closes" in text
    assert "The venue did this by itself." in text


def test_pages_of_the_book_and_of_accounts_begin_with_what_they_show(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    account = shown.account
    limit = limits.set_loss_limit(
        account=account, limit_units=1000 * M, opening_equity_units=100_000 * M, actor=machine("test"), at=shown.at
    )
    chart = LedgerAccount.objects.get(code=f"{account.code}:VENUE")
    mark = NavMark.objects.filter(account=account).latest("pk")
    house = Account.objects.get(code=house_code(account.desk.code, account.book))
    browser = signed_in("viewer")
    for page, said in (
        (f"approvals/account/{account.pk}", f"An account of desk {account.desk.code} at PAPER: no real money"),
        (f"approvals/account/{house.pk}", f"The house account of desk {account.desk.code}"),
        (f"approvals/losslimit/{limit.pk}", "may lose 1,000.00 USD of the 100,000.00 USD it began with"),
        (f"ledger/ledgeraccount/{chart.pk}", "VENUE: cash at the venue, equal to the balance that the venue states"),
        (f"ledger/navmark/{mark.pk}", f"{account.code} was worth 99,998.00 USD at"),
    ):
        assert said in desk.words(browser, f"/admin/{page}/change/")


def test_every_kind_of_ledger_account_is_told_in_words() -> None:
    assert set(TYPE_WORDS) == set(AccountType.values)


@pytest.mark.parametrize(
    ("language", "said"), [("en", ("1 symbol", "3 symbols")), ("zh-hans", ("1 个品种", "3 个品种"))]
)
def test_the_listener_counts_symbols_in_the_reader_s_language(
    signed_in: Callable[..., Client], language: str, said: tuple[str, str]
) -> None:
    browser = signed_in("viewer")
    browser.cookies["django_language"] = language
    for number, shown in zip((1, 3), said, strict=True):
        detail = {"at": clock.now(), "detail": f"{number} symbols"}
        Heartbeat.objects.update_or_create(process="daemon:listener", defaults=detail)
        for path in ("/admin/", "/health/"):
            assert f" {shown} " in desk.words(browser, path)


def test_an_order_says_what_its_fills_did_and_leads_to_them(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    order = desk.order(shown.account, at=shown.at)
    row = desk.fill(order, journal_id=shown.journal_id, deal="77", at=shown.at, entry="OUT")
    browser = signed_in("viewer")
    path = f"/admin/execution/order/{order.pk}/change/"
    assert "77 closes 0.01" in desk.words(browser, path)
    assert f'href="/admin/execution/fill/{row.pk}/change/"' in browser.get(path).content.decode()


def test_the_timetable_says_how_often_in_units(signed_in: Callable[..., Client]) -> None:
    text = desk.words(signed_in("viewer"), "/admin/django_celery_beat/periodictask/?all=")
    assert " 30 s " in text
    assert "0:00:" not in text


def test_the_trial_balance_stands_under_the_accounts(signed_in: Callable[..., Client]) -> None:
    desk.show()
    assert "balances 0.00 USD" in desk.words(signed_in("viewer"), "/admin/ledger/ledgeraccount/")


def test_an_intent_shows_every_rule_with_its_verdict(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    row = desk.order(shown.account, at=shown.at)
    text = desk.words(signed_in("viewer"), f"/admin/execution/intent/{row.intent_id}/change/")
    assert "No kill switch engaged Passed" in text
    assert "Price is fresh Refused STALE_TICK 2,500 ms 2,000 ms −500 ms" in text


def test_a_session_that_has_no_account_yet_opens(signed_in: Callable[..., Client]) -> None:
    shown = desk.show(state="OPENING", nav_units=None, opening_equity_units=None)
    Session.objects.filter(pk=shown.session.pk).update(account=None)
    for path in ("/admin/", "/admin/strategies/session/", f"/admin/strategies/session/{shown.session.pk}/change/"):
        assert signed_in("viewer").get(path).status_code == 200


def test_an_export_has_the_filtered_rows_and_no_formula(signed_in: Callable[..., Client]) -> None:
    first, second = desk.show(), desk.show()
    browser = signed_in("viewer")
    path = "/admin/ledger/ledgeraccount/export.csv"
    answer = browser.get(path, {"account__id__exact": first.account.pk})
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # a streaming answer
    lines = body.splitlines()
    assert lines[0].startswith("code,Type,")
    assert f"{first.account.code}:VENUE" in body
    assert "100,000.00 USD" in body
    assert second.account.code not in body
    assert "<" not in body


def test_every_list_offers_its_export_with_its_filters(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    body = signed_in("viewer").get("/admin/ledger/journal/", {"account__id__exact": shown.account.pk}).content.decode()
    assert f'href="/admin/ledger/journal/export.csv?account__id__exact={shown.account.pk}"' in body


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("=1+1", "'=1+1"), ("-5", "'-5"), ("@x", "'@x"), ("−5.00", "−5.00"), (None, ""), ("<b>a</b> &amp; b", "a & b")],
)
def test_a_cell_is_never_a_formula(cell: str | None, shown: str) -> None:
    assert sheet_cell(plain(cell)) == shown


def test_the_curve_of_an_endless_session_is_thinned_and_keeps_its_ends(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    shown = desk.show()
    opened = NavMark.objects.filter(account=shown.account).order_by("at").first()
    assert opened is not None
    NavMark.objects.bulk_create(
        NavMark(
            account=shown.account,
            currency=opened.currency,
            at=shown.at + timedelta(seconds=step),
            venue_at=shown.at,
            cash=step,
            unrealised=0,
            swap_accrued=0,
            nav=step,
            flows=0,
            positions=0,
            marks={},
        )
        for step in range(1, 98)
    )
    monkeypatch.setattr(book, "CURVE_POINTS", 10)
    levels = book.session_story(shown.session).levels
    assert levels[0] == opened.nav
    assert levels[-1] == 97
    assert 10 <= len(levels) <= 12
