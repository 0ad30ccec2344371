"""Does the cockpit say first what needs somebody, and nothing that is not so?"""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from approvals.models import Account, AuditEvent
from approvals.operations import killswitch, limits
from approvals.rules.desks import house_code
from approvals.rules.scope import GLOBAL, Scope
from crs.kernel import clock
from crs.kernel.actor import Actor, machine
from crs.kernel.admin import plain
from crs.kernel.sheet import cell as sheet_cell
from crs.portal import book, verdict
from crs.portal.verdict import Attention
from execution.models import Order
from guardian.models import Heartbeat, Symbol
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

LOOK = Attention("STALE", "No price of BTCUSD.s", "on PAPER-1", None, "Look", "/")
REPORT = {
    "symbols": {"BTCUSD.s": {"synthetic": False}},
    "reconciled": True,
    "ledger_nav_change": "-100.00",
    "gateway_equity_change": "-100.00",
    "slots_total": 4,
    "slots_concurrent": 4,
    "lag_ms": {"p50": "1.20", "p99": "4.00"},
    "duration_s": "60.000",
}
BROKEN = Attention("UNRECONCILED", "Session 1: book and venue differ", "1.00 / 2.00 USD", None, "Report", "/")


@pytest.mark.parametrize(
    ("halted", "running", "attention", "tone", "says"),
    [
        ([], 1, [], "ok", "Trading, and all is well"),
        ([], 2, [], "ok", "Trading in 2 sessions, and all is well"),
        ([], 0, [], "none", "No session is running"),
        ([], 1, [LOOK], "warn", "Trading, and 1 thing needs a look"),
        ([], 0, [LOOK, LOOK], "warn", "2 things need a look"),
        ([], 1, [BROKEN, LOOK], "bad", "Session 1: book and venue differ"),
        (["SYMBOL:X"], 1, [LOOK], "bad", "Trading, with one scope stopped"),
        (["SYMBOL:X", "SYMBOL:Y"], 1, [], "bad", "Trading, with 2 scopes stopped"),
        (["SYMBOL:X"], 0, [], "bad", "Stopped in part, and no session is running"),
        (["GLOBAL", "SYMBOL:X"], 3, [], "bad", "Everything is stopped"),
    ],
)
def test_the_verdict_is_the_worst_of_what_is_known(
    halted: list[str], running: int, attention: list[Attention], tone: str, says: str
) -> None:
    said = verdict.judge(halted=halted, running=running, attention=attention)
    assert (said.tone, said.sentence) == (tone, says)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "is_reconciled", "ended", "begun", "needs"),
    [
        ("HALTED", True, HOUR, None, "HALTED"),
        ("HALTED", True, HOUR, 2 * HOUR, "HALTED"),  # what ran beside it was begun before the halt
        ("HALTED", True, HOUR, HOUR, "HALTED"),
        ("HALTED", True, HOUR, HOUR / 2, ""),
        ("HALTED", True, 24 * HOUR, None, ""),
        ("HALTED", False, HOUR, HOUR / 2, "UNRECONCILED"),
        ("FAILED", False, HOUR, None, "FAILED"),
        ("FAILED", False, HOUR, HOUR / 2, ""),
        ("FAILED", False, 25 * HOUR, None, ""),
        ("ENDED", True, HOUR, None, ""),
        ("ENDED", False, HOUR, None, "UNRECONCILED"),
        ("ENDED", False, HOUR, HOUR / 2, "UNRECONCILED"),
        ("ENDED", False, 25 * HOUR, None, ""),
    ],
)
def test_an_ended_session_needs_somebody_until_a_person_begins_anew(
    state: str, is_reconciled: bool, ended: timedelta, begun: timedelta | None, needs: str
) -> None:
    at = clock.now()
    said = verdict.end_needs_somebody(
        state=state,
        is_reconciled=is_reconciled,
        ended_at=at - ended,
        begun_at=None if begun is None else at - begun,
        at=at,
    )
    assert said == needs


@pytest.mark.parametrize(
    ("changes", "is_said"),
    [
        ({}, False),
        ({"actor": "key:bot-1"}, True),  # a program is no person
        ({"is_demo": True}, True),  # begun by `up`, in a demo person's name
        ({"created_at": clock.now() - 2 * HOUR}, True),
    ],
)
def test_a_halt_is_off_the_list_once_a_person_trades_that_desk_again(
    signed_in: Callable[..., Client], changes: dict[str, object], is_said: bool
) -> None:
    report = {**REPORT, "total_pnl": "-8.01"}
    ended = {"created_at": clock.now() - 3 * HOUR, "ended_at": clock.now() - HOUR, "report": report}
    halted = desk.show(state="HALTED", halt_reason="SESSION_LOSS", **ended)
    other = desk.show()
    assert f"Session {halted.session.pk} was halted" in words(signed_in("viewer")), "another desk settles nothing"
    Session.objects.filter(pk=other.session.pk).update(desk=halted.session.desk, **changes)
    assert (f"Session {halted.session.pk} was halted" in words(signed_in("viewer"))) == is_said


def test_work_is_ordered_by_severity_and_then_by_age() -> None:
    at = clock.now()
    younger = Attention("UNKNOWN", "b", "", at, "", "")
    older = Attention("UNKNOWN", "a", "", at - timedelta(hours=1), "", "")
    assert [item.title for item in verdict.ordered([LOOK, younger, BROKEN, older])] == [
        BROKEN.title,
        "a",
        "b",
        LOOK.title,
    ]


def words(browser: Client, path: str = "/admin/") -> str:
    """Return the text of a page."""
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_an_empty_desk_says_how_to_begin(signed_in: Callable[..., Client]) -> None:
    text = words(signed_in("viewer"))
    assert "No session is running" in text
    assert "make session" in text
    assert "0.00 USD" not in text


def test_a_running_desk_shows_prices_nav_and_what_is_invented(signed_in: Callable[..., Client]) -> None:
    desk.show()
    text = words(signed_in("viewer"))
    assert "Trading, and all is well" in text
    assert "14,267.10 14,267.28 18" in text
    assert text.count("SYNTHETIC") == 1
    assert "99,900.00 USD −100.00 USD" in text
    assert "100.00 USD / 1,000.00 USD" in text
    assert "×60" in text


def test_everything_that_needs_somebody_stands_on_the_list(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    browser = signed_in("risk", name="bob")
    killswitch.engage(scope=Scope("SYMBOL", "BTCUSD.s"), reason="a drill", actor=machine("test"), at=shown.at)
    alice = Actor("person", "alice")
    signed_in("operator", name="alice")
    killswitch.request_release(
        scope=Scope("SYMBOL", "BTCUSD.s"), cause="drill", remedy="none", actor=alice, at=shown.at
    )
    row = desk.order(shown.account, at=shown.at)
    Order.objects.filter(pk=row.pk).update(state="SENT", sent_at=shown.at)
    Order.objects.filter(pk=row.pk).update(state="UNKNOWN", unknown_at=shown.at)
    Symbol.objects.filter(symbol="XAUUSD.s").update(received_at=shown.at - timedelta(minutes=1))
    Heartbeat.objects.create(process="daemon:relay", at=shown.at - timedelta(minutes=1))
    report = {"reconciled": False, "ledger_nav_change": "1.00", "gateway_equity_change": "2.00"}
    ended = desk.show(state="ENDED", ended_at=shown.at, report=report)

    text = words(browser)
    for said in (
        "Trading, with one scope stopped",
        "SYMBOL:BTCUSD.s is stopped",
        "Release of SYMBOL:BTCUSD.s waits for a second person",
        f"Order {row.pk} has no known outcome",
        "No price of XAUUSD.s",
        "Relay of doorbells gives no sign of life",
        f"Session {ended.session.pk}: book and venue differ",
    ):
        assert said in text
    assert "waits for a second person" not in words(signed_in("operator", name="alice"))


@pytest.mark.parametrize(
    ("reason", "said"), [("KILL_SWITCH", "a kill switch was engaged"), ("SESSION_LOSS", "it reached its loss limit")]
)
def test_why_a_session_was_halted_is_said_in_words(signed_in: Callable[..., Client], reason: str, said: str) -> None:
    report = {**REPORT, "total_pnl": "-8.01"}
    shown = desk.show(state="HALTED", halt_reason=reason, ended_at=clock.now(), report=report)
    assert f"{said} · −8.01 USD" in words(signed_in("viewer"))
    page = f"/admin/strategies/session/{shown.session.pk}/change/"
    assert f"The session was halted: {said}" in words(signed_in("viewer"), page)


def test_the_list_of_sessions_says_the_same_result_as_the_report(signed_in: Callable[..., Client]) -> None:
    """The last mark stands before the closing of the positions, and a list once showed that instead."""
    desk.show(state="ENDED", ended_at=clock.now(), report={**REPORT, "ledger_nav_change": "-108.01"})
    text = words(signed_in("viewer"), "/admin/strategies/session/")
    assert "−108.01 USD" in text
    assert "−100.00 USD" not in text


def test_columns_are_named_in_the_reader_s_language_on_a_phone_too(signed_in: Callable[..., Client]) -> None:
    desk.show()
    browser = signed_in("viewer")
    browser.cookies["django_language"] = "zh-hans"
    body = browser.get("/admin/strategies/session/").content.decode()
    assert 'data-label="账户"' in body
    assert 'data-label="account"' not in body


def test_a_closed_market_is_no_fault(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    hours = {"always_open": False, "timezone": "UTC", "weekly": []}
    Symbol.objects.update(received_at=shown.at - timedelta(hours=1), sessions=hours)
    text = words(signed_in("viewer"))
    assert "Market closed" in text
    assert "No price" not in text


def test_a_gateway_that_stands_still_is_said_on_every_page_that_shows_prices(signed_in: Callable[..., Client]) -> None:
    """Frozen, it keeps its port open: only the age of its ticks tells."""
    shown = desk.show()
    browser = signed_in("viewer")
    assert "Prices every symbol ticks" in words(browser, "/health/")
    Symbol.objects.update(received_at=shown.at - timedelta(seconds=12))
    text = words(browser)
    assert "No price of any symbol the gateway or the listener is silent" in text
    assert "all is well" not in text
    assert "Prices 2 without a price" in text
    health = words(browser, "/health/")
    assert "Every part works" not in health
    assert "Prices no symbol ticks" in health
    assert words(browser, "/admin/guardian/symbol/").count(" Stale ") == 2
    page = f"/admin/guardian/symbol/{Symbol.objects.earliest('pk').pk}/change/"
    assert "no price; new risk is refused until it ticks again" in words(browser, page)


def test_a_symbol_that_was_registered_just_now_may_wait_for_its_first_tick(signed_in: Callable[..., Client]) -> None:
    desk.show()
    Symbol.objects.update(received_at=None, venue_at=None)
    assert "No price" not in words(signed_in("viewer"))
    Symbol.objects.update(registered_at=clock.now() - timedelta(seconds=12))
    assert "No price of any symbol" in words(signed_in("viewer"))


def test_a_closed_market_is_no_fault_of_health(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    hours = {"always_open": False, "timezone": "UTC", "weekly": []}
    Symbol.objects.update(received_at=shown.at - timedelta(hours=1), sessions=hours)
    assert "Prices every market is closed works" in words(signed_in("viewer"), "/health/")
    assert words(signed_in("viewer"), "/admin/guardian/symbol/").count("Market closed") == 2


def test_everything_stopped_is_the_first_sentence(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    killswitch.engage(scope=GLOBAL, reason="a drill", actor=machine("test"), at=shown.at)
    text = words(signed_in("viewer"), "/live/cockpit/")
    assert text.startswith("Everything is stopped")
    assert "Halted" in text


def test_the_cockpit_asks_the_database_a_few_times_only(
    signed_in: Callable[..., Client], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in("viewer")
    for _ in range(3):
        desk.show()
    browser.get("/admin/")
    with django_assert_max_num_queries(24):
        browser.get("/live/cockpit/")


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
    shown = desk.show(state="ENDED", ended_at=at, report=REPORT)
    text = words(signed_in("viewer"), f"/admin/strategies/session/{shown.session.pk}/change/")
    assert "The session ended flat" in text
    assert text.count("−100.00 USD") >= 3
    assert "Reconciled" in text
    assert "4 / 4" in text
    assert json.dumps("60.000")[1:-1] in text


def test_a_journal_shows_debits_and_credits_that_are_equal(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    text = words(signed_in("viewer"), f"/admin/ledger/journal/{shown.journal_id}/change/")
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
    text = words(signed_in("viewer"), f"/admin/execution/fill/{row.pk}/change/")
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
        assert said in words(browser, f"/admin/{page}/change/")


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
            assert f" {shown} " in words(browser, path)


def test_an_order_says_what_its_fills_did_and_leads_to_them(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    order = desk.order(shown.account, at=shown.at)
    row = desk.fill(order, journal_id=shown.journal_id, deal="77", at=shown.at, entry="OUT")
    browser = signed_in("viewer")
    path = f"/admin/execution/order/{order.pk}/change/"
    assert "77 closes 0.01" in words(browser, path)
    assert f'href="/admin/execution/fill/{row.pk}/change/"' in browser.get(path).content.decode()


def test_the_timetable_says_how_often_in_units(signed_in: Callable[..., Client]) -> None:
    text = words(signed_in("viewer"), "/admin/django_celery_beat/periodictask/?all=")
    assert " 30 s " in text
    assert "0:00:" not in text


def test_the_trial_balance_stands_under_the_accounts(signed_in: Callable[..., Client]) -> None:
    desk.show()
    assert "balances 0.00 USD" in words(signed_in("viewer"), "/admin/ledger/ledgeraccount/")


def test_an_intent_shows_every_rule_with_its_verdict(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    row = desk.order(shown.account, at=shown.at)
    text = words(signed_in("viewer"), f"/admin/execution/intent/{row.intent_id}/change/")
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
