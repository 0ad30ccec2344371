"""A symbol's row comes from the venue's own record, and its market opens by the venue's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from approvals.models import Account, Book, VenueKind
from approvals.operations import desks
from crs.kernel.actor import machine
from guardian import queries
from guardian.operations import symbols
from guardian.operations.symbols import SymbolChanged
from guardian.rules import symbols as rules
from guardian.rules import ticks
from guardian.rules.ticks import Tick

if TYPE_CHECKING:
    from guardian.models import Symbol

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAEMON = machine("daemon")
ALWAYS = {"calendar": "CRYPTO", "timezone": "UTC", "day_ends": "00:00", "weekly": [], "always_open": True}
FOREX = {
    "calendar": "FOREX",
    "timezone": "America/New_York",
    "day_ends": "17:00",
    "weekly": [{"opens": "SUN 17:00", "closes": "FRI 17:00"}],
    "always_open": False,
}
BTC: dict[str, Any] = {
    "symbol": "BTCUSD.s", "base_asset": "BTC", "digits": 2, "point": "0.01", "contract_size": "1", "tick_size": "0.01",
    "tick_value": "0.01", "volume_min": "0.001", "volume_step": "0.001", "volume_max": "100.00", "stops_level": 100,
    "freeze_level": 0, "filling_modes": ["IOC"], "profit_currency": "USD", "margin_currency": "USD", "sessions": ALWAYS,
    "synthetic": False,
}  # fmt: skip


@pytest.fixture
def account(db: None) -> Account:
    desk = desks.open_desk(code="DEMO", name="Demo", actor=DAEMON, at=AT)
    venue = desks.open_venue(code="PAPER", name="Paper", kind=VenueKind.PAPER, actor=DAEMON, at=AT)
    return desks.open_account(
        desk=desk, venue=venue, code="PAPER-7", book=Book.PAPER, login="7", server="PAPER", actor=DAEMON, at=AT
    )


def register(account: Account, **changes: object) -> Symbol:
    return symbols.register(account=account, info={**BTC, **changes}, actor=DAEMON, at=AT)


def tick(seq: int, bid: str = "17000.00") -> Tick:
    return Tick(
        "BTCUSD.s", seq, Decimal(bid), Decimal("17010.00"), 1_513_728_000_000_000 + seq, 1_763_640_000_000_000_000
    )


def test_a_symbol_takes_the_volumes_that_the_venue_states(account: Account) -> None:
    """0.001 lots are fine where the venue says so."""
    row = register(account)
    assert (row.volume_min, row.volume_step, row.volume_max) == (100_000, 100_000, 10_000_000_000)
    assert queries.symbol(account.pk, "BTCUSD.s") == row


def test_registering_again_changes_nothing_and_a_new_spread_of_stops_is_kept(account: Account) -> None:
    row = register(account)
    assert register(account) == row
    assert register(account, stops_level=200).stops_level == 200


def test_a_symbol_that_means_something_else_is_refused(account: Account) -> None:
    register(account)
    with pytest.raises(SymbolChanged):
        register(account, contract_size="10")


def test_the_last_tick_is_shown_and_an_older_one_never_replaces_it(account: Account) -> None:
    row = register(account)
    symbols.show([(row.pk, tick(5), 0)], at=AT)
    symbols.show([(row.pk, tick(4, "1.00"), 0)], at=AT)
    row.refresh_from_db()
    assert (row.seq, row.bid, row.gaps, row.gap_at) == (5, Decimal("17000.00"), 0, None)
    symbols.show([(row.pk, tick(9), 1)], at=AT)
    row.refresh_from_db()
    assert (row.seq, row.gaps, row.gap_at) == (9, 1, AT)


def test_a_retired_account_is_watched_no_more(account: Account) -> None:
    register(account)
    assert [watched.account_code for watched in queries.watched()] == ["PAPER-7"]
    symbols.retire(account=account)
    assert queries.watched() == []


def test_a_tick_comes_back_from_its_stream_entry_as_it_went_in() -> None:
    went_in = tick(3)
    entry = {name.encode(): str(value).encode() for name, value in ticks.fields(went_in).items()}
    assert ticks.parsed(entry) == went_in


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "LIVE"),
        ({"is_active": False}, "INACTIVE"),
        ({"received_at": None}, "NO_DATA"),
        ({"received_at": AT - timedelta(minutes=1)}, "STALE"),
        # A closed market is quiet, not broken.
        ({"received_at": AT - timedelta(hours=9), "venue_at": datetime(2017, 12, 23, tzinfo=UTC)}, "MARKET_CLOSED"),
    ],
)
def test_a_symbol_says_how_it_stands(changes: dict[str, Any], state: str) -> None:
    facts: dict[str, Any] = {
        "is_active": True,
        "received_at": AT - timedelta(seconds=1),
        "venue_at": datetime(2017, 12, 20, tzinfo=UTC),
        "sessions": FOREX,
        "at": AT,
    }
    assert rules.state(**{**facts, **changes}) == state
