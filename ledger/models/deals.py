"""Which deals of the venue are in the book?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models import Account
from crs.kernel.fields import BaseUnitsField
from ledger.models.accounts import Asset
from ledger.models.journals import Journal
from ledger.rules.venue_recipes import CASH_DEALS, VenueDeal


class Deal(models.Model):
    """One deal of a venue account as it was booked: the book's side of a reconciliation.

    Written by `operations.venue.book_deal` in the transaction of its journals, once per account and deal id, and never
    changed (L-11). Positions are the fold of these rows. Money is in base units of the account currency, `volume` in
    base units of `base_asset`.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    deal = models.BigIntegerField()
    order = models.BigIntegerField()
    position_id = models.BigIntegerField()
    entry = models.CharField(max_length=8)
    type = models.CharField(max_length=24)
    reason = models.CharField(max_length=24)
    symbol = models.CharField(max_length=32, blank=True)
    base_asset = models.ForeignKey(Asset, null=True, on_delete=models.PROTECT, related_name="+")
    volume = BaseUnitsField()
    price = models.DecimalField(max_digits=36, decimal_places=12)
    profit = BaseUnitsField()
    commission = BaseUnitsField()
    fee = BaseUnitsField()
    swap = BaseUnitsField()
    notional = BaseUnitsField()
    magic = models.BigIntegerField()
    is_foreign = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="deals")

    class Meta:
        verbose_name = _("deal")
        verbose_name_plural = _("deals")
        constraints = [
            models.UniqueConstraint(fields=["account", "deal"], name="deal_once"),
            models.CheckConstraint(
                condition=Q(entry__in=["IN", "OUT", "INOUT", "OUT_BY", "NONE"]), name="deal_entry_known"
            ),
            models.CheckConstraint(condition=Q(type__in=["BUY", "SELL", *CASH_DEALS]), name="deal_type_known"),
            models.CheckConstraint(
                condition=Q(type__in=["BUY", "SELL"], base_asset__isnull=False, volume__gt=0, notional__gt=0)
                | ~Q(type__in=["BUY", "SELL"]),
                name="deal_trade_has_volume",
            ),
        ]
        indexes = [models.Index(fields=["account", "position_id"], name="deal_position")]

    def __str__(self) -> str:
        return f"{self.type} {self.deal}"

    def told(self) -> VenueDeal:
        """Return the deal as the venue told it."""
        return VenueDeal(
            deal=self.deal,
            order=self.order,
            position_id=self.position_id,
            entry=self.entry,  # type: ignore[arg-type]  # the check constraint holds the literals
            type=self.type,
            reason=self.reason,
            symbol=self.symbol,
            base_asset=self.base_asset.code if self.base_asset else "",
            volume=self.volume,
            price=self.price,
            profit=self.profit,
            commission=self.commission,
            fee=self.fee,
            swap=self.swap,
            notional=self.notional,
            magic=self.magic,
            occurred_at=self.occurred_at,
        )
