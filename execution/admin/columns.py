"""How do lots, prices, money and what all lists share look in a list?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.admin import ReadOnlyAdmin
from crs.kernel.money import EXACT, Amount, Asset
from execution.rules.facts import CASH_DECIMALS, LOT_DECIMALS

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from execution.models import Fill, Intent, Order

WISH = ("order_type", "limit_number", "stop_loss_number", "take_profit_number", "reduces", "position_id")


def lots(units: int) -> SafeString:
    """Return lots of 10⁻⁸ as venues write them: two places, more only when there are more."""
    value = EXACT.divide(Decimal(units), Decimal(10**LOT_DECIMALS)).normalize(EXACT)
    return display.decimal(value, places=max(2, -int(value.as_tuple().exponent)))


def price(value: Decimal | None) -> SafeString:
    """Return a price without the zeros that its column pads it with, but for two places: prices stand in columns."""
    if value is None:
        return display.nothing()
    return display.decimal(value, places=max(2, -int(value.normalize(EXACT).as_tuple().exponent)))


def cash(fill: Fill, units: int, *, tone: bool = False) -> SafeString:
    """Return money of a fill, in the currency of its account."""
    return display.amount(Amount(Asset(fill.account.currency, CASH_DECIMALS), units), signed=tone, tone=tone)


def entry_word(fill: Fill) -> str:
    """Return what a deal does to its position, in words; one that MetaTrader names newly is shown by its name."""
    return {
        "IN": gettext("opens"),
        "OUT": gettext("closes"),
        "INOUT": gettext("turns"),
        "OUT_BY": gettext("closes against another"),
    }.get(fill.entry, fill.entry)


class Traded(ReadOnlyAdmin):
    """Columns that intents, orders and fills share."""

    list_select_related = ("account",)

    @admin.display(description=_("Account"), ordering="account")
    def account_code(self, row: Intent | Order | Fill) -> str:
        return row.account.code

    @admin.display(description=_("Symbol"), ordering="symbol")
    def symbol_name(self, row: Intent | Order | Fill) -> str:
        return row.symbol

    @admin.display(description=_("Side"), ordering="side")
    def side_word(self, row: Intent | Order | Fill) -> str:
        return gettext("Buy") if row.side == "BUY" else gettext("Sell")

    @admin.display(description=_("Lots"), ordering="quantity")
    def quantity_number(self, row: Intent | Order | Fill) -> SafeString:
        return lots(row.quantity)

    @admin.display(description=_("Limit price"))
    def limit_number(self, row: Intent | Order) -> SafeString:
        return price(row.limit_price)

    @admin.display(description=_("Stop loss"))
    def stop_loss_number(self, row: Intent | Order) -> SafeString:
        return price(row.stop_loss)

    @admin.display(description=_("Take profit"))
    def take_profit_number(self, row: Intent | Order) -> SafeString:
        return price(row.take_profit)

    @admin.display(description=_("May only reduce"))
    def reduces(self, row: Intent | Order) -> str:
        return gettext("yes") if row.reduce_only else gettext("no")
