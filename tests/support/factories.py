"""What does a test need before its story begins? Rows made by the same operations that production calls."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from approvals.models import Account, Book, Desk, VenueKind
from approvals.operations import desks
from ledger import queries
from ledger.operations import accounts
from ledger.rules.posting import Entry
from tests.support.cast import ALICE

if TYPE_CHECKING:
    from crs.kernel.actor import Actor
    from ledger.rules.chart import Chart

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_numbers = count(1)


def make_desk(*, code: str = "", actor: Actor = ALICE, at: datetime = NOON) -> Desk:
    """Open a desk with its house accounts; without a code it gets one that no other test has."""
    return desks.open_desk(code=code or f"DESK-{next(_numbers)}", name="A desk", actor=actor, at=at)


def make_account(
    *, desk: Desk | None = None, code: str = "", book: Book = Book.PAPER, currency: str = "USD", at: datetime = NOON
) -> Account:
    """Open a venue account at the paper venue, on a new desk unless one is given."""
    number = next(_numbers)
    venue = desks.open_venue(code="PAPER", name="Paper gateway", kind=VenueKind.PAPER, actor=ALICE, at=at)
    return desks.open_account(
        desk=desk or make_desk(),
        venue=venue,
        code=code or f"PAPER-{number}",
        book=book,
        login=str(700_000 + number),
        server="paper",
        currency=currency,
        actor=ALICE,
        at=at,
    )


def make_chart(*, account: Account | None = None, at: datetime = NOON) -> Chart:
    """Open the ledger accounts of a venue account, on a new one unless one is given."""
    return accounts.open_chart(account or make_account(at=at), actor=ALICE, at=at)


def make_entry(chart: Chart, legs: list[tuple[int, str, int]], **changes: object) -> Entry:
    """Return a journal of `legs` (ledger account, asset code, units); its key is new unless one is given."""
    told: dict[str, Any] = {
        "key": f"entry-{next(_numbers)}",
        "desk": chart.desk_id,
        "account": chart.account_id,
        "kind": "ADJUSTMENT",
        "book": chart.book,
        "occurred_at": NOON,
        "memo": "",
        "accounts": tuple(leg[0] for leg in legs),
        "assets": tuple(queries.asset(leg[1]).id for leg in legs),
        "units": tuple(leg[2] for leg in legs),
    }
    return Entry(**{**told, **changes})
