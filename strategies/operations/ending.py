"""How does a session end? Flat, with its figures compared to the cent: fills, ledger and venue, each on its own way."""

from __future__ import annotations

import hashlib
import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction

from approvals.operations import audit, desks, modes
from approvals.rules.scope import Scope
from crs.kernel import work
from crs.kernel.refusal import Refusal
from execution.operations import booking
from guardian.adapters.gateway_mt5.answers import accepted
from guardian.operations import symbols
from ledger import queries as ledger_queries
from ledger.operations import nav, reconciliation
from ledger.rules.matching import Statement
from ledger.rules.valuation import MarkMissing
from strategies import telemetry
from strategies.models import Session, SymbolRun
from strategies.operations import saving, sessions
from strategies.rules import lifecycle, performance, reports
from strategies.telemetry import Tag

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.work import Lease
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from ledger.models import NavMark
    from ledger.operations.reconciliation import Outcome
    from strategies.operations.desk import TradingDesk
    from strategies.operations.marking import Marked
    from strategies.rules.reports import Report
    from strategies.rules.state import GroupState
    from strategies.rules.trips import Trip

logger = logging.getLogger(__name__)

EVIDENT: Final = ("total_pnl", "ledger_nav_change", "gateway_equity_change", "reconciled")
MARGIN: Final = timedelta(days=1)  # of the venue clock, around a session: the whole history of its account


@transaction.atomic
def begin(
    desk: TradingDesk, reason: str, *, at: datetime, trip: Trip | None = None, marked: Marked | None = None
) -> None:
    """Start closing a session; `reason` is "" for a plain end, otherwise why it is halted. Only the first call counts.

    A session that passes its loss limit sets FORCE_CLOSE on its own account: nothing else opens risk there, and
    execution closes too what this slice may leave behind. No other session is touched.

    What a halt was decided on is kept with it: `trip`, every input of its PnL, in the evidence and for the report, and
    `marked` as a NAV mark of the book. Both are None while there was no valuation.
    """
    session = desk.session
    halt = trip.as_json() if trip and reason else None
    closing = Session.objects.filter(pk=session.pk, state="RUNNING")
    if not closing.update(state="CLOSING", halt_reason=reason, halt=halt):
        return
    session.state, session.halt_reason, session.halt = "CLOSING", reason, halt
    nav_mark = _strike(desk, marked, at=at) if halt and marked else None
    if reason == lifecycle.SESSION_LOSS:
        modes.set_mode(
            scope=Scope("ACCOUNT", desk.account.code),
            mode="FORCE_CLOSE",
            reason=lifecycle.SESSION_LOSS,
            actor=desk.actor,
            at=at,
        )
    audit.record(
        action="strategies.session.halted" if reason else "strategies.session.closing",
        actor=desk.actor,
        subject_kind="strategies.session",
        subject_id=session.pk,
        at=at,
        desk_id=session.desk_id,
        reason=reason,
        after={"state": "CLOSING"},
        facts=halt and {**halt, "nav_mark": nav_mark},
    )
    if reason:
        tag = Tag.CIRCUIT_BREAKER if reason == lifecycle.SESSION_LOSS else Tag.KILL_SWITCH
        telemetry.say(tag, f"session {session.pk} {reason}", level=logging.ERROR)
        telemetry.say(Tag.HALT, f"session {session.pk}", level=logging.ERROR)


def _strike(desk: TradingDesk, marked: Marked, *, at: datetime) -> int | None:
    """Keep the valuation as a NAV mark, return its number; None when a position without a mark came since."""
    try:
        return saving.strike(desk, marked, at=at).pk
    except MarkMissing as missing:
        logger.warning("session %d is halted without a NAV mark: %s", desk.session.pk, missing)
        return None


def end(lease: Lease, desk: TradingDesk, state: GroupState, *, wire: BlockingWire, at: datetime) -> None:
    """Close the account of a flat session, compare all figures and keep the report. Raises `FenceLost`.

    1. Book what the venue's history still has, and ask for its last figures.
    2. Last mark in the ledger; book against venue, deal by deal.
    3. Close the account at the venue and with us.
    4. Report, state and lease in one transaction.
    """
    session, account = desk.session, desk.account
    assert session.started_at is not None, "a session that ends has started"
    figures = wire.account(account.login)
    history = wire.history(account.login, start=session.venue_start - MARGIN, end=figures.venue_at + MARGIN)
    booking.adopt(history, account=account, actor=desk.actor, at=at)
    mark = nav.strike(account_id=account.pk, marks={}, at=at, venue_at=figures.venue_at, actor=desk.actor)
    statement = Statement(
        deals=[booking.told(deal, account) for deal in history.deals],
        balance=figures.balance,
        since=None,
        complete_through=history.complete_through,
        equity=figures.equity,
    )
    outcome = reconciliation.reconcile(account=account, statement=statement, at=at, actor=desk.actor)
    state.slots.end(int((at - session.started_at).total_seconds()), list(desk.seats))
    _close_at_venue(session, account, wire)
    flows = sum(deal.cash for deal in history.deals if deal.type == "BALANCE") - desk.plan.deposit_units
    with transaction.atomic():
        saving.count(desk, state)
        report = _report(desk, state, outcome, mark, equity=figures.equity, venue_flows=flows, at=at)
        _keep(lease, desk, state, report, venue_at=figures.venue_at, at=at)
    _say(report, session)


def _say(report: Report, session: Session) -> None:
    for name, row in report["symbols"].items():
        telemetry.say(Tag.SYMBOL_COMPLETE, f"{name} trades={row['trades']}, pnl=${row['pnl']}")
    if not report["halted"]:
        telemetry.say(Tag.CIRCUIT_BREAKER, f"session {session.pk} risk check passed, pnl=${report['total_pnl']}")
    telemetry.say(Tag.SHUTDOWN, f"session {session.pk} {session.state}, total {report['total_pnl']}")


@transaction.atomic
def abandon(lease: Lease, session: Session, *, error: str, at: datetime) -> None:
    """End a session that never traded: it could not be opened, or was stopped before. Raises `FenceLost`."""
    Session.objects.filter(pk=session.pk).update(state="FAILED", error=error or "stopped before it began", ended_at=at)
    if session.account is not None:
        symbols.retire(account=session.account)
        desks.close_account(account=session.account, reason=error, actor=sessions.actor_of(session), at=at)
    audit.record(
        action="strategies.session.failed",
        actor=sessions.actor_of(session),
        subject_kind="strategies.session",
        subject_id=session.pk,
        at=at,
        desk_id=session.desk_id,
        reason=error,
    )
    telemetry.say(Tag.FATAL, f"session {session.pk} {error}", level=logging.ERROR)
    work.finish(lease, is_done=True, handing_over_until=None)


def _close_at_venue(session: Session, account: Account, wire: BlockingWire) -> None:
    """Stop the account's replay. A venue that does not answer leaves an empty account behind, which costs nothing."""
    try:
        accepted(wire.call("ACCOUNT_CLOSE", account.login, {}, idempotency_key=closing_key(session.key)))
    except Refusal as refused:
        logger.warning("account %s stays open at the venue: %s", account.code, refused.detail)


def closing_key(key: uuid.UUID) -> str:
    """Return the idempotency key of a session's ACCOUNT_CLOSE: a version 4 UUID made from the session's own key."""
    return str(uuid.UUID(bytes=hashlib.sha256(b"close" + key.bytes).digest()[:16], version=4))


def _report(
    desk: TradingDesk,
    state: GroupState,
    outcome: Outcome,
    mark: NavMark,
    *,
    equity: int,
    venue_flows: int,
    at: datetime,
) -> Report:
    session = desk.session
    opening = ledger_queries.nav_history(desk.account.pk).first()
    assert opening is not None, "the opening was marked"
    assert session.opening_equity_units is not None, "a session that ran has its opening equity"
    runs = list(SymbolRun.objects.filter(session=session).order_by("symbol"))
    return reports.make(
        session=reports.Ran(
            id=session.pk,
            currency=session.currency,
            started_at=session.started_at or at,
            ended_at=at,
            venue_start=session.venue_started_at or session.venue_start,
            venue_end=mark.venue_at,
            halt_reason=session.halt_reason,
            config_version=session.config_version,
            speed=session.speed,
            seed=session.seed,
            account=desk.account.code,
            halt=session.halt,
        ),
        symbols=[
            reports.SymbolFigures(
                run.symbol,
                run.trades,
                run.fills,
                run.heartbeats,
                run.errors,
                run.pnl_units,
                run.ticks,
                desk.seats[run.symbol].row.is_synthetic,
                run.is_stopped,
            )
            for run in runs
        ],
        slots=state.slots,
        drawdown=state.drawdown_units,
        ledger_nav_change=mark.earned - opening.earned,
        gateway_equity_change=equity - session.opening_equity_units - venue_flows,
        is_matched=outcome.reconciliation.is_ok and outcome.open_breaks == 0,
        lags=performance.summed(held.lags for held in state.symbols.values()),
    )


def _keep(
    lease: Lease, desk: TradingDesk, state: GroupState, report: Report, *, venue_at: datetime, at: datetime
) -> None:
    session = desk.session
    after = "HALTED" if session.halt_reason else "ENDED"
    Session.objects.filter(pk=session.pk).update(
        state=after, ended_at=at, venue_ended_at=venue_at, report=report, max_drawdown_units=state.drawdown_units
    )
    session.state = after
    symbols.retire(account=desk.account)
    desks.close_account(account=desk.account, reason=f"session {session.pk} ended", actor=desk.actor, at=at)
    if session.halt_reason == lifecycle.SESSION_LOSS:
        # Nothing is left to close, and nobody orders on a closed account: no monitor need look at it any more.
        scope = Scope("ACCOUNT", desk.account.code)
        modes.set_mode(scope=scope, mode="NORMAL", reason="the session has ended flat", actor=desk.actor, at=at)
    audit.record(
        action="strategies.session.ended",
        actor=desk.actor,
        subject_kind="strategies.session",
        subject_id=session.pk,
        at=at,
        desk_id=session.desk_id,
        reason=session.halt_reason,
        after={name: report[name] for name in EVIDENT},
    )
    work.finish(lease, is_done=True, state=state.as_json(), handled_at=at, handing_over_until=None)
