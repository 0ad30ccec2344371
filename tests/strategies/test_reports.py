"""What a report says, and that evidence lines read back as they were written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import telemetry
from strategies.rules import reports
from strategies.rules.performance import LAG_BOUNDS_US, Slots
from strategies.rules.reports import Ran, SymbolFigures
from strategies.telemetry import Line, Tag

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
RAN = Ran(7, "USD", AT, AT + timedelta(seconds=60, milliseconds=5), AT, AT, "", "abc", 3600, 7, "PAPER-7")
BTC = SymbolFigures("BTCUSD.s", 4, 8, 12, 0, 40_000_000, 480, is_synthetic=False, is_stopped=False)
GOLD = SymbolFigures("XAUUSD.s", 4, 8, 12, 0, -120_500_000, 480, is_synthetic=True, is_stopped=False)


def make(**changes: Any) -> reports.Report:
    facts: dict[str, Any] = {
        "session": RAN,
        "symbols": [BTC, GOLD],
        "slots": Slots(number=4, total=4, concurrent=4),
        "drawdown": 125_000_000,
        "ledger_nav_change": -80_500_000,
        "gateway_equity_change": -80_500_000,
        "is_matched": True,
        "lags": [0] * (len(LAG_BOUNDS_US) + 1),
    }
    return reports.make(**{**facts, **changes})


def test_a_report_adds_up() -> None:
    report = make()
    assert (report["total_pnl"], report["trades_executed"], report["duration_s"]) == ("-80.50", 8, "60.005")
    assert report["reconciled"]
    assert reports.is_fine(report)
    assert report["lag_ms"] == {"p50": None, "p99": None, "status": "NO_DATA"}  # P06


@pytest.mark.parametrize(
    "changes",
    [
        {"ledger_nav_change": -80_490_000},
        {"gateway_equity_change": -80_510_000},
        {"is_matched": False},
        {"session": replace(RAN, halt_reason="SESSION_LOSS")},
        {"symbols": [replace(BTC, is_stopped=True), GOLD]},
    ],
)
def test_a_session_is_not_fine_when_anything_differs(changes: dict[str, Any]) -> None:
    assert not reports.is_fine(make(**changes))


def test_people_read_what_is_synthetic_and_what_was_halted() -> None:
    lines = reports.readable(make(session=replace(RAN, halt_reason="SESSION_LOSS")))
    assert "halted (SESSION_LOSS)" in lines[0]
    assert any("XAUUSD.s" in line and "SYNTHETIC" in line for line in lines)


@given(st.integers(-(10**15), 10**15))
def test_cash_is_exact_text(units: int) -> None:
    """P28: a residue below the cent is shown, never rounded away."""
    text = reports.cash(units)
    whole, _, fraction = text.partition(".")
    assert int(whole + fraction.ljust(6, "0")) == units


@given(st.sampled_from(Tag), st.text(st.characters(exclude_characters="\n\r", exclude_categories=["C"]), max_size=60))
def test_an_evidence_line_reads_back_as_it_was_written(tag: Tag, message: str) -> None:
    """P31: one schema for writer and parser."""
    line = Line(telemetry.stamp(AT), "INFO", telemetry.LOGGER, tag, message)
    assert telemetry.parsed(telemetry.rendered(line)) == line
