"""Does the cockpit say first what needs somebody, and nothing that is not so?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from approvals.operations import killswitch
from approvals.rules.scope import GLOBAL, Scope
from crs.kernel import clock
from crs.kernel.actor import Actor, machine
from crs.portal import verdict
from crs.portal.verdict import Attention
from execution.models import Order
from guardian.models import Heartbeat, Symbol
from strategies.models import Session
from tests.crs.portal import desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

LOOK = Attention("STALE", "No price of BTCUSD.s", "on PAPER-1", None, "Look", "/")
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
    report = {**desk.REPORT, "total_pnl": "-8.01"}
    ended = {"created_at": clock.now() - 3 * HOUR, "ended_at": clock.now() - HOUR, "report": report}
    halted = desk.show(state="HALTED", halt_reason="SESSION_LOSS", **ended)
    other = desk.show()
    assert f"Session {halted.session.pk} was halted" in desk.words(signed_in("viewer")), "another desk settles nothing"
    Session.objects.filter(pk=other.session.pk).update(desk=halted.session.desk, **changes)
    assert (f"Session {halted.session.pk} was halted" in desk.words(signed_in("viewer"))) == is_said


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


def test_an_empty_desk_says_how_to_begin(signed_in: Callable[..., Client]) -> None:
    text = desk.words(signed_in("viewer"))
    assert "No session is running" in text
    assert "make session" in text
    assert "0.00 USD" not in text


def test_a_running_desk_shows_prices_nav_and_what_is_invented(signed_in: Callable[..., Client]) -> None:
    desk.show()
    text = desk.words(signed_in("viewer"))
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

    text = desk.words(browser)
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
    assert "waits for a second person" not in desk.words(signed_in("operator", name="alice"))


@pytest.mark.parametrize(
    ("reason", "said"), [("KILL_SWITCH", "a kill switch was engaged"), ("SESSION_LOSS", "it reached its loss limit")]
)
def test_why_a_session_was_halted_is_said_in_words(signed_in: Callable[..., Client], reason: str, said: str) -> None:
    report = {**desk.REPORT, "total_pnl": "-8.01"}
    shown = desk.show(state="HALTED", halt_reason=reason, ended_at=clock.now(), report=report)
    assert f"{said} · −8.01 USD" in desk.words(signed_in("viewer"))
    page = f"/admin/strategies/session/{shown.session.pk}/change/"
    assert f"The session was halted: {said}" in desk.words(signed_in("viewer"), page)


def test_the_list_of_sessions_says_the_same_result_as_the_report(signed_in: Callable[..., Client]) -> None:
    """The last mark stands before the closing of the positions, and a list once showed that instead."""
    desk.show(state="ENDED", ended_at=clock.now(), report={**desk.REPORT, "ledger_nav_change": "-108.01"})
    text = desk.words(signed_in("viewer"), "/admin/strategies/session/")
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
    text = desk.words(signed_in("viewer"))
    assert "Market closed" in text
    assert "No price" not in text


def test_a_gateway_that_stands_still_is_said_on_every_page_that_shows_prices(signed_in: Callable[..., Client]) -> None:
    """Frozen, it keeps its port open: only the age of its ticks tells."""
    shown = desk.show()
    browser = signed_in("viewer")
    assert "Prices every symbol ticks" in desk.words(browser, "/health/")
    Symbol.objects.update(received_at=shown.at - timedelta(seconds=12))
    text = desk.words(browser)
    assert "No price of any symbol the gateway or the listener is silent" in text
    assert "all is well" not in text
    assert "Prices 2 without a price" in text
    health = desk.words(browser, "/health/")
    assert "Every part works" not in health
    assert "Prices no symbol ticks" in health
    assert desk.words(browser, "/admin/guardian/symbol/").count(" Stale ") == 2
    page = f"/admin/guardian/symbol/{Symbol.objects.earliest('pk').pk}/change/"
    assert "no price; new risk is refused until it ticks again" in desk.words(browser, page)


def test_a_symbol_that_was_registered_just_now_may_wait_for_its_first_tick(signed_in: Callable[..., Client]) -> None:
    desk.show()
    Symbol.objects.update(received_at=None, venue_at=None)
    assert "No price" not in desk.words(signed_in("viewer"))
    Symbol.objects.update(registered_at=clock.now() - timedelta(seconds=12))
    assert "No price of any symbol" in desk.words(signed_in("viewer"))


def test_a_closed_market_is_no_fault_of_health(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    hours = {"always_open": False, "timezone": "UTC", "weekly": []}
    Symbol.objects.update(received_at=shown.at - timedelta(hours=1), sessions=hours)
    assert "Prices every market is closed works" in desk.words(signed_in("viewer"), "/health/")
    assert desk.words(signed_in("viewer"), "/admin/guardian/symbol/").count("Market closed") == 2


def test_everything_stopped_is_the_first_sentence(signed_in: Callable[..., Client]) -> None:
    shown = desk.show()
    killswitch.engage(scope=GLOBAL, reason="a drill", actor=machine("test"), at=shown.at)
    text = desk.words(signed_in("viewer"), "/live/cockpit/")
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
