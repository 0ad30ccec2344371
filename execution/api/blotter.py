"""What can programs read over REST? Orders, fills, and the accounts and venues they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from approvals import queries as approvals_queries
from execution import queries
from execution.api.fields import READERS, LotsText, MoneyField, PriceText, Reading
from execution.models import Fill, Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from approvals.models import Account, Venue


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


class OrderFilter(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Every field that a blotter is cut by."""

    account = django_filters.CharFilter("account__code")
    desk = django_filters.CharFilter("desk__code")
    created_after = django_filters.IsoDateTimeFilter("created_at", "gte")
    created_before = django_filters.IsoDateTimeFilter("created_at", "lt")

    class Meta:
        model = Order
        fields = ("state", "symbol", "strategy", "side", "client_order_id", "intent", "venue_order", "position_id")


class OrdersView(Reading, ListAPIView[Order]):
    """Orders, newest first. UNKNOWN is a state of its own: the venue is being asked about it."""

    serializer_class = OrderAnswer
    filterset_class = OrderFilter
    ordering: ClassVar = ("-created_at",)
    ordering_fields: ClassVar = ("created_at", "id")

    def get_queryset(self) -> QuerySet[Order]:
        return self.reachable(queries.orders())


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


class FillFilter(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Every field that fills are cut by."""

    account = django_filters.CharFilter("account__code")
    desk = django_filters.CharFilter("desk__code")
    booked_after = django_filters.IsoDateTimeFilter("booked_at", "gte")
    booked_before = django_filters.IsoDateTimeFilter("booked_at", "lt")

    class Meta:
        model = Fill
        fields = ("symbol", "strategy", "side", "entry", "reason", "order", "deal", "position_id")


class FillsView(Reading, ListAPIView[Fill]):
    """Fills, newest first: one per deal and account. `occurred_at` is the venue clock."""

    serializer_class = FillAnswer
    filterset_class = FillFilter
    ordering: ClassVar = ("-booked_at",)
    ordering_fields: ClassVar = ("booked_at", "occurred_at", "id")

    def get_queryset(self) -> QuerySet[Fill]:
        return self.reachable(queries.fills())


# ── Accounts and venues ───────────────────────────────────────────────────────────────────────────────────────────────
class IdentityAnswer(serializers.Serializer[Any]):
    """Who the gateway says the account is."""

    expected = serializers.CharField()
    actual = serializers.CharField()
    checked_at = serializers.DateTimeField()
    ok = serializers.BooleanField()


class AccountAnswer(serializers.Serializer[Any]):
    """One login of a desk at a venue."""

    code = serializers.CharField()
    desk = serializers.CharField(source="desk.code")
    venue = serializers.CharField(source="venue.code")
    book = serializers.CharField()
    login = serializers.CharField()
    server = serializers.CharField()
    trade_mode = serializers.CharField()
    margin_mode = serializers.CharField()
    currency = serializers.CharField()
    timezone = serializers.CharField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    identity = serializers.SerializerMethodField()

    @extend_schema_field(IdentityAnswer(allow_null=True))
    def get_identity(self, row: Account) -> Mapping[str, object] | None:
        known = queries.identity_facts(row)
        if known is None:
            return None
        return {
            "expected": known.expected,
            "actual": known.actual,
            "checked_at": known.checked_at,
            "ok": known.actual == known.expected,
        }


class AccountFilter(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """What accounts are cut by."""

    desk = django_filters.CharFilter("desk__code")
    venue = django_filters.CharFilter("venue__code")
    book = django_filters.CharFilter()
    login = django_filters.CharFilter()
    is_closed = django_filters.BooleanFilter("closed_at", "isnull", exclude=True)


class AccountsView(Reading, ListAPIView["Account"]):
    """Venue accounts, with who the gateway says each one is."""

    serializer_class = AccountAnswer
    filterset_class = AccountFilter
    ordering: ClassVar = ("code",)
    ordering_fields: ClassVar = ("code", "opened_at", "id")

    def get_queryset(self) -> QuerySet[Account]:
        return self.reachable(approvals_queries.accounts())


class VenueAnswer(serializers.Serializer[Any]):
    """A place where orders are executed."""

    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()


class VenuesView(ListAPIView["Venue"]):
    """Venues; HOUSE is the desk itself."""

    scopes: ClassVar = {"GET": READERS}
    serializer_class = VenueAnswer
    ordering: ClassVar = ("code",)
    ordering_fields: ClassVar = ("code", "id")
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Venue]:
        return approvals_queries.venues()
