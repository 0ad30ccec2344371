"""How is a venue account valued? On liquidation marks that are handed in: the ledger never fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from approvals.operations import audit
from ledger import queries
from ledger.models import NavMark
from ledger.rules import valuation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from crs.kernel.actor import Actor
    from ledger.rules.valuation import Mark


@transaction.atomic
def strike(
    *,
    account_id: int,
    marks: Mapping[str, Mark],
    at: datetime,
    venue_at: datetime,
    actor: Actor,
    swap_accrued: int = 0,
) -> NavMark:
    """Value a venue account now and keep the mark.

    `marks` is symbol → bid and ask; `swap_accrued` is what the venue shows as not yet charged, in base units of the
    account currency. Raises `MarkMissing` (NO_DATA) when an open position has no mark: a missing price gives no NAV.
    """
    chart = queries.chart(account_id)
    currency = queries.asset(chart.currency)
    positions = queries.open_positions(account_id)
    assets = {position.base_asset: queries.money_asset(position.base_asset) for position in positions}
    values = valuation.values(positions, marks=marks, assets=assets, currency=currency.money)
    cash, flows = queries.venue_cash(account_id), queries.flows(account_id)
    unrealised = sum(value.unrealised for value in values)
    used = {position.symbol: marks[position.symbol] for position in positions}
    mark = NavMark.objects.create(
        account_id=account_id,
        currency=currency,
        at=at,
        venue_at=venue_at,
        cash=cash,
        unrealised=unrealised,
        swap_accrued=swap_accrued,
        nav=cash + unrealised + swap_accrued,
        flows=flows,
        positions=len(positions),
        marks={
            symbol: {"bid": str(quote.bid), "ask": str(quote.ask), "at": quote.at.isoformat()}
            for symbol, quote in used.items()
        },
    )
    audit.record(
        action="ledger.nav.struck",
        actor=actor,
        subject_kind="ledger.navmark",
        subject_id=mark.id,
        at=at,
        desk_id=chart.desk_id,
        after={
            "account": chart.account_code,
            "currency": chart.currency,
            "cash": str(cash),
            "unrealised": str(unrealised),
            "swap_accrued": str(swap_accrued),
            "nav": str(mark.nav),
            "flows": str(flows),
            "venue_at": venue_at,
            "marks": mark.marks,
        },
    )
    return mark
