"""Does the book agree with a venue's statement? The statement is handed in: the ledger never fetches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from approvals.models import Account
from approvals.operations import audit
from ledger import queries
from ledger.models import Break, Reconciliation
from ledger.rules import matching

if TYPE_CHECKING:
    from datetime import datetime

    from crs.kernel.actor import Actor
    from ledger.rules.matching import Match, Statement

CASH_DEAL = 0  # a venue's deals count from 1: 0 is the account's cash


@dataclass(frozen=True, slots=True)
class Outcome:
    """The comparison, its verdict on each deal, and how many breaks are open on the account now."""

    reconciliation: Reconciliation
    matches: tuple[Match, ...]
    open_breaks: int


@transaction.atomic
def reconcile(*, account: Account, statement: Statement, at: datetime, actor: Actor) -> Outcome:
    """Compare the book with a venue's statement, keep the result, open a break per difference and close settled ones.

    Only deals that the statement covers are compared: from its `since` until `complete_through`. Cash is compared with
    the statement's balance to the unit, so call it while no deal is under way. Nothing is booked here.
    """
    Account.objects.select_for_update(no_key=True).get(id=account.id)  # book_deal takes the same turn
    book = queries.booked_deals(account.id, since=statement.since, until=statement.complete_through)
    matches = matching.match(book=book, venue=statement.deals)
    cash = queries.venue_cash(account.id)
    counts: dict[str, int] = {name: sum(match.verdict == name for match in matches) for name in matching.CLASSES}
    unbooked = [deal.deal for deal in statement.deals if deal.deal not in {known.deal for known in book}]
    is_ok = (
        counts["MISMATCH"] == counts["BOOK_ONLY"] == counts["VENUE_ONLY"] == 0
        and cash == statement.balance
        and not unbooked
    )
    reconciliation = Reconciliation.objects.create(
        account=account,
        at=at,
        since=statement.since,
        complete_through=statement.complete_through,
        matched=counts["MATCH"],
        mismatched=counts["MISMATCH"],
        book_only=counts["BOOK_ONLY"],
        venue_only=counts["VENUE_ONLY"],
        venue_initiated=counts["VENUE_INITIATED"],
        cash_book=cash,
        cash_venue=statement.balance,
        is_ok=is_ok,
    )
    found = _differences(matches, cash=cash, statement=statement)
    open_breaks = _keep(found, account=account, at=at)
    audit.record(
        action="ledger.account.reconciled",
        actor=actor,
        subject_kind="approvals.account",
        subject_id=account.code,
        at=at,
        desk_id=account.desk_id,
        after={**counts, "cash_book": str(cash), "cash_venue": str(statement.balance), "ok": is_ok},
    )
    return Outcome(reconciliation, tuple(matches), open_breaks)


def _differences(matches: list[Match], *, cash: int, statement: Statement) -> dict[tuple[int, str], Break]:
    """Return what a break would say, by deal and field; a venue's own deal is none, it is only to be booked."""
    found: dict[tuple[int, str], Break] = {}
    for match in matches:
        if match.verdict == "MISMATCH":
            for difference in match.differences:
                found[match.deal, difference.field] = Break(
                    verdict=match.verdict,
                    deal=match.deal,
                    field=difference.field,
                    book=difference.book[:160],
                    venue=difference.venue[:160],
                    is_tolerated=difference.is_tolerated,
                )
        elif match.verdict in ("BOOK_ONLY", "VENUE_ONLY"):
            sides = {"book": match.symbol} if match.verdict == "BOOK_ONLY" else {"venue": match.symbol}
            found[match.deal, "deal"] = Break(verdict=match.verdict, deal=match.deal, field="deal", **sides)
    if cash != statement.balance:
        found[CASH_DEAL, "cash"] = Break(
            verdict="CASH", deal=CASH_DEAL, field="cash", book=str(cash), venue=str(statement.balance)
        )
    return found


def _keep(found: dict[tuple[int, str], Break], *, account: Account, at: datetime) -> int:
    """Open what is new, close what is settled, and return how many are open."""
    known = {(row.deal, row.field): row for row in Break.objects.filter(account=account, closed_at=None)}
    for place, row in known.items():
        if place not in found:
            row.closed_at = at
            row.save(update_fields=["closed_at"])
    for place, row in found.items():
        if place not in known:
            row.account, row.opened_at = account, at
            row.save()
    return len(found)
