"""What was asked, and what did the gate answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.admin import ReadOnlyInline
from execution.admin.columns import WISH, Traded, lots
from execution.models import Intent, Order

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


class OrdersInline(ReadOnlyInline):
    """The orders that an intent became."""

    model = Order
    verbose_name_plural = _("orders")
    fields = readonly_fields = ("order", "state_word", "filled_number", "sent", "settled")

    @admin.display(description=_("Order"))
    def order(self, row: Order) -> SafeString:
        return display.link("admin:execution_order_change", row.pk, row.venue_order or row.pk)

    @admin.display(description=_("State"))
    def state_word(self, row: Order) -> SafeString:
        return display.status(row.state)

    @admin.display(description=_("Filled"))
    def filled_number(self, row: Order) -> SafeString:
        return lots(row.filled)

    @admin.display(description=_("Sent"))
    def sent(self, row: Order) -> SafeString:
        return display.moment(row.sent_at)

    @admin.display(description=_("Settled"))
    def settled(self, row: Order) -> SafeString:
        return display.moment(row.settled_at)


@admin.register(Intent)
class IntentAdmin(Traded):
    """A wish to trade with the gate's answer: every rule, its verdict, limit, actual and headroom."""

    change_form_template = "crs/intent.html"
    empty_hint = _("A session proposes intents by itself; a program does with POST /api/v1/intents.")
    list_display = (
        "id",
        "decided",
        "result_word",
        "reason_code",
        "symbol_name",
        "side_word",
        "quantity_number",
        "account_code",
        "strategy",
    )
    list_filter = ("result", "reason", "symbol", "account")
    search_fields = ("=id", "symbol", "strategy")
    date_hierarchy = "decided_at"
    inlines = (OrdersInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "decided",
                    "venue_time",
                    "account_code",
                    "desk",
                    "strategy",
                    "responsible",
                    "principal",
                    "mode",
                    "permit",
                    "epoch",
                )
            },
        ),
        (
            _("What was asked"),
            {"fields": ("symbol_name", "side_word", "quantity_number", "added_number", *WISH, "key_code")},
        ),
    )

    def sentence(self, row: Intent) -> str:
        facts = {
            "side": self.side_word(row),
            "lots": lots(row.quantity),
            "symbol": row.symbol,
            "account": row.account.code,
        }
        words = {
            "ALLOWED": _("{side} {lots} lots of {symbol} on {account}: allowed"),
            "REFUSED": _("{side} {lots} lots of {symbol} on {account}: refused"),
            "PENDING_APPROVAL": _("{side} {lots} lots of {symbol} on {account}: needs approval"),
        }
        return format_html(str(words[row.result]), **facts)

    def tone(self, row: Intent) -> str:
        return row.result

    @admin.display(description=_("Decided"), ordering="decided_at")
    def decided(self, row: Intent) -> SafeString:
        return display.moment(row.decided_at)

    @admin.display(description=_("Venue clock"))
    def venue_time(self, row: Intent) -> SafeString:
        return display.moment(row.venue_at)

    @admin.display(description=_("Permit until"))
    def permit(self, row: Intent) -> SafeString:
        return display.moment(row.permit_expires_at)

    @admin.display(description=_("Decision"), ordering="result")
    def result_word(self, row: Intent) -> SafeString:
        return display.status(row.result)

    @admin.display(description=_("First refusal"), ordering="reason")
    def reason_code(self, row: Intent) -> SafeString:
        return display.code(row.reason)

    @admin.display(description=_("Lots of new risk"))
    def added_number(self, row: Intent) -> SafeString:
        return lots(row.added)

    @admin.display(description=_("Key"))
    def key_code(self, row: Intent) -> SafeString:
        return display.code(row.key)
