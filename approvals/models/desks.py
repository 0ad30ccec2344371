"""Whose is it? Desks, venues and the accounts that desks hold at venues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.rules.desks import CODE

if TYPE_CHECKING:
    from django.db.models import QuerySet


class Book(models.TextChoices):
    """Which money it is. The three never mix in a balance."""

    LIVE = "LIVE", _("Live")  # real money
    PAPER = "PAPER", _("Paper")  # a paper or demo account of a venue
    SHADOW = "SHADOW", _("Shadow")  # no venue at all


class VenueKind(models.TextChoices):
    """What answers at the other end."""

    PAPER = "PAPER", _("Paper gateway")
    MT5 = "MT5", _("MetaTrader 5")
    HOUSE = "HOUSE", _("The desk itself")


class TradeMode(models.TextChoices):
    """What a venue says an account is; only REAL is real money."""

    DEMO = "DEMO", _("Demo")
    CONTEST = "CONTEST", _("Contest")
    REAL = "REAL", _("Real")


class MarginMode(models.TextChoices):
    """Whether a symbol may have many positions (HEDGING) or one (NETTING)."""

    HEDGING = "HEDGING", _("Hedging")
    NETTING = "NETTING", _("Netting")


class Desk(models.Model):
    """A unit that owns accounts and strategies; every journal, order, intent and limit names one.

    Made by `operations.desks.open_desk`; never deleted; its code never changes (D-1).
    """

    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    base_currency = models.CharField(max_length=12, default="USD")
    opened_at = models.DateTimeField()

    if TYPE_CHECKING:
        accounts: QuerySet[Account]

    class Meta:
        verbose_name = _("desk")
        verbose_name_plural = _("desks")
        constraints = [models.CheckConstraint(condition=Q(code__regex=CODE), name="desk_code_format")]

    def __str__(self) -> str:
        return self.code


class Venue(models.Model):
    """A place where orders are executed; HOUSE is the desk itself, for money that stands at no venue."""

    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=VenueKind)

    class Meta:
        verbose_name = _("venue")
        verbose_name_plural = _("venues")
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE), name="venue_code_format"),
            models.CheckConstraint(condition=Q(kind__in=VenueKind.values), name="venue_kind_known"),
        ]

    def __str__(self) -> str:
        return self.code


class Account(models.Model):
    """One login of one desk at one venue; not a row of the chart of accounts (that is a ledger account).

    Made by `operations.desks.open_account`; each desk also has a house account per book (venue HOUSE), so that money
    outside every venue has an Account too. Desk, venue, code, book, login, server and currency never change (D-1); a
    real account, and only a real one, is in the LIVE book (D-2).
    """

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="accounts")
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="accounts")
    code = models.CharField(max_length=48, unique=True)
    book = models.CharField(max_length=8, choices=Book)
    login = models.CharField(max_length=64, blank=True)
    server = models.CharField(max_length=128, blank=True)
    trade_mode = models.CharField(max_length=8, choices=TradeMode)
    margin_mode = models.CharField(max_length=8, choices=MarginMode)
    currency = models.CharField(max_length=12)
    timezone = models.CharField(max_length=64, default="UTC")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("venue account")
        verbose_name_plural = _("venue accounts")
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE), name="account_code_format"),
            models.CheckConstraint(condition=Q(book__in=Book.values), name="account_book_known"),
            models.CheckConstraint(condition=Q(trade_mode__in=TradeMode.values), name="account_trade_mode_known"),
            models.CheckConstraint(condition=Q(margin_mode__in=MarginMode.values), name="account_margin_mode_known"),
            models.CheckConstraint(
                condition=Q(book="LIVE", trade_mode="REAL") | (~Q(book="LIVE") & ~Q(trade_mode="REAL")),
                name="account_live_is_real",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")), name="account_closed_after_opened"
            ),
            models.UniqueConstraint(fields=["venue", "server", "login"], condition=~Q(login=""), name="account_login"),
            # What the book's composite foreign keys refer to: a ledger account and a journal agree with their Account.
            models.UniqueConstraint(fields=["id", "desk", "book"], name="account_desk_book"),
        ]

    def __str__(self) -> str:
        return self.code
