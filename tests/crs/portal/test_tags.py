"""Do the words of the templates draw what they are given?"""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.utils.html import strip_tags

from crs.kernel import display
from crs.portal.templatetags import portal
from execution.rules.gate import RULES


@pytest.mark.parametrize("values", [[], [1], [None][:0]])
def test_a_line_needs_two_points(values: list[int]) -> None:
    assert strip_tags(portal.spark(values)) == "—"


def test_a_line_stays_inside_its_box_and_is_named() -> None:
    drawing = portal.spark([1, 5, 3], label="NAV, from 1 to 3", baseline=2, kind="tall", height=96)
    points = re.search(r'polyline class="spark-line" points="([^"]+)"', drawing)
    assert points is not None
    heights = [float(pair.split(",")[1]) for pair in points[1].split()]
    assert min(heights) >= 0
    assert max(heights) <= 96
    assert 'role="img" aria-label="NAV, from 1 to 3"' in drawing
    assert "spark-base" in drawing
    assert "style" not in drawing


def test_a_level_line_is_drawn_in_the_middle() -> None:
    assert 'points="0.0,14.0 320.0,14.0"' in portal.spark([7, 7])


@pytest.mark.parametrize(
    ("percent", "tone", "width"),
    [(0, "ok", "0.00"), (79.9, "ok", "79.90"), (80, "warn", "80.00"), (100, "bad", "100.00"), (400, "bad", "125.00")],
)
def test_a_bar_says_how_much_of_a_limit_is_used(percent: float, tone: str, width: str) -> None:
    drawing = portal.limit(percent)
    assert f"lim-{tone}" in drawing
    assert f'class="lim-v" width="{width}"' in drawing
    assert "style" not in drawing


@pytest.mark.parametrize(
    ("units", "shown"), [(10_000_000, "0.10"), (-150_000_000, "−1.50"), (1, "0.00000001"), (0, "0.00")]
)
def test_lots_are_shown_as_venues_write_them(units: int, shown: str) -> None:
    assert strip_tags(portal.lots(units)) == shown


@pytest.mark.parametrize(("ms", "shown"), [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (12_340, "12.3 s")])
def test_a_duration_is_short(ms: int, shown: str) -> None:
    assert portal.milliseconds(ms) == shown


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("stale_tick", "180", "180 ms"),
        ("volume_min", "0.00900000", "0.009 lots"),
        ("volume_max", "100.00000000", "100 lots"),
        ("notional_max", "100000.000000", "100,000.00 USD"),
        ("session_loss", "-2.705000", "−2.705 USD"),
        ("price_collar", "5", "5 bp"),
        ("mode", "NORMAL", "NORMAL"),
        ("epoch", "3", "3"),
        ("market_hours", "2017-12-04T02:50:00+00:00", "2017-12-04 02:50:00"),
        ("market_hours", "", "—"),
    ],
)
def test_a_figure_of_a_rule_has_its_unit_and_no_padding(name: str, text: str, shown: str) -> None:
    assert strip_tags(portal.rule_figure({"name": name, "actual": text}, "actual", "USD")) == shown


def test_units_are_given_to_rules_that_exist() -> None:
    assert set(portal.RULE_UNITS) <= {rule.name for rule in RULES}


@pytest.mark.parametrize(
    ("value", "shown"), [("11250.0000000000", "11,250.00"), ("468.8", "468.80"), ("1.18435", "1.18435")]
)
def test_a_price_keeps_two_places_and_loses_its_padding(value: str, shown: str) -> None:
    assert strip_tags(portal.price(Decimal(value))) == shown


def test_every_rule_of_the_gate_has_a_word() -> None:
    assert {rule.name for rule in RULES} - set(portal.RULE_WORDS) == set()


@pytest.mark.parametrize(
    ("name", "is_figure"), [("amount", True), ("profit_amount", True), ("lots_number", True), ("memo", False)]
)
def test_a_column_of_figures_is_known_by_its_name(name: str, is_figure: bool) -> None:
    assert portal.is_figure(name) is is_figure


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.25, "250 ms"),
        (1, "1 s"),
        (30, "30 s"),
        (60, "1 min"),
        (90, "90 s"),
        (3_600, "1 h"),
        (86_400, "1 d"),
        (1.5, "1.5 s"),
    ],
)
def test_a_duration_has_its_unit(seconds: float, said: str) -> None:
    assert display.duration(seconds) == said
