"""Do book and venue tell the same deals? The venue is the truth; a deal is never invented on either side.

Source: specification (guardian), section 8.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ledger.rules.venue_recipes import VenueDeal

MatchClass = Literal["MATCH", "MISMATCH", "BOOK_ONLY", "VENUE_ONLY", "VENUE_INITIATED"]
CLASSES: tuple[MatchClass, ...] = ("MATCH", "MISMATCH", "BOOK_ONLY", "VENUE_ONLY", "VENUE_INITIATED")

# Reasons by which a venue trades on its own account of ours: no order of ours stands behind such a deal.
VENUE_REASONS = frozenset({"SL", "TP", "SO", "ROLLOVER", "CORRECTION"})
COMPARED = (
    "order", "position_id", "entry", "type", "reason", "symbol", "volume", "price", "profit", "commission", "fee",
    "swap", "magic", "occurred_at",
)  # fmt: skip
# Beyond these a difference is a failure, within them it is still a break. Money: 0.01 of a currency with six decimals.
PRICE_TOLERANCE = Decimal("0.0001")
MONEY_TOLERANCE_UNITS = 10_000
MONEY = frozenset({"profit", "commission", "fee", "swap"})


@dataclass(frozen=True, slots=True)
class Statement:
    """What a venue says about an account: its deals from `since` until `complete_through`, and its balance then.

    `balance` and `equity` are base units of the account currency; `equity` is None when it was not asked for.
    """

    deals: Sequence[VenueDeal]
    balance: int
    since: datetime | None
    complete_through: datetime
    equity: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: both values as text, and whether it lies within the tolerance of its kind."""

    field: str
    book: str
    venue: str
    is_tolerated: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One deal, looked at from both sides."""

    deal: int
    symbol: str
    verdict: MatchClass
    differences: tuple[Difference, ...] = ()


def match(*, book: Iterable[VenueDeal], venue: Iterable[VenueDeal]) -> list[Match]:
    """Join both sides by deal id, and return one verdict per deal, in the order of the ids."""
    ours = {deal.deal: deal for deal in book}
    theirs = {deal.deal: deal for deal in venue}
    positions = {deal.position_id for deal in ours.values() if deal.position_id}
    verdicts = []
    for number in sorted(ours.keys() | theirs.keys()):
        mine, told = ours.get(number), theirs.get(number)
        if told is None:
            assert mine is not None
            verdicts.append(Match(number, mine.symbol, "BOOK_ONLY"))
        elif mine is None:
            is_its_own = told.reason in VENUE_REASONS and told.position_id in positions
            verdicts.append(Match(number, told.symbol, "VENUE_INITIATED" if is_its_own else "VENUE_ONLY"))
        elif differences := compare(mine, told):
            verdicts.append(Match(number, told.symbol, "MISMATCH", differences))
        else:
            verdicts.append(Match(number, told.symbol, "VENUE_INITIATED" if told.reason in VENUE_REASONS else "MATCH"))
    return verdicts


def compare(book: VenueDeal, venue: VenueDeal) -> tuple[Difference, ...]:
    """Return every field in which two records of one deal differ, tolerated ones too: they are breaks all the same."""
    return tuple(
        Difference(name, str(mine), str(told), _is_tolerated(name, mine, told))
        for name in COMPARED
        if (mine := getattr(book, name)) != (told := getattr(venue, name))
    )


def match_rate_bps(matches: Iterable[Match]) -> int | None:
    """Return matches ÷ (matches + mismatches + book-only + venue-only) in basis points; None when there is nothing."""
    counted = [match.verdict for match in matches if match.verdict != "VENUE_INITIATED"]
    return counted.count("MATCH") * 10_000 // len(counted) if counted else None


def _is_tolerated(name: str, book: object, venue: object) -> bool:
    if name == "price":
        assert isinstance(book, Decimal)
        assert isinstance(venue, Decimal)
        return abs(book - venue) <= PRICE_TOLERANCE
    if name in MONEY:
        assert isinstance(book, int)
        assert isinstance(venue, int)
        return abs(book - venue) <= MONEY_TOLERANCE_UNITS
    return False
