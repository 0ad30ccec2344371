"""What did a session do, and what do a journal and a ledger account consist of? Rows for their pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crs.kernel.money import Amount, Asset
from execution.rules.facts import CASH_DECIMALS
from guardian import queries as guardian_queries
from ledger import queries as ledger_queries
from strategies import queries as strategies_queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.models import Journal, LedgerAccount, Posting
    from strategies.models import Session, SymbolRun

CURVE_POINTS = 400
POSTINGS_SHOWN = 50


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
    legs: list[Leg] = []
    sums: dict[Asset, tuple[int, int]] = {}
    for posting in ledger_queries.postings().filter(journal=journal):
        asset = posting.asset.money
        amount = Amount(asset, abs(posting.units))
        legs.append(Leg(posting, amount if posting.units > 0 else None, amount if posting.units < 0 else None))
        debit, credit = sums.get(asset, (0, 0))
        sums[asset] = (debit + max(0, posting.units), credit + max(0, -posting.units))
    return tuple(legs), tuple(AssetSum(Amount(asset, a), Amount(asset, b)) for asset, (a, b) in sums.items())


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
