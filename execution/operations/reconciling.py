"""Do book and venue agree? What the venue did is booked first, then deals, cash and positions are compared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from approvals import queries as approvals_queries
from crs.kernel.refusal import Refusal
from crs.kernel.stopwatch import Stopwatch
from execution import queries
from execution.operations import booking
from guardian.adapters.gateway_mt5.answers import AccountMismatch
from guardian.adapters.gateway_mt5.blocking import reading
from ledger import queries as ledger_queries
from ledger.operations import reconciliation
from ledger.rules.matching import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from guardian.adapters.gateway_mt5.blocking import BlockingWire

LOOKS: Final = 10
LOOK_AGAIN_MS: Final = 200


class UnknownVenue(Refusal):
    """There is no such venue: nothing was compared, which is no agreement."""

    code: ClassVar[str] = "UNKNOWN_VENUE"
    title: ClassVar[str] = "There is no such venue"


@dataclass(frozen=True, slots=True)
class Compared:
    """One account's comparison: counts by class, open breaks, and the difference of positions; or why there is none."""

    account: str
    matched: int = 0
    mismatched: int = 0
    book_only: int = 0
    venue_only: int = 0
    venue_initiated: int = 0
    open_breaks: int = 0
    positions_differ: int = 0
    error: str = ""
    is_ok: bool = False


def reconcile_venue(venue: str | None, *, actor: Actor, at: datetime) -> list[Compared]:
    """Compare every account of a venue (of all venues without one) with our book, also those that are closed.

    A gateway that does not answer is a finding, not a match; only a closed account that its gateway has forgotten is
    left out. Raises `UnknownVenue`, and `GatewayUnreachable` when there is no gateway.
    """
    accounts = queries.served_accounts()
    gateway = queries.gateway_id()
    if accounts.exists() and not accounts.filter(venue__code__iexact=gateway).exists():
        served = ", ".join(accounts.order_by("venue__code").values_list("venue__code", flat=True).distinct())
        raise UnknownVenue(f"GATEWAY_ID is {gateway}, and no account is at a venue of that name (there is {served})")
    if venue is not None:
        if not approvals_queries.venues().filter(code__iexact=venue).exists():
            raise UnknownVenue(f"there is no venue {venue[:48]}")
        accounts = accounts.filter(venue__code__iexact=venue)
    watch = Stopwatch(at)
    compared = []
    with reading() as wire:
        for account in accounts:
            try:
                compared.append(reconcile_account(account, wire=wire, actor=actor, at=watch.at))
            except AccountMismatch as refusal:
                if account.closed_at is None:
                    compared.append(Compared(account.code, error=f"{refusal.code}: {refusal.detail}"))
            except Refusal as refusal:
                compared.append(Compared(account.code, error=f"{refusal.code}: {refusal.detail}"))
    return compared


def reconcile_account(account: Account, *, wire: BlockingWire, actor: Actor, at: datetime) -> Compared:
    """Book what the venue's history has and ours has not, then compare the whole history, the cash and the positions.

    While somebody trades, an order's deals may be at the venue and its answer still on the way: a difference is looked
    at again for two seconds before it is believed.
    """
    watch = Stopwatch(at)
    statement, held = _statement(account, wire=wire, actor=actor, at=at)
    for _ in range(LOOKS):
        ours = {row.position_id: row.lots for row in queries.open_positions(account.id)}
        if ours == held and ledger_queries.venue_cash(account.id) == statement.balance:
            break
        time.sleep(LOOK_AGAIN_MS / 1000)
        statement, held = _statement(account, wire=wire, actor=actor, at=watch.at)
    ours = {row.position_id: row.lots for row in queries.open_positions(account.id)}
    differ = sum(ours.get(name) != held.get(name) for name in ours.keys() | held.keys())
    outcome = reconciliation.reconcile(account=account, statement=statement, at=watch.at, actor=actor)
    row = outcome.reconciliation
    return Compared(
        account=account.code,
        matched=row.matched,
        mismatched=row.mismatched,
        book_only=row.book_only,
        venue_only=row.venue_only,
        venue_initiated=row.venue_initiated,
        open_breaks=outcome.open_breaks,
        positions_differ=differ,
        is_ok=row.is_ok and not outcome.open_breaks and not differ,
    )


def _statement(account: Account, *, wire: BlockingWire, actor: Actor, at: datetime) -> tuple[Statement, dict[str, int]]:
    """Return what the venue says of an account now, and its signed positions; what was missing is booked first."""
    history = wire.history(account.login, start=queries.EVER, end=queries.NEVER)
    booking.adopt(history, account=account, actor=actor, at=at)
    figures = wire.account(account.login)
    held = {
        str(row.position_id): row.volume * (1 if row.type == "BUY" else -1) for row in wire.positions(account.login)
    }
    statement = Statement(
        deals=[booking.told(deal, account) for deal in history.deals],
        balance=figures.balance,
        since=None,
        complete_through=history.complete_through,
        equity=figures.equity,
    )
    return statement, held
