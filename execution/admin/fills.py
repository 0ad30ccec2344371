"""What did the venue do, deal by deal?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Sum
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.money import Amount, Asset
from execution.admin.columns import Traded, cash, entry_word, lots, price
from execution.models import Fill
from execution.rules.facts import CASH_DECIMALS

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString


@admin.register(Fill)
class FillAdmin(Traded):
    """A deal of the venue, as it stated it, and as it stands in the book."""

    change_form_template = "crs/fill.html"
    empty_hint = _("A fill appears here in the same moment as its journal in the book.")
    list_display = (
        "deal",
        "booked",
        "symbol_name",
        "side_word",
        "entry_word",
        "quantity_number",
        "price_number",
        "profit_amount",
        "account_code",
        "strategy",
    )
    list_filter = ("symbol", "entry", "reason", "account")
    search_fields = ("=deal", "=venue_order", "=position_id", "symbol", "strategy")
    date_hierarchy = "booked_at"
    fieldsets = (
        (None, {"fields": ("booked", "occurred", "account_code", "desk", "strategy", "responsible", "order_link")}),
        (
            _("What the venue said"),
            {
                "fields": (
                    "deal",
                    "venue_order",
                    "position_id",
                    "symbol_name",
                    "side_word",
                    "entry_word",
                    "reason",
                    "quantity_number",
                    "price_number",
                )
            },
        ),
        (_("Money"), {"fields": ("profit_amount", "commission_amount", "fee_amount", "swap_amount")}),
    )

    def sentence(self, row: Fill) -> SafeString:
        return format_html(
            str(_("{side} {lots} lots of {symbol} at {price} on {account}: {entry}")),
            side=self.side_word(row),
            lots=lots(row.quantity),
            symbol=row.symbol,
            price=price(row.price),
            account=row.account.code,
            entry=entry_word(row),
        )

    def totals(self, rows: QuerySet[Fill]) -> list[tuple[str | _StrPromise, SafeString]]:
        sums = rows.order_by().values("account__currency").annotate(profit=Sum("profit"), paid=Sum("commission"))
        return [
            (word, display.amount(Amount(Asset(line["account__currency"], CASH_DECIMALS), units), signed=True))
            for line in sums
            for word, units in ((_("Profit"), line["profit"]), (_("Commission"), line["paid"]))
        ]

    @admin.display(description=_("Booked"), ordering="booked_at")
    def booked(self, row: Fill) -> SafeString:
        return display.moment(row.booked_at)

    @admin.display(description=_("Venue clock"))
    def occurred(self, row: Fill) -> SafeString:
        return display.moment(row.occurred_at)

    @admin.display(description=_("Entry"), ordering="entry")
    def entry_word(self, row: Fill) -> str:
        return entry_word(row)

    @admin.display(description=_("Price"), ordering="price")
    def price_number(self, row: Fill) -> SafeString:
        return price(row.price)

    @admin.display(description=_("Profit"), ordering="profit")
    def profit_amount(self, row: Fill) -> SafeString:
        return cash(row, row.profit, tone=True)

    @admin.display(description=_("Commission"))
    def commission_amount(self, row: Fill) -> SafeString:
        return cash(row, row.commission)

    @admin.display(description=_("Fee"))
    def fee_amount(self, row: Fill) -> SafeString:
        return cash(row, row.fee)

    @admin.display(description=_("Swap"))
    def swap_amount(self, row: Fill) -> SafeString:
        return cash(row, row.swap)

    @admin.display(description=_("Order"))
    def order_link(self, row: Fill) -> SafeString:
        return (
            display.link("admin:execution_order_change", row.order_id, row.order_id)
            if row.order_id
            else display.nothing()
        )
