"""Where do book and venue differ, and since when?"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models import Account
from crs.kernel.fields import BaseUnitsField
from ledger.rules.matching import CLASSES


class Reconciliation(models.Model):
    """One comparison of the book with a venue's statement; made by `operations.reconciliation.reconcile`.

    Counts by class; cash in base units of the account currency. `is_ok` says that nothing differs: no mismatch, nothing
    on one side only, and the same cash to the unit.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    since = models.DateTimeField(null=True)
    complete_through = models.DateTimeField()
    matched = models.PositiveIntegerField()
    mismatched = models.PositiveIntegerField()
    book_only = models.PositiveIntegerField()
    venue_only = models.PositiveIntegerField()
    venue_initiated = models.PositiveIntegerField()
    cash_book = BaseUnitsField()
    cash_venue = BaseUnitsField()
    is_ok = models.BooleanField()

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        constraints = [
            models.CheckConstraint(
                condition=Q(is_ok=False)
                | Q(is_ok=True, mismatched=0, book_only=0, venue_only=0, cash_book=F("cash_venue")),
                name="reconciliation_ok_means_no_difference",
            ),
        ]


class Break(models.Model):
    """One open difference between book and venue, until a later comparison no longer finds it.

    Opened and closed by `operations.reconciliation.reconcile` alone. `deal` is 0 for a difference of the cash; `book`
    and `venue` are both sides as text, "" for the side that knows nothing of the deal.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=16)
    deal = models.BigIntegerField()
    field = models.CharField(max_length=24)
    book = models.CharField(max_length=160, blank=True)
    venue = models.CharField(max_length=160, blank=True)
    is_tolerated = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("break")
        verbose_name_plural = _("breaks")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "deal", "field"], condition=Q(closed_at=None), name="break_open_once"
            ),
            models.CheckConstraint(condition=Q(verdict__in=[*CLASSES, "CASH"]), name="break_verdict_known"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")), name="break_closed_after_opened"
            ),
        ]
