"""What can programs read over REST? Orders and fills, newest first, of the desks that the caller reaches."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers
from rest_framework.generics import ListAPIView

from approvals.rules.keys import TRADE_READERS
from crs.kernel import filters
from crs.kernel.rest import DeskRows
from execution import queries
from execution.api.fields import LotsText, MoneyField, PriceText
from execution.models import Fill, Order


class OrderAnswer(serializers.ModelSerializer[Order]):
    """An order at a venue."""

    desk = serializers.CharField(source="desk.code")
    account = serializers.CharField(source="account.code")
    intent = serializers.IntegerField(source="intent_id")
    quantity = LotsText()
    filled = LotsText()
    limit_price = PriceText(allow_null=True)
    stop_loss = PriceText(allow_null=True)
    take_profit = PriceText(allow_null=True)

    class Meta:
        model = Order
        fields = (
            "id", "client_order_id", "intent", "desk", "account", "strategy", "responsible", "symbol", "side",
            "order_type", "quantity", "filled", "limit_price", "stop_loss", "take_profit", "reduce_only", "position_id",
            "state", "code", "message", "retcode", "venue_order", "epoch", "created_at", "sent_at", "settled_at",
        )  # fmt: skip


class OrderFilter(filters.Filters):
    """Every field that a blotter is cut by."""

    account = filters.Text("account__code")
    desk = filters.Text("desk__code")
    intent = filters.Whole("intent_id")
    created_after = filters.Moment("created_at", "gte")
    created_before = filters.Moment("created_at", "lt")

    class Meta:
        model = Order
        fields = ("state", "symbol", "strategy", "side", "client_order_id", "venue_order", "position_id")


class OrdersView(DeskRows, ListAPIView[Order]):
    """Orders, newest first. UNKNOWN is a state of its own: the venue is being asked about it."""

    rows = queries.orders
    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = OrderAnswer
    filterset_class = OrderFilter
    ordering: ClassVar = ("-created_at",)
    ordering_fields: ClassVar = ("created_at", "id")


class FillAnswer(serializers.ModelSerializer[Fill]):
    """A deal of the venue, booked; money as it moved cash. `order` is null for what the venue did by itself."""

    desk = serializers.CharField(source="desk.code")
    account = serializers.CharField(source="account.code")
    order = serializers.IntegerField(source="order_id", allow_null=True)
    journal = serializers.IntegerField(source="journal_id")
    quantity = LotsText()
    price = PriceText()
    profit = MoneyField()
    commission = MoneyField()
    fee = MoneyField()
    swap = MoneyField()

    class Meta:
        model = Fill
        fields = (
            "id", "desk", "account", "strategy", "responsible", "order", "journal", "deal", "venue_order",
            "position_id", "symbol", "side", "entry", "reason", "quantity", "price", "profit", "commission", "fee",
            "swap", "occurred_at", "booked_at",
        )  # fmt: skip


class FillFilter(filters.Filters):
    """Every field that fills are cut by."""

    account = filters.Text("account__code")
    desk = filters.Text("desk__code")
    order = filters.Whole("order_id")
    booked_after = filters.Moment("booked_at", "gte")
    booked_before = filters.Moment("booked_at", "lt")

    class Meta:
        model = Fill
        fields = ("symbol", "strategy", "side", "entry", "reason", "deal", "position_id")


class FillsView(DeskRows, ListAPIView[Fill]):
    """Fills, newest first: one per deal and account. `occurred_at` is the venue clock."""

    rows = queries.fills
    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = FillAnswer
    filterset_class = FillFilter
    ordering: ClassVar = ("-booked_at",)
    ordering_fields: ClassVar = ("booked_at", "occurred_at", "id")
