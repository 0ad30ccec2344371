from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ledger.rules import matching
from tests.ledger.test_venue_recipes import deal

# The reference case of the specification: five deals a side, EURUSD 0.01 lot, profits 10 to 30 USD. Two fixtures,
# written independently, because two sides made from one list agree by construction.
BOOK = [
    deal(deal=1, symbol="EURUSD", price=Decimal("1.08765"), profit=10_000_000, position_id=1),
    deal(deal=2, symbol="EURUSD", price=Decimal("1.08775"), profit=15_000_000, position_id=2),
    deal(deal=3, symbol="EURUSD", price=Decimal("1.08785"), profit=20_000_000, position_id=3),
    deal(deal=4, symbol="EURUSD", price=Decimal("1.08795"), profit=25_000_000, position_id=4),
    deal(deal=5, symbol="EURUSD", price=Decimal("1.08805"), profit=30_000_000, position_id=5),
]
VENUE = [
    replace(deal(), deal=5 - n, symbol="EURUSD", price=Decimal(108_805 - 10 * n) / 100_000,
            profit=(30 - 5 * n) * 1_000_000, position_id=5 - n)
    for n in range(5)
]  # fmt: skip


def verdicts(**sides: Any) -> dict[int, str]:
    return {match.deal: match.verdict for match in matching.match(**{"book": BOOK, "venue": VENUE, **sides})}


def test_the_reference_case_matches_whole() -> None:
    matches = matching.match(book=BOOK, venue=VENUE)
    assert [match.verdict for match in matches] == ["MATCH"] * 5
    assert matching.match_rate_bps(matches) == 10_000


def test_a_deal_on_one_side_is_named_so() -> None:
    assert verdicts(venue=VENUE[1:]) == {1: "MATCH", 2: "MATCH", 3: "MATCH", 4: "MATCH", 5: "BOOK_ONLY"}
    assert verdicts(book=BOOK[1:]) == {1: "VENUE_ONLY", 2: "MATCH", 3: "MATCH", 4: "MATCH", 5: "MATCH"}


@pytest.mark.parametrize(
    ("change", "is_tolerated"),
    [
        ({"price": Decimal("1.08806")}, True),
        ({"price": Decimal("1.0882")}, False),
        ({"profit": 30_010_000}, True),
        ({"profit": 30_010_001}, False),
        ({"commission": -1}, True),
        ({"swap": -20_000}, False),
        ({"volume": 999_999}, False),
        ({"order": 77}, False),
    ],
)
def test_any_difference_is_a_mismatch_and_only_a_small_one_is_tolerated(
    change: dict[str, Any], is_tolerated: bool
) -> None:
    matches = matching.match(book=BOOK, venue=[replace(VENUE[0], **change), *VENUE[1:]])
    assert [match.verdict for match in matches] == ["MATCH"] * 4 + ["MISMATCH"]
    [difference] = matches[-1].differences
    assert {difference.field} == set(change)
    assert difference.is_tolerated is is_tolerated


def test_one_match_does_not_hide_the_others() -> None:
    matches = matching.match(book=BOOK[:2], venue=[replace(VENUE[3], profit=1), *VENUE[4:]])
    assert matching.match_rate_bps(matches) == 5_000


@pytest.mark.parametrize("reason", ["SL", "TP", "SO", "ROLLOVER", "CORRECTION"])
def test_what_the_venue_did_itself_is_no_break(reason: str) -> None:
    own = replace(VENUE[0], deal=6, reason=reason, entry="OUT", type="SELL")
    assert verdicts(venue=[*VENUE, own])[6] == "VENUE_INITIATED"
    assert verdicts(venue=[*VENUE, own], book=[*BOOK, own])[6] == "VENUE_INITIATED"
    stranger = replace(own, position_id=999)
    assert verdicts(venue=[*VENUE, stranger])[6] == "VENUE_ONLY"


def test_no_deals_are_no_data_and_not_a_perfect_match() -> None:
    assert matching.match_rate_bps(matching.match(book=[], venue=[])) is None
