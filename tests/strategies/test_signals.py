"""Bars are built from ticks, and the averages are exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.rules import signals
from strategies.rules.signals import Parameters, Track, Wish

QUICK = Parameters(bar_s=60, fast_bars=2, slow_bars=3)
MINUTE_US = 60_000_000


def play(closes: list[int], parameters: Parameters = QUICK) -> list[Wish | None]:
    """One tick a bar; the wish of a bar comes with the first tick of the next."""
    state = Track()
    return [
        signals.on_tick(state, bid_points=close, venue_us=number * MINUTE_US, parameters=parameters)
        for number, close in enumerate(closes)
    ]


@pytest.mark.parametrize(
    ("closes", "wishes"),
    [
        ([100, 110, 120, 130], [None, None, None, "LONG"]),
        ([100, 90, 80, 70], [None, None, None, "FLAT"]),
        ([100, 100, 100, 100], [None, None, None, None]),
        ([100, 110, 120, 60, 50, 50], [None, None, None, "LONG", "FLAT", "FLAT"]),
    ],
)
def test_the_wish_follows_the_averages(closes: list[int], wishes: list[Wish | None]) -> None:
    assert play(closes) == wishes


def test_ticks_of_a_bar_make_its_high_low_and_close() -> None:
    state = Track()
    for second, price in enumerate([100, 130, 90, 110]):
        assert signals.on_tick(state, bid_points=price, venue_us=second * 1_000_000, parameters=QUICK) is None
    assert (state.open, state.high, state.low, state.close, state.bars) == (100, 130, 90, 110, 0)


def test_a_weekend_makes_no_bars() -> None:
    state = Track()
    signals.on_tick(state, bid_points=100, venue_us=0, parameters=QUICK)
    signals.on_tick(state, bid_points=101, venue_us=2880 * MINUTE_US, parameters=QUICK)
    assert state.bars == 1


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60), st.data())
def test_a_saved_state_goes_on_as_if_nothing_had_happened(prices: list[int], data: st.DataObject) -> None:
    """Take-over: the next slice reads what the last one saved and gives the same wishes."""
    cut = data.draw(st.integers(0, len(prices)))
    state, wishes = Track(), []
    for number, price in enumerate(prices):
        if number == cut:
            state = signals.track(state.as_json())
        wishes.append(signals.on_tick(state, bid_points=price, venue_us=number * MINUTE_US, parameters=QUICK))
    assert wishes == play(prices)


@given(st.lists(st.integers(1, 10**9), min_size=4, max_size=60))
def test_averages_stay_between_the_lowest_and_the_highest_close(prices: list[int]) -> None:
    state = Track()
    for number, price in enumerate(prices):
        signals.on_tick(state, bid_points=price, venue_us=number * MINUTE_US, parameters=QUICK)
    low, high = min(prices) * signals.SCALE, max(prices) * signals.SCALE
    assert low - signals.SCALE <= state.fast <= high
    assert low - signals.SCALE <= state.slow <= high


@pytest.mark.parametrize(
    ("digits", "price", "stops_level", "expected"),
    [
        (2, "17000.00", 0, ("16950.00", "17100.00")),
        (5, "1.18000", 0, ("0.68000", "2.18000")),
        (2, "17000.00", 20_000, ("16799.99", "17200.01")),  # the venue's distance is wider than ours
    ],
)
def test_stops_stand_at_their_pips(digits: int, price: str, stops_level: int, expected: tuple[str, str]) -> None:
    pips = {"stop_loss_pips": 5000, "take_profit_pips": 10000}
    assert signals.stops(Decimal(price), digits=digits, stops_level=stops_level, **pips) == tuple(
        map(Decimal, expected)
    )
