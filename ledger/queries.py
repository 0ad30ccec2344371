"""What stands in the book?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Case, F, Sum, When

from crs.kernel.fields import BaseUnitsField
from ledger.models import Asset, Balance, Deal, LedgerAccount, NavMark, Reconciliation
from ledger.rules import chart as chart_rules
from ledger.rules import venue_recipes
from ledger.rules.chart import Chart

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from crs.kernel import money
    from ledger.rules.venue_recipes import Position, VenueDeal

# Ledger accounts and assets never change (L-10), so what was read once may be kept; tests empty both.
_charts: dict[int, Chart] = {}
_assets: dict[str, Asset] = {}


def chart(account_id: int) -> Chart:
    """Return the ids of a venue account's ledger accounts. Raises `LedgerAccount.DoesNotExist` before `open_chart`."""
    known = _charts.get(account_id)
    if known is None:
        known = _charts[account_id] = _read_chart(account_id)
    return known


def asset(code: str) -> Asset:
    """Return the asset with this code. Raises `Asset.DoesNotExist`."""
    known = _assets.get(code)
    if known is None:
        known = _assets[code] = Asset.objects.get(code=code)
    return known


def money_asset(code: str) -> money.Asset:
    """Return the asset with this code as a value for amounts. Raises `Asset.DoesNotExist`."""
    return asset(code).money


def position(account_id: int, position_id: int) -> Position | None:
    """Return what the book has open on one position of a venue account, flat ones too; None when it has no deal."""
    return _positions(Deal.objects.filter(account_id=account_id, position_id=position_id)).get(position_id)


def open_positions(account_id: int) -> list[Position]:
    """Return the positions that the book has open on a venue account, by position id."""
    signed = Case(When(type="BUY", then=F("volume")), default=-F("volume"), output_field=BaseUnitsField())
    trades = Deal.objects.filter(account_id=account_id, type__in=("BUY", "SELL"))
    open_ids = trades.values("position_id").annotate(net=Sum(signed)).exclude(net=0).values("position_id")
    every = _positions(trades.filter(position_id__in=open_ids))
    return [every[number] for number in sorted(every)]


def booked_deals(account_id: int, *, since: datetime | None, until: datetime) -> list[VenueDeal]:
    """Return the deals of a venue account that are in the book, from `since` until `until`, both inclusive."""
    rows = Deal.objects.filter(account_id=account_id, occurred_at__lte=until).select_related("base_asset")
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    return [row.told() for row in rows.order_by("occurred_at", "deal")]


def venue_cash(account_id: int) -> int:
    """Return the cash of a venue account, in base units of its currency: what the venue calls its balance."""
    known = chart(account_id)
    return _balance(known.venue, known.currency)


def flows(account_id: int) -> int:
    """Return what owners have brought into a venue account less what they took out, in base units of its currency.

    Credit and bonus are the venue's money and count for neither cash nor NAV, so they are no flow either.
    """
    known = chart(account_id)
    return -_balance(known.external, known.currency) - _balance(known.venue_credit, known.currency)


def nav_history(account_id: int, *, start: datetime | None = None, end: datetime | None = None) -> QuerySet[NavMark]:
    """Return the NAV marks of a venue account, oldest first, from `start` until before `end`."""
    marks = NavMark.objects.filter(account_id=account_id).select_related("currency").order_by("at", "id")
    if start is not None:
        marks = marks.filter(at__gte=start)
    if end is not None:
        marks = marks.filter(at__lt=end)
    return marks


def last_nav(account_id: int) -> NavMark | None:
    """Return the latest NAV mark of a venue account, if it has one."""
    return nav_history(account_id).last()


def forget() -> None:
    """Forget every chart and asset that was read; for tests, whose rows are rolled back."""
    _charts.clear()
    _assets.clear()


def _balance(ledger_account_id: int, code: str) -> int:
    row = Balance.objects.filter(account_id=ledger_account_id, asset_id=asset(code).id).first()
    return 0 if row is None else row.units


def _positions(deals: QuerySet[Deal]) -> dict[int, Position]:
    rows = deals.select_related("base_asset").order_by("occurred_at", "deal")
    return venue_recipes.fold(row.told() for row in rows)


def _read_chart(account_id: int) -> Chart:
    rows = list(LedgerAccount.objects.filter(account_id=account_id).select_related("account"))
    ids = {chart_rules.field(row.type, row.sub): row.id for row in rows}
    names = [chart_rules.field(*pair) for pair in chart_rules.CHART]
    if not rows or any(name not in ids for name in names):
        raise LedgerAccount.DoesNotExist(f"account {account_id} has no chart: open_chart makes it")
    account = rows[0].account
    return Chart(
        account_id=account.id,
        account_code=account.code,
        desk_id=account.desk_id,
        book=account.book,
        currency=account.currency,
        **{name: ids[name] for name in names},
    )


def last_reconciliation() -> Reconciliation | None:
    """Return the latest comparison of the book with a venue, of whatever account."""
    return Reconciliation.objects.order_by("-id").first()
