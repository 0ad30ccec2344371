"""What was asked, what was allowed, and what happened? Lists to read; nothing here sends or cancels."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Sum
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crs.kernel import display
from crs.kernel.admin import ReadOnlyAdmin, ReadOnlyInline
from crs.kernel.money import EXACT, Amount, Asset
from execution.models import Fill, Intent, Order
from execution.rules.facts import CASH_DECIMALS, LOT_DECIMALS

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

WISH = ("order_type", "limit_number", "stop_loss_number", "take_profit_number", "reduces", "position_id")


def lots(units: int) -> SafeString:
    """Return lots of 10⁻⁸ as venues write them: two places, more only when there are more."""
    value = EXACT.divide(Decimal(units), Decimal(10**LOT_DECIMALS)).normalize(EXACT)
    return display.decimal(value, places=max(2, -int(value.as_tuple().exponent)))


def price(value: Decimal | None) -> SafeString:
    """Return a price without the zeros that its column pads it with."""
    return display.decimal(None if value is None else value.normalize(EXACT))


class _Traded(ReadOnlyAdmin):
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
class IntentAdmin(_Traded):
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


class FillsInline(ReadOnlyInline):
    """The deals of one order."""

    model = Fill
    verbose_name_plural = _("fills")
    fields = readonly_fields = ("deal", "entry", "quantity_number", "price_number", "profit_amount", "booked")

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


def cash(fill: Fill, units: int, *, tone: bool = False) -> SafeString:
    """Return money of a fill, in the currency of its account."""
    return display.amount(Amount(Asset(fill.account.currency, CASH_DECIMALS), units), signed=tone, tone=tone)


@admin.register(Order)
class OrderAdmin(_Traded):
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


@admin.register(Fill)
class FillAdmin(_Traded):
    """A deal of the venue, as it stated it, and as it stands in the book."""

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
        return {
            "IN": gettext("opens"),
            "OUT": gettext("closes"),
            "INOUT": gettext("turns"),
            "OUT_BY": gettext("closes against another"),
        }.get(row.entry, row.entry)

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
