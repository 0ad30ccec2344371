"""What is an amount, and which way does a division round?

Money is a whole number of base units: `int` here, `BaseUnitsField` (NUMERIC(78, 0)) in the database, a decimal string
on the wire. A float never gets in, and nothing is rounded without a name that says how.
"""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final, Self

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS_MAX = 10**78 - 1  # NUMERIC(78, 0); above 2**256 - 1, so that every uint256 fits
BPS = 10_000
CASH_DECIMALS: Final = 6  # of every account currency in the book
LOT_DECIMALS: Final = 8  # of a volume

# 96 digits hold the product of two uint256 shares; anything that would round, and any float, raises instead.
EXACT = decimal.Context(
    prec=96, Emin=-999, Emax=999, traps=[decimal.Inexact, decimal.FloatOperation, decimal.InvalidOperation]
)

DECIMAL_TEXT = re.compile(r"-?(0|[1-9][0-9]{0,77})(\.[0-9]{1,77})?")


class InexactAmount(Refusal):
    """The text is no decimal number that the asset can hold without rounding."""

    code: ClassVar[str] = "INEXACT_AMOUNT"
    title: ClassVar[str] = "The amount cannot be held exactly"


class AssetMismatch(Refusal):
    """Two amounts of different assets were added or compared."""

    code: ClassVar[str] = "ASSET_MISMATCH"
    title: ClassVar[str] = "Amounts of different assets do not add"


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing that is counted: its code and how many decimals one whole unit has."""

    code: str
    decimals: int

    def __post_init__(self) -> None:
        assert 0 <= self.decimals <= 77

    def units(self, text: str) -> int:
        """Return the base units of a decimal text such as "120.00".

        Raises `InexactAmount` for anything but plain digits, and when the text has more decimals than the asset.
        """
        return units_of(text, self.decimals, asset=self.code)

    def text(self, units: int) -> str:
        """Return base units as an exact decimal text, all decimals written: the wire form."""
        return text_of(units, self.decimals)


@dataclass(frozen=True, slots=True, order=False)
class Amount:
    """Base units of one asset; positive is a debit. Only amounts of one asset add."""

    asset: Asset
    units: int

    def __post_init__(self) -> None:
        assert type(self.units) is int, "base units are int"
        assert -UNITS_MAX <= self.units <= UNITS_MAX

    def __add__(self, other: Self) -> Amount:
        self._refuse_other_asset(other)
        return Amount(self.asset, self.units + other.units)

    def __sub__(self, other: Self) -> Amount:
        self._refuse_other_asset(other)
        return Amount(self.asset, self.units - other.units)

    def __neg__(self) -> Amount:
        return Amount(self.asset, -self.units)

    def __str__(self) -> str:
        return f"{self.asset.text(self.units)} {self.asset.code}"

    def _refuse_other_asset(self, other: Amount) -> None:
        if self.asset != other.asset:
            raise AssetMismatch(left=self.asset.code, right=other.asset.code)


@dataclass(frozen=True, slots=True)
class Price:
    """An exact ratio: `numerator` base units of the quote asset for `denominator` base units of the base asset."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        assert self.denominator > 0

    @classmethod
    def quoted(cls, price: Decimal, *, base: Asset, quote: Asset) -> Price:
        """Return a venue's price ("quote per whole base") as an exact ratio of base units."""
        numerator, denominator = price.as_integer_ratio()
        return cls(numerator * 10**quote.decimals, denominator * 10**base.decimals)

    def worth_floor(self, units: int) -> int:
        """Return the quote units of `units`, rounded down (towards minus infinity)."""
        return share_floor(units, numerator=self.numerator, denominator=self.denominator)

    def worth_half_up(self, units: int) -> int:
        """Return the quote units of `units`, rounded to the nearest, halves away from zero: how venues round money."""
        return share_half_up(units, numerator=self.numerator, denominator=self.denominator)

    def __lt__(self, other: Price) -> bool:
        # Cross-multiplied: integers compare exactly and nothing is rounded.
        return self.numerator * other.denominator < other.numerator * self.denominator


def units_of(text: str, decimals: int, *, asset: str = "") -> int:
    """Return the base units of a plain decimal text. Raises `InexactAmount` rather than rounding."""
    if not isinstance(text, str) or not DECIMAL_TEXT.fullmatch(text):
        raise InexactAmount('an amount is a decimal text such as "120.00"', asset=asset, text=str(text)[:100])
    whole, _, fraction = text.partition(".")
    if len(fraction) > decimals and fraction[decimals:].strip("0"):
        raise InexactAmount(f"{asset or 'the asset'} has {decimals} decimals", asset=asset, text=text[:100])
    units = int(whole + fraction[:decimals].ljust(decimals, "0"))
    if abs(units) > UNITS_MAX:
        raise InexactAmount("the amount has more than 78 digits", asset=asset, text=text[:100])
    return units


def text_of(units: int, decimals: int) -> str:
    """Return base units as a decimal text with all `decimals` written, such as "-0.50"."""
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(decimals + 1, "0")
    return f"{sign}{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}" if decimals else sign + digits


def share_floor(units: int, *, numerator: int, denominator: int) -> int:
    """Return `units × numerator ÷ denominator`, rounded towards minus infinity; the giver keeps the remainder."""
    assert denominator > 0
    return units * numerator // denominator


def share_ceil(units: int, *, numerator: int, denominator: int) -> int:
    """Return `units × numerator ÷ denominator`, rounded towards plus infinity."""
    assert denominator > 0
    return -(-units * numerator // denominator)


def share_half_up(units: int, *, numerator: int, denominator: int) -> int:
    """Return `units × numerator ÷ denominator`, rounded to the nearest, halves away from zero."""
    assert denominator > 0
    product = units * numerator
    magnitude = (2 * abs(product) + denominator) // (2 * denominator)
    return -magnitude if product < 0 else magnitude


def apportion(units: int, weights: Sequence[int]) -> list[int]:
    """Split `units` by `weights` so that the parts sum to the whole: largest remainder first, ties by position.

    Source: Hare-Niemeyer (largest remainder) method.
    """
    total = sum(weights)
    assert total > 0, "at least one weight is positive"
    assert all(weight >= 0 for weight in weights), "weights are not negative"
    parts = [units * weight // total for weight in weights]
    left = units - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(units * weights[i] % total), i))
    for i in by_remainder[:left]:
        parts[i] += 1
    return parts
