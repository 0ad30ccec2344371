"""What was asked, what went to a venue, and what came back? Desk, account, strategy and a person stand on every row."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from crs.kernel.fields import BaseUnitsField, HashField
from execution.rules.orders import CARRIERS, FINAL, ORDER, SIDES, TYPES, UNSETTLED

PRICE: dict[str, Any] = {"max_digits": 30, "decimal_places": 10}  # Any: passed on to a field
RESULTS = ("ALLOWED", "REFUSED", "PENDING_APPROVAL")
MODES = ("MANAGED", "GOVERNED")


def _choices(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


class _Traded(models.Model):
    """Whose it is and what it is about."""

    desk = models.ForeignKey("approvals.Desk", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("approvals.Account", on_delete=models.PROTECT, related_name="+")
    strategy = models.CharField(max_length=80)
    responsible = models.CharField(max_length=150, help_text="the person who answers for it")
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=4, choices=_choices(SIDES))
    quantity = BaseUnitsField(help_text="lots, 10⁻⁸")

    class Meta:
        abstract = True


class _Wished(_Traded):
    """The terms of an order, as they were asked for."""

    order_type = models.CharField(max_length=6, choices=_choices(TYPES), default="MARKET")
    limit_price = models.DecimalField(**PRICE, null=True)
    stop_loss = models.DecimalField(**PRICE, null=True)
    take_profit = models.DecimalField(**PRICE, null=True)
    reduce_only = models.BooleanField(default=False)
    position_id = models.CharField(max_length=32, blank=True, help_text="the venue's position that is to be closed")
    magic = models.BigIntegerField(default=0, help_text="how the venue knows our orders from those of others")

    class Meta:
        abstract = True


class Intent(_Wished):
    """A wish to trade and the gate's decision on it: every rule with its verdict, and the epoch it was made under.

    Written once by `execution.operations.gate.decide` and never changed (X-1); `key` names it once per principal (X-2).
    """

    principal = models.CharField(max_length=190)
    key = models.CharField(max_length=190)
    digest = HashField(help_text="of everything that was asked, so that a key cannot come twice with other content")
    mode = models.CharField(max_length=8, choices=_choices(MODES))
    result = models.CharField(max_length=16, choices=_choices(RESULTS))
    reason = models.CharField(max_length=40, blank=True, help_text="the first refusal's code")
    rules = models.JSONField()
    added = BaseUnitsField(help_text="lots of new risk, 10⁻⁸")
    epoch = models.BigIntegerField()
    decided_at = models.DateTimeField()
    venue_at = models.DateTimeField(null=True, help_text="the venue clock at the decision")
    permit_expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "symbol", "decided_at"], name="intent_recent"),
            models.Index(fields=["-decided_at", "-id"], name="intent_newest"),
            # What people paste begins a key. The stack's databases sort by bytes, so a plain index finds the first few.
            models.Index(fields=["key"], name="intent_by_key"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["principal", "key"], name="intent_key_once"),
            models.CheckConstraint(condition=~Q(key="") & ~Q(strategy="") & ~Q(responsible=""), name="intent_owned"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="intent_quantity_positive"),
            models.CheckConstraint(condition=Q(added__gte=0, added__lte=F("quantity")), name="intent_added_within"),
            models.CheckConstraint(condition=Q(side__in=SIDES) & Q(order_type__in=TYPES), name="intent_words"),
            models.CheckConstraint(
                condition=Q(result="ALLOWED", reason="", permit_expires_at__isnull=False)
                | (Q(result="REFUSED", permit_expires_at=None) & ~Q(reason=""))
                | Q(result="PENDING_APPROVAL", permit_expires_at=None),
                name="intent_refused_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(order_type="MARKET", limit_price=None) | Q(order_type__in=["LIMIT", "STOP"]),
                name="intent_market_without_price",
            ),
        ]


class Order(_Wished):
    """One order at a venue. `client_order_id` is the wire's idempotency key, stored before anything is sent.

    Made in state NEW with its intent; `execution.operations.orders` moves it along the edges of `rules/orders.py`, and
    a trigger refuses any other edge and any change of what was asked (X-3). `settled_at`: nothing more comes.
    """

    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="orders")
    client_order_id = models.UUIDField(unique=True)
    carrier = models.CharField(max_length=5, choices=_choices(CARRIERS), help_text="who takes it to the wire")
    epoch = models.BigIntegerField()
    state = models.CharField(max_length=9, choices=ORDER.choices(), default="NEW")
    filled = BaseUnitsField(default=0, help_text="lots, 10⁻⁸")
    venue_order = models.CharField(max_length=32, blank=True, help_text="the venue's own id")
    retcode = models.IntegerField(null=True)
    code = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="the permit's end: not sent until then, never sent")
    sent_at = models.DateTimeField(null=True)
    unknown_at = models.DateTimeField(null=True, help_text="since when its outcome is not known")
    asked_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["account", "symbol", "state"], name="order_in_flight", condition=Q(settled_at__isnull=True)
            ),
            models.Index(fields=["account", "venue_order"], name="order_by_venue_order"),
            models.Index(fields=["-created_at", "-id"], name="order_newest"),
            models.Index(fields=["venue_order"], name="order_by_number"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(strategy="") & ~Q(responsible=""), name="order_owned"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_quantity_positive"),
            models.CheckConstraint(condition=Q(filled__gte=0, filled__lte=F("quantity")), name="order_filled_within"),
            models.CheckConstraint(condition=Q(state__in=ORDER.states), name="order_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(FINAL), settled_at__isnull=False)
                | Q(state__in=UNSETTLED, settled_at=None)
                | Q(state="PARTIAL"),
                name="order_settled_when_final",
            ),
            models.CheckConstraint(condition=~Q(state="FILLED") | Q(filled=F("quantity")), name="order_filled_whole"),
            models.CheckConstraint(condition=Q(reduce_only=True) | Q(position_id=""), name="order_closes_to_reduce"),
        ]


class Fill(_Traded):
    """A deal of the venue, booked: its ids, its figures as the venue stated them, and the journal that carries it.

    Append-only (X-4), one per account and deal (X-5). `order` is empty for what the venue did by itself (stop, target,
    stop-out, rollover) and for trades of others, whose `strategy` is FOREIGN. Money is 10⁻⁶ of the account currency.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills", null=True)
    journal = models.ForeignKey("ledger.Journal", on_delete=models.PROTECT, related_name="+")
    deal = models.CharField(max_length=32)
    venue_order = models.CharField(max_length=32, blank=True)
    position_id = models.CharField(max_length=32, blank=True)
    entry = models.CharField(max_length=6)
    reason = models.CharField(max_length=20)
    price = models.DecimalField(**PRICE)
    profit = BaseUnitsField(default=0)
    commission = BaseUnitsField(default=0)
    fee = BaseUnitsField(default=0)
    swap = BaseUnitsField(default=0)
    magic = models.BigIntegerField(default=0)
    occurred_at = models.DateTimeField(help_text="venue clock")
    booked_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "position_id"], name="fill_by_position"),
            models.Index(fields=["-booked_at", "-id"], name="fill_newest"),
            models.Index(fields=["deal"], name="fill_by_deal"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "deal"], name="fill_deal_once"),
            models.CheckConstraint(condition=~Q(strategy="") & ~Q(responsible=""), name="fill_owned"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="fill_quantity_positive"),
            models.CheckConstraint(condition=Q(price__gt=0), name="fill_price_positive"),
        ]


class Position(models.Model):
    """Our copy of one position at a venue: the signed sum of its fills, moved by each fill that is booked.

    Only `execution.operations.booking` writes it; lots are positive for a long. A row with 0 lots is a closed position.
    It says whose the position is: what the venue does to it later (stop, target) goes to the same strategy.
    """

    account = models.ForeignKey("approvals.Account", on_delete=models.PROTECT, related_name="+")
    position_id = models.CharField(max_length=32)
    symbol = models.CharField(max_length=40)
    strategy = models.CharField(max_length=80)
    responsible = models.CharField(max_length=150)
    magic = models.BigIntegerField(default=0)
    lots = BaseUnitsField(help_text="10⁻⁸, positive for a long")
    opened_at = models.DateTimeField(help_text="venue clock")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "symbol"], name="position_open", condition=~Q(lots=0)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "position_id"], name="position_once"),
        ]


class AccountCheck(models.Model):
    """Who the gateway said an account is when it was asked last, beside who it should be.

    One row per account, written by `execution.operations.identity.check`; the gate asks it before every order (X-7).
    """

    account = models.OneToOneField("approvals.Account", on_delete=models.PROTECT, related_name="+", primary_key=True)
    expected = models.CharField(max_length=200)
    actual = models.CharField(max_length=200)
    checked_at = models.DateTimeField()


class AccountHistory(models.Model):
    """Up to which moment of the venue clock an account's deals are in our book, by the venue's own receipt.

    One row per account, moved by `execution.operations.booking.adopt`: what is read next begins there.
    """

    account = models.OneToOneField("approvals.Account", on_delete=models.PROTECT, related_name="+", primary_key=True)
    complete_through = models.DateTimeField(help_text="venue clock")
    adopted_at = models.DateTimeField()


class GatewayLatch(models.Model):
    """What one gateway was told last about one halt: its epoch and state, and when nothing was left to close.

    One row per gateway and scope, written by `execution.operations.halting`. A halt or a release whose epoch is higher
    than the one here has not reached the gateway yet and is carried there each second; a CLOSE is repeated until
    `flat_at` is set.
    """

    gateway_id = models.CharField(max_length=40)
    scope = models.CharField(max_length=80)
    epoch = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=_choices(("ENGAGED", "SAFE")))
    positions = models.CharField(max_length=8, choices=_choices(("KEEP", "CLOSE")))
    told_at = models.DateTimeField()
    flat_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gateway_id", "scope"], name="gatewaylatch_once"),
        ]
