"""What did a session do, and what do a journal, a ledger account and the book consist of? Rows for their pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crs.kernel.evidence import instant
from crs.kernel.money import Amount, Asset
from execution.rules.facts import CASH_DECIMALS
from guardian import queries as guardian_queries
from ledger import queries as ledger_queries
from strategies import queries as strategies_queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from execution.models import Fill
    from ledger.models import Journal, LedgerAccount, Posting
    from strategies.models import Session, SymbolRun

CURVE_POINTS = 400
POSTINGS_SHOWN = 50
PAGE_ROWS = 25
EXPORT_ROWS_MAX = 100_000  # what a spreadsheet takes well; whoever needs more asks by account or time, or over REST
EXPORT_PART = 2_000


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """How one symbol did in a session."""

    run: SymbolRun
    pnl: Amount
    is_synthetic: bool


@dataclass(frozen=True, slots=True)
class SessionStory:
    """A session's figures: from its report when it has one, otherwise as they stand now."""

    symbols: tuple[SymbolRow, ...]
    total: Amount
    levels: tuple[int, ...]
    falls: tuple[int, ...]
    opened: int | None
    drawdown: Amount
    limit: Amount
    report: dict[str, Any] | None
    ledger_change: Amount | None
    venue_change: Amount | None
    raw: str


def session_story(session: Session) -> SessionStory:
    """Return what the report page of `session` shows."""
    asset = Asset(session.currency, CASH_DECIMALS)
    report = session.report
    synthetic = guardian_queries.synthetic_symbols(session.account_id) if session.account_id else set()
    rows = tuple(
        SymbolRow(run, Amount(asset, run.pnl_units), run.symbol in synthetic)
        for run in strategies_queries.runs(session.pk)
    )
    levels = ledger_queries.nav_curve(session.account_id, points=CURVE_POINTS) if session.account_id else ()
    return SessionStory(
        symbols=rows,
        total=Amount(asset, sum(row.pnl.units for row in rows)),
        levels=levels,
        falls=_falls(levels),
        opened=session.opening_equity_units,
        drawdown=Amount(asset, session.max_drawdown_units),
        limit=Amount(asset, session.max_loss_units),
        report=report,
        ledger_change=Amount(asset, asset.units(report["ledger_nav_change"])) if report else None,
        venue_change=Amount(asset, asset.units(report["gateway_equity_change"])) if report else None,
        raw=json.dumps(report, ensure_ascii=False, indent=2) if report else "",
    )


def _falls(levels: Sequence[int]) -> tuple[int, ...]:
    """Return how far below its highest level so far each level stands (never above zero)."""
    peak, falls = None, []
    for level in levels:
        peak = level if peak is None else max(peak, level)
        falls.append(level - peak)
    return tuple(falls)


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting: debit or credit, never both."""

    posting: Posting
    debit: Amount | None
    credit: Amount | None


@dataclass(frozen=True, slots=True)
class AssetSum:
    """The debits and credits of one asset in a journal: equal, or it would not be in the book."""

    debit: Amount
    credit: Amount


def journal_legs(journal: Journal) -> tuple[tuple[Leg, ...], tuple[AssetSum, ...]]:
    """Return the legs of a journal in order, and its sums by asset."""
    rows = ledger_queries.postings().filter(journal=journal)
    return tuple(_leg(posting) for posting in rows), _sums(rows)


def _leg(posting: Posting) -> Leg:
    amount = Amount(posting.asset.money, abs(posting.units))
    return Leg(posting, amount if posting.units > 0 else None, amount if posting.units < 0 else None)


def _sums(rows: QuerySet[Posting]) -> tuple[AssetSum, ...]:
    return tuple(AssetSum(Amount(asset, a), Amount(asset, b)) for asset, a, b in ledger_queries.turnover(rows))


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a fill leads: its order, the intent of that, and its session (the venue's own deals may lack them), its
    journal, and the journal's event of evidence."""

    order_id: int | None
    intent_id: int | None
    session_id: int | None
    journal_id: int
    event_id: int | None


def fill_traces(fill: Fill) -> Traces:
    """Return where a fill leads."""
    session = strategies_queries.session_on(fill.account_id)
    return Traces(
        order_id=fill.order_id,
        intent_id=fill.order.intent_id if fill.order else None,
        session_id=session.pk if session else None,
        journal_id=fill.journal_id,
        event_id=ledger_queries.evidence_of(fill.journal),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which postings a reader asks for: accounts by the beginning of their code, one asset, a span of time."""

    account: str = ""
    asset: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostingsPage:
    """A page of postings, newest journal first. `after` is where the next one goes on, None on the last.

    `sums` are over everything that is wanted, not over the page; without an account they are left out, for whole
    journals always balance.
    """

    legs: tuple[Leg, ...]
    sums: tuple[AssetSum, ...]
    after: tuple[int, int] | None


def postings_page(wanted: Wanted, *, after: tuple[int, int] | None) -> PostingsPage:
    """Return the postings that are `wanted`, from below the journal and leg of `after` on."""
    rows = _wanted_rows(wanted)
    page = rows if after is None else ledger_queries.postings_after(rows, journal_id=after[0], leg=after[1])
    found = list(page[: PAGE_ROWS + 1])
    shown = found[:PAGE_ROWS]
    return PostingsPage(
        legs=tuple(_leg(posting) for posting in shown),
        sums=_sums(rows) if wanted.account else (),
        after=(shown[-1].journal_id, shown[-1].leg) if len(found) > PAGE_ROWS else None,
    )


def postings_lines(wanted: Wanted, *, cut: str) -> Iterator[Sequence[object]]:
    """Return the postings that are `wanted` as lines of text under `LINE_HEAD`, newest first, a part at a time.

    After `EXPORT_ROWS_MAX` a last line says `cut`. No cursor stays open while a slow reader takes his lines.
    """
    rows, written = _wanted_rows(wanted), 0
    after: tuple[int, int] | None = None
    while True:
        page = rows if after is None else ledger_queries.postings_after(rows, journal_id=after[0], leg=after[1])
        part = list(page[:EXPORT_PART])
        if written + len(part) > EXPORT_ROWS_MAX:
            yield from (_line(posting) for posting in part[: EXPORT_ROWS_MAX - written])
            yield [cut]
            return
        yield from (_line(posting) for posting in part)
        written += len(part)
        if len(part) < EXPORT_PART:
            return
        after = (part[-1].journal_id, part[-1].leg)


LINE_HEAD = (
    "journal",
    "leg",
    "occurred_at",
    "recorded_at",
    "kind",
    "book",
    "account",
    "asset",
    "debit",
    "credit",
    "key",
    "memo",
)


def _line(posting: Posting) -> Sequence[object]:
    journal, amount = posting.journal, posting.asset.money.text(abs(posting.units))
    return (
        journal.pk,
        posting.leg,
        instant(posting.occurred_at),
        instant(journal.recorded_at),
        journal.kind,
        journal.book,
        posting.account.code,
        posting.asset.code,
        amount if posting.units > 0 else "",
        amount if posting.units < 0 else "",
        journal.key,
        journal.memo,
    )


def _wanted_rows(wanted: Wanted) -> QuerySet[Posting]:
    rows = ledger_queries.postings()
    if wanted.account:
        rows = rows.filter(account__code__startswith=wanted.account)
    if wanted.asset:
        rows = rows.filter(asset__code=wanted.asset)
    if wanted.since:
        rows = rows.filter(occurred_at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(occurred_at__lte=wanted.until)
    return rows


@dataclass(frozen=True, slots=True)
class Line:
    """One posting on a ledger account with the balance of its asset after it."""

    posting: Posting
    amount: Amount
    after: Amount


def account_lines(account: LedgerAccount) -> tuple[list[Amount], list[Line]]:
    """Return what stands on a ledger account now, and its latest postings with the running balance, newest first."""
    running = {asset.money: units for asset, units in ledger_queries.balances(account).holdings}
    balances = [Amount(asset, units) for asset, units in running.items()]
    lines = []
    for posting in ledger_queries.postings().filter(account=account)[:POSTINGS_SHOWN]:
        asset = posting.asset.money
        lines.append(Line(posting, Amount(asset, posting.units), Amount(asset, running[asset])))
        running[asset] -= posting.units
    return balances, lines
