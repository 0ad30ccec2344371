"""Loss limits trip on losses only, slots and lags are counted as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.rules import performance
from strategies.rules.performance import Slots

USD = 1_000_000
BOTH = ("BTCUSD.s", "ETHUSD.s")


@pytest.mark.parametrize(
    ("pnl", "trips"),
    [
        (120 * USD, False),
        (50 * USD, False),
        (0, False),
        (-50 * USD, False),
        (-100 * USD, False),
        (-120 * USD, True),
        (-150 * USD, True),
        (-100 * USD - 1, True),
    ],
)
def test_a_session_loss_trips_strictly_beyond_its_limit(pnl: int, trips: bool) -> None:
    """The table of guardian.md 11.3 for limit 100 (P01, P02)."""
    assert performance.is_beyond(pnl, limit=100 * USD) is trips


@given(pnl=st.integers(0), limit=st.integers(1))
def test_a_profit_never_trips(pnl: int, limit: int) -> None:
    assert not performance.is_beyond(pnl, limit=limit)


@given(st.integers(), st.integers(), st.integers())
def test_a_deposit_is_no_profit(opening: int, flow: int, change: int) -> None:
    """P53: flows are taken out."""
    assert performance.pnl(opening_equity=opening, flows=flow, equity=opening + flow + change) == change


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1))
def test_drawdown_is_measured_from_the_highest_nav(navs: list[int]) -> None:
    """P03: never from the start, and a profit gives none."""
    peak, worst = navs[0], 0
    for nav in navs:
        peak, down = performance.drawdown(peak, nav)
        worst = max(worst, down)
    assert worst == max(max(navs[: i + 1]) - nav for i, nav in enumerate(navs))


def test_a_slot_is_concurrent_when_every_symbol_was_handled_in_it() -> None:
    slots = Slots()
    for second in range(60):
        slots.advance(second, BOTH)
        slots.handled("BTCUSD.s")
        if not 15 <= second < 30:
            slots.handled("ETHUSD.s")
        slots = performance.slots(slots.as_json())  # a take-over forgets nothing
    slots.end(60, BOTH)
    assert (slots.total, slots.concurrent) == (4, 3)


def test_a_slot_in_which_nobody_worked_stays_empty() -> None:
    slots = Slots()
    for symbol in BOTH:
        slots.handled(symbol)
    slots.advance(46, BOTH)
    assert (slots.total, slots.concurrent) == (3, 1)


def test_a_session_shorter_than_a_slot_has_one() -> None:
    slots = Slots()
    for symbol in BOTH:
        slots.handled(symbol)
    slots.end(6, BOTH)
    assert (slots.total, slots.concurrent) == (1, 1)


def test_percentiles_of_no_lag_are_no_data() -> None:
    assert performance.lag_percentile_us([0] * 25, 990) is None


@given(st.lists(st.integers(0, 4_000_000), min_size=1, max_size=300), st.integers(1, 1000))
def test_a_percentile_never_flatters(lags: list[int], permille: int) -> None:
    buckets = [0] * (len(performance.LAG_BOUNDS_US) + 1)
    for lag in lags:
        buckets[performance.lag_bucket(lag)] += 1
    exact = sorted(lags)[-(-len(lags) * permille // 1000) - 1]
    stated = performance.lag_percentile_us(buckets, permille)
    assert stated is not None
    assert stated >= exact
