"""Facts under which everything passes; a test spoils one of them and looks at the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.rules.facts import (
    Bounds,
    Facts,
    HaltCopy,
    Identity,
    Loss,
    Market,
    ModeCopy,
    Orders,
    Position,
    SymbolTerms,
    Tick,
    Wish,
)

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VENUE_AT = datetime(2017, 12, 20, 12, 0, tzinfo=UTC)
LOT = 10**8
USD = 10**6

BOUNDS = Bounds(
    halts_age_max=timedelta(seconds=1),
    identity_age_max=timedelta(seconds=90),
    tick_age_max=timedelta(seconds=1),
    collar_bps=200,
    notional_max=100_000 * USD,
)
WISH = Wish(account="PAPER-7", strategy="pulse", symbol="BTCUSD.s", side="BUY", quantity=LOT // 100)
TERMS = SymbolTerms(
    is_active=True,
    point=Decimal("0.01"),
    contract_size=Decimal(1),
    volume_min=LOT // 1000,
    volume_step=LOT // 1000,
    volume_max=100 * LOT,
    stops_level=100,
    quote_rate=Decimal(1),
)
TICK = Tick(bid=Decimal("16000.00"), ask=Decimal("16010.00"), received_at=AT)
FACTS = Facts(
    at=AT,
    bounds=BOUNDS,
    wish=WISH,
    halts=HaltCopy(read_at=AT, epoch=7, covering=()),
    modes=ModeCopy(covering=()),
    market=Market(is_open=True, venue_at=VENUE_AT),
    identity=Identity(expected="7 Paper DEMO HEDGING USD", actual="7 Paper DEMO HEDGING USD", checked_at=AT),
    symbol=TERMS,
    tick=TICK,
    orders=Orders(unknown=0, same=0),
    position=Position(lots=0, is_netting=False),
    loss=Loss(limit=100 * USD, opening_equity=10_000 * USD, flows=0, equity=10_000 * USD),
)


def facts(**changed: Any) -> Facts:
    """Return the facts with some groups replaced."""
    return replace(FACTS, **changed)


def wishing(**changed: Any) -> Facts:
    """Return the facts with some fields of the wish replaced."""
    return replace(FACTS, wish=replace(WISH, **changed))


def in_group(group: str, **changed: Any) -> Facts:
    """Return the facts with some fields of one group replaced."""
    return replace(FACTS, **{group: replace(getattr(FACTS, group), **changed)})
