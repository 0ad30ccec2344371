"""How does a deal of the venue get into the book? Once, with its fill and its position, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from django.db import transaction
from django.db.models import F, Sum

from approvals.operations import audit
from crs.kernel.refusal import Refusal
from execution import queries
from execution.models import AccountHistory, Fill, Order, Position
from execution.rules.facts import LOT_DECIMALS
from execution.rules.orders import FOREIGN, SIDES
from execution.rules.wire import VENUE_REASONS
from ledger import queries as ledger_queries
from ledger.operations import venue as book_of_venue
from ledger.rules.venue_recipes import VenueDeal

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from guardian.adapters.gateway_records import Deal, History

log = logging.getLogger(__name__)


class SymbolNotMapped(Refusal):
    """An execution in a symbol that the account's symbol map does not know: its size in base units is not known."""

    code: ClassVar[str] = "SYMBOL_NOT_MAPPED"
    title: ClassVar[str] = "The symbol is not in the account's symbol map"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a deal is: the strategy and the person that answer for it."""

    strategy: str
    responsible: str


NOBODY = Owner(FOREIGN, FOREIGN)


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a history brought: deals booked now, how many of them the venue did by itself, and those left alone.

    `unclaimed` deals carry our magic number and belong to no order of ours, or the book refuses them: nobody books
    them, reconciliation shows them.
    """

    booked: int
    venue_initiated: int
    unclaimed: tuple[str, ...]


def book(deal: Deal, *, account: Account, order: Order | None, actor: Actor, at: datetime) -> bool:
    """Book a deal and return whether it is new; the same deal again changes nothing.

    Its journals, its fill and the position it moves commit together. A deal without an order of ours belongs to whom
    its position belongs, otherwise it is FOREIGN. Must run inside `queries.lock_account`'s transaction.
    """
    assert transaction.get_connection().in_atomic_block, "a deal is booked inside the caller's transaction"
    if deal.type not in SIDES:
        return book_of_venue.book_deal(told(deal, account), account_id=account.id, actor=actor).is_new
    if Fill.objects.filter(account=account, deal=str(deal.deal)).exists():
        return False
    position = Position.objects.filter(account=account, position_id=str(deal.position_id)).first()
    owned = order or position
    owner = Owner(owned.strategy, owned.responsible) if owned else NOBODY
    posted = book_of_venue.book_deal(told(deal, account), account_id=account.id, actor=actor, foreign=owner is NOBODY)
    Fill.objects.create(
        desk_id=account.desk_id,
        account=account,
        strategy=owner.strategy,
        responsible=owner.responsible,
        symbol=deal.symbol,
        side=deal.type,
        quantity=deal.volume,
        order=order,
        journal_id=posted.id,
        deal=str(deal.deal),
        venue_order=str(deal.order),
        position_id=str(deal.position_id),
        entry=deal.entry,
        reason=deal.reason,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        fee=deal.fee,
        swap=deal.swap,
        magic=deal.magic,
        occurred_at=deal.venue_at,
        booked_at=at,
    )
    _move_position(deal, account, owner)
    if order is None:
        _say_what_the_venue_did(deal, account, owner, actor=actor, at=at)
    return True


def try_to_book(deal: Deal, *, account: Account, order: Order | None, actor: Actor, at: datetime) -> bool | None:
    """Do what `book` does, and return None for a deal that the book refuses: one of them must not hold up the others.

    Such a deal closes what the book never opened, or is of a kind that no recipe knows: reconciliation shows it as
    VENUE_ONLY until people have looked at it.
    """
    try:
        with transaction.atomic():
            return book(deal, account=account, order=order, actor=actor, at=at)
    except Refusal as refusal:
        log.warning("deal %s of %s is not booked: %s %s", deal.deal, account.code, refusal.code, refusal.detail)
        return None


@transaction.atomic
def adopt(history: History, *, account: Account, actor: Actor, at: datetime) -> Adopted:
    """Book what the venue's history has and our book does not: missed fills, stops and targets, cash, trades of others.

    Orders are known by their idempotency key, so that a deal whose answer was lost finds its order; one that rested is
    known by the venue's number, since a history names the orders that were placed in its window. A deal with our magic
    number, but neither an order nor a position of ours, is not ours to invent an order for: it is left unclaimed.
    Read the history from `queries.history_start` on: the next reading begins where this one ended, without a gap.
    """
    queries.lock_account(account.id)
    keys = {row.order: row.idempotency_key for row in history.orders if row.idempotency_key}
    orders = {str(order.client_order_id): order for order in queries.orders_by_key(list(keys.values()))}
    numbers = {str(deal.order) for deal in history.deals if deal.type in SIDES}
    rested = {order.venue_order: order for order in queries.orders_by_venue_order(account.id, numbers)}
    ours = queries.magic_numbers(account.id)
    known = queries.booked_deals(account.id, [str(deal.deal) for deal in history.deals])
    booked, initiated, unclaimed, touched = 0, 0, [], set()
    for deal in sorted(history.deals, key=lambda row: row.deal):
        if str(deal.deal) in known:
            continue
        order = orders.get(keys.get(deal.order) or "") or rested.get(str(deal.order))
        if order is None and _is_unclaimed(deal, account, ours):
            unclaimed.append(str(deal.deal))
            continue
        is_new = try_to_book(deal, account=account, order=order, actor=actor, at=at)
        if is_new is None:
            unclaimed.append(str(deal.deal))
        elif is_new:
            booked += 1
            initiated += deal.type in SIDES and order is None
            if order is not None:
                touched.add(order.id)
    for order_id in sorted(touched):
        count_fills(order_id)
    AccountHistory.objects.update_or_create(
        account=account, defaults={"complete_through": history.complete_through, "adopted_at": at}
    )
    return Adopted(booked, initiated, tuple(unclaimed))


def count_fills(order_id: int, *, unbooked: int = 0) -> int:
    """Set an order's `filled` to the sum of its fills, and of lots that the book refused; return it."""
    filled = int(Fill.objects.filter(order_id=order_id).aggregate(lots=Sum("quantity"))["lots"] or 0) + unbooked
    Order.objects.filter(id=order_id, filled__lt=filled).update(filled=filled)
    return filled


def _is_unclaimed(deal: Deal, account: Account, ours: set[int]) -> bool:
    if deal.type in SIDES and queries.symbol_row(account.id, deal.symbol) is None:
        return True
    return (
        deal.type in SIDES
        and deal.magic in ours
        and deal.reason not in VENUE_REASONS
        and not Position.objects.filter(account=account, position_id=str(deal.position_id)).exists()
    )


def _move_position(deal: Deal, account: Account, owner: Owner) -> None:
    lots = deal.volume if deal.type == "BUY" else -deal.volume
    row, is_new = Position.objects.get_or_create(
        account=account,
        position_id=str(deal.position_id),
        defaults={
            "symbol": deal.symbol,
            "strategy": owner.strategy,
            "responsible": owner.responsible,
            "magic": deal.magic,
            "lots": lots,
            "opened_at": deal.venue_at,
        },
    )
    if not is_new:
        Position.objects.filter(id=row.id).update(lots=F("lots") + lots)


def told(deal: Deal, account: Account) -> VenueDeal:
    """Return the deal as the recipes of the book take it: lots become base units of the symbol's base asset.

    Raises `SymbolNotMapped` for an execution in a symbol that the account's symbol map does not know.
    """
    base_asset, volume = "", 0
    if deal.type in SIDES:
        symbol = queries.symbol_row(account.id, deal.symbol)
        if symbol is None:
            raise SymbolNotMapped(f"{deal.symbol} is not in the symbol map of {account.code}", symbol=deal.symbol)
        base_asset = symbol.base_asset
        units = Fraction(deal.volume, 10**LOT_DECIMALS) * Fraction(symbol.contract_size)
        units *= 10 ** ledger_queries.money_asset(base_asset).decimals
        assert units.denominator == 1, f"deal {deal.deal}: its volume is no whole number of base units of {base_asset}"
        volume = units.numerator
    return VenueDeal(
        deal=deal.deal,
        order=deal.order,
        position_id=deal.position_id,
        entry=deal.entry,  # type: ignore[arg-type]  # an entry that no recipe knows is refused by the recipe
        type=deal.type,
        reason=deal.reason,
        symbol=deal.symbol,
        base_asset=base_asset,
        volume=volume,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        fee=deal.fee,
        swap=deal.swap,
        notional=deal.notional,
        magic=deal.magic,
        occurred_at=deal.venue_at,
    )


def _say_what_the_venue_did(deal: Deal, account: Account, owner: Owner, *, actor: Actor, at: datetime) -> None:
    audit.record(
        action="execution.fill.foreign_booked" if owner is NOBODY else "execution.fill.venue_initiated",
        actor=actor,
        subject_kind="execution.fill",
        subject_id=f"{account.code}:{deal.deal}",
        at=at,
        desk_id=account.desk_id,
        reason=deal.reason,
        after={"symbol": deal.symbol, "position_id": str(deal.position_id), "strategy": owner.strategy},
    )
