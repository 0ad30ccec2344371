"""How does a venue's deal get into the book? By its recipe, once, and in the venue's order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from approvals.models import Account
from crs.kernel.refusal import Refusal
from ledger import queries
from ledger.models import Deal
from ledger.operations import posting
from ledger.rules import venue_recipes as rules
from ledger.rules.posting import Entry, KeyReused, Malformed, Posted

if TYPE_CHECKING:
    from crs.kernel.actor import Actor
    from ledger.rules.chart import Chart
    from ledger.rules.venue_recipes import Recipe, VenueDeal


@transaction.atomic
def book_deal(deal: VenueDeal, *, account_id: int, actor: Actor, foreign: bool = False) -> Posted:
    """Book one deal of a venue account: its journal, those of its commission and swap, and its row, all or none.

    A deal that is in the book already returns its journal with `is_new=False`. `foreign` books a trade that is not ours
    to FOREIGN. Raises `UnknownDealType`, `DealOutOfOrder` when it closes what the book has not opened, `Malformed` when
    it moves nothing, and `KeyReused` when the same deal id came before with other content.

    1. Take turns on the account: positions are folds of earlier deals.
    2. Answer a deal that is there already.
    3. Post the journals of its recipe.
    4. Keep its row.
    """
    account = Account.objects.select_for_update(no_key=True).get(id=account_id)
    known = Deal.objects.select_related("base_asset").filter(account=account, deal=deal.deal).first()
    if known is not None:
        if replace(known.told(), price=deal.price) != deal or known.price != deal.price:
            raise KeyReused(
                f"deal {deal.deal} of {account.code} came before with other content", journal=known.journal_id
            )
        return Posted(known.journal_id, is_new=False)

    chart = queries.chart(account_id)
    position = queries.position(account_id, deal.position_id) or rules.flat(deal)
    recipes = rules.journals(
        deal,
        chart=chart,
        position=position,
        currency_decimals=queries.asset(chart.currency).decimals,
        foreign=foreign,
    )
    if not recipes:
        raise Malformed(f"deal {deal.deal} moves nothing", deal=deal.deal)
    posted = posting.post_many([_entry(deal, recipe, chart) for recipe in recipes], actor=actor)
    first = posted[0]
    assert not isinstance(first, Refusal), "an atomic batch raises its refusals"
    Deal.objects.create(
        account=account,
        deal=deal.deal,
        order=deal.order,
        position_id=deal.position_id,
        entry=deal.entry,
        type=deal.type,
        reason=deal.reason,
        symbol=deal.symbol,
        base_asset=queries.asset(deal.base_asset) if deal.base_asset else None,
        volume=deal.volume,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        fee=deal.fee,
        swap=deal.swap,
        notional=deal.notional,
        magic=deal.magic,
        is_foreign=foreign,
        occurred_at=deal.occurred_at,
        journal_id=first.id,
    )
    return first


def _entry(deal: VenueDeal, recipe: Recipe, chart: Chart) -> Entry:
    key = f"deal:{chart.account_code}:{deal.deal}"
    what = f"{deal.type} {deal.symbol} at {deal.price}" if deal.symbol else deal.type
    return Entry(
        key=f"{key}:{recipe.part}" if recipe.part else key,
        desk=chart.desk_id,
        account=chart.account_id,
        kind=recipe.kind,
        book=chart.book,
        occurred_at=deal.occurred_at,
        memo=f"{what} ({deal.entry}, {deal.reason}, deal {deal.deal}, order {deal.order}, position {deal.position_id})",
        accounts=tuple(leg[0] for leg in recipe.legs),
        assets=tuple(queries.asset(leg[1]).id for leg in recipe.legs),
        units=tuple(leg[2] for leg in recipe.legs),
    )
