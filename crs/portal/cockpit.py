"""What does the cockpit show? Rows that monitors and sessions keep, read by a few statements; none is summed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals import queries as approvals_queries
from approvals.rules.halts import Halts
from approvals.rules.roles import Act
from approvals.rules.scope import Subject
from crs.kernel import clock, display
from crs.kernel.money import Amount, Asset
from crs.portal import machine, permit, site, verdict
from crs.portal.verdict import Attention
from execution import queries as execution_queries
from execution.rules.facts import CASH_DECIMALS
from guardian import queries as guardian_queries
from guardian.rules.freshness import SILENT_MAX, freshness
from ledger import queries as ledger_queries
from strategies import queries as strategies_queries
from strategies.admin import HALT_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from django.http import HttpRequest

    from approvals.rules.halts import Halt
    from guardian.models import Symbol
    from strategies.models import Session, SymbolRun

CURVE_POINTS = 160
FILLS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class SymbolLine:
    """One watched symbol: its state, last price, position and what its session made of it."""

    id: int
    name: str
    account: str
    state: str
    is_synthetic: bool
    digits: int
    bid: Decimal | None
    ask: Decimal | None
    spread_points: int | None
    received_at: datetime | None
    silent_since: datetime  # its last tick, or when it was registered
    lots: int
    trades: int | None
    errors: int
    pnl: Amount | None


@dataclass(frozen=True, slots=True)
class NavLine:
    """What a running session is worth, since its start and against its loss limit."""

    session: Session
    nav: Amount | None
    change: Amount | None
    loss: Amount
    limit: Amount
    percent: float
    drawdown: Amount


@dataclass(frozen=True, slots=True)
class Curve:
    """NAV over time of one session, in base units, with the level it opened at."""

    values: tuple[int, ...]
    opened: int | None
    start: datetime | None
    end: datetime | None


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the start page of the admin: unfold's DASHBOARD_CALLBACK."""
    return {**context, "title": _("Cockpit"), **facts(request)}


def facts(request: HttpRequest) -> dict[str, Any]:
    """Return everything that the cockpit shows, as of now."""
    at = clock.now()
    halts = site.halts(request)
    sessions = list(strategies_queries.open_sessions().select_related("account"))
    symbols = _symbols(sessions, halts, at)
    signs = machine.signs()
    attention = verdict.ordered(
        [
            *_stopped(halts),
            *_releases(request),
            *_ended(at),
            *_unknown(),
            *_silent_symbols(symbols, at),
            *_silent(signs, at),
        ]
    )
    # A person's own session comes before the demo desk's.
    traded = sorted((one for one in sessions if one.state != "OPENING"), key=lambda one: (one.is_demo, one.pk))
    navs = [_nav(session) for session in traded]
    return {
        "verdict": verdict.judge(
            halted=[str(halt.scope) for halt in halts], running=len(sessions), attention=attention
        ),
        "attention": attention[: verdict.ATTENTION_MAX],
        "attention_more": max(0, len(attention) - verdict.ATTENTION_MAX),
        "attention_count": len(attention),
        "epoch": max((halt.epoch for halt in halts), default=None),
        "sessions": sessions,
        "symbols": symbols,
        "navs": navs,
        "curve": _curve(navs[0].session) if navs else None,
        "fills": list(execution_queries.fills()[:FILLS_SHOWN]),
        "trust": _trust(signs, symbols, at),
        "stale_s": int(SILENT_MAX.total_seconds()),
        "integrations": machine.integrations(),
        "cash_decimals": CASH_DECIMALS,
    }


# ── Needs you now ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _stopped(halts: Sequence[Halt]) -> list[Attention]:
    return [
        Attention(
            "ENGAGED",
            _("%(scope)s is stopped") % {"scope": halt.scope},
            f"{halt.reason} · {halt.engaged_by}",
            halt.engaged_at,
            _("Progress"),
            reverse("kill-progress", args=[halt.epoch]),
        )
        for halt in halts
    ]


def _releases(request: HttpRequest) -> list[Attention]:
    """Releases that this reader may confirm."""
    if not permit.may(request, Act.VOTE):
        return []
    me = f"person:{request.user.get_username()}"
    return [
        Attention(
            "REQUESTED",
            _("Release of %(scope)s waits for a second person") % {"scope": release.kill_switch.scope},
            f"{release.requested_by} · {release.cause}",
            release.requested_at,
            _("Review"),
            reverse("kill-progress", args=[release.kill_switch.epoch]) + "#release",
        )
        for release in approvals_queries.open_releases()
        if release.requested_by != me
    ]


def _ended(at: datetime) -> list[Attention]:
    """Sessions that ended lately in a way that somebody should know of."""
    since = at - verdict.RECENT
    ended = list(strategies_queries.ended_sessions(since=since))
    begun = strategies_queries.last_begun_by_people(since=since) if ended else {}
    found = []
    for session in ended:
        assert session.ended_at is not None, "it was asked for by its end"
        state = verdict.end_needs_somebody(
            state=session.state,
            is_reconciled=(session.report or {}).get("reconciled", False),
            ended_at=session.ended_at,
            begun_at=begun.get(session.desk_id),
            at=at,
        )
        if state:
            title, why = _end_words(session, state)
            href = reverse("admin:strategies_session_change", args=[session.pk])
            found.append(Attention(state, title, why, session.ended_at, _("Report"), href))
    return found


def _end_words(session: Session, state: str) -> tuple[str, str]:
    """Return what is said of an ended session that needs somebody, and why it does."""
    report = session.report or {}
    name = _("Session %(id)d") % {"id": session.pk}
    if state == "FAILED":
        return _("%(name)s failed") % {"name": name}, session.error[:160]
    if state == "UNRECONCILED":
        figures = f"{_told(report, 'ledger_nav_change')} / {_told(report, 'gateway_equity_change')}"
        return _("%(name)s: book and venue differ") % {"name": name}, f"{figures} {session.currency}"
    cause = HALT_WORDS.get(session.halt_reason, session.halt_reason)
    return _("%(name)s was halted") % {"name": name}, f"{cause} · {_told(report, 'total_pnl')} {session.currency}"


def _told(report: dict[str, Any], name: str) -> str:
    """Return a figure of a report as people write it; one that is missing is "—"."""
    return str(report.get(name) or display.NOTHING).replace("-", display.MINUS)


def _unknown() -> list[Attention]:
    return [
        Attention(
            "UNKNOWN",
            _("Order %(id)d has no known outcome") % {"id": order.pk},
            _("%(symbol)s on %(account)s; the venue is being asked")
            % {"symbol": order.symbol, "account": order.account.code},
            order.unknown_at,
            _("Look"),
            reverse("admin:execution_order_change", args=[order.pk]),
        )
        for order in execution_queries.unknown()
    ]


def _silent_symbols(symbols: Sequence[SymbolLine], at: datetime) -> list[Attention]:
    """Symbols without a price in an open market; when not one of them ticks, that is the gateway or the listener."""
    expected = [line for line in symbols if line.state != "MARKET_CLOSED"]
    silent = [line for line in expected if at - line.silent_since > SILENT_MAX]
    if silent and len(silent) == len(expected):
        return [
            Attention(
                "CRITICAL",
                _("No price of any symbol"),
                _("the gateway or the listener is silent; new risk is refused until prices come"),
                max(line.silent_since for line in silent),
                _("Health"),
                reverse("health"),
            )
        ]
    return [
        Attention(
            "STALE",
            _("No price of %(symbol)s") % {"symbol": line.name},
            _("on %(account)s; new risk is refused until it ticks again") % {"account": line.account},
            line.received_at,
            _("Look"),
            reverse("admin:guardian_symbol_change", args=[line.id]),
        )
        for line in silent
    ]


def _silent(signs: Sequence[machine.Sign], at: datetime) -> list[Attention]:
    return [
        Attention(
            "DOWN",
            _("%(name)s gives no sign of life") % {"name": sign.name},
            _("silent for more than 15 s; the supervisor starts it again"),
            sign.at,
            _("Health"),
            reverse("health"),
        )
        for sign in signs
        if sign.is_silent(at)
    ]


# ── Symbols ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _symbols(sessions: Sequence[Session], halts: Sequence[Halt], at: datetime) -> list[SymbolLine]:
    by_account = {session.account_id: session for session in sessions if session.account_id}
    runs, held = strategies_queries.runs_by_symbol(sessions), execution_queries.lots_held()
    lines = []
    for row in guardian_queries.active_symbols().select_related("account__desk", "account__venue"):
        session = by_account.get(row.account_id)
        run = runs.get((session.pk, row.symbol)) if session else None
        lines.append(
            SymbolLine(
                id=row.pk,
                name=row.symbol,
                account=row.account.code,
                state=_state(row, session, run, halts, at),
                is_synthetic=row.is_synthetic,
                digits=row.digits,
                bid=row.bid,
                ask=row.ask,
                spread_points=_spread(row),
                received_at=row.received_at,
                silent_since=row.received_at or row.registered_at,
                lots=held.get((row.account_id, row.symbol), 0),
                trades=run.trades if run else None,
                errors=run.errors if run else 0,
                pnl=Amount(Asset(row.account.currency, CASH_DECIMALS), run.pnl_units) if run else None,
            )
        )
    return lines


def _spread(row: Symbol) -> int | None:
    if row.bid is None or row.ask is None:
        return None
    return int((row.ask - row.bid) / row.point)


def _state(row: Symbol, session: Session | None, run: SymbolRun | None, halts: Sequence[Halt], at: datetime) -> str:
    subject = Subject(
        desk=row.account.desk.code, venue=row.account.venue.code, account=row.account.code, symbol=row.symbol
    )
    if Halts(engaged=tuple(halts), modes=(), epoch=0, read_at=at).covering(subject):
        return "HALTED"
    if run is not None and run.is_stopped:
        return "PAUSED"
    return freshness(
        received_at=row.received_at,
        venue_at=row.venue_at,
        sessions=row.sessions,
        at=at,
        speed=session.speed if session else 1,
    )


# ── NAV and limits ────────────────────────────────────────────────────────────────────────────────────────────────────
def _nav(session: Session) -> NavLine:
    asset = Asset(session.currency, CASH_DECIMALS)
    nav, opened = session.nav_units, session.opening_equity_units
    change = nav - opened if nav is not None and opened is not None else None
    loss = max(0, -change) if change is not None else 0
    return NavLine(
        session=session,
        nav=None if nav is None else Amount(asset, nav),
        change=None if change is None else Amount(asset, change),
        loss=Amount(asset, loss),
        limit=Amount(asset, session.max_loss_units),
        percent=100 * loss / session.max_loss_units,
        drawdown=Amount(asset, session.max_drawdown_units),
    )


def _curve(session: Session) -> Curve:
    assert session.account_id is not None, "a session with a NAV has an account"
    marks = list(ledger_queries.nav_history(session.account_id).reverse().values_list("at", "nav")[:CURVE_POINTS])
    marks.reverse()
    return Curve(
        values=tuple(int(nav) for _at, nav in marks),
        opened=session.opening_equity_units,
        start=marks[0][0] if marks else None,
        end=marks[-1][0] if marks else None,
    )


# ── Can I trust what I see? ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Trust:
    """One thing that the figures rest on, and when it was proved last."""

    tone: str  # ok, warn, bad, none
    name: str
    what: str
    at: datetime | None


def _trust(signs: Sequence[machine.Sign], symbols: Sequence[SymbolLine], at: datetime) -> list[Trust]:
    lines = [
        Trust("bad" if sign.is_silent(at) else "ok", sign.name, sign.detail, sign.at)
        for sign in signs
        if not sign.is_queue
    ]
    if queues := [sign for sign in signs if sign.is_queue]:
        oldest = min(queues, key=lambda sign: sign.at)
        what = _("%(n)d queues are answered") % {"n": len(queues)}
        lines.append(Trust("bad" if oldest.is_silent(at) else "ok", _("Workers"), what, oldest.at))
    if symbols:
        lines.insert(0, _prices(symbols, at))
    last = ledger_queries.last_reconciliation()
    if last is not None:
        what = (
            ngettext("%(n)d deal matched", "%(n)d deals matched", last.matched) % {"n": last.matched}
            if last.is_ok
            else _("differences")
        )
        lines.insert(0, Trust("ok" if last.is_ok else "bad", _("Book and venue"), what, last.at))
    drill = approvals_queries.halt_events().filter(action="ENGAGE").first()
    what = drill.reason[:60] if drill else _("never: a drill proves that it works")
    lines.append(Trust("ok" if drill else "warn", _("Last stop"), what, drill.at if drill else None))
    return lines


def _prices(symbols: Sequence[SymbolLine], at: datetime) -> Trust:
    silent = [at - line.silent_since > SILENT_MAX for line in symbols if line.state != "MARKET_CLOSED"]
    newest = max((line.received_at for line in symbols if line.received_at), default=None)
    tone, what = machine.ticking(silent)
    return Trust(tone, _("Prices"), what, newest)
