"""What was it worth, when, and by which marks?"""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from approvals.models import Account
from crs.kernel.fields import BaseUnitsField
from ledger.models.accounts import Asset


class NavMark(models.Model):
    """The net asset value of one venue account at one moment, with every input it was computed from.

    Written by `operations.nav.strike`, never changed (L-12). Money is in base units of `currency`. `nav` is cash +
    unrealised + accrued swap (a constraint); `flows` is what owners have brought in less what they took out until then,
    so that PnL between two marks is Δ`nav` − Δ`flows`. `marks` holds symbol → bid, ask and moment, as text.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    venue_at = models.DateTimeField()
    cash = BaseUnitsField()
    unrealised = BaseUnitsField()
    swap_accrued = BaseUnitsField()
    nav = BaseUnitsField()
    flows = BaseUnitsField()
    positions = models.PositiveIntegerField()
    marks = models.JSONField()

    class Meta:
        verbose_name = _("NAV mark")
        verbose_name_plural = _("NAV marks")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(nav=F("cash") + F("unrealised") + F("swap_accrued")), name="navmark_adds_up"
            ),
        ]
        indexes = [models.Index(fields=["account", "at"], name="navmark_account_at")]

    @property
    def earned(self) -> int:
        """NAV corrected for flows: the result since the account was opened, in base units of the currency."""
        return self.nav - self.flows
