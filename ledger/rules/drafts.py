"""How does somebody outside write a journal, and what may he not write by hand?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from datetime import datetime

# Kinds that may be posted by hand; a reversal has its own way.
KINDS = ("TRADE", "COMMISSION", "SWAP_FEE", "TRANSFER", "FUNDING", "ADJUSTMENT")
# What stands here comes from the venue's own record, or cash would not be the venue's balance any more.
VENUE_TYPES = frozenset({"VENUE", "CONVERSION"})
BATCH_MAX = 1000


class VenueAccount(Refusal):
    """VENUE and CONVERSION accounts are posted from the venue's record alone, never by hand."""

    code: ClassVar[str] = "VENUE_ACCOUNT"
    title: ClassVar[str] = "This account is posted from the venue's record only"


class BatchTooLarge(Refusal):
    """A batch has 1 to 1000 journals."""

    code: ClassVar[str] = "BATCH_TOO_LARGE"
    title: ClassVar[str] = "The batch has too many journals, or none"


@dataclass(frozen=True, slots=True)
class DraftLeg:
    """One leg in the words of the outside: codes, and the amount as decimal text."""

    account: str
    asset: str
    amount: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A journal in the words of the outside; `desk` and `venue_account` default to those of the first leg."""

    key: str
    kind: str
    book: str
    occurred_at: datetime
    memo: str
    legs: tuple[DraftLeg, ...]
    desk: str = ""
    venue_account: str = ""


def refuse_batch_size(count: int) -> None:
    """Raise `BatchTooLarge` unless a batch has 1 to 1000 journals."""
    if not 1 <= count <= BATCH_MAX:
        raise BatchTooLarge(f"a batch has 1 to {BATCH_MAX} journals, not {count}", pointer="/journals")


def refuse_venue_account(*, type_: str, code: str, pointer: str) -> None:
    """Raise `VenueAccount` for a ledger account that only the venue's record may move."""
    if type_ in VENUE_TYPES:
        raise VenueAccount(f"{code} is posted from the venue's record only", pointer=pointer, account=code)
