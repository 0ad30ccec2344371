from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.kernel.money import Asset
from ledger.rules import valuation
from ledger.rules.valuation import Mark, MarkMissing
from ledger.rules.venue_recipes import Position
from tests.support.factories import NOON

USD, BTC, EUR = Asset("USD", 6), Asset("BTC", 8), Asset("EUR", 6)
MARK = Mark("BTCUSD.s", Decimal("16600.13"), Decimal("16602.57"), NOON)


def position(side: int, volume: int = 1_000_000, cost: int = 165_432_700) -> Position:
    return Position(1, "BTCUSD.s", "BTC", side, volume, cost)


@pytest.mark.parametrize(("side", "unrealised"), [(1, 570_000), (-1, -590_000)])
def test_a_long_is_worth_its_bid_and_a_short_costs_its_ask_to_the_cent(side: int, unrealised: int) -> None:
    """Exact: 166.0013 − 165.4327 = 0.5686 long, 165.4327 − 166.0257 = −0.5930 short."""
    assert valuation.value(position(side), mark=MARK, base=BTC, currency=USD).unrealised == unrealised


@pytest.mark.parametrize(
    ("cost", "unrealised"), [(995_000, 10_000), (1_005_000, -10_000), (995_001, 0), (1_000_000, 0)]
)
def test_half_a_cent_is_rounded_away_from_zero_as_a_venue_does(cost: int, unrealised: int) -> None:
    mark = Mark("EURUSD", Decimal("1.00000"), Decimal("1.00002"), NOON)
    held = Position(1, "EURUSD", "EUR", 1, 1_000_000, cost)
    assert valuation.value(held, mark=mark, base=EUR, currency=USD).unrealised == unrealised


def test_a_missing_mark_gives_no_value() -> None:
    with pytest.raises(MarkMissing) as caught:
        valuation.values([position(1)], marks={}, assets={"BTC": BTC}, currency=USD)
    assert caught.value.facts == {"symbol": "BTCUSD.s"}


@pytest.mark.property
@given(
    side=st.sampled_from([1, -1]),
    volume=st.integers(1, 10**12),
    cost=st.integers(1, 10**15),
    price=st.decimals(Decimal("0.00001"), 10**6, places=5),
)
def test_a_value_is_whole_cents_within_half_a_cent_of_the_exact_one(
    side: int, volume: int, cost: int, price: Decimal
) -> None:
    held = Position(1, "BTCUSD.s", "BTC", side, volume, cost)
    mark = Mark("BTCUSD.s", price, price, NOON)
    value = valuation.value(held, mark=mark, base=BTC, currency=USD).unrealised
    numerator, denominator = price.as_integer_ratio()
    exact = side * (volume * numerator - 100 * cost * denominator)  # × 100·denominator: 8 decimals against 6
    assert value % 10_000 == 0
    assert abs(value * 100 * denominator - exact) * 2 <= 10_000 * 100 * denominator


@pytest.mark.parametrize(
    ("navs", "fall"),
    [([], 0), ([5], 0), ([10_000, 10_800], 0), ([10_000, 9_000], 1_000), ([10, 12, 7, 13, 9], 5), ([-5, -9], 4)],
)
def test_drawdown_is_the_largest_fall_from_a_high_before_it(navs: list[int], fall: int) -> None:
    assert valuation.drawdown_max(navs) == fall
