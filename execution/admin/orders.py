"""What was sent to the venue, and what became of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.admin import ReadOnlyInline
from execution.admin.columns import WISH, Traded, cash, entry_word, lots, price
from execution.models import Fill, Order

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


class FillsInline(ReadOnlyInline):
    """The deals of one order."""

    model = Fill
    verbose_name_plural = _("fills")
    fields = readonly_fields = ("deal_link", "entry_text", "quantity_number", "price_number", "profit_amount", "booked")

    @admin.display(description=_("Deal"))
    def deal_link(self, row: Fill) -> SafeString:
        return display.link("admin:execution_fill_change", row.pk, row.deal)

    @admin.display(description=_("Entry"))
    def entry_text(self, row: Fill) -> str:
        return entry_word(row)

    @admin.display(description=_("Lots"))
    def quantity_number(self, row: Fill) -> SafeString:
        return lots(row.quantity)

    @admin.display(description=_("Price"))
    def price_number(self, row: Fill) -> SafeString:
        return price(row.price)

    @admin.display(description=_("Profit"))
    def profit_amount(self, row: Fill) -> SafeString:
        return cash(row, row.profit, tone=True)

    @admin.display(description=_("Booked"))
    def booked(self, row: Fill) -> SafeString:
        return display.moment(row.booked_at)


@admin.register(Order)
class OrderAdmin(Traded):
    """One order at a venue. UNKNOWN is a state, not an error: the venue is being asked."""

    empty_hint = _("An order is made when an intent is allowed.")
    list_display = (
        "id",
        "created",
        "state_word",
        "symbol_name",
        "side_word",
        "quantity_number",
        "filled_number",
        "account_code",
        "strategy",
        "venue_order",
    )
    list_filter = ("state", "symbol", "account", "carrier")
    search_fields = ("=id", "symbol", "strategy", "=venue_order", "=client_order_id")
    date_hierarchy = "created_at"
    inlines = (FillsInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "created",
                    "sent",
                    "asked",
                    "settled",
                    "account_code",
                    "desk",
                    "strategy",
                    "responsible",
                    "intent_link",
                    "carrier",
                    "epoch",
                )
            },
        ),
        (_("What was asked"), {"fields": ("symbol_name", "side_word", "quantity_number", *WISH)}),
        (
            _("What the venue said"),
            {"fields": ("venue_order", "filled_number", "retcode", "code", "message", "client_code")},
        ),
    )

    def sentence(self, row: Order) -> str:
        word = _("{state}: {side} {lots} lots of {symbol} on {account}")
        return format_html(
            str(word),
            state=display.STATUS[row.state].word,
            side=self.side_word(row),
            lots=lots(row.quantity),
            symbol=row.symbol,
            account=row.account.code,
        )

    def tone(self, row: Order) -> str:
        return row.state

    @admin.display(description=_("State"), ordering="state")
    def state_word(self, row: Order) -> SafeString:
        return display.status(row.state)

    @admin.display(description=_("Filled"), ordering="filled")
    def filled_number(self, row: Order) -> SafeString:
        return lots(row.filled)

    @admin.display(description=_("Created"), ordering="created_at")
    def created(self, row: Order) -> SafeString:
        return display.moment(row.created_at)

    @admin.display(description=_("Sent"))
    def sent(self, row: Order) -> SafeString:
        return display.moment(row.sent_at)

    @admin.display(description=_("Asked about"))
    def asked(self, row: Order) -> SafeString:
        return display.moment(row.asked_at)

    @admin.display(description=_("Settled"))
    def settled(self, row: Order) -> SafeString:
        return display.moment(row.settled_at)

    @admin.display(description=_("Intent"))
    def intent_link(self, row: Order) -> SafeString:
        return display.link("admin:execution_intent_change", row.intent_id, row.intent_id)

    @admin.display(description=_("Our id on the wire"))
    def client_code(self, row: Order) -> SafeString:
        return display.code(str(row.client_order_id))
