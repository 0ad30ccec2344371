"""Does every figure and every state look the same everywhere, and exact?"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils.html import strip_tags
from hypothesis import given
from hypothesis import strategies as st

from crs.kernel import display
from crs.kernel.money import UNITS_MAX, Amount, Asset

USD, BTC, ETH, WHOLE = Asset("USD", 6), Asset("BTC", 8), Asset("ETH", 18), Asset("WHOLE", 0)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Amount(USD, 0), "0.00USD"),
        (Amount(USD, 1_284_310_420_000), "1,284,310.42USD"),
        (Amount(USD, -2_412_100_000), "−2,412.10USD"),
        (Amount(USD, 18_230_041), "18.230041USD"),
        (Amount(BTC, 1), "0.00000001BTC"),
        (Amount(BTC, 150_000_000), "1.50000BTC"),
        (Amount(ETH, 10**18), "1.000000ETH"),
        (Amount(WHOLE, 12_345), "12,345WHOLE"),
        (None, "—"),
    ],
)
def test_an_amount_is_shown_with_all_its_digits(amount: Amount | None, shown: str) -> None:
    assert strip_tags(display.amount(amount)) == shown


def test_an_amount_of_profit_has_sign_arrow_and_colour() -> None:
    gain, loss = (str(display.amount(Amount(USD, units), signed=True, tone=True)) for units in (5_000_000, -5_000_000))
    assert "pnl-gain" in gain
    assert "#up" in gain
    assert "+5.00" in gain
    assert "pnl-loss" in loss
    assert "#down" in loss
    assert "−5.00" in loss
    assert "pnl" not in display.amount(Amount(USD, 0), signed=True, tone=True)


@given(units=st.integers(-UNITS_MAX, UNITS_MAX), decimals=st.integers(0, 18))
def test_an_amount_loses_no_digit_on_the_page(units: int, decimals: int) -> None:
    text = strip_tags(display.amount(Amount(Asset("X", decimals), units))).removesuffix("X")
    assert Decimal(text.replace(",", "").replace("−", "-")).as_tuple() is not None
    whole, _, fraction = text.replace(",", "").replace("−", "-").partition(".")
    assert int(whole + fraction.ljust(decimals, "0")) == units


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (Decimal("1267.105"), None, "1,267.105"),
        (Decimal("0.10"), 2, "0.10"),
        (Decimal("-0.5"), 2, "−0.50"),
        (None, None, "—"),
    ],
)
def test_a_price_keeps_its_digits(value: Decimal | None, places: int | None, shown: str) -> None:
    assert strip_tags(display.decimal(value, places=places)) == shown


def test_a_moment_never_contains_the_present_time() -> None:
    at = datetime(2026, 11, 20, 19, 47, tzinfo=UTC)
    assert display.moment(at, age=True) == display.moment(at, age=True)
    assert strip_tags(display.moment(at)) == "2026-11-20 19:47:00"
    assert strip_tags(display.moment(None)) == "—"


def test_a_state_is_colour_shape_and_word() -> None:
    cell = display.status("HALTED")
    assert "st-bad" in cell
    assert "#stop" in cell
    assert "Halted" in cell


def test_an_unknown_state_is_shown_as_it_stands_and_escaped() -> None:
    assert "&lt;b&gt;" in display.status("<b>")
    assert "st-none" in display.status("<b>")


def test_every_shape_of_the_vocabulary_is_in_the_sprite() -> None:
    from django.conf import settings

    sprite = (settings.BASE_DIR / "crs" / "static" / "crs" / "icons.svg").read_text()
    assert [known.icon for known in display.STATUS.values() if f'id="{known.icon}"' not in sprite] == []


def test_a_long_code_keeps_its_ends_and_its_whole_in_the_title() -> None:
    assert strip_tags(display.code("0123456789abcdef0123", short=True)) == "012345…0123"
    assert "0123456789abcdef0123" in display.code("0123456789abcdef0123", short=True)
