"""Exact money: what goes in comes out, and nothing is rounded without a name that says how."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crs.kernel import money
from crs.kernel.money import UNITS_MAX, Amount, Asset, AssetMismatch, InexactAmount, Price

if TYPE_CHECKING:
    from collections.abc import Callable

USD, BTC, WEI = Asset("USD", 6), Asset("BTC", 8), Asset("ETH", 18)
units = st.integers(-UNITS_MAX, UNITS_MAX)
decimals = st.integers(0, 77)
parts = st.integers(1, 10**30)


@pytest.mark.property
@given(amount=units, places=decimals)
def test_text_and_units_go_there_and_back(amount: int, places: int) -> None:
    asset = Asset("X", places)
    text = asset.text(amount)
    assert asset.units(text) == amount
    assert Fraction(text) == Fraction(amount, 10**places)


@pytest.mark.parametrize(
    ("text", "asset", "expected"),
    [
        ("120.00", USD, 120_000_000),
        ("-0.5", USD, -500_000),
        ("-0", USD, 0),
        ("1.10000000000000000000", USD, 1_100_000),  # zeros beyond the last decimal say nothing
        ("0.000000000000000001", WEI, 1),
        (str(2**256 - 1), Asset("X", 0), 2**256 - 1),
    ],
)
def test_plain_digits_are_read_exactly(text: str, asset: Asset, expected: int) -> None:
    assert asset.units(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " 1", "1 ", "+1", "1.", ".5", "01", "1e3", "1,000", "1_000", "0x10", "NaN", "Infinity", "-", "--1", "1.2.3",
        "١٢", "１", "1\n", "0.0000001", "1" * 200, "9" * 73,
    ],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InexactAmount):
        USD.units(text)


@pytest.mark.parametrize("value", [1, 1.5, True, None, Decimal(1), b"1"])
def test_an_amount_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(InexactAmount):
        USD.units(value)


def test_amounts_add_within_one_asset_only() -> None:
    assert Amount(USD, 5) + Amount(USD, -7) == Amount(USD, -2)
    assert -(Amount(USD, 5) - Amount(USD, 7)) == Amount(USD, 2)
    assert str(Amount(USD, -500_000)) == "-0.500000 USD"
    for act in (operator.add, operator.sub):
        with pytest.raises(AssetMismatch):
            act(Amount(USD, 1), Amount(BTC, 1))
    acts: list[Callable[[Any, Any], Any]] = [operator.mul, operator.truediv, operator.lt]
    for act in acts:
        with pytest.raises(TypeError):
            act(Amount(USD, 1), Amount(USD, 1))


@pytest.mark.parametrize("value", [1.0, True, Decimal(1), "1"])
def test_units_are_int_and_nothing_like_it(value: Any) -> None:
    with pytest.raises(AssertionError):
        Amount(USD, value)


@pytest.mark.property
@given(amount=units, numerator=st.integers(-(10**30), 10**30), denominator=parts)
def test_each_rounding_goes_where_its_name_says(amount: int, numerator: int, denominator: int) -> None:
    exact = Fraction(amount * numerator, denominator)
    low = money.share_floor(amount, numerator=numerator, denominator=denominator)
    high = money.share_ceil(amount, numerator=numerator, denominator=denominator)
    near = money.share_half_up(amount, numerator=numerator, denominator=denominator)
    assert low <= exact <= high
    assert high - low == (exact.denominator != 1)
    assert abs(near - exact) <= Fraction(1, 2)
    if abs(near - exact) == Fraction(1, 2):
        assert abs(near) > abs(exact)  # halves go away from zero


@pytest.mark.property
@given(amount=units, weights=st.lists(st.integers(0, 10**20), min_size=1, max_size=12).filter(any))
def test_parts_sum_to_the_whole_and_none_is_off_by_one_unit(amount: int, weights: list[int]) -> None:
    shares = money.apportion(amount, weights)
    assert sum(shares) == amount
    assert all(
        abs(share - Fraction(amount * weight, sum(weights))) < 1 for share, weight in zip(shares, weights, strict=True)
    )
    assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0 and amount >= 0)


@pytest.mark.property
@given(price=st.decimals(Decimal("0.00000001"), 10**9, places=8), volume=st.integers(-(10**20), 10**20))
def test_a_price_is_an_exact_ratio(price: Decimal, volume: int) -> None:
    quoted = Price.quoted(price, base=BTC, quote=USD)
    exact = Fraction(price) * volume / 100
    assert quoted.worth_floor(volume) <= exact < quoted.worth_floor(volume) + 1
    assert abs(quoted.worth_half_up(volume) - exact) <= Fraction(1, 2)
    assert (quoted < Price.quoted(price * 2, base=BTC, quote=USD)) is True


def test_the_exact_context_raises_instead_of_rounding() -> None:
    assert money.EXACT.multiply(Decimal(2**255), Decimal(3)) == 2**255 * 3
    with pytest.raises(ArithmeticError):
        money.EXACT.divide(Decimal(1), Decimal(3))
    with pytest.raises(ArithmeticError):
        money.EXACT.create_decimal(0.1)
