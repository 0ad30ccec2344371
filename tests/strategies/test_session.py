"""A session from its first row to its report: real gateway, real Valkey, real PostgreSQL."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.db.models import F

from approvals.models import Account, AuditEvent
from approvals.operations import killswitch
from approvals.rules.scope import Scope
from crs.kernel import clock, work
from crs.kernel.actor import machine
from crs.kernel.evidence import instant
from crs.kernel.money import units_of
from execution.models import Fill, Order
from guardian.operations import symbols
from ledger.models import NavMark
from strategies.models import Session, SymbolGroup, SymbolRun
from strategies.operations import opening, sessions, slices
from strategies.operations.sessions import SessionOver, SessionsFull
from tests.strategies import stage

if TYPE_CHECKING:
    from tests.support.paper_gateway import PaperGateway

pytestmark = pytest.mark.scenario
QUICK = {"duration_seconds": 6, "speed": 18_000}
# guardian.md 18: start, concurrency, trades, heartbeats, risk check, completion.
EVIDENCE = ("INIT", "CONCURRENT", "BTCUSD.s", "ZMQ_HEARTBEAT", "CIRCUIT_BREAKER", "SHUTDOWN")
# As many ticks in a venue hour as at the usual speed.
CRASH = {"start": "2017-12-20T00:00:00Z", "speed": 18_000, "ticks_per_second": 40}


def test_a_session_trades_ends_flat_and_three_figures_are_equal(
    gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Goal: fills, ledger and venue agree to the cent. Method: each figure is made its own way."""
    caplog.set_level("INFO", logger="crs.session")
    report = stage.play(stage.start(symbols=stage.ALL, **QUICK))

    assert report["total_pnl"] == report["ledger_nav_change"] == report["gateway_equity_change"]
    assert report["reconciled"]
    assert not report["halted"]
    assert report["slots_concurrent"] == report["slots_total"] == 1
    assert all(row["trades"] and row["heartbeats"] and not row["errors"] for row in report["symbols"].values())
    assert report["trades_executed"] == sum(row["trades"] for row in report["symbols"].values())  # P30
    assert report["symbols"]["XAUUSD.s"]["synthetic"]
    assert NavMark.objects.count() >= 2
    said = {found[1] for record in caplog.records if (found := re.match(r"\[([\w.]+)\]", record.getMessage()))}
    assert set(EVIDENCE) <= said


def test_a_loss_halts_its_own_session_while_it_runs_and_no_other(gateway: PaperGateway) -> None:
    """Goal: the limit trips during the run (P04). Method: 20 December with a small limit, beside one that may lose."""
    small = stage.start(symbols=["BTCUSD.s"], max_loss=5, duration_seconds=12, **CRASH)
    other = stage.start(symbols=["BTCUSD.s", "ETHUSD.s"], **QUICK)
    reports = stage.play_together(small, other)

    halted, fine = reports[small.pk], reports[other.pk]
    assert (halted["halted"], halted["halt_reason"]) == (True, "SESSION_LOSS")
    assert float(halted["duration_s"]) < 12
    assert halted["reconciled"]
    assert not fine["halted"]
    assert fine["reconciled"]
    account = Session.objects.get(pk=small.pk).account
    assert account is not None
    changes = AuditEvent.objects.filter(action="approvals.mode.set", subject_id=f"ACCOUNT:{account.code}").order_by(
        "id"
    )
    assert [(event.reason, json.loads(bytes(event.body))["after"]["mode"]) for event in changes] == [
        ("SESSION_LOSS", "FORCE_CLOSE"),
        ("the session has ended flat", "NORMAL"),
    ]


def test_a_halt_can_be_computed_again_from_what_is_kept_of_it(gateway: PaperGateway) -> None:
    """Goal: nobody has to believe a halt. Method: only the event's own figures, added up by hand."""
    session = stage.start(symbols=["BTCUSD.s"], max_loss=5, duration_seconds=12, **CRASH)
    report = stage.play(session)
    event = AuditEvent.objects.get(action="strategies.session.halted", subject_id=str(session.pk))
    kept = json.loads(bytes(event.body))["facts"]

    unrealised = Decimal(0)
    for position in kept["positions"]:
        side = 1 if position["side"] == "LONG" else -1
        price = Decimal(kept["marks"][position["symbol"]]["bid" if side > 0 else "ask"])
        worth = side * (Decimal(position["volume"]) * price - Decimal(position["cost"]))
        unrealised += worth.quantize(Decimal("0.01"), ROUND_HALF_UP)
    equity = Decimal(kept["cash"]) + unrealised + Decimal(kept["swap_accrued"])
    pnl = equity - Decimal(kept["opening_equity"]) - Decimal(kept["flows"])
    assert (equity, pnl) == (Decimal(kept["equity"]), Decimal(kept["pnl"]))
    assert -pnl > Decimal(kept["limit"]) == 5
    assert all(mark["seq"] > 0 for mark in kept["marks"].values())

    mark = NavMark.objects.get(pk=kept["nav_mark"])
    assert (mark.nav, instant(mark.venue_at)) == (units_of(kept["equity"], 6), kept["venue_time"])
    assert {name: (quote["bid"], quote["ask"]) for name, quote in mark.marks.items()} == {
        position["symbol"]: tuple(kept["marks"][position["symbol"]][side] for side in ("bid", "ask"))
        for position in kept["positions"]
    }
    assert (Decimal(report["halt"]["pnl"]), report["halt"]["limit"]) == (pnl, "5.00")
    assert (report["halt"]["at"], report["halt"]["venue_time"]) == (kept["at"], kept["venue_time"])


def test_the_same_limit_never_halts_a_session_that_wins(gateway: PaperGateway) -> None:
    """P01, P02: a profit trips nothing."""
    winning = {**CRASH, "start": "2017-12-06T00:00:00Z", "duration_seconds": 6}
    report = stage.play(stage.start(symbols=["BTCUSD.s"], max_loss=5, **winning))
    assert not report["halted"], report


def test_a_killed_worker_is_taken_over_and_nothing_is_ordered_twice(gateway: PaperGateway) -> None:
    """Goal: kill -9 loses and doubles nothing. Method: a process of its own dies after its first fill."""
    session = stage.start(symbols=["BTCUSD.s", "ETHUSD.s"], duration_seconds=14, speed=18_000)
    dying = stage.worker(session, gateway)
    stage.eventually(Fill.objects.exists)
    dying.kill()
    dying.wait()
    killed_at = clock.now()

    stage.eventually(lambda: stage.trade(session), within_s=15)
    assert clock.now() - killed_at < timedelta(seconds=15)
    report = stage.play(session)
    assert report["reconciled"], report
    keys = list(Order.objects.values_list("intent__key", flat=True))
    assert len(keys) == len(set(keys))


def test_a_slice_that_lost_its_fence_writes_nothing(gateway: PaperGateway) -> None:
    """A frozen worker wakes up late: somebody else has claimed the group since."""
    session = stage.start(symbols=["BTCUSD.s"], **QUICK)
    with stage.beside(lambda: stage.trade(session, holder="late")):
        stage.eventually(lambda: SymbolRun.objects.filter(ticks__gt=0).exists())
        SymbolGroup.objects.update(fence=F("fence") + 1)
        before = SymbolGroup.objects.get()
    after = SymbolGroup.objects.get()
    assert (after.cursor, after.state, after.slices) == (before.cursor, before.state, 0)
    SymbolGroup.objects.update(lease_until=None)
    assert stage.play(session)["reconciled"]


def test_a_kill_switch_with_close_ends_the_session_flat(gateway: PaperGateway) -> None:
    session = stage.start(symbols=["BTCUSD.s"], duration_seconds=0, speed=18_000)
    with stage.beside(lambda: stage.play(session)):
        stage.eventually(Fill.objects.exists)
        killswitch.engage(
            scope=Scope("SYMBOL", "BTCUSD.s"), positions="CLOSE", reason="drill", actor=machine("test"), at=clock.now()
        )
    session.refresh_from_db()
    assert (session.state, session.halt_reason) == ("HALTED", "KILL_SWITCH")
    assert session.report is not None
    assert session.report["reconciled"]


def test_a_kill_switch_with_keep_opens_no_risk_and_the_session_ends_halted(gateway: PaperGateway) -> None:
    killswitch.engage(
        scope=Scope("SYMBOL", "BTCUSD.s"), positions="KEEP", reason="drill", actor=machine("test"), at=clock.now()
    )
    report = stage.play(stage.start(symbols=["BTCUSD.s"], duration_seconds=4, speed=18_000))
    assert (report["halted"], report["halt_reason"], report["trades_executed"]) == (True, "KILL_SWITCH", 0)
    assert not Order.objects.exists()


def test_a_session_that_is_asked_to_stop_ends_at_once_and_reports(gateway: PaperGateway) -> None:
    session = stage.start(symbols=["BTCUSD.s"], duration_seconds=0, speed=18_000)
    with stage.beside(lambda: stage.play(session)):
        stage.eventually(lambda: SymbolRun.objects.filter(ticks__gt=0).exists())
        sessions.request_stop(session_id=session.pk, at=clock.now())
    session.refresh_from_db()
    assert session.state == "ENDED"
    with pytest.raises(SessionOver):
        sessions.request_stop(session_id=session.pk, at=clock.now())


def test_a_gateway_that_cannot_be_reached_is_one_clear_error(gateway: PaperGateway) -> None:
    gateway.kill()
    session = stage.start(symbols=["BTCUSD.s"], **QUICK)
    work_row = session.group
    for _ in range(3):
        SymbolGroup.objects.update(not_before=None)
        assert stage.trade(session)
    session.refresh_from_db()
    assert session.state == "FAILED"
    assert session.error.startswith("GATEWAY_UNREACHABLE")
    assert work.claim(SymbolGroup, id=work_row.pk, holder="anybody") is not None  # nobody holds it any more


def test_a_slow_start_does_not_fail_a_session(gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is still starting: the worker's time limit ends try after try, each of them a step further."""

    def too_slow(*_: object, **__: object) -> None:
        raise SoftTimeLimitExceeded

    session = stage.start(symbols=["BTCUSD.s"], **QUICK)
    with monkeypatch.context() as slow:
        slow.setattr(symbols, "register", too_slow)  # the account stands at the venue by then
        for _ in range(slices.OPEN_TRIES + 2):
            SymbolGroup.objects.update(not_before=None)
            assert stage.trade(session)
    session.refresh_from_db()
    assert (session.state, session.error.partition(":")[0]) == ("OPENING", "SoftTimeLimitExceeded")

    SymbolGroup.objects.update(not_before=None)
    assert stage.play(session)["reconciled"]
    session.refresh_from_db()
    assert session.error == ""
    assert Account.objects.filter(trading_session=session).count() == 1


def test_a_session_that_never_opens_fails_in_the_end(gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_slow(*_: object, **__: object) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(symbols, "register", too_slow)
    session = stage.start(symbols=["BTCUSD.s"], **QUICK)
    Session.objects.update(created_at=F("created_at") - slices.OPEN_FOR)
    assert stage.trade(session)
    session.refresh_from_db()
    assert (session.state, session.error.partition(":")[0]) == ("FAILED", "SoftTimeLimitExceeded")


def test_a_session_that_opened_late_leaves_the_trading_to_the_next_slice(
    gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's time limit counts from the task's start: a slice begun at its end would be killed in mid-order."""
    monkeypatch.setattr(slices, "OPENED_LATE", timedelta(0))
    session = stage.start(symbols=["BTCUSD.s"], **QUICK)
    assert stage.trade(session)
    session.refresh_from_db()
    assert (session.state, session.group.slices, session.group.lease_until) == ("RUNNING", 0, None)
    assert stage.play(session)["reconciled"]


def test_a_slice_whose_database_went_away_lets_go_as_soon_as_it_is_back(
    gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL is started again within seconds; left alone, the group would wait until the lease has lapsed."""
    tries: list[int] = []

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    def away_twice(*arguments: Any, **named: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            gone()
        give_up(*arguments, **named)

    session, give_up = stage.start(symbols=["BTCUSD.s"], **QUICK), slices._give_up
    with monkeypatch.context() as broken:
        broken.setattr(opening, "open_at_venue", gone)
        broken.setattr(slices, "_give_up", away_twice)
        assert stage.trade(session)
    session.refresh_from_db()
    assert (session.state, session.group.lease_until, len(tries)) == ("OPENING", None, 3)
    SymbolGroup.objects.update(not_before=None)
    assert stage.play(session)["reconciled"]


def test_bad_data_fail_the_session_at_the_first_try(gateway: PaperGateway) -> None:
    session = stage.start(symbols=["BTCUSD.s"], data="no-such-folder", **QUICK)
    assert stage.trade(session)
    session.refresh_from_db()
    assert (session.state, session.error.partition(":")[0]) == ("FAILED", "GATEWAY_REJECTED")


@pytest.mark.django_db
def test_one_session_more_than_the_machine_serves_is_refused(settings: pytest.FixtureRequest) -> None:
    settings.SESSIONS_MAX = 2  # type: ignore[attr-defined]  # pytest-django's settings
    stage.start()
    stage.start()
    with pytest.raises(SessionsFull, match="serves 2"):
        stage.start()
    assert Session.objects.count() == 2
