"""What stands in the book?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.models import Asset, LedgerAccount
from ledger.rules import chart as chart_rules
from ledger.rules.chart import Chart

if TYPE_CHECKING:
    from crs.kernel import money

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


def forget() -> None:
    """Forget every chart and asset that was read; for tests, whose rows are rolled back."""
    _charts.clear()
    _assets.clear()


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
