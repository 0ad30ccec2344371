"""The margin recipes against the worked examples of the specification, and as a property over whole histories."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.rules import venue_recipes as rules
from ledger.rules.chart import CHART, Chart, field
from ledger.rules.venue_recipes import DealOutOfOrder, Position, UnknownDealType, VenueDeal
from tests.support.factories import NOON

NAMES = [field(*pair) for pair in CHART]
NUMBERS = {name: number for number, name in enumerate(NAMES, 100)}
BOOK = Chart(account_id=1, account_code="PAPER-7", desk_id=1, book="PAPER", currency="USD", **NUMBERS)
NAME_OF = {number: name for name, number in NUMBERS.items()}
CENT = 10_000


def deal(**changes: Any) -> VenueDeal:
    told: dict[str, Any] = {
        "deal": 1, "order": 1, "position_id": 1, "entry": "IN", "type": "BUY", "reason": "CLIENT", "symbol": "BTCUSD.s",
        "base_asset": "BTC", "volume": 1_000_000, "price": Decimal("16543.27"), "profit": 0, "commission": 0, "fee": 0,
        "swap": 0, "notional": 165_432_700, "magic": 7, "occurred_at": NOON,
    }  # fmt: skip
    return VenueDeal(**{**told, **changes})


def book(*deals: VenueDeal, foreign: bool = False) -> dict[tuple[str, str], int]:
    """Balances by (ledger account, asset) after the deals, zero ones left out; every journal is seen to balance."""
    balances: dict[tuple[str, str], int] = defaultdict(int)
    positions: dict[int, Position] = {}
    for told in deals:
        position = positions.get(told.position_id) or rules.flat(told)
        for recipe in rules.journals(told, chart=BOOK, position=position, currency_decimals=6, foreign=foreign):
            sums: dict[str, int] = defaultdict(int)
            for account, asset, units in recipe.legs:
                assert units != 0
                sums[asset] += units
                balances[NAME_OF[account], asset] += units
            assert set(sums.values()) == {0}
        if told.type in ("BUY", "SELL"):
            positions[told.position_id] = rules.after(position, told)
    return {place: units for place, units in balances.items() if units}


def test_opening_a_position_moves_no_cash() -> None:
    assert book(deal()) == {
        ("strategy", "BTC"): 1_000_000,
        ("conversion", "BTC"): -1_000_000,
        ("strategy", "USD"): -165_432_700,
        ("conversion", "USD"): 165_432_700,
    }
    assert book(deal(type="SELL"))["strategy", "BTC"] == -1_000_000


def test_closing_moves_the_realised_result_to_cash_and_the_residue_to_rounding() -> None:
    close = deal(deal=2, type="SELL", entry="OUT", notional=166_001_300, profit=570_000)  # exact 568,600: 0.57 booked
    assert book(deal(), close) == {
        ("conversion", "USD"): -568_600,
        ("venue", "USD"): 570_000,
        ("rounding", "USD"): -1_400,
    }


def test_a_result_that_no_rounding_explains_goes_to_suspense() -> None:
    close = deal(deal=2, type="SELL", entry="OUT", notional=166_001_300, profit=1_570_000)
    assert book(deal(), close)["suspense", "USD"] == 568_600 - 1_570_000


def test_a_short_earns_when_the_price_falls() -> None:
    close = deal(deal=2, type="BUY", entry="OUT", notional=164_432_700, profit=1_000_000)
    assert book(deal(type="SELL"), close) == {("conversion", "USD"): -1_000_000, ("venue", "USD"): 1_000_000}


def test_a_position_closed_in_parts_leaves_nothing_behind() -> None:
    parts = [
        deal(deal=number, type="SELL", entry="OUT", volume=volume, notional=notional, profit=0)
        for number, volume, notional in ((2, 333_333, 55_144_233), (3, 333_333, 55_144_233), (4, 333_334, 55_144_234))
    ]
    left = book(deal(), *parts)
    assert {place for place in left if place[0] == "strategy"} == set()


def test_a_deal_through_zero_closes_and_opens_in_one_journal() -> None:
    through = deal(deal=2, type="SELL", entry="INOUT", volume=3_000_000, notional=499_200_000, profit=970_000)
    after = rules.after(rules.after(rules.flat(deal()), deal()), through)
    assert (after.side, after.volume, after.cost) == (-1, 2_000_000, 332_800_000)
    left = book(deal(), through)
    assert left["strategy", "BTC"] == -2_000_000
    assert left["strategy", "USD"] == 332_800_000
    assert left["venue", "USD"] == 970_000
    assert left["rounding", "USD"] == 166_400_000 - 165_432_700 - 970_000


def test_charges_stand_apart_from_the_trade() -> None:
    told = deal(commission=-70_000, fee=-10_000, swap=-3_000)
    recipes = rules.journals(told, chart=BOOK, position=rules.flat(told), currency_decimals=6, foreign=False)
    assert [(recipe.part, recipe.kind) for recipe in recipes] == [
        ("", "TRADE"), ("commission", "COMMISSION"), ("swap", "SWAP_FEE"),
    ]  # fmt: skip
    left = book(told)
    assert left["venue", "USD"] == -83_000
    assert (left["fees_commission", "USD"], left["fees_fee", "USD"], left["fees_swap", "USD"]) == (
        70_000,
        10_000,
        3_000,
    )


@pytest.mark.parametrize(
    ("type_", "amount", "own", "other"),
    [
        ("BALANCE", 100_000_000_000, "venue", "external"),
        ("BALANCE", -5_000_000, "venue", "external"),
        ("CREDIT", 50_000_000, "venue_credit", "external"),
        ("BONUS", 50_000_000, "venue_credit", "external"),
        ("CHARGE", -1_000_000, "venue", "fees_charge"),
        ("COMMISSION_DAILY", -1_000_000, "venue", "fees_commission"),
        ("TAX", -1_000_000, "venue", "fees_tax"),
        ("INTEREST", 1_000_000, "venue", "reward_income"),
        ("DIVIDEND", -1_000_000, "venue", "reward_income"),
        ("CORRECTION", -1_000_000, "venue", "suspense"),
    ],
)
def test_each_deal_that_is_no_trade_has_its_recipe(type_: str, amount: int, own: str, other: str) -> None:
    told = deal(type=type_, entry="NONE", symbol="", base_asset="", volume=0, notional=0, position_id=0, profit=amount)
    assert book(told) == {(own, "USD"): amount, (other, "USD"): -amount}


def test_a_foreign_trade_stands_on_foreign() -> None:
    assert book(deal(), foreign=True)["foreign", "BTC"] == 1_000_000


def test_a_deal_that_no_recipe_knows_is_refused() -> None:
    with pytest.raises(UnknownDealType):
        book(deal(type="AGENT"))


@pytest.mark.parametrize(
    "close",
    [
        {"type": "SELL", "entry": "OUT", "volume": 1_000_001},
        {"type": "BUY", "entry": "OUT"},
        {"type": "SELL", "entry": "OUT", "position_id": 2},
    ],
)
def test_a_deal_that_closes_what_is_not_open_is_refused(close: dict[str, Any]) -> None:
    with pytest.raises(DealOutOfOrder):
        book(deal(), deal(deal=2, **close))


@st.composite
def histories(draw: st.DrawFn) -> list[VenueDeal]:
    """Trades of one netting position with a venue that rounds each result to the cent, ending flat.

    The venue keeps its own book here, in other words than the rule: signed volume, and signed cost as a fraction.
    """
    deals: list[VenueDeal] = []
    held, cost = 0, Fraction(0)

    def trade(size: int, price: int) -> None:
        nonlocal held, cost
        entry, profit, left = "IN", 0, held + size
        if held * size < 0:
            entry = "INOUT" if held * left < 0 else "OUT"
            closed = -held if abs(size) > abs(held) else size
            released = cost * -closed / held
            profit = round((-closed * price - released) / CENT) * CENT
            cost = Fraction(left * price) if entry == "INOUT" else cost - released
        else:
            cost += size * price
        held = left
        deals.append(
            deal(
                deal=len(deals) + 1,
                type="BUY" if size > 0 else "SELL", entry=entry, volume=abs(size),
                notional=abs(size) * price, profit=profit, occurred_at=NOON + timedelta(seconds=len(deals)),
            )
        )  # fmt: skip

    prices = st.integers(1, 10**7)  # micro-USD per base unit
    for _ in range(draw(st.integers(1, 12))):
        trade(draw(st.integers(1, 10**6)) * draw(st.sampled_from([1, -1])), draw(prices))
    if held:
        trade(-held, draw(prices))
    return deals


@pytest.mark.property
@given(deals=histories())
def test_after_any_history_that_ends_flat_cash_is_the_venues_and_the_strategy_holds_nothing(
    deals: list[VenueDeal],
) -> None:
    left = book(*deals)
    assert left.get(("venue", "USD"), 0) == sum(told.profit for told in deals)
    assert {place for place in left if place[0] == "strategy"} == set()
    assert (
        left.get(("conversion", "USD"), 0)
        + left.get(("venue", "USD"), 0)
        + left.get(("rounding", "USD"), 0)
        + left.get(("suspense", "USD"), 0)
        == 0
    )
