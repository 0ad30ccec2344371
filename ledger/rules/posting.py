"""What makes a journal a journal, before any database is asked?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from crs.kernel.moments import EARLIEST, LATEST, is_plausible
from crs.kernel.money import UNITS_MAX
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from datetime import datetime

LEGS_MAX = 1000  # a journal is one decision; more legs than this are a batch of journals
KEY_LENGTH_MAX = 120
MEMO_LENGTH_MAX = 4000


class Malformed(Refusal):
    """The journal has no key, too few or too many legs, a leg of nothing, or lists of different lengths."""

    code: ClassVar[str] = "MALFORMED_JOURNAL"
    title: ClassVar[str] = "This is no journal"


class Unbalanced(Refusal):
    """The legs do not sum to zero in every asset; facts: `asset` (id) and `sum` (units)."""

    code: ClassVar[str] = "UNBALANCED"
    title: ClassVar[str] = "The journal does not balance"


class NotClosed(Refusal):
    """A journal has other legs than it says: fewer, none, or one too late."""

    code: ClassVar[str] = "NOT_CLOSED"
    title: ClassVar[str] = "The journal does not have the legs it says"


class KeyReused(Refusal):
    """The key stands in this book with other content; facts: `journal` (id of the first)."""

    code: ClassVar[str] = "KEY_REUSED"
    title: ClassVar[str] = "The key came before with other content"


class UnknownAccount(Refusal):
    """There is no such ledger account in this book, or no such venue account on this desk and in this book."""

    code: ClassVar[str] = "UNKNOWN_ACCOUNT"
    title: ClassVar[str] = "There is no such account in this book"


class UnknownAsset(Refusal):
    """There is no such asset."""

    code: ClassVar[str] = "UNKNOWN_ASSET"
    title: ClassVar[str] = "There is no such asset"


class DeskMismatch(Refusal):
    """A leg stands on a ledger account of another desk."""

    code: ClassVar[str] = "DESK_MISMATCH"
    title: ClassVar[str] = "The account belongs to another desk"


class NotAReversal(Refusal):
    """A reversal does not undo its journal leg by leg, or the journal is reversed already."""

    code: ClassVar[str] = "NOT_A_REVERSAL"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The journal cannot be reversed like this"


class InexactUnits(Refusal):
    """Units that are no whole number reached the book."""

    code: ClassVar[str] = "INEXACT_UNITS"
    title: ClassVar[str] = "Base units are whole numbers"


class BalanceOverflow(Refusal):
    """A leg would bring the balance of its account beyond 78 digits of base units."""

    code: ClassVar[str] = "BALANCE_OVERFLOW"
    title: ClassVar[str] = "No balance can be that large"


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal to be posted: ids and base units in three tuples of one length, one place per leg.

    `desk` and `account` are ids of the Desk and the venue Account it counts for; `accounts` are ids of ledger accounts.
    Positive units are debits. No object per leg: posting is the hottest path of the product.
    """

    key: str
    desk: int
    account: int
    kind: str
    book: str
    occurred_at: datetime
    memo: str
    accounts: tuple[int, ...]
    assets: tuple[int, ...]
    units: tuple[int, ...]
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The journal that now stands for an entry; `is_new` is False when its key and content came before."""

    id: int
    is_new: bool


def refuse_malformed(entry: Entry) -> None:
    """Raise `Malformed` or `Unbalanced` for what no book could hold; everything else needs the database."""
    count = len(entry.units)
    if count != len(entry.accounts) or count != len(entry.assets):
        raise Malformed("every leg has an account, an asset and units")
    if not 2 <= count <= LEGS_MAX:
        raise Malformed(f"a journal has 2 to {LEGS_MAX} legs, not {count}", legs=count)
    if not 0 < len(entry.key) <= KEY_LENGTH_MAX or "\0" in entry.key:
        raise Malformed(f"a key has 1 to {KEY_LENGTH_MAX} characters", pointer="/key")
    if len(entry.memo) > MEMO_LENGTH_MAX or "\0" in entry.memo:
        raise Malformed(f"a memo has at most {MEMO_LENGTH_MAX} characters", pointer="/memo")
    assert entry.occurred_at.tzinfo is not None, "moments are aware"
    if not is_plausible(entry.occurred_at):
        raise Malformed(f"a journal happened between {EARLIEST.year} and {LATEST.year - 1}", pointer="/occurred_at")

    sums: dict[int, int] = {}
    for leg, (asset, units) in enumerate(zip(entry.assets, entry.units, strict=True)):
        assert type(units) is int, "base units are int"
        if not 0 < abs(units) <= UNITS_MAX:
            raise Malformed("a leg moves something, of at most 78 digits", pointer=f"/postings/{leg}/amount")
        sums[asset] = sums.get(asset, 0) + units
    for asset, total in sums.items():
        if total:
            raise Unbalanced(f"the legs in asset {asset} sum to {total} base units", asset=asset, sum=str(total))


def reversal_key(journal_id: int) -> str:
    """Return the key of the one reversal that a journal can have."""
    return f"reversal:{journal_id}"


def reversed_units(units: tuple[int, ...]) -> tuple[int, ...]:
    """Return the legs that undo `units`."""
    return tuple(-unit for unit in units)
