"""What does a session's report say? The keys of `manage.py session --json`, amounts as decimal text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crs.kernel.evidence import instant
from crs.kernel.money import CASH_DECIMALS, share_half_up, text_of, units_of
from strategies.rules import performance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from strategies.rules.performance import Slots

Report = Mapping[str, Any]  # Any: JSON
CENT_DECIMALS, MICROS_PER_CENT = 2, 10_000
P50, P99 = 500, 990  # permille


@dataclass(frozen=True, slots=True)
class Ran:
    """The session itself: when, on which terms, and why it was halted ("" if not)."""

    id: int
    currency: str
    started_at: datetime
    ended_at: datetime
    venue_start: datetime
    venue_end: datetime
    halt_reason: str
    config_version: str
    speed: int
    seed: int
    account: str
    halt: Mapping[str, Any] | None = None  # as `trips.Trip.as_json` wrote it; Any: JSON


@dataclass(frozen=True, slots=True)
class SymbolFigures:
    """One symbol's counts; `pnl` in base units, realised and net of all costs."""

    symbol: str
    trades: int
    fills: int
    heartbeats: int
    errors: int
    pnl: int
    ticks: int
    is_synthetic: bool
    is_stopped: bool


def make(
    *,
    session: Ran,
    symbols: Sequence[SymbolFigures],
    slots: Slots,
    drawdown: int,
    ledger_nav_change: int,
    gateway_equity_change: int,
    is_matched: bool,
    lags: Sequence[int],
) -> Report:
    """Return the report. `reconciled` needs three figures that came three ways to be equal, and every deal to match:
    fills added up, the change of NAV in the ledger, and the change of equity at the venue."""
    total = sum(row.pnl for row in symbols)
    p50, p99 = (performance.lag_percentile_us(lags, permille) for permille in (P50, P99))
    return {
        "session": session.id,
        "account": session.account,
        "currency": session.currency,
        "symbols": {row.symbol: _symbol(row) for row in symbols},
        "total_pnl": cash(total),
        "ledger_nav_change": cash(ledger_nav_change),
        "gateway_equity_change": cash(gateway_equity_change),
        "reconciled": is_matched and total == ledger_nav_change == gateway_equity_change,
        "trades_executed": sum(row.trades for row in symbols),
        "max_drawdown": cash(drawdown),
        "started_at": instant(session.started_at),
        "ended_at": instant(session.ended_at),
        "duration_s": text_of(_milliseconds(session), 3),
        "venue_time": {"start": instant(session.venue_start), "end": instant(session.venue_end)},
        "slots_total": slots.total,
        "slots_concurrent": slots.concurrent,
        "halted": bool(session.halt_reason),
        "halt_reason": session.halt_reason,
        "halt": _halt(session.halt),
        "lag_ms": {"p50": _ms(p50), "p99": _ms(p99), "status": "NO_DATA" if p99 is None else "OK"},
        "config_version": session.config_version,
        "speed": session.speed,
        "seed": session.seed,
    }


def is_fine(report: Report) -> bool:
    """Tell whether the session ended as it should: reconciled, not halted, no symbol given up."""
    return (
        report["reconciled"] and not report["halted"] and not any(row["stopped"] for row in report["symbols"].values())
    )


def readable(report: Report) -> list[str]:
    """Return the report as lines for people."""
    lines = [
        f"session {report['session']} on {report['account']}: "
        + (f"halted ({report['halt_reason']})" if report["halted"] else "ended flat"),
        (
            f"  {report['started_at']} to {report['ended_at']}, {report['duration_s']} s"
            f" (venue {report['venue_time']['start']} to {report['venue_time']['end']})"
        ),
    ]
    if halt := report.get("halt"):
        lines.append(f"  at {halt['at']} (venue {halt['venue_time']}) with pnl {halt['pnl']}, limit {halt['limit']}")
    for name, row in report["symbols"].items():
        synthetic = "  SYNTHETIC path" if row["synthetic"] else ""
        lines.append(
            f"  {name:10} trades {row['trades']:4}  fills {row['fills']:4}  heartbeats {row['heartbeats']:4}"
            f"  errors {row['errors']:3}  pnl {row['pnl']:>12}{synthetic}"
        )
    lines += [
        f"  total pnl {report['total_pnl']} {report['currency']}, deepest fall {report['max_drawdown']}",
        f"  ledger {report['ledger_nav_change']}, venue {report['gateway_equity_change']}: "
        + ("reconciled" if report["reconciled"] else "NOT RECONCILED"),
        f"  slots {report['slots_concurrent']} of {report['slots_total']} with every symbol",
    ]
    return lines


def _halt(kept: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the report says of a halt; its inputs stand in the evidence, under the session's halt."""
    if kept is None:
        return None
    amounts = {name: cash(units_of(kept[name], CASH_DECIMALS)) for name in ("pnl", "limit")}
    return {**amounts, "at": kept["at"], "venue_time": kept["venue_time"]}


def cash(units: int) -> str:
    """Return base units (10⁻⁶) as text with two decimals; a residue below the cent is shown with all its digits."""
    if units % MICROS_PER_CENT:
        return text_of(units, CASH_DECIMALS)
    return text_of(units // MICROS_PER_CENT if units >= 0 else -(-units // MICROS_PER_CENT), CENT_DECIMALS)


def _symbol(row: SymbolFigures) -> dict[str, Any]:
    return {
        "trades": row.trades,
        "fills": row.fills,
        "heartbeats": row.heartbeats,
        "errors": row.errors,
        "pnl": cash(row.pnl),
        "ticks": row.ticks,
        "synthetic": row.is_synthetic,
        "stopped": row.is_stopped,
    }


def _ms(lag_us: int | None) -> str | None:
    return None if lag_us is None else text_of(share_half_up(lag_us, numerator=1, denominator=10), 2)


def _milliseconds(session: Ran) -> int:
    span = session.ended_at - session.started_at
    return (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000
