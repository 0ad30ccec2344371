"""How much may be lost?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.desks import Account, Desk
from crs.kernel.fields import BaseUnitsField


class LimitKind(models.TextChoices):
    """What a loss limit counts."""

    SESSION_LOSS = "SESSION_LOSS", _("Loss of a session")


class LossLimit(models.Model):
    """How much one venue account may lose, realised and unrealised, counted from `opening_equity_units`.

    Set by `operations.limits`: it may be lowered, never raised (H-7). Amounts are base units of `currency`.
    """

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="+")
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="loss_limit")
    kind = models.CharField(_("kind"), max_length=16, choices=LimitKind, default=LimitKind.SESSION_LOSS)
    limit_units = BaseUnitsField(_("limit"))
    currency = models.CharField(_("currency"), max_length=12)
    opening_equity_units = BaseUnitsField(_("opening equity"))
    set_at = models.DateTimeField(_("set"))
    set_by = models.CharField(_("set by"), max_length=160)

    class Meta:
        verbose_name = _("loss limit")
        verbose_name_plural = _("loss limits")
        constraints = [
            models.CheckConstraint(condition=Q(limit_units__gt=0), name="losslimit_is_positive"),
            models.CheckConstraint(condition=Q(kind__in=LimitKind.values), name="losslimit_kind_known"),
        ]
